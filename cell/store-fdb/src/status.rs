//! What a cluster says of itself under [`KEY`], and what of it is too much. Pure, and judged here, so that it is tested
//! where there is no client. What cannot be read is not told, and that is no failure of the cluster.

use serde_json::Value;

/// Where every client can read it: JSON, as `fdbcli --exec 'status json'` shows it.
#[cfg(feature = "client")]
pub(crate) const KEY: &[u8] = b"\xff\xff/status/json";
/// A longer status is not read: some 10 kB for each process.
const BYTES_MAX: usize = 32 << 20;
/// Clocks that are further apart: people's times are off by as much. It is told in whole seconds.
const CLOCK_APART_S_MAX: u64 = 5;
/// Of a disk. The cluster itself slows down and then stops its writes below 5 %.
const FREE_PERCENT_MIN: u64 = 10;
/// Which release is needed.
const VERSION_MIN: (u64, u64) = (7, 3);
/// Whoever has rows on his disk.
const ROLES_WITH_ROWS: [&str; 2] = ["storage", "log"];
/// Of the message that names processes which nobody hears.
const UNREACHABLE: &str = "unreachable_processes";
/// Ends the reason for which the cluster holds writes back where a disk is nearly full.
const FULL: &str = "min_free_space";

/// One thing that the cluster says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// `clock`, `locks`, `stores`, `version` or `space`.
    pub what: &'static str,
    /// For people.
    pub found: String,
    /// How that is.
    pub judged: Judged,
}

/// How something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judged {
    /// As it should be.
    Well,
    /// The cluster does not say.
    NotTold,
    /// Too much or too little of it.
    Bad {
        /// What to do.
        hint: &'static str,
    },
}

impl Told {
    fn well(what: &'static str, found: impl Into<String>) -> Self {
        Self::new(what, found, Judged::Well)
    }

    fn bad(what: &'static str, found: impl Into<String>, hint: &'static str) -> Self {
        Self::new(what, found, Judged::Bad { hint })
    }

    fn nothing(what: &'static str) -> Self {
        Self::new(what, "the cluster's status does not say it", Judged::NotTold)
    }

    fn new(what: &'static str, found: impl Into<String>, judged: Judged) -> Self {
        Self {
            what,
            found: found.into(),
            judged,
        }
    }
}

/// Of a status that was not to be had, and why.
pub(crate) fn silent(why: &str) -> Vec<Told> {
    let not_told = |what| Told::new(what, why, Judged::NotTold);
    ["clock", "locks", "stores", "version", "space"]
        .map(not_told)
        .into()
}

/// Of a status, read at this second.
pub(crate) fn judge(status: &[u8], now_s: u64) -> Vec<Told> {
    if status.len() > BYTES_MAX {
        return silent("the cluster's status is too long to be read");
    }
    match serde_json::from_slice(status) {
        Ok(status) => judge_read(&status, now_s),
        Err(_) => silent("the cluster's status is not one"),
    }
}

fn judge_read(status: &Value, now_s: u64) -> Vec<Told> {
    let rules = [locks, stores, version, space].map(|rule| rule(status));
    [vec![clock(status, now_s)], rules.into()].concat()
}

fn clock(status: &Value, now_s: u64) -> Told {
    let told = status.pointer("/cluster/cluster_controller_timestamp");
    let Some(theirs) = told.and_then(Value::as_u64) else {
        return Told::nothing("clock");
    };
    let apart = theirs.abs_diff(now_s);
    let found = format!("the cluster's is {apart} s from this machine's");
    if apart <= CLOCK_APART_S_MAX {
        return Told::well("clock", found);
    }
    let hint = "set the clocks of this machine and of the cluster's right; the engine's order does not hang on them, people's times do";
    Told::bad("clock", found, hint)
}

/// This engine leaves no locks behind; but an operator can lock all of it.
fn locks(status: &Value) -> Told {
    match status
        .pointer("/cluster/database_lock_state/locked")
        .and_then(Value::as_bool)
    {
        None => Told::nothing("locks"),
        Some(false) => Told::well("locks", "none: nobody has locked the database"),
        Some(true) => Told::bad(
            "locks",
            "the database is locked: it takes no writes",
            "see `fdbcli --exec 'status details'` for whose lock it is, then `fdbcli --exec 'unlock UID'`",
        ),
    }
}

