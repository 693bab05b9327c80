//! What is told of an engine, one line for each thing: `VERDICT<TAB>WHAT<TAB>FOUND`, with a fourth word, what helps, if it
//! is bad. `cellctl doctor` and `cellctl cell provision` read these lines.

use std::fmt;
use std::io;
use std::path::Path;

use platform_model::thresholds::ROOM_LEFT_MIB;
use platform_runtime::data_dir;
use platform_wire::store_checks::{StoreFinding, StoreVerdict};

use crate::engine::Engine;

/// How something was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Ok,
    /// The engine does not say, or it cannot be asked.
    NotTold,
    Bad,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    pub verdict: Verdict,
    pub what: &'static str,
    pub found: String,
    /// For what is bad.
    pub hint: Option<&'static str>,
}

impl Finding {
    pub(super) fn ok(what: &'static str, found: impl Into<String>) -> Self {
        Self::new(Verdict::Ok, what, found, None)
    }

    pub(super) fn not_told(what: &'static str, why: impl Into<String>) -> Self {
        Self::new(Verdict::NotTold, what, why, None)
    }

    pub(super) fn bad(what: &'static str, found: impl Into<String>, hint: &'static str) -> Self {
        Self::new(Verdict::Bad, what, found, Some(hint))
    }

    fn new(
        verdict: Verdict,
        what: &'static str,
        found: impl Into<String>,
        hint: Option<&'static str>,
    ) -> Self {
        Self {
            verdict,
            what,
            found: found.into().replace(['\t', '\n'], " "),
            hint,
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = match self.verdict {
            Verdict::Ok => "ok",
            Verdict::NotTold => "-",
            Verdict::Bad => "BAD",
        };
        write!(f, "{verdict}\t{}\t{}", self.what, self.found)?;
        self.hint.map_or(Ok(()), |hint| write!(f, "\t{hint}"))
    }
}

impl From<&Finding> for StoreFinding {
    fn from(finding: &Finding) -> Self {
        Self {
            verdict: match finding.verdict {
                Verdict::Ok => StoreVerdict::Ok,
                Verdict::NotTold => StoreVerdict::NotTold,
                Verdict::Bad => StoreVerdict::Bad,
            },
            what: finding.what.to_owned(),
            found: finding.found.clone(),
            hint: finding.hint.map(str::to_owned),
        }
    }
}

/// Beside that it serves.
pub(super) async fn of(engine: &Engine, data_dir: &Path) -> Vec<Finding> {
    match engine {
        Engine::Embedded(_) => {
            let dir = data_dir.to_owned();
            // The disk may hang.
            let free = tokio::task::spawn_blocking(move || data_dir::free_bytes(&dir)).await;
            vec![room(free.unwrap_or_else(|error| Err(io::Error::other(error))))]
        }
        #[cfg(feature = "tikv")]
        Engine::Tikv(store) => match store.health().await {
            Ok(health) => tikv::findings(&health),
            Err(error) => vec![Finding::bad(
                "health",
                error.to_string(),
                "see `pd-ctl health` and `pd-ctl store`",
            )],
        },
        #[cfg(feature = "fdb")]
        Engine::Fdb(store) => {
            let data = data(store.is_claimed());
            let told = store.health().await;
            [data].into_iter().chain(told.into_iter().map(of_told)).collect()
        }
    }
}

/// What the disk under an embedded engine still takes, in bytes.
fn room(free: io::Result<Option<u64>>) -> Finding {
    let free_mib = match free {
        Ok(Some(bytes)) => bytes >> 20,
        Ok(None) => return Finding::not_told("space", "its file system does not count"),
        Err(error) => return Finding::not_told("space", error.to_string()),
    };
    let found = format!("{free_mib} MiB free");
    if free_mib >= ROOM_LEFT_MIB {
        return Finding::ok("space", found);
    }
    let hint = "make room on the node's disk, or move shards away: a full one takes no writes";
    Finding::bad("space", found, hint)
}

/// A look claims nothing.
#[cfg(any(feature = "tikv", feature = "fdb"))]
fn data(is_claimed: bool) -> Finding {
    let found = if is_claimed {
        "this world's"
    } else {
        "none: the first start makes it this world's"
    };
    Finding::ok("data", found)
}

#[cfg(feature = "fdb")]
fn of_told(told: cell_store_fdb::Told) -> Finding {
    use cell_store_fdb::Judged;
    match told.judged {
        Judged::Well => Finding::ok(told.what, told.found),
        Judged::NotTold => Finding::not_told(told.what, told.found),
        Judged::Bad { hint } => Finding::bad(told.what, told.found, hint),
    }
}

#[cfg(feature = "tikv")]
mod tikv {
    //! What of a TiKV cluster is too much.

