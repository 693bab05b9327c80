//! What is wrong with the engine of a node on this machine, where that is a cluster: the node's own binary is asked, with
//! the node's own settings. It says whether the cluster can be reached, is ours, new enough, and answers; not how full it
//! is, how its clocks are, or how many locks lie in it: for those there are the cluster's own tools.

use std::path::Path;
use std::time::Duration;

use tokio::process::Command;

use super::Looked;
use crate::contexts::Target;
use crate::world::Seat;
use crate::world::sharing::Sharing;

/// How long the binary waits for a cluster, and how long it is waited for.
const READY_WITHIN: &str = "store.ready_within=3s";
const WITHIN: Duration = Duration::from_secs(20);

/// One finding for every node of the folder whose store is a cluster.
pub async fn all(target: &Target) -> Vec<Looked> {
    let Some(layout) = &target.folder else {
        return Vec::new();
    };
    let Some(sharing) = Sharing::of(layout) else {
        return Vec::new();
    };
    let mut all = Vec::new();
    for seat in &sharing.seats() {
        let binary = layout.binaries().join(seat.binary());
        all.push(look(seat, &binary, &layout.config(seat)).await);
    }
    all
}

async fn look(seat: &Seat, binary: &Path, config: &Path) -> Looked {
    let what = format!("store of {seat}");
    let hint = format!("{} --config {} --check-store", binary.display(), config.display());
    let asked = Command::new(binary)
        .arg("--config")
        .arg(config)
        .args(["--check-store", "--set", READY_WITHIN, "--set", "log.filter=off"])
        .kill_on_drop(true)
        .output();
    match tokio::time::timeout(WITHIN, asked).await {
        Err(_) => Looked::bad(what, "no answer in time", hint),
        Ok(Err(error)) => Looked::skipped(what, format!("{} cannot be asked: {error}", binary.display())),
        Ok(Ok(output)) => judge(
            what,
            output.status.success(),
            &output.stdout,
            &output.stderr,
            hint,
        ),
    }
}

/// What the binary said. Its hint, if it has one, helps more than ours.
fn judge(what: String, is_well: bool, stdout: &[u8], stderr: &[u8], hint: String) -> Looked {
    if is_well {
        return Looked::ok(what, String::from_utf8_lossy(stdout).trim());
    }
    let said = String::from_utf8_lossy(stderr);
    let mut lines = said.lines().filter(|line| !line.trim().is_empty());
    let found = lines
        .next()
        .unwrap_or("it said nothing")
        .trim_start_matches("celld: ")
        .to_owned();
    let own = said.lines().find_map(|line| line.strip_prefix("hint: "));
    Looked::bad(what, found, own.map_or(hint, str::to_owned))
}

#[cfg(test)]
mod tests {
    use super::super::Verdict;
    use super::*;

    #[test]
    fn what_the_binary_says_is_told_with_its_hint() {
        let of = |is_well, stdout: &str, stderr: &str| {
            judge(
                "store".into(),
                is_well,
                stdout.as_bytes(),
                stderr.as_bytes(),
                "ours".into(),
            )
        };
        let well = of(true, "tikv: a read took 2.0 ms\n", "");
        assert!(well.verdict == Verdict::Ok && well.found == "tikv: a read took 2.0 ms");
        let foreign = of(
            false,
            "",
            "celld: the cluster holds the data of world b\nhint: name another\n",
        );
        assert_eq!(foreign.verdict, Verdict::Bad);
        assert_eq!(foreign.found, "the cluster holds the data of world b");
        assert_eq!(foreign.hint.as_deref(), Some("name another"));
        assert_eq!(of(false, "", "").hint.as_deref(), Some("ours"));
    }
}
