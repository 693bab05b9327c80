//! The house rules hold in this checkout, and each of them catches a planted violation.

use std::sync::OnceLock;

use tests::house::files::{LONG_FILES, code_lines, nothing_points_outside, sizes};
use tests::house::layers::{LAYERS, Layer};
use tests::house::{Edge, EdgeKind, Graph, Member, SourceFile, owners, read, rules};

fn files() -> &'static [SourceFile] {
    static FILES: OnceLock<Vec<SourceFile>> = OnceLock::new();
    FILES.get_or_init(|| read::files(read::root()).expect("the checkout is readable"))
}

fn graph() -> &'static Graph {
    static GRAPH: OnceLock<Graph> = OnceLock::new();
    GRAPH.get_or_init(|| read::graph(read::root(), files()).expect("cargo reads the manifests"))
}

#[track_caller]
fn none(faults: Vec<String>) {
    assert!(
        faults.is_empty(),
        "{} faults:\n{}",
        faults.len(),
        faults.join("\n")
    );
}

/// The checkout with a change that breaks a rule.
fn changed(change: impl FnOnce(&mut Graph)) -> Graph {
    let mut graph = graph().clone();
    change(&mut graph);
    graph
}

fn with_edge(from: &str, to: &str, kind: EdgeKind) -> Graph {
    changed(|graph| {
        member(graph, from).edges.push(Edge {
            to: to.to_owned(),
            kind,
        })
    })
}

fn member<'a>(graph: &'a mut Graph, name: &str) -> &'a mut Member {
    graph
        .members
        .iter_mut()
        .find(|member| member.name == name)
        .expect("a crate of ours")
}

mod in_this_checkout {
    use super::*;

    #[test]
    fn dependencies_point_down_only() {
        none(rules::edges_are_allowed(graph()));
        none(rules::table_points_down(LAYERS, graph()));
    }

    #[test]
    fn domains_and_servers_stand_apart() {
        none(rules::domains_stand_apart(graph()));
        none(rules::servers_are_linked_by_nobody(graph()));
        none(rules::servers_evaluate_no_law(graph()));
    }

    #[test]
    fn each_heavy_library_has_its_owner() {
        none(owners::owned_by_one(graph()));
        none(owners::owners_use_what_they_own(graph()));
        none(owners::nothing_banned(graph()));
    }

    #[test]
    fn each_crate_takes_the_lints_and_has_real_code() {
        none(rules::lints_are_the_workspaces(graph()));
        none(rules::no_crate_is_empty(graph()));
    }

    #[test]
    fn files_are_short_and_point_nowhere_outside() {
        none(sizes(files(), LONG_FILES));
        none(nothing_points_outside(files()));
    }

    /// A reader that sees nothing would let everything pass.
    #[test]
    fn the_reader_sees_the_whole_workspace() {
        let shard = graph().member("cell-shard").expect("a crate of ours");
        assert_eq!(shard.folder, "cell/shard");
        assert!(
            shard.has_target && shard.code_lines > 1_000,
            "{} lines",
            shard.code_lines
        );
        let edge = |to: &str, kind| Edge {
            to: to.to_owned(),
            kind,
        };
        assert!(shard.edges.contains(&edge("cell-store", EdgeKind::Normal)));
        assert!(shard.edges.contains(&edge("chaos", EdgeKind::Dev)));
        let layers = graph().member("cell-layers").expect("a crate of ours");
        assert!(layers.edges.contains(&edge("cell-schema", EdgeKind::Build)));
        assert_eq!(graph().members.len(), LAYERS.len());
        assert!(graph().locked.len() > 200 && graph().locked.contains("ring"));
        assert!(files().iter().any(|file| file.path == "tests/tests/house.rs"));
        assert!(files().iter().any(|file| file.path == "Cargo.toml"));
        assert!(!files().iter().any(|file| file.path.starts_with("target/")));
    }
}

mod planted {
    use super::*;

