//! What `doctor` looks at, one function each.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use platform_runtime::clock::Clock;
use platform_runtime::tls::Identity;
use platform_wire::admin::AdminClient;
use tokio::net::TcpStream;
use tokio::process::Command;

use super::known::Known;
use super::{Looked, backups, disk, engines};
use crate::contexts::{Contexts, Surroundings, Target, WorldArgs};
use crate::world::{Layout, Process, State, sharing};

/// The processes of a world on this machine.
const SERVERS: [&str; 3] = ["controld", "celld", "routerd"];
/// How long a connection or another binary has to answer.
const WITHIN: Duration = Duration::from_secs(3);
/// A certificate that ends sooner is in the way tomorrow.
const CERTIFICATE_LEFT_MIN_S: u64 = 48 * 3_600;
/// As far as clocks may be apart.
const CLOCK_APART_MS_MAX: u64 = 2_000;

/// Everything, in the order in which it matters.
pub async fn all(world: &WorldArgs) -> Vec<Looked> {
    let mut all = vec![Looked::ok("cellctl", env!("CARGO_PKG_VERSION"))];
    all.extend(contexts(world));
    let target = match world.target() {
        Ok(target) => target,
        Err(error) => {
            let text = crate::exit::text(&error, "");
            let hint = text
                .split("hint: ")
                .nth(1)
                .unwrap_or("cellctl dev up")
                .trim()
                .to_owned();
            all.push(Looked::bad("world", error.to_string(), hint));
            all.push(disk::space(Path::new(".")));
            return all;
        }
    };
    all.push(Looked::ok("world", format!("{} ({})", target.name, target.world)));
    all.extend(binaries(&target).await);
    all.push(permissions(&target.identity));
    all.push(certificate(&target));
    for (name, address) in target.controllers.iter().chain(&target.routers) {
        all.push(port(name, address).await);
    }
    all.extend(processes(&target));
    let known = Known::of(&target).await;
    all.extend(engines::all(&target, known.as_ref()).await);
    if let Some(known) = &known {
        all.extend(backups::all(known).await);
    }
    let folder = target
        .folder
        .as_ref()
        .map_or_else(|| target.identity.clone(), |layout| layout.root().to_owned());
    all.push(disk::space(&folder));
    all.push(disk::sync_time(&folder));
    all.push(clock(&target).await);
    all
}

fn contexts(world: &WorldArgs) -> Option<Looked> {
    let file: PathBuf = world.contexts.clone().or(Surroundings::read().file)?;
    let what = format!("contexts in {}", file.display());
    Some(match Contexts::load(&file) {
        Ok(contexts) if contexts.contexts.is_empty() => Looked::skipped(what, "none"),
        Ok(contexts) => {
            let missing = contexts
                .current
                .as_ref()
                .filter(|name| !contexts.contexts.contains_key(*name));
            match missing {
                Some(name) => Looked::bad(
                    what,
                    format!("{name} is in use and not there"),
                    "cellctl context list",
                ),
                None => Looked::ok(
                    what,
                    contexts.contexts.keys().cloned().collect::<Vec<_>>().join(", "),
                ),
            }
        }
        Err(error) => Looked::bad(what, error.to_string(), "cellctl context add --help"),
    })
}

/// The servers of a world on this machine must be of this build.
async fn binaries(target: &Target) -> Vec<Looked> {
    let Some(layout) = &target.folder else {
        return Vec::new();
    };
    let mut all = Vec::new();
    for name in SERVERS {
        let binary = layout.binaries().join(name);
        let what = format!("{name} in {}", layout.binaries().display());
        if !binary.exists() {
            all.push(Looked::skipped(what, "not there: the world was never up"));
            continue;
        }
        let asked = Command::new(&binary).arg("--version").kill_on_drop(true).output();
        let answer = tokio::time::timeout(WITHIN, asked)
            .await
            .ok()
            .and_then(Result::ok);
        let said = answer.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
        let ours = env!("CARGO_PKG_VERSION");
        all.push(match said {
            Some(said) if said.ends_with(ours) => Looked::ok(what, said),
            Some(said) if !said.is_empty() => {
                let found = format!("{said}, and cellctl is {ours}");
                Looked::bad(
                    what,
                    found,
                    "cellctl dev down, then cellctl dev up   takes the servers of this build",
                )
            }
            _ => Looked::skipped(what, "tells no version"),
        });
    }
    all
}

/// A key that others may read is no secret.
fn permissions(identity: &Path) -> Looked {
    let key = identity.join("key.pem");
    let what = format!("permissions of {}", key.display());
    match std::fs::metadata(&key) {
        Ok(known) if known.permissions().mode() & 0o077 == 0 => {
            Looked::ok(what, format!("{:o}", known.permissions().mode() & 0o777))
        }
        Ok(known) => {
            let found = format!(
                "{:o}: others may read the key",
                known.permissions().mode() & 0o777
            );
            Looked::bad(what, found, format!("chmod 600 {}", key.display()))
        }
        Err(error) => Looked::bad(
            what,
            error.to_string(),
            "cellctl context show   names the folder of the certificate",
        ),
    }
}