fn stores(status: &Value) -> Told {
    let Some(processes) = status.pointer("/cluster/processes").and_then(Value::as_object) else {
        return Told::nothing("stores");
    };
    let messages = status.pointer("/cluster/messages").and_then(Value::as_array);
    let mut messages = messages.into_iter().flatten();
    let silent = messages.find(|message| message["name"] == UNREACHABLE);
    let is_healthy = status
        .pointer("/cluster/data/state/healthy")
        .and_then(Value::as_bool);
    let hint = "see `fdbcli --exec 'status details'`";
    if let Some(message) = silent {
        let addresses = message[UNREACHABLE].as_array().into_iter().flatten();
        let addresses: Vec<&str> = addresses.filter_map(|entry| entry["address"].as_str()).collect();
        return Told::bad("stores", format!("not reachable: {}", addresses.join(", ")), hint);
    }
    if is_healthy == Some(false) {
        let state = status.pointer("/cluster/data/state/name").and_then(Value::as_str);
        let found = format!(
            "the data is not whole: {}",
            state.unwrap_or("it does not say why")
        );
        return Told::bad("stores", found, hint);
    }
    Told::well("stores", format!("{} processes", processes.len()))
}

fn version(status: &Value) -> Told {
    let known = processes(status).filter_map(|process| {
        let text = process["version"].as_str()?;
        Some((parse(text)?, text, address(process)))
    });
    let Some((oldest, text, address)) = known.min_by_key(|(version, ..)| *version) else {
        return Told::nothing("version");
    };
    let found = format!("oldest {text} ({address})");
    if oldest >= VERSION_MIN {
        return Told::well("version", found);
    }
    Told::bad("version", found, "FoundationDB 7.3 or later is needed")
}

fn space(status: &Value) -> Told {
    let hint = "add processes or space: a full cluster takes no writes";
    let limited = status.pointer("/cluster/qos/performance_limited_by/name");
    if let Some(reason) = limited.and_then(Value::as_str)
        && reason.contains(FULL)
    {
        return Told::bad("space", format!("writes are held back: {reason}"), hint);
    }
    let told = processes(status)
        .filter(|process| has_rows(process))
        .filter_map(|process| {
            let free = process["disk"]["free_bytes"].as_u64()?;
            let total = process["disk"]["total_bytes"]
                .as_u64()
                .filter(|total| *total > 0)?;
            Some((free.saturating_mul(100) / total, address(process)))
        });
    let Some((free, address)) = told.min() else {
        return Told::nothing("space");
    };
    let found = format!("the fullest disk has {free} % free ({address})");
    if free >= FREE_PERCENT_MIN {
        return Told::well("space", found);
    }
    Told::bad("space", found, hint)
}

fn processes(status: &Value) -> impl Iterator<Item = &Value> {
    let processes = status.pointer("/cluster/processes").and_then(Value::as_object);
    processes.into_iter().flat_map(|processes| processes.values())
}

fn has_rows(process: &Value) -> bool {
    let mut roles = process["roles"].as_array().into_iter().flatten();
    roles.any(|role| {
        role["role"]
            .as_str()
            .is_some_and(|role| ROLES_WITH_ROWS.contains(&role))
    })
}

fn address(process: &Value) -> &str {
    process["address"].as_str().unwrap_or("it does not say where")
}

