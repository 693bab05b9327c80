//! What is wrong with the engine of a node: whether it can be reached, is ours, new enough, and answers; how its clock is,
//! how full it is, how many locks nobody ends. Every node that the controllers know is asked for the engine that it has
//! open. Where the engine is a cluster and the node's settings lie in the world's folder - a shared first cell, and what
//! `cell provision` made there - its binary is asked with them as well: for a node that does not answer that is all that
//! is told, for one that does whether it would start again. What an engine does not tell is said not to be told.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use futures::stream::{self, StreamExt};
use platform_model::{NodeId, RoutingTable};
use platform_wire::CallError;
use platform_wire::store_checks::StoreChecksClient;

use super::Looked;
use super::known::Known;
use crate::contexts::Target;
use crate::store_check::{self, Line, Said, Verdict};
use crate::world::sharing::Sharing;
use crate::world::{Layout, provisioned};

/// The binary of a node.
const NODE: &str = "celld";
/// Nodes that are asked at once.
const ASKED_MAX: usize = 16;

/// What one node says of its engine, or why it does not.
type Told = Result<Vec<Line>, String>;

/// What the node's settings say, and what to run to hear it again.
struct Settings {
    said: Said,
    again: String,
}

/// Findings for every node that is known, or whose settings are here.
pub async fn all(target: &Target, known: Option<&Known>) -> Vec<Looked> {
    let mut told = match known {
        Some(known) => told(known).await,
        None => BTreeMap::new(),
    };
    let mut settings = match &target.folder {
        Some(layout) => by_settings(layout).await,
        None => BTreeMap::new(),
    };
    let mut nodes: Vec<NodeId> = told.keys().chain(settings.keys()).cloned().collect();
    nodes.sort();
    nodes.dedup();
    nodes
        .iter()
        .flat_map(|node| merged(node, told.remove(node), settings.remove(node)))
        .collect()
}

/// What every node of the table answers.
async fn told(known: &Known) -> BTreeMap<NodeId, Told> {
    let Known { table, identity } = known;
    let client = StoreChecksClient::new(identity.clone());
    let nodes = table.nodes.keys();
    let asked: Vec<_> = nodes.map(|node| ask(&client, table, node)).collect();
    stream::iter(asked).buffer_unordered(ASKED_MAX).collect().await
}

async fn ask(client: &StoreChecksClient, table: &RoutingTable, node: &NodeId) -> (NodeId, Told) {
    let (at, cell) = (table.nodes.get(node), table.cells.get(&node.cell));
    let (Some(at), Some(cell)) = (at, cell) else {
        return (node.clone(), Err("the table does not say where it is".to_owned()));
    };
    let told = client.check((node, &cell.region), &at.address).await;
    let told = told.map_err(|error| match error {
        CallError::Unreachable { .. } | CallError::Unknown { .. } => "the node does not answer".to_owned(),
        error => error.to_string(),
    });
    (node.clone(), told)
}

async fn by_settings(layout: &Layout) -> BTreeMap<NodeId, Settings> {
    let binary = layout.binaries().join(NODE);
    let mut all = BTreeMap::new();
    for (node, config) in nodes(layout) {
        let said = store_check::ask(&binary, &config).await;
        let again = again(&binary, &config);
        all.insert(node, Settings { said, again });
    }
    all
}

fn again(binary: &Path, config: &Path) -> String {
    format!("{} --config {} --check-store", binary.display(), config.display())
}

/// Nodes on clusters, and where their settings lie.
fn nodes(layout: &Layout) -> Vec<(NodeId, PathBuf)> {
    let shared = Sharing::of(layout)
        .map(|sharing| sharing.seats())
        .unwrap_or_default();
    let shared = shared
        .iter()
        .filter_map(|seat| Some((seat.node()?.clone(), layout.config(seat))));
    shared.chain(provisioned::placed(layout)).collect()
}