    #[track_caller]
    fn caught(faults: Vec<String>, message: &str) {
        assert!(
            faults.iter().any(|fault| fault == message),
            "no fault {message:?} in {faults:?}"
        );
    }

    #[test]
    fn an_edge_that_points_up_or_sideways() {
        for (from, to) in [
            ("platform-model", "platform-runtime"),
            ("cell-store", "cell-shard"),
            ("cell-shard", "cell-layers"),
            ("cell-layers", "cell-sdk"),
            ("router-table", "control-plane-state"),
            ("router-gateway", "cell-shard"),
            ("cellctl", "control-plane-raft"),
            ("chaos", "cell-shard"),
        ] {
            let graph = with_edge(from, to, EdgeKind::Normal);
            caught(
                rules::edges_are_allowed(&graph),
                &format!("{from} may not use {to} (Normal)"),
            );
        }
    }

    #[test]
    fn a_test_dependency_in_the_code_and_an_unknown_one_in_the_tests() {
        let graph = with_edge("cell-shard", "chaos", EdgeKind::Normal);
        caught(
            rules::edges_are_allowed(&graph),
            "cell-shard may not use chaos (Normal)",
        );
        let graph = with_edge("router-table", "cell-store", EdgeKind::Dev);
        caught(
            rules::edges_are_allowed(&graph),
            "router-table may not use cell-store (Dev)",
        );
        let graph = with_edge("cell-node", "cell-schema", EdgeKind::Build);
        caught(
            rules::edges_are_allowed(&graph),
            "cell-node may not use cell-schema (Build)",
        );
    }

    #[test]
    fn a_crate_without_a_place_in_the_table() {
        let graph = changed(|graph| member(graph, "chaos").name = "helpers".to_owned());
        caught(
            rules::edges_are_allowed(&graph),
            "helpers has no place in the table of layers",
        );
        let message = "the table of layers names chaos, which is not in the workspace";
        caught(rules::table_points_down(LAYERS, &graph), message);
    }

    #[test]
    fn a_table_that_allows_a_circle() {
        let layer = |name, may_use| Layer {
            name,
            height: 1,
            may_use,
            in_tests: &[],
            in_build: &[],
        };
        let circle = [
            layer("cell-store", &["cell-shard"]),
            layer("cell-shard", &["cell-store"]),
        ];
        let message = "the table lets cell-store use cell-shard, which does not lie below it";
        caught(rules::table_points_down(&circle, graph()), message);
    }

    #[test]
    fn a_server_that_could_evaluate_a_law() {
        let graph = with_edge(
            "control-plane-server",
            "control-plane-residency",
            EdgeKind::Normal,
        );
        let message = "control-plane-server reaches cedar-policy through control-plane-residency";
        caught(rules::servers_evaluate_no_law(&graph), message);
        // Through a library that it uses, too.
        let graph = with_edge("router-table", "control-plane-residency", EdgeKind::Normal);
        let message = "router-gateway reaches cedar-policy through control-plane-residency";
        caught(rules::servers_evaluate_no_law(&graph), message);
        let graph = with_edge("cell-node", "cedar-policy", EdgeKind::Normal);
        let message = "cell-node reaches cedar-policy through cell-node";
        caught(rules::servers_evaluate_no_law(&graph), message);
    }

    #[test]
    fn a_domain_that_uses_another() {
        for kind in [EdgeKind::Normal, EdgeKind::Dev, EdgeKind::Build] {
            let graph = with_edge("domains-training", "domains-identity", kind);
            let message = "domain domains-training uses domain domains-identity";
            caught(rules::domains_stand_apart(&graph), message);
        }
        // Through a third crate, too.
        let graph = with_edge("cell-sdk", "domains-identity", EdgeKind::Normal);
        caught(
            rules::domains_stand_apart(&graph),
            "domain domains-training uses domain domains-identity",
        );
    }