fn parse(version: &str) -> Option<(u64, u64)> {
    let mut parts = version.split('.');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW_S: u64 = 1_700_000_000;

    /// With the names of FoundationDB 7.3's own schema, as far as anything is read of it.
    const SAMPLE: &str = r#"{
        "client": {"database_status": {"available": true, "healthy": true}, "timestamp": 1700000000},
        "cluster": {
            "cluster_controller_timestamp": 1699999999,
            "database_available": true,
            "database_lock_state": {"locked": false},
            "data": {"state": {"healthy": true, "name": "healthy"}},
            "messages": [],
            "qos": {"performance_limited_by": {"name": "workload", "reason_id": 2}},
            "processes": {
                "0ccb": {
                    "address": "10.0.0.1:4500:tls", "version": "7.3.27", "excluded": false,
                    "roles": [{"role": "coordinator"}, {"role": "storage", "stored_bytes": 1}],
                    "disk": {"busy": 0.1, "free_bytes": 400, "total_bytes": 1000}
                },
                "0ccc": {
                    "address": "10.0.0.2:4500:tls", "version": "7.4.1",
                    "roles": [{"role": "log"}],
                    "disk": {"free_bytes": 300, "total_bytes": 1000}
                },
                "0ccd": {
                    "address": "10.0.0.3:4500:tls", "version": "7.3.27",
                    "roles": [{"role": "commit_proxy"}],
                    "disk": {"free_bytes": 1, "total_bytes": 1000}
                }
            }
        }
    }"#;

    /// The sample with another value at one place.
    fn with(place: &str, value: Value) -> Vec<Told> {
        let mut status: Value = serde_json::from_str(SAMPLE).expect("JSON");
        *status.pointer_mut(place).expect(place) = value;
        judge(status.to_string().as_bytes(), NOW_S)
    }

    fn bad(told: &[Told]) -> Vec<&'static str> {
        let is_bad = |told: &&Told| matches!(told.judged, Judged::Bad { hint } if !hint.is_empty());
        told.iter().filter(is_bad).map(|told| told.what).collect()
    }

    fn not_told(told: &[Told]) -> usize {
        told.iter().filter(|told| told.judged == Judged::NotTold).count()
    }

    #[test]
    fn a_cluster_that_is_well_is_told_so() {
        let told = judge(SAMPLE.as_bytes(), NOW_S);
        assert!(told.iter().all(|told| told.judged == Judged::Well), "{told:?}");
        let found: Vec<&str> = told.iter().map(|told| told.found.as_str()).collect();
        assert_eq!(
            found,
            [
                "the cluster's is 1 s from this machine's",
                "none: nobody has locked the database",
                "3 processes",
                "oldest 7.3.27 (10.0.0.1:4500:tls)",
                "the fullest disk has 30 % free (10.0.0.2:4500:tls)",
            ]
        );
    }

    #[test]
    fn each_thing_that_is_wrong_is_told_by_name() {
        let cluster = |place: &str, value: Value| bad(&with(&format!("/cluster/{place}"), value));
        for theirs in [NOW_S - 6, NOW_S + 6] {
            assert_eq!(cluster("cluster_controller_timestamp", theirs.into()), ["clock"]);
        }
        assert_eq!(cluster("database_lock_state/locked", true.into()), ["locks"]);
        assert_eq!(cluster("data/state/healthy", false.into()), ["stores"]);
        assert_eq!(cluster("processes/0ccb/version", "7.1.40".into()), ["version"]);
        assert_eq!(cluster("processes/0ccb/disk/free_bytes", 99.into()), ["space"]);
        let full = "storage_server_min_free_space_ratio";
        assert_eq!(cluster("qos/performance_limited_by/name", full.into()), ["space"]);
        let message = serde_json::json!([
            {"name": "client_issues"},
            {"name": UNREACHABLE, UNREACHABLE: [{"address": "10.0.0.9:4500"}]},
        ]);
        let told = with("/cluster/messages", message);
        assert_eq!(bad(&told), ["stores"]);
        assert!(told[2].found.contains("10.0.0.9:4500"), "{told:?}");
    }

    #[test]
    fn what_is_not_told_is_not_bad() {
        for other in ["", "[]", "null", "{}", r#"{"cluster":7}"#, "<html>"] {
            let told = judge(other.as_bytes(), NOW_S);
            assert_eq!((told.len(), not_told(&told)), (5, 5), "{other}: {told:?}");
        }
        let strange = with(
            "/cluster/processes",
            serde_json::json!({"a": 7, "b": {"version": 7}}),
        );
        assert_eq!(bad(&strange), Vec::<&str>::new());
        assert_eq!(not_told(&strange), 2, "version and space: {strange:?}");
        let no_time = with("/cluster/cluster_controller_timestamp", "soon".into());
        assert_eq!(not_told(&no_time), 1);
        assert_eq!(not_told(&judge(&vec![b' '; BYTES_MAX + 1], NOW_S)), 5);
    }
}
