//! Which target covers which parser, and which parsers have none and why. How parsers are found is in [`crate::found`].

/// A target and the parsers behind it, each as [`crate::found::parsers`] writes it.
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
            "platform/model/src/version.rs FromStr for ReplicaId",
            "platform/model/src/version.rs TryFrom<String> for ReplicaId",
            "platform/model/src/survival.rs FromStr for Survival",
            "platform/model/src/revocation.rs FromStr for KeyDigest",
            "platform/model/src/revocation.rs FromStr for RevokedIdentity",
            "platform/model/src/revocation.rs TryFrom<String> for $type",
            "platform/wire/src/join/token.rs FromStr for JoinToken",
            "cell/bridge-nats/src/id.rs fn read_message_id",
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
            "cell/sdk/src/export.rs FromStr for ExportCursor",
        ],
    ),
    (
        "table",
        &[
            "platform/wire/src/convert.rs TryFrom<pb::Table> for RoutingTable",
            "platform/wire/src/convert/set.rs fn read_name",
        ],
    ),
    (
        "delta",
        &[
            "platform/wire/src/convert.rs TryFrom<pb::Delta> for TableDelta",
            "platform/wire/src/convert.rs TryFrom<pb::TokenKey> for TokenKey",
        ],
    ),
    (
        "law",
        &[
            "platform/wire/src/convert.rs TryFrom<pb::Law> for LawInForce",
            "platform/wire/src/law.rs TryFrom<pb::LawHistory> for LawHistory",
            "platform/wire/src/law.rs TryFrom<pb::LawRecord> for LawRecord",
            "platform/wire/src/law.rs TryFrom<pb::LawReply> for LawView",
            "platform/wire/src/law.rs TryFrom<pb::Signed> for Signed",
            "platform/wire/src/law/residency.rs TryFrom<pb::ResidencyReply> for SignedResidency",
            "platform/wire/src/report.rs TryFrom<pb::HeldCopy> for HeldCopy",
        ],
    ),
    (
        "replicas",
        &[
            "platform/wire/src/replicas/convert.rs TryFrom<pb::ReplicasRequest> for ReplicasReport",
            "platform/wire/src/replicas/convert.rs TryFrom<pb::CopyReport> for CopyReport",
            "platform/wire/src/replicas/convert/told.rs TryFrom<pb::Told> for ",
            "platform/wire/src/replicas/convert.rs TryFrom<pb::ReplicasReply> for ReplicasReply",
            "platform/wire/src/replicas/convert.rs fn read_replica",
        ],
    ),
    (
        "operations",
        &[
            "platform/wire/src/operation/convert.rs TryFrom<pb::Operation> for OperationView",
            "platform/wire/src/operation/convert.rs TryFrom<pb::Blocker> for Blocker",
            "platform/wire/src/operation/simulate.rs TryFrom<pb::SimulateReply> for Simulation",
            "platform/wire/src/operation/simulate.rs TryFrom<pb::simulate_request::Lose> for Lose",
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
        "replication",
        &["platform/wire/src/replication.rs fn read_frames"],
    ),
    (
        "requests",
        &[
            "platform/wire/src/directory/held.rs TryFrom<pb::HeldReply> for HeldPage",
            "platform/wire/src/convert.rs fn read_cell_state",
            "platform/wire/src/relocation/entry.rs fn entry_of",
            "platform/wire/src/relocation/operator.rs fn begin_of",
            "platform/wire/src/relocation/operator.rs fn named_of",
            "platform/wire/src/relocation/parse.rs fn take_of",
            "platform/wire/src/convert/start.rs fn read_start",
            "control-plane/server/src/translate.rs fn init_world",
            "control-plane/server/src/translate.rs fn create_home",
            "control-plane/server/src/translate.rs fn create_cell",
            "control-plane/server/src/translate.rs fn create_authority",
            "control-plane/server/src/translate.rs fn set_country",
            "control-plane/server/src/translate.rs fn set_cell_state",
            "control-plane/server/src/translate.rs fn place_shard",
            "control-plane/server/src/translate.rs fn register_node",
            "control-plane/server/src/translate.rs fn publish_token_key",
            "control-plane/server/src/translate.rs fn admit_foreign",
            "control-plane/server/src/translate/trust.rs fn attest_region",
            "control-plane/server/src/translate/trust.rs fn create_join_token",
            "control-plane/server/src/translate/trust.rs fn revoke_join_token",
            "control-plane/server/src/translate/trust.rs fn revoke_identity",
            "control-plane/server/src/translate/trust.rs fn restore_identity",
            "control-plane/server/src/translate/trust.rs fn open_break_glass",
            "control-plane/server/src/translate/trust.rs fn close_break_glass",
            "platform/wire/src/trust.rs fn read_digest",
            "platform/runtime/src/tls/request.rs fn read",
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
    (
        "replication-frame",
        &["cell/shard/src/copy/codec.rs fn read_frame"],
    ),
    ("cut-off", &["cell/shard/src/copy/export.rs fn read_cut_off"]),
    (
        "rows",
        &[
            "cell/layers/src/event/post.rs fn read",
            "cell/layers/src/event/post.rs fn open",
        ],
    ),
    ("samples", &["cell/layers/src/samples/codec.rs fn decode"]),
    ("wrapped-key", &["cell/layers/src/keys/kek.rs fn unwrap"]),
    (
        "backup-manifest",
        &[
            "cell/backup/src/manifest.rs fn open",
            "cell/backup/src/seal.rs fn unwrap",
        ],
    ),
    ("backup-log", &["cell/backup/src/log/segment.rs fn open"]),
    ("backup-name", &["cell/backup/src/name.rs FromStr for BackupName"]),
    (
        "erased-people",
        &[
            "platform/wire/src/backup.rs TryFrom<pb::ReadErasedReply> for Erased",
            "platform/wire/src/backup.rs fn read_digest",
        ],
    ),
    ("table-blocks", &[]),
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
        "control-plane/server/src/translate/operation.rs fn move_shard",
        "asks the state; its words are ids, each with a target",
    ),
    (
        "control-plane/server/src/translate/operation.rs fn verify",
        "asks the state; its words are ids, each with a target",
    ),
    (
        "platform/runtime/src/tls/issuer.rs fn open",
        "files of the operator's own",
    ),
    (
        "cell/node/src/directory/lookup_key.rs fn from_bytes",
        "32 bytes, any of them",
    ),
    (
        "cell/layers/src/keys/kek.rs fn from_bytes",
        "32 bytes, any of them",
    ),
    (
        "cell/layers/src/keys/user_key.rs fn from_bytes",
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
        "cell/store-tikv/src/settings.rs fn from_paths",
        "three paths of the operator's own; what cannot be: cell/store-tikv/src/tests/bad_input.rs",
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
