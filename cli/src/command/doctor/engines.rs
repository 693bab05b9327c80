//! What is wrong with the engine of a node on this machine, where that is a cluster: whether it can be reached, is ours,
//! new enough, and answers; how its clock is, how full it is, how many locks nobody ends. The node's own binary is
//! asked, with the node's own settings; what an engine does not tell is said not to be told. Looked at are nodes of a
//! shared first cell and those of cells that `cell provision` made in the world's folder; never those made elsewhere.

use std::path::PathBuf;

use super::Looked;
use crate::contexts::Target;
use crate::store_check::{self, Line, Said, Verdict};
use crate::world::sharing::Sharing;
use crate::world::{Layout, provisioned};

/// The binary of a node.
const NODE: &str = "celld";

/// Findings for every node of the folder whose store is a cluster.
pub async fn all(target: &Target) -> Vec<Looked> {
    let Some(layout) = &target.folder else {
        return Vec::new();
    };
    let binary = layout.binaries().join(NODE);
    let mut all = Vec::new();
    for (name, config) in nodes(layout) {
        let again = format!("{} --config {} --check-store", binary.display(), config.display());
        let said = store_check::ask(&binary, &config).await;
        all.extend(looked(&format!("store of {name}"), said, &again));
    }
    all
}

/// Nodes on clusters, and where their settings lie.
fn nodes(layout: &Layout) -> Vec<(String, PathBuf)> {
    let shared = Sharing::of(layout)
        .map(|sharing| sharing.seats())
        .unwrap_or_default();
    let shared = shared.iter().map(|seat| (seat.to_string(), layout.config(seat)));
    let made = provisioned::placed(layout).into_iter();
    shared
        .chain(made.map(|(node, config)| (node.to_string(), config)))
        .collect()
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
    fn nodes_of_a_cell_that_was_made_by_command_are_looked_at() {
        let dir = tempfile::tempdir().expect("a folder");
        let layout = Layout::new(dir.path());
        assert!(nodes(&layout).is_empty());
        let folder = dir.path().join("cell-eu-west-2/celld-eu-west-2-0");
        std::fs::create_dir_all(&folder).expect("made");
        let config = folder.join("celld.toml");
        std::fs::write(&config, "node = \"eu-west-2/0\"\n").expect("written");
        assert_eq!(nodes(&layout), [("eu-west-2/0".to_owned(), config)]);
        let sharing = Sharing {
            pd: vec!["127.0.0.1:1".to_owned()],
            nodes: 3,
        };
        sharing.note(&layout).expect("noted");
        assert_eq!(nodes(&layout).len(), 4);
    }

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