    use cell_store_tikv::{Health, StoreHealth};

    use super::{Finding, data};

    /// Clocks that are further apart: people's times and the ages of versions are off by as much.
    const CLOCK_APART_MS_MAX: i64 = 5_000;
    /// A node leaves a few locks when it dies, and a minute later they are gone.
    const OLD_LOCKS_MAX: usize = 1_000;
    /// Of a store's disk. A placement driver puts nothing more on one with less than a fifth.
    const FREE_PERCENT_MIN: u64 = 10;

    pub fn findings(health: &Health) -> Vec<Finding> {
        let mut found = vec![data(health.is_claimed), clock(health), locks(health)];
        match &health.stores {
            Err(why) => {
                found.extend(["stores", "version", "space"].map(|what| Finding::not_told(what, why.clone())));
            }
            Ok(stores) => {
                // Of one that has told its placement driver nothing, not even its state is known.
                let told: Vec<&StoreHealth> = stores.iter().filter(|store| store.room.is_some()).collect();
                match told.is_empty() && !stores.is_empty() {
                    true => {
                        let why = "no store has told its placement driver anything";
                        found.extend(["stores", "version", "space"].map(|what| Finding::not_told(what, why)));
                    }
                    false => found.extend([up(&told), version(&told), space(&told)]),
                }
            }
        }
        found
    }

    fn clock(health: &Health) -> Finding {
        let (ahead, within) = (health.clock_ahead_ms, health.clock_within_ms);
        let found = format!("the cluster's is {ahead} ms ahead of this machine's (within {within} ms)");
        if ahead.abs().saturating_sub(within) <= CLOCK_APART_MS_MAX {
            return Finding::ok("clock", found);
        }
        let hint = "set the clocks of this machine and of the placement drivers right, slowly: theirs must not jump back";
        Finding::bad("clock", found, hint)
    }

    fn locks(health: &Health) -> Finding {
        let more = if health.old_locks_are_more { " or more" } else { "" };
        let found = format!("{}{more} that no transaction holds any more", health.old_locks);
        if health.old_locks < OLD_LOCKS_MAX && !health.old_locks_are_more {
            return Finding::ok("locks", found);
        }
        let hint = "a node of the cell must run for a minute to take them away; see `cell_store_tikv_calls_total{call=\"janitor\"}`";
        Finding::bad("locks", found, hint)
    }

    fn up(stores: &[&StoreHealth]) -> Finding {
        let down: Vec<&str> = stores
            .iter()
            .filter(|store| !store.is_up)
            .map(|store| store.address.as_str())
            .collect();
        if down.is_empty() && !stores.is_empty() {
            return Finding::ok("stores", format!("{} up", stores.len()));
        }
        let found = format!("{} of {} not up: {}", down.len(), stores.len(), down.join(", "));
        Finding::bad("stores", found, "see `pd-ctl store`")
    }

    fn version(stores: &[&StoreHealth]) -> Finding {
        let Some((store, is_new_enough)) = StoreHealth::oldest(stores.iter().copied()) else {
            return Finding::not_told("version", "no store says of which release it is");
        };
        let found = format!("oldest {} ({})", store.version, store.address);
        if is_new_enough {
            return Finding::ok("version", found);
        }
        Finding::bad("version", found, "TiKV 6.5 or later is needed")
    }

    fn space(stores: &[&StoreHealth]) -> Finding {
        let share = |store: &&StoreHealth| {
            let room = store.room?;
            Some(room.available_bytes.saturating_mul(100) / room.capacity_bytes.max(1))
        };
        let told = stores.iter().filter_map(|store| Some((share(store)?, store)));
        let Some((free, store)) = told.min_by_key(|(free, _)| *free) else {
            return Finding::not_told("space", "no store has told it");
        };
        let found = format!("the fullest store has {free} % free ({})", store.address);
        if free >= FREE_PERCENT_MIN {
            return Finding::ok("space", found);
        }
        Finding::bad(
            "space",
            found,
            "add stores or space: a full cluster takes no writes",
        )
    }