    #[test]
    fn a_command_line_that_links_a_server_in() {
        for server in ["cell-node", "control-plane-server", "router-gateway"] {
            let graph = with_edge("cellctl", server, EdgeKind::Normal);
            let message = format!("cellctl links the server {server} in");
            caught(rules::servers_are_linked_by_nobody(&graph), &message);
        }
        let graph = with_edge("platform-wire", "control-plane-server", EdgeKind::Normal);
        let message = "cellctl links the server control-plane-server in";
        caught(rules::servers_are_linked_by_nobody(&graph), message);
    }

    #[test]
    fn a_heavy_library_with_a_second_owner() {
        let faults = |from, library, kind| owners::owned_by_one(&with_edge(from, library, kind));
        caught(
            faults("control-plane-server", "openraft", EdgeKind::Normal),
            "control-plane-server declares openraft (Normal), which belongs to control-plane-raft",
        );
        caught(
            faults("cell-node", "fjall", EdgeKind::Dev),
            "cell-node declares fjall (Dev), which belongs to cell-store and bench",
        );
        caught(
            faults("domains-training", "gpx", EdgeKind::Normal),
            "domains-training declares gpx (Normal), which belongs to domains-training",
        );
        caught(
            faults("control-plane-server", "kube", EdgeKind::Normal),
            "control-plane-server declares kube (Normal), which belongs to nobody yet",
        );
    }

    #[test]
    fn an_owner_that_uses_its_library_no_more() {
        let graph = changed(|graph| member(graph, "cell-layers").edges.retain(|edge| edge.to != "pco"));
        let message = "cell-layers is named as an owner of pco and does not declare it";
        caught(owners::owners_use_what_they_own(&graph), message);
    }

    #[test]
    fn a_package_that_needs_a_c_toolchain() {
        let graph = changed(|graph| {
            graph.locked.insert("aws-lc-sys".to_owned());
        });
        let message = "aws-lc-sys is in Cargo.lock: needs cmake; rustls is built with ring; \
                       see `cargo tree -i aws-lc-sys`";
        caught(owners::nothing_banned(&graph), message);
    }

    #[test]
    fn a_crate_without_lints_or_code() {
        let graph = changed(|graph| {
            let chaos = member(graph, "chaos");
            (chaos.lints_of_workspace, chaos.code_lines) = (false, 19);
            member(graph, "tests").has_target = false;
        });
        let message = "chaos/Cargo.toml does not say `[lints] workspace = true`";
        caught(rules::lints_are_the_workspaces(&graph), message);
        let faults = rules::no_crate_is_empty(&graph);
        caught(faults.clone(), "chaos is empty: 19 lines of code");
        assert!(
            faults.iter().any(|fault| fault.starts_with("tests is empty")),
            "{faults:?}"
        );
    }

    fn file(path: &str, text: String) -> SourceFile {
        let path = path.to_owned();
        SourceFile { path, text }
    }

    #[test]
    fn a_long_file_and_a_reason_that_is_none() {
        let files = [
            file("a.rs", "x\n".repeat(401)),
            file("b.rs", "x\n".repeat(400)),
            file("c.json", "x\n".repeat(999)),
        ];
        let faults = sizes(&files, &[("b.rs", "a table")]);
        assert_eq!(
            faults,
            [
                "a.rs has 401 lines, at most 400",
                "b.rs is listed as long (a table) and is not"
            ]
        );
        assert!(sizes(&files, &[("a.rs", "a table")]).is_empty());
    }

    #[test]
    fn a_file_that_points_outside() {
        let outside = concat!("see ..", "/shared/plan.md\n");
        let faults = nothing_points_outside(&[file("README.md", format!("fine\n{outside}"))]);
        caught(faults, concat!("README.md:2 names ..", "/shared"));
    }

    #[test]
    fn comments_and_empty_lines_are_no_code() {
        assert_eq!(code_lines("//! Doc\n\n/// More\nfn main() {}\n    // why\n"), 1);
    }
}
