//! Who may use whom among our crates: the tree of the code map, from the ground up.
//!
//! An edge that is not here is a fault, also if nothing would break: whoever needs it writes it here, where it is
//! seen. A crate uses crates of lower layers only.

/// What one crate may use.
#[derive(Debug, Clone, Copy)]
pub struct Layer {
    pub name: &'static str,
    /// Above every crate that it may use.
    pub height: u8,
    pub may_use: &'static [&'static str],
    /// In tests, besides.
    pub in_tests: &'static [&'static str],
    /// In its build script.
    pub in_build: &'static [&'static str],
}

const fn layer(name: &'static str, height: u8, may_use: &'static [&'static str]) -> Layer {
    Layer {
        name,
        height,
        may_use,
        in_tests: &[],
        in_build: &[],
    }
}

impl Layer {
    const fn in_tests(self, in_tests: &'static [&'static str]) -> Self {
        Self { in_tests, ..self }
    }

    const fn in_build(self, in_build: &'static [&'static str]) -> Self {
        Self { in_build, ..self }
    }
}

/// Every crate of the workspace.
pub const LAYERS: &[Layer] = &[
    // The ground: words, results, code generation, checkers, the chain of decisions. They use nothing of ours.
    layer("platform-model", 0, &[]),
    layer("platform-canary", 0, &[]),
    layer("platform-report", 0, &[]),
    layer("cell-schema", 0, &[]),
    layer("chaos", 0, &[]),
    layer("control-plane-ledger", 0, &[]),
    layer("platform-runtime", 1, &["platform-model"]),
    // Pure crates and what all processes share.
    layer("platform-token", 2, &["platform-model", "platform-runtime"]),
    layer("platform-wire", 2, &["platform-model", "platform-runtime"]),
    layer("router-table", 2, &["platform-model"]),
    layer(
        "control-plane-state",
        2,
        &["control-plane-ledger", "platform-model"],
    ),
    layer(
        "control-plane-planner",
        3,
        &["control-plane-ledger", "control-plane-state", "platform-model"],
    ),
    layer("control-plane-residency", 2, &["platform-model"]).in_tests(&["platform-runtime"]),
    layer("cell-store", 2, &[]).in_tests(&["platform-canary"]),
    layer(
        "cell-store-tikv",
        3,
        &["cell-store", "platform-model", "platform-runtime"],
    ),
    layer(
        "cell-store-fdb",
        3,
        &["cell-store", "platform-model", "platform-runtime"],
    ),
    // The protocols, pure, and the simulators that try to break them.
    layer("cell-replica", 2, &["platform-model"]),
    layer("cell-relay", 2, &["platform-model"]),
    layer(
        "chaos-sim",
        3,
        &[
            "cell-relay",
            "cell-replica",
            "chaos",
            "control-plane-state",
            "platform-model",
        ],
    ),
    // A cell, from the store up.
    layer(
        "cell-shard",
        3,
        &["cell-replica", "cell-store", "platform-model", "platform-runtime"],
    )
    .in_tests(&["chaos", "control-plane-state"]),
    layer(
        "cell-stream",
        3,
        &["platform-model", "platform-runtime", "platform-wire"],
    ),
    layer("cell-law", 6, &["platform-model", "platform-wire"]),
    layer(
        "cell-layers",
        4,
        &[
            "cell-relay",
            "cell-shard",
            "cell-store",
            "platform-model",
            "platform-runtime",
        ],
    )
    .in_build(&["cell-schema"])
    .in_tests(&["platform-canary"]),
    layer(
        "cell-backup",
        5,
        &[
            "cell-layers",
            "cell-shard",
            "cell-store",
            "platform-model",
            "platform-runtime",
        ],
    )
    .in_tests(&["platform-canary"]),
    layer("cell-bridge-nats", 3, &["cell-relay", "platform-model"]).in_tests(&["platform-runtime"]),
    layer(
        "cell-sdk",
        5,
        &[
            "cell-layers",
            "cell-shard",
            "platform-model",
            "platform-runtime",
            "platform-token",
        ],
    )
    .in_tests(&["cell-store"]),
    layer(
        "domains-identity",
        6,
        &[
            "cell-layers",
            "cell-sdk",
            "platform-model",
            "platform-runtime",
            "platform-token",
        ],
    )
    .in_tests(&["cell-shard", "cell-store"])
    .in_build(&["cell-schema"]),
    layer(
        "domains-training",
        6,
        &["cell-layers", "cell-sdk", "platform-model"],
    )
    .in_tests(&["cell-shard", "cell-store", "platform-runtime", "platform-token"])
    .in_build(&["cell-schema"]),
    layer(
        "cell-node",
        7,
        &[
            "cell-backup",
            "cell-bridge-nats",
            "cell-law",
            "cell-layers",
            "cell-relay",
            "cell-sdk",
            "cell-shard",
            "cell-store",
            "cell-store-fdb",
            "cell-store-tikv",
            "cell-stream",
            "domains-identity",
            "domains-training",
            "platform-model",
            "platform-runtime",
            "platform-token",
            "platform-wire",
        ],
    ),
    // The router and the controllers.
    layer(
        "router-gateway",
        7,
        &[
            "platform-model",
            "platform-runtime",
            "platform-token",
            "platform-wire",
            "router-table",
        ],
    ),
    layer(
        "control-plane-raft",
        6,
        &[
            "control-plane-ledger",
            "control-plane-state",
            "platform-model",
            "platform-runtime",
            "platform-wire",
        ],
    ),
    layer(
        "control-plane-server",
        7,
        &[
            "control-plane-ledger",
            "control-plane-planner",
            "control-plane-raft",
            "control-plane-state",
            "platform-model",
            "platform-runtime",
            "platform-wire",
        ],
    ),
    // What drives, measures and tests the rest. No server is linked in.
    layer(
        "cli-world",
        7,
        &[
            "control-plane-residency",
            "platform-model",
            "platform-runtime",
            "platform-wire",
        ],
    ),
    layer(
        "chaos-run",
        8,
        &[
            "chaos",
            "chaos-sim",
            "cli-world",
            "platform-model",
            "platform-report",
            "platform-runtime",
            "platform-wire",
        ],
    ),
    layer(
        "cellctl",
        8,
        &[
            "cli-world",
            "control-plane-ledger",
            "control-plane-residency",
            "platform-canary",
            "platform-model",
            "platform-report",
            "platform-runtime",
            "platform-wire",
        ],
    ),
    layer(
        "bench",
        8,
        &[
            "cell-backup",
            "cell-bridge-nats",
            "cell-layers",
            "cell-shard",
            "cell-store",
            "cell-store-tikv",
            "chaos",
            "chaos-sim",
            "cli-world",
            "control-plane-residency",
            "platform-model",
            "platform-report",
            "platform-runtime",
            "platform-wire",
            "router-table",
        ],
    ),
    layer(
        "tests",
        8,
        &[
            "cli-world",
            "platform-canary",
            "platform-model",
            "platform-runtime",
            "platform-wire",
        ],
    )
    .in_tests(&[
        "cell-bridge-nats",
        "cell-law",
        "chaos",
        "control-plane-ledger",
        "control-plane-state",
        "platform-report",
        "router-table",
    ]),
    // Links servers in, for their parsers: it is part of nothing that runs.
    layer(
        "tests-hostile",
        9,
        &[
            "cell-backup",
            "cell-bridge-nats",
            "cell-layers",
            "cell-node",
            "cell-sdk",
            "cell-shard",
            "cell-store",
            "control-plane-ledger",
            "control-plane-raft",
            "control-plane-residency",
            "control-plane-server",
            "control-plane-state",
            "domains-identity",
            "domains-training",
            "platform-canary",
            "platform-model",
            "platform-runtime",
            "platform-token",
            "platform-wire",
            "router-gateway",
            "router-table",
        ],
    )
    .in_tests(&["tests"]),
];

/// Links servers as libraries, to give their parsers hostile bytes; itself linked by nothing that runs.
pub const LINKS_SERVERS: &[&str] = &["tests-hostile"];

/// The crates that are processes: nothing else may link them in.
pub const SERVERS: &[&str] = &["cell-node", "control-plane-server", "router-gateway"];