    #[cfg(test)]
    mod tests {
        use cell_store_tikv::Room;

        use super::super::Verdict;
        use super::*;

        fn store(version: &str, free_percent: u64) -> StoreHealth {
            StoreHealth {
                address: "tikv-0:20160".into(),
                version: version.into(),
                is_up: true,
                room: Some(Room {
                    capacity_bytes: 1_000,
                    available_bytes: free_percent * 10,
                }),
            }
        }

        fn well() -> Health {
            Health {
                is_claimed: true,
                clock_ahead_ms: -12,
                clock_within_ms: 3,
                old_locks: 2,
                old_locks_are_more: false,
                stores: Ok(vec![store("7.5.1", 40), store("v8.1.0", 90)]),
            }
        }

        fn bad(health: &Health) -> Vec<&'static str> {
            let found = findings(health).into_iter();
            let bad = found.filter(|finding| finding.verdict == Verdict::Bad);
            bad.inspect(|finding| assert!(finding.hint.is_some()))
                .map(|finding| finding.what)
                .collect()
        }

        #[test]
        fn a_cluster_that_is_well_is_told_so() {
            assert_eq!(bad(&well()), Vec::<&str>::new());
            let lines: Vec<String> = findings(&well()).iter().map(ToString::to_string).collect();
            assert_eq!(
                lines,
                [
                    "ok\tdata\tthis world's",
                    "ok\tclock\tthe cluster's is -12 ms ahead of this machine's (within 3 ms)",
                    "ok\tlocks\t2 that no transaction holds any more",
                    "ok\tstores\t2 up",
                    "ok\tversion\toldest 7.5.1 (tikv-0:20160)",
                    "ok\tspace\tthe fullest store has 40 % free (tikv-0:20160)",
                ]
            );
        }

        #[test]
        fn each_thing_that_is_wrong_is_told_by_name() {
            let clock = Health {
                clock_ahead_ms: -9_000,
                ..well()
            };
            assert_eq!(bad(&clock), ["clock"]);
            let slow = Health {
                clock_ahead_ms: 9_000,
                clock_within_ms: 6_000,
                ..well()
            };
            assert_eq!(
                bad(&slow),
                Vec::<&str>::new(),
                "it may be the answer that was late"
            );
            let locks = Health {
                old_locks: 1_000,
                ..well()
            };
            assert_eq!(bad(&locks), ["locks"]);
            let stores = |stores| Health {
                stores: Ok(stores),
                ..well()
            };
            assert_eq!(bad(&stores(vec![store("5.4.0", 40)])), ["version"]);
            assert_eq!(bad(&stores(vec![store("7.5.0", 9)])), ["space"]);
            let down = StoreHealth {
                is_up: false,
                ..store("7.5.0", 40)
            };
            assert_eq!(bad(&stores(vec![store("7.5.0", 40), down])), ["stores"]);
            assert_eq!(bad(&stores(Vec::new())), ["stores"]);
        }

        #[test]
        fn what_is_not_told_is_not_bad() {
            let silent = Health {
                stores: Err("pd-0:2379: it answered 404".into()),
                ..well()
            };
            assert_eq!(bad(&silent), Vec::<&str>::new());
            let told = findings(&silent).into_iter();
            let not_told = told.filter(|finding| finding.verdict == Verdict::NotTold);
            assert_eq!(not_told.count(), 3);
            let nameless = StoreHealth {
                room: None,
                ..store("", 0)
            };
            let health = Health {
                stores: Ok(vec![nameless]),
                ..well()
            };
            assert_eq!(bad(&health), Vec::<&str>::new());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_that_is_nearly_full_is_bad_and_one_that_does_not_count_is_not() {
        let of = |free| room(free).verdict;
        assert_eq!(of(Ok(Some(ROOM_LEFT_MIB << 20))), Verdict::Ok);
        assert_eq!(of(Ok(Some((ROOM_LEFT_MIB << 20) - 1))), Verdict::Bad);
        assert_eq!(of(Ok(None)), Verdict::NotTold);
        assert_eq!(of(Err(io::Error::other("gone"))), Verdict::NotTold);
        let bad = StoreFinding::from(&room(Ok(Some(0))));
        assert_eq!((bad.verdict, bad.what.as_str()), (StoreVerdict::Bad, "space"));
        assert!(bad.hint.is_some());
    }
}
