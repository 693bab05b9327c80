//! What is wrong with the engine of a node on this machine, where that is a cluster: whether it can be reached, is ours,
//! new enough, and answers; how its clock is, how full it is, how many locks nobody ends. The node's own binary is
//! asked, with the node's own settings; what an engine does not tell is said not to be told.

use super::Looked;
use crate::contexts::Target;
use crate::store_check::{self, Line, Said, Verdict};
use crate::world::sharing::Sharing;

/// Findings for every node of the folder whose store is a cluster.
pub async fn all(target: &Target) -> Vec<Looked> {
    let Some(layout) = &target.folder else {
        return Vec::new();
    };
    let Some(sharing) = Sharing::of(layout) else {
        return Vec::new();
    };
    let mut all = Vec::new();
    for seat in &sharing.seats() {
        let (binary, config) = (layout.binaries().join(seat.binary()), layout.config(seat));
        let again = format!("{} --config {} --check-store", binary.display(), config.display());
        let said = store_check::ask(&binary, &config).await;
        all.extend(looked(&format!("store of {seat}"), said, &again));
    }
    all
}

/// `again`: what to run where nothing better is known.
fn looked(of: &str, said: Said, again: &str) -> Vec<Looked> {
    match said {
        Said::NotAsked(why) => vec![Looked::skipped(of, why)],
        Said::Fails { why, hint } => {
            vec![Looked::bad(of, why, hint.unwrap_or_else(|| again.to_owned()))]
        }
        Said::Serves(lines) => lines.into_iter().map(|line| of_line(of, line, again)).collect(),
    }
}

fn of_line(of: &str, line: Line, again: &str) -> Looked {
    let what = format!("{of}: {}", line.what);
    match line.verdict {
        Verdict::Ok => Looked::ok(what, line.found),
        Verdict::NotTold => Looked::skipped(what, format!("not told: {}", line.found)),
        Verdict::Bad => Looked::bad(what, line.found, line.hint.unwrap_or_else(|| again.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_is_a_finding_and_a_failure_is_one() {
        let line = |verdict, hint: Option<&str>| Line {
            verdict,
            what: "clock".into(),
            found: "9 s apart".into(),
            hint: hint.map(str::to_owned),
        };
        let lines = vec![
            line(Verdict::Ok, None),
            line(Verdict::NotTold, None),
            line(Verdict::Bad, Some("set it right")),
            line(Verdict::Bad, None),
        ];
        let found = looked("store of x", Said::Serves(lines), "ours");
        let verdicts: Vec<super::super::Verdict> = found.iter().map(|looked| looked.verdict).collect();
        use super::super::Verdict as Is;
        assert_eq!(verdicts, [Is::Ok, Is::Skipped, Is::Bad, Is::Bad]);
        assert_eq!(found[0].what, "store of x: clock");
        assert_eq!(found[2].hint.as_deref(), Some("set it right"));
        assert_eq!(found[3].hint.as_deref(), Some("ours"));
        let failed = Said::Fails {
            why: "the cluster holds the data of world b".into(),
            hint: Some("name another".into()),
        };
        let failed = looked("store of x", failed, "ours");
        assert_eq!(failed[0].verdict, Is::Bad);
        assert_eq!(failed[0].hint.as_deref(), Some("name another"));
        let absent = looked("store of x", Said::NotAsked("no binary".into()), "ours");
        assert_eq!(absent[0].verdict, Is::Skipped);
    }
}
