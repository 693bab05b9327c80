//! Which target covers which parser; and how parsers are found in the code, so that none is forgotten.
//!
//! A parser is found by its shape: `impl FromStr for X`, `impl TryFrom<..> for X`, a public function that takes bytes,
//! text or a message of the wire and is named like one. What has another shape is not found: it is named here all the
//! same where we know of it.

use crate::named;

/// A target and the parsers behind it, each as [`parsers`] writes it.
pub const COVERED: &[(&str, &[&str])] = &[
    (
        "ids",
        &[
            "platform/model/src/id.rs FromStr for WorldId",
            "platform/model/src/id.rs TryFrom<String> for WorldId",
            "platform/model/src/id.rs FromStr for UserId",
            "platform/model/src/id.rs FromStr for IdempotencyKey",
            "platform/model/src/id.rs FromStr for RequestId",
            "platform/model/src/version.rs FromStr for EpochPosition",
        ],
    ),
    (
        "places",
        &[
            "platform/model/src/place.rs FromStr for $type",
            "platform/model/src/place.rs TryFrom<String> for $type",
            "platform/model/src/place.rs FromStr for HomeId",
            "platform/model/src/place.rs FromStr for NodeId",
            "platform/model/src/place.rs FromStr for CountryCode",
            "platform/model/src/shard.rs FromStr for ShardId",
        ],
    ),
    (
        "law-words",
        &[
            "platform/model/src/class.rs FromStr for DataClass",
            "platform/model/src/matrix/date.rs FromStr for LawDate",
            "platform/model/src/matrix/stamp.rs FromStr for SinkKind",
            "platform/model/src/matrix/words.rs FromStr for $type",
        ],
    ),
    (
        "spiffe",
        &[
            "platform/runtime/src/tls/spiffe.rs FromStr for SpiffeId",
            "platform/runtime/src/tls/spiffe.rs FromStr for Name",
        ],
    ),
    (
        "trace",
        &["platform/runtime/src/telemetry/trace.rs FromStr for TraceContext"],
    ),
    (
        "quantities",
        &[
            "platform/runtime/src/config/human.rs FromStr for HumanDuration",
            "platform/runtime/src/config/human.rs FromStr for HumanSize",
            "platform/runtime/src/config/human.rs TryFrom<String> for $type",
        ],
    ),
    (
        "config",
        &[
            "platform/runtime/src/config.rs fn load",
            "control-plane/server/src/config.rs FromStr for Peer",
            "control-plane/server/src/config.rs TryFrom<String> for Peer",
        ],
    ),
    (
        "access-token",
        &[
            "platform/token/src/claims.rs fn peek",
            "platform/token/src/verify.rs fn verify",
        ],
    ),
    (
        "refresh-token",
        &["platform/token/src/refresh.rs FromStr for RefreshToken"],
    ),
    (
        "typed-by-people",
        &[
            "domains/identity/src/input/address.rs fn parse",
            "domains/identity/src/input/display_name.rs fn parse",
            "domains/identity/src/input/password.rs fn chosen",
            "domains/identity/src/input/password.rs fn tried",
        ],
    ),
    (
        "json-bodies",
        &[
            "cell/sdk/src/command.rs fn json",
            "cell/sdk/src/command.rs fn idempotency_key",
        ],
    ),
    (
        "query",
        &[
            "domains/training/src/routes/query.rs fn read",
            "domains/training/src/model/channel.rs fn from_name",
        ],
    ),
    (
        "table",
        &["platform/wire/src/convert.rs TryFrom<pb::Table> for RoutingTable"],
    ),
    (
        "delta",
        &[
            "platform/wire/src/convert.rs TryFrom<pb::Delta> for TableDelta",
            "platform/wire/src/convert.rs TryFrom<pb::TokenKey> for TokenKey",
        ],
    ),
    (
        "world-spec",
        &[
            "platform/wire/src/spec.rs TryFrom<pb::WorldSpec> for WorldSpec",
            "platform/wire/src/spec.rs TryFrom<pb::CellSpec> for CellSpec",
            "platform/wire/src/spec.rs TryFrom<pb::HomeSpec> for HomeSpec",
            "platform/wire/src/spec.rs TryFrom<pb::AuthoritySpec> for AuthoritySpec",
            "platform/wire/src/convert.rs fn read_shard_count",
        ],
    ),
    (
        "status",
        &["platform/wire/src/admin/status.rs TryFrom<pb::StatusReply> for WorldStatus"],
    ),
    (
        "ledger-answers",
        &[
            "platform/wire/src/ledger.rs TryFrom<pb::LedgerHead> for LedgerHead",
            "platform/wire/src/ledger.rs TryFrom<pb::SealedSegment> for SealedSegment",
            "platform/wire/src/ledger.rs TryFrom<pb::LedgerOverview> for Overview",
            "platform/wire/src/ledger.rs TryFrom<pb::LedgerPage> for Page",
        ],
    ),
    ("refusal", &["platform/wire/src/refusal.rs fn from_status"]),
    ("table-copy", &["platform/wire/src/follow/copy.rs fn read"]),
    (
        "heads",
        &[
            "platform/wire/src/heads.rs TryFrom<&HeadView> for SeenHead",
            "platform/wire/src/heads.rs fn open",
            "platform/wire/src/heads/ring.rs fn open",
        ],
    ),
    (
        "requests",
        &[
            "platform/wire/src/convert.rs fn read_cell_state",
            "platform/wire/src/convert.rs fn read_start",
            "control-plane/server/src/translate.rs fn init_world",
            "control-plane/server/src/translate.rs fn create_home",
            "control-plane/server/src/translate.rs fn create_cell",
            "control-plane/server/src/translate.rs fn create_authority",
            "control-plane/server/src/translate.rs fn set_country",
            "control-plane/server/src/translate.rs fn set_cell_state",
            "control-plane/server/src/translate.rs fn place_shard",
            "control-plane/server/src/translate.rs fn register_node",
            "control-plane/server/src/translate.rs fn publish_token_key",
        ],
    ),
    (
        "router-framing",
        &["router/gateway/src/framing/head.rs fn inspect"],
    ),
    (
        "router-headers",
        &["router/gateway/src/request/headers.rs fn idempotency_key"],
    ),
    (
        "ledger-entry",
        &[
            "control-plane/ledger/src/encoding.rs fn decode",
            "control-plane/ledger/src/digest.rs FromStr for Digest",
            "control-plane/ledger/src/digest.rs TryFrom<String> for Digest",
            "control-plane/ledger/src/digest.rs TryFrom<&[u8]> for Digest",
        ],
    ),
    (
        "ledger-segment",
        &[
            "control-plane/ledger/src/segment.rs fn begins",
            "control-plane/ledger/src/segment.rs fn frames",
            "control-plane/ledger/src/segment.rs fn scan",
        ],
    ),
    (
        "command",
        &["control-plane/state/src/command.rs TryFrom<StoredEnvelope> for Envelope"],
    ),
    ("stored-state", &["control-plane/state/src/stored.rs fn read"]),
    ("raft-record", &["control-plane/raft/src/codec.rs fn decode"]),
    ("matrix", &["platform/model/src/matrix/codec.rs fn from_bytes"]),
    (
        "law-text",
        &[
            "control-plane/residency/src/source.rs fn from_text",
            "control-plane/residency/src/source/digest.rs FromStr for Digest",
            "control-plane/residency/src/law.rs fn read",
        ],
    ),
    ("store-key", &["cell/store/src/key/decode.rs fn unpack"]),
    ("log-entry", &["cell/shard/src/log.rs fn read"]),
    ("samples", &["cell/layers/src/samples/codec.rs fn decode"]),
    ("wrapped-key", &["cell/layers/src/keys/kek.rs fn unwrap"]),
    (
        "workout",
        &[
            "domains/training/src/import/mod.rs fn import",
            "domains/training/src/import/sniff.rs fn kind",
            "domains/training/src/import/unpack.rs fn gunzip",
            "domains/training/src/import/clock_text.rs fn unix_ms",
            "domains/training/src/import/xml.rs fn number",
            "domains/training/src/import/xml.rs fn root_name",
            "domains/training/src/model/sport.rs fn from_text",
        ],
    ),
    ("workout-fit", &["domains/training/src/import/fit/mod.rs fn read"]),
    ("workout-gpx", &["domains/training/src/import/gpx.rs fn read"]),
    ("workout-tcx", &["domains/training/src/import/tcx.rs fn read"]),
];

