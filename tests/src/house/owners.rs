//! One owner for each heavy library, so that it can be replaced in one place, and libraries that nobody may bring in.

use super::graph::{Edge, EdgeKind, Graph, Member};

/// A crate that may declare a library, and for what.
pub type Owner = (&'static str, &'static [EdgeKind]);

const CODE: &[EdgeKind] = &[EdgeKind::Normal];
const BUILD: &[EdgeKind] = &[EdgeKind::Build];
const TESTS: &[EdgeKind] = &[EdgeKind::Dev];

/// Library and owners. No owner: nothing uses it yet, and its owner will be named here with the first use.
pub const OWNERS: &[(&str, &[Owner])] = &[
    // Engines. `bench` measures bare fjall as a peer.
    ("fjall", &[("cell-store", CODE), ("bench", CODE)]),
    ("foundationdb", &[("cell-store-fdb", CODE)]),
    ("tikv-client", &[("cell-store-tikv", CODE)]),
    // `bench` measures bare NATS as a peer.
    ("async-nats", &[("cell-bridge-nats", CODE), ("bench", CODE)]),
    ("object_store", &[("cell-backup", CODE)]),
    ("s3s-fs", &[("cell-backup", TESTS), ("tests", TESTS)]),
    // `bench` measures what `celld` runs on.
    ("mimalloc", &[("cell-node", CODE), ("bench", CODE)]),
    // The control plane.
    ("openraft", &[("control-plane-raft", CODE)]),
    ("redb", &[("control-plane-raft", CODE)]),
    ("kube", &[]),
    ("cedar-policy", &[("control-plane-residency", CODE)]),
    // Secrets and identities.
    ("jsonwebtoken", &[("platform-token", CODE)]),
    ("ed25519-dalek", &[("platform-token", CODE)]),
    ("argon2", &[("domains-identity", CODE)]),
    (
        "chacha20poly1305",
        &[("cell-layers", CODE), ("cell-backup", CODE), ("cli-world", CODE)],
    ),
    ("hkdf", &[("cell-layers", CODE)]),
    ("rcgen", &[("platform-runtime", CODE)]),
    ("x509-parser", &[("platform-runtime", CODE)]),
    // Workout files. The parsers for reading, the others as oracles of the tests.
    ("fitparser", &[("domains-training", CODE)]),
    ("quick-xml", &[("domains-training", CODE)]),
    ("gpx", &[("domains-training", TESTS)]),
    ("tcx", &[("domains-training", TESTS)]),
    ("pco", &[("cell-layers", CODE)]),
    // Disks that are slow or fail.
    ("fuser", &[("chaos-run", CODE)]),
    // The command line.
    ("clap_mangen", &[("cellctl", CODE)]),
    ("clap_complete", &[("cellctl", CODE)]),
    ("serde_yaml_ng", &[("cellctl", CODE)]),
    // Schemas.
    ("prost-reflect", &[("cell-schema", CODE)]),
    ("protox", &[("cell-schema", CODE), ("platform-wire", BUILD)]),
    ("tonic-prost-build", &[("platform-wire", BUILD)]),
];

/// Packages that must not be locked, and why.
pub const BANNED: &[(&str, &str)] = &[
    ("aws-lc-sys", "needs cmake; rustls is built with ring"),
    ("aws-lc-rs", "rustls is built with ring"),
    ("openssl-sys", "needs a system library; TLS is rustls"),
];

/// A library declared by a crate that does not own it.
pub fn owned_by_one(graph: &Graph) -> Vec<String> {
    let mut faults = Vec::new();
    for member in &graph.members {
        for edge in &member.edges {
            faults.extend(fault_of(member, edge));
        }
    }
    faults
}

fn fault_of(member: &Member, edge: &Edge) -> Option<String> {
    let (library, owners) = OWNERS.iter().find(|(library, _)| *library == edge.to)?;
    let mut mine = owners.iter().filter(|(owner, _)| *owner == member.name);
    if mine.any(|(_, kinds)| kinds.contains(&edge.kind)) {
        return None;
    }
    let names: Vec<&str> = owners.iter().map(|(owner, _)| *owner).collect();
    let owners = if names.is_empty() {
        "nobody yet".to_owned()
    } else {
        names.join(" and ")
    };
    Some(format!(
        "{} declares {library} ({:?}), which belongs to {owners}",
        member.name, edge.kind
    ))
}

/// An owner that does not use its library any more: the table would say what is not so.
pub fn owners_use_what_they_own(graph: &Graph) -> Vec<String> {
    let mut faults = Vec::new();
    for (library, owners) in OWNERS {
        for (owner, kinds) in *owners {
            let uses = |member: &Member| {
                member
                    .edges
                    .iter()
                    .any(|edge| edge.to == *library && kinds.contains(&edge.kind))
            };
            if !graph.member(owner).is_some_and(uses) {
                faults.push(format!(
                    "{owner} is named as an owner of {library} and does not declare it"
                ));
            }
        }
    }
    faults
}

/// A banned package in the lock file, for whatever platform.
pub fn nothing_banned(graph: &Graph) -> Vec<String> {
    let banned = BANNED.iter().filter(|(name, _)| graph.locked.contains(*name));
    banned
        .map(|(name, why)| format!("{name} is in Cargo.lock: {why}; see `cargo tree -i {name}`"))
        .collect()
}