/// Each thing once: what the node says of the engine that it has open comes before what its settings say. Of those only that
/// a start would fail is told beside it.
fn merged(node: &NodeId, told: Option<Told>, settings: Option<Settings>) -> Vec<Looked> {
    let of = format!("store of {node}");
    match (told, settings) {
        (Some(Ok(lines)), settings) => {
            let again = again(Path::new(NODE), Path::new("FILE")) + "   says it where the node is";
            let mut found = looked(&of, Said::Serves(lines), &again);
            if let Some(Settings {
                said: said @ Said::Fails { .. },
                again,
            }) = settings
            {
                found.extend(looked(&format!("{of} at its next start"), said, &again));
            }
            found
        }
        (_, Some(Settings { said, again })) => looked(&of, said, &again),
        (Some(Err(why)), None) => vec![Looked::skipped(of, why)],
        (None, None) => Vec::new(),
    }
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
    use super::super::Verdict as Is;
    use super::*;

    fn node(text: &str) -> NodeId {
        text.parse().expect("a node")
    }

    fn line(verdict: Verdict, hint: Option<&str>) -> Line {
        Line {
            verdict,
            what: "clock".into(),
            found: "9 s apart".into(),
            hint: hint.map(str::to_owned),
        }
    }

    #[test]
    fn nodes_of_a_cell_that_was_made_by_command_are_looked_at() {
        let dir = tempfile::tempdir().expect("a folder");
        let layout = Layout::new(dir.path());
        assert!(nodes(&layout).is_empty());
        let folder = dir.path().join("cell-eu-west-2/celld-eu-west-2-0");
        std::fs::create_dir_all(&folder).expect("made");
        let config = folder.join("celld.toml");
        std::fs::write(&config, "node = \"eu-west-2/0\"\n").expect("written");
        assert_eq!(nodes(&layout), [(node("eu-west-2/0"), config)]);
        let sharing = Sharing {
            pd: vec!["127.0.0.1:1".to_owned()],
            nodes: 3,
        };
        sharing.note(&layout).expect("noted");
        assert_eq!(nodes(&layout).len(), 4);
    }

    #[test]
    fn each_line_is_a_finding_and_a_failure_is_one() {
        let lines = vec![
            line(Verdict::Ok, None),
            line(Verdict::NotTold, None),
            line(Verdict::Bad, Some("set it right")),
            line(Verdict::Bad, None),
        ];
        let found = looked("store of x", Said::Serves(lines), "ours");
        let verdicts: Vec<Is> = found.iter().map(|looked| looked.verdict).collect();
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

    /// Rows of one node, by what they are of and how that was found.
    fn rows(told: Option<Told>, said: Option<Said>) -> Vec<(String, Is)> {
        let settings = said.map(|said| Settings {
            said,
            again: "ours".into(),
        });
        let found = merged(&node("eu-west-2/0"), told, settings).into_iter();
        found.map(|looked| (looked.what, looked.verdict)).collect()
    }

    #[test]
    fn a_node_that_answers_is_told_of_once_and_one_that_does_not_by_its_settings() {
        let serves = || Said::Serves(vec![line(Verdict::Bad, None)]);
        let fails = || Said::Fails {
            why: "nobody is there".into(),
            hint: None,
        };
        let answers = || -> Option<Told> { Some(Ok(vec![line(Verdict::Ok, None)])) };
        let silent = || -> Option<Told> { Some(Err("the node does not answer".to_owned())) };
        let clock = |verdict| ("store of eu-west-2/0: clock".to_owned(), verdict);
        let whole = |verdict| ("store of eu-west-2/0".to_owned(), verdict);
        assert_eq!(rows(answers(), None), [clock(Is::Ok)], "wherever its files lie");
        assert_eq!(rows(answers(), Some(serves())), [clock(Is::Ok)], "once");
        let not_asked = Said::NotAsked("no binary".into());
        assert_eq!(rows(answers(), Some(not_asked)), [clock(Is::Ok)]);
        let next = ("store of eu-west-2/0 at its next start".to_owned(), Is::Bad);
        assert_eq!(rows(answers(), Some(fails())), [clock(Is::Ok), next]);
        for told in [silent(), None] {
            assert_eq!(rows(told.clone(), Some(serves())), [clock(Is::Bad)]);
            assert_eq!(rows(told, Some(fails())), [whole(Is::Bad)]);
        }
        assert_eq!(rows(silent(), None), [whole(Is::Skipped)], "and not left out");
    }
}