/// What has the shape of a parser and no target, and why.
pub const EXEMPT: &[(&str, &str)] = &[
    (
        "cell/node/src/directory/lookup_key.rs fn from_bytes",
        "32 bytes, any of them",
    ),
    (
        "cell/layers/src/keys/kek.rs fn from_bytes",
        "32 bytes, any of them",
    ),
    (
        "cell/layers/src/keys/kek.rs fn load",
        "32 bytes of a secret of the operator's own",
    ),
    (
        "cell/node/src/directory/lookup_key.rs fn load",
        "32 bytes of a secret of the operator's own",
    ),
    (
        "cell/store/src/embedded/snapshot.rs fn read",
        "a look-up by a key, it parses nothing",
    ),
    (
        "cell/sdk/src/context.rs fn bearer",
        "splits at one space; what follows is the token's target",
    ),
    (
        "platform/token/src/signing.rs fn from_pkcs8",
        "opens only what this platform sealed",
    ),
    (
        "platform/runtime/src/tls/authority.rs fn open",
        "the operator's own files",
    ),
    (
        "platform/runtime/src/tls/identity.rs fn load",
        "the operator's own files",
    ),
    (
        "platform/runtime/src/tls/public.rs fn load",
        "the operator's own files",
    ),
    (
        "cell/store/src/embedded.rs fn open",
        "a store that is damaged anywhere: cell/store/src/embedded/tests/damage.rs",
    ),
    ("cell/store/src/embedded/mark.rs fn open", "the same"),
    (
        "control-plane/raft/src/log/disk.rs fn open",
        "a database of redb; its records are the target raft-record",
    ),
    (
        "control-plane/raft/src/log/store.rs fn open",
        "a database of redb; its records are the target raft-record",
    ),
    (
        "control-plane/server/src/ledger/mod.rs fn open",
        "a folder of segments, whose reader is the target ledger-segment",
    ),
    (
        "control-plane/server/src/ledger/recover.rs fn open",
        "a folder of segments, whose reader is the target ledger-segment",
    ),
    (
        "control-plane/server/src/siem/cursor.rs fn open",
        "a small file of this controller's own; damaged ones: control-plane/server/src/siem/tests",
    ),
];

