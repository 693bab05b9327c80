//! The rules about our own crates. Each answers with its faults, one line each.

use super::graph::{Edge, EdgeKind, Graph, Member};
use super::layers::{LAYERS, LINKS_SERVERS, Layer, SERVERS};

/// A crate with fewer lines of code than this is empty: it is made when its first real code is.
pub const CODE_LINES_LEAST: usize = 20;

fn layer_of<'a>(layers: &'a [Layer], name: &str) -> Option<&'a Layer> {
    layers.iter().find(|layer| layer.name == name)
}

/// An edge that the table of layers does not allow, and a crate that it does not know.
pub fn edges_are_allowed(graph: &Graph) -> Vec<String> {
    let mut faults = Vec::new();
    for member in &graph.members {
        let Some(layer) = layer_of(LAYERS, &member.name) else {
            faults.push(format!("{} has no place in the table of layers", member.name));
            continue;
        };
        let refused = graph.inner(member).filter(|edge| !allows(layer, edge));
        faults
            .extend(refused.map(|edge| format!("{} may not use {} ({:?})", member.name, edge.to, edge.kind)));
    }
    faults
}

fn allows(layer: &Layer, edge: &Edge) -> bool {
    let listed = |names: &[&str]| names.contains(&edge.to.as_str());
    match edge.kind {
        EdgeKind::Normal => listed(layer.may_use),
        EdgeKind::Build => listed(layer.in_build),
        EdgeKind::Dev => listed(layer.may_use) || listed(layer.in_tests),
    }
}

/// An entry of the table that points up or sideways, or to a crate that is not in the workspace.
pub fn table_points_down(layers: &[Layer], graph: &Graph) -> Vec<String> {
    let mut faults = Vec::new();
    for layer in layers {
        if graph.member(layer.name).is_none() {
            faults.push(format!(
                "the table of layers names {}, which is not in the workspace",
                layer.name
            ));
        }
        for used in [layer.may_use, layer.in_tests, layer.in_build].concat() {
            if layer_of(layers, used).is_none_or(|used| used.height >= layer.height) {
                faults.push(format!(
                    "the table lets {} use {used}, which does not lie below it",
                    layer.name
                ));
            }
        }
    }
    faults
}

/// A domain that uses another, in whatever way.
pub fn domains_stand_apart(graph: &Graph) -> Vec<String> {
    let is_domain = |name: &str| {
        graph
            .member(name)
            .is_some_and(|member| member.folder.starts_with("domains/"))
    };
    let mut faults = Vec::new();
    for member in graph.members.iter().filter(|member| is_domain(&member.name)) {
        let others = graph
            .reached_from(&member.name)
            .into_iter()
            .filter(|name| is_domain(name));
        faults.extend(others.map(|other| format!("domain {} uses domain {other}", member.name)));
    }
    faults
}

/// A crate that links a server in, directly or through others. A server's own folder is no exception: what others
/// need of it belongs in a library below it.
pub fn servers_are_linked_by_nobody(graph: &Graph) -> Vec<String> {
    let mut faults = Vec::new();
    let exempt = |name: &str| LINKS_SERVERS.contains(&name);
    for member in &graph.members {
        let others = graph.inner(member).filter(|edge| exempt(&edge.to));
        faults.extend(others.map(|edge| format!("{} uses {}, which links servers", member.name, edge.to)));
        if exempt(&member.name) {
            continue;
        }
        let servers = graph
            .reached_from(&member.name)
            .into_iter()
            .filter(|name| SERVERS.contains(name));
        faults.extend(servers.map(|server| format!("{} links the server {server} in", member.name)));
    }
    faults
}

/// The evaluator of the law's language. A server that linked it could be made to read a law that nobody approved; what
/// it needs is the matrix.
const EVALUATOR: &str = "cedar-policy";

/// A server that reaches the evaluator of the law, directly or through others, also for its tests.
pub fn servers_evaluate_no_law(graph: &Graph) -> Vec<String> {
    let declares = |name: &str| {
        graph.member(name).is_some_and(|member| {
            let mut edges = member.edges.iter().filter(|edge| edge.kind != EdgeKind::Dev);
            edges.any(|edge| edge.to == EVALUATOR)
        })
    };
    let mut faults = Vec::new();
    for server in SERVERS {
        let reached = graph.reached_from(server).into_iter().chain([*server]);
        let through = reached.filter(|name| declares(name));
        faults.extend(through.map(|name| format!("{server} reaches {EVALUATOR} through {name}")));
    }
    faults
}

/// Crates with lints of their own, and why.
const OWN_LINTS: &[(&str, &str)] = &[(
    "cell-store-fdb",
    "the client's network thread is booted by an unsafe call, so unsafe code is denied there and not forbidden",
)];

/// A manifest that does not take the lints of the workspace.
pub fn lints_are_the_workspaces(graph: &Graph) -> Vec<String> {
    let own = |name: &str| OWN_LINTS.iter().any(|(member, _)| *member == name);
    let without = graph
        .members
        .iter()
        .filter(|member| !member.lints_of_workspace && !own(&member.name));
    without
        .map(|member| {
            format!(
                "{}/Cargo.toml does not say `[lints] workspace = true`",
                member.folder
            )
        })
        .collect()
}

/// A crate without real code.
pub fn no_crate_is_empty(graph: &Graph) -> Vec<String> {
    let is_empty = |member: &&Member| !member.has_target || member.code_lines < CODE_LINES_LEAST;
    let empty = graph.members.iter().filter(is_empty);
    empty
        .map(|member| format!("{} is empty: {} lines of code", member.name, member.code_lines))
        .collect()
}