fn certificate(target: &Target) -> Looked {
    let what = "your certificate";
    let identity = match Identity::load(&target.identity, &target.world) {
        Ok(identity) => identity,
        Err(error) => {
            let found = format!("{:#}", anyhow::Error::new(error));
            return Looked::bad(
                what,
                found,
                "cellctl context show   names the folder of the certificate",
            );
        }
    };
    let left = identity.expires_s().saturating_sub(Clock::system().unix_s());
    let id = identity.spiffe_id().to_string();
    let short = crate::command::audit::short(&id).to_owned();
    let found = format!("{short}, ends in {} days", left / 86_400);
    if left < CERTIFICATE_LEFT_MIN_S {
        return Looked::bad(
            what,
            found,
            "ask whoever keeps the world's authority for a new certificate",
        );
    }
    Looked::ok(what, found)
}

async fn port(name: &str, address: &str) -> Looked {
    let what = format!("{name} at {address}");
    match tokio::time::timeout(WITHIN, TcpStream::connect(address)).await {
        Ok(Ok(_)) => Looked::ok(what, "takes connections"),
        Ok(Err(error)) => Looked::bad(
            what,
            error.to_string(),
            "cellctl dev status   shows what runs here",
        ),
        Err(_) => Looked::bad(
            what,
            "no connection in time",
            format!("nc -vz {}", address.replace(':', " ")),
        ),
    }
}

/// What runs of a world on this machine.
fn processes(target: &Target) -> Vec<Looked> {
    let Some(layout) = &target.folder else {
        return Vec::new();
    };
    let seats = sharing::all_seats(layout);
    let running = |layout: &Layout, seat| matches!(Process::state(layout, seat), State::Running(_));
    let gone: Vec<String> = seats
        .iter()
        .filter(|seat| !running(layout, seat))
        .map(ToString::to_string)
        .collect();
    vec![if gone.is_empty() {
        Looked::ok("processes", format!("all {} run", seats.len()))
    } else {
        Looked::bad(
            "processes",
            format!("not running: {}", gone.join(", ")),
            "cellctl dev up",
        )
    }]
}

/// Our clock beside the first controller that answers.
async fn clock(target: &Target) -> Looked {
    let what = "clock";
    let Ok(identity) = target.identity() else {
        return Looked::skipped(what, "no certificate to ask a controller with");
    };
    let addresses = target.controllers.values().cloned().collect();
    let Ok(admin) = AdminClient::connect(addresses, identity, Clock::system()) else {
        return Looked::skipped(what, "no controller to ask");
    };
    let told = tokio::time::timeout(WITHIN, admin.status_local())
        .await
        .ok()
        .and_then(Result::ok);
    let now = Clock::system().unix_ms();
    match told.and_then(|status| status.insight) {
        None => Looked::skipped(what, "no controller told its own"),
        Some(insight) if insight.clock_ms.abs_diff(now) > CLOCK_APART_MS_MAX => {
            let found = format!("{} ms from the controllers'", insight.clock_ms.abs_diff(now));
            Looked::bad(
                what,
                found,
                "timedatectl   shows whether the clock is set by the network",
            )
        }
        Some(insight) => Looked::ok(
            what,
            format!(
                "within {} ms of the controllers'",
                insight.clock_ms.abs_diff(now).max(1)
            ),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Verdict;
    use super::*;
    use crate::world::make;

    fn folder() -> (tempfile::TempDir, WorldArgs) {
        let dir = tempfile::tempdir().expect("a folder");
        let layout = Layout::new(dir.path().join("w"));
        make::make(&layout, None).expect("made");
        let args = WorldArgs {
            dir: Some(layout.root().to_owned()),
            ..WorldArgs::default()
        };
        (dir, args)
    }

    fn verdict_of(all: &[Looked], what: &str) -> Verdict {
        all.iter()
            .find(|looked| looked.what.starts_with(what))
            .expect(what)
            .verdict
    }

    #[tokio::test]
    async fn a_world_that_does_not_run_is_found_not_to() {
        platform_runtime::tls::install_ring();
        let (_dir, args) = folder();
        let all = all(&args).await;
        assert_eq!(verdict_of(&all, "processes"), Verdict::Bad);
        assert_eq!(verdict_of(&all, "controld-1"), Verdict::Bad);
        for good in ["permissions", "your certificate", "world", "disk", "fsync"] {
            assert_eq!(verdict_of(&all, good), Verdict::Ok, "{good}: {all:?}");
        }
        assert!(
            all.iter()
                .all(|looked| (looked.verdict == Verdict::Bad) == looked.hint.is_some())
        );
    }

    #[tokio::test]
    async fn a_key_that_others_may_read_and_a_certificate_that_is_gone_are_bad() {
        platform_runtime::tls::install_ring();
        let (_dir, args) = folder();
        let target = args.target().expect("a world");
        let key = target.identity.join("key.pem");
        std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).expect("set");
        assert_eq!(permissions(&target.identity).verdict, Verdict::Bad);
        std::fs::write(target.identity.join("cert.pem"), "x").expect("written");
        assert_eq!(certificate(&target).verdict, Verdict::Bad);
    }
}