/// Names of functions that read.
const NAMES: &[&str] = &[
    "parse",
    "decode",
    "read",
    "unpack",
    "unwrap",
    "scan",
    "frames",
    "begins",
    "inspect",
    "peek",
    "gunzip",
    "kind",
    "import",
    "json",
    "bearer",
    "idempotency_key",
    "number",
    "unix_ms",
    "root_name",
    "verify",
    "chosen",
    "tried",
    "load",
    "open",
];
/// Beginnings of such names.
const PREFIXES: &[&str] = &["from_", "read_"];
/// What they take.
const TAKES: &[&str] = &[
    "&[u8]",
    "&str",
    "Bytes",
    "[u8;",
    "Value",
    "HeaderMap",
    "&Bundle",
    "Raw",
    "&Parts",
    "&Path",
    "Status",
    "pb::",
];

/// Every parser of one file: `PATH FromStr for X`, `PATH TryFrom<A> for X`, `PATH fn NAME`. `text` without its tests.
pub fn parsers(path: &str, text: &str) -> Vec<String> {
    let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    let flat = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut found = Vec::new();
    for (at, start) in flat.match_indices("FromStr for ") {
        found.push(format!("{path} FromStr for {}", word(&flat[at + start.len()..])));
    }
    for (at, start) in flat.match_indices("impl TryFrom<") {
        if let Some((from, rest)) = flat[at + start.len()..].split_once("> for ") {
            found.push(format!("{path} TryFrom<{from}> for {}", word(rest)));
        }
    }
    for (at, start) in flat.match_indices("pub fn ") {
        let rest = &flat[at + start.len()..];
        let name = word(rest);
        let (Some(open), Some(close)) = (rest.find('('), rest.find(')')) else {
            continue;
        };
        let takes = &rest[open..close.max(open)];
        let reads = NAMES.contains(&name) || PREFIXES.iter().any(|prefix| name.starts_with(prefix));
        if (reads && TAKES.iter().any(|kind| takes.contains(kind))) || takes.contains("wire: pb::") {
            found.push(format!("{path} fn {name}"));
        }
    }
    found.sort();
    found.dedup();
    found
}

fn word(text: &str) -> &str {
    let end = text.find(|c: char| !c.is_alphanumeric() && c != '_' && c != '$');
    &text[..end.unwrap_or(text.len())]
}

/// Parsers without a target, targets and reasons for what is not there.
pub fn faults(parsers: &[String]) -> Vec<String> {
    let listed: Vec<&str> = COVERED
        .iter()
        .flat_map(|(_, parsers)| parsers.iter().copied())
        .collect();
    let mut faults = Vec::new();
    for parser in parsers {
        let exempt = EXEMPT.iter().any(|(name, _)| name == parser);
        match (listed.contains(&parser.as_str()), exempt) {
            (false, false) => faults.push(format!("{parser} has no target and no reason to have none")),
            (true, true) => faults.push(format!("{parser} has a target and is exempt")),
            _ => {}
        }
    }
    let named_here = listed.iter().copied().chain(EXEMPT.iter().map(|(name, _)| *name));
    let gone = named_here.filter(|name| !parsers.iter().any(|parser| parser == name));
    faults.extend(gone.map(|name| format!("{name} is listed and is not in the code")));
    let unknown = COVERED.iter().filter(|(target, _)| named(target).is_none());
    faults.extend(unknown.map(|(target, _)| format!("{target} is no target")));
    faults
}
