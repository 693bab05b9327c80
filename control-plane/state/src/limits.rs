//! Bounds of the state, so that it fits into memory and one message. Reaching one is a refusal.

/// Cells of a world.
pub const CELLS_MAX: usize = 1_000;
/// Nodes of one cell; also bounds their ordinals.
pub const NODES_PER_CELL_MAX: u16 = 256;
/// Nodes of a world.
pub const NODES_MAX: usize = 4_096;
/// Homes of a world.
pub const HOMES_MAX: usize = 1_000;
/// Countries: ISO 3166-1 has fewer than 250.
pub const COUNTRIES_MAX: usize = 676;
/// Shards of a world, of all kinds.
pub const SHARDS_MAX: usize = 65_536;
/// Copies that one node may hold; what a cell's first node was given at the start counts, and is never refused.
pub const COPIES_PER_NODE_MAX: usize = 4_096;
/// Operations under way in a world, and in each cell that takes part.
pub const OPERATIONS_MAX: usize = 256;
pub const OPERATIONS_PER_CELL_MAX: usize = 16;
/// Operations that have ended and are remembered; the newest stay.
pub const OPERATIONS_KEPT_MAX: usize = 256;
/// Certificates of one verification: as many as a shard may have standbys.
pub const CERTIFICATES_MAX: usize = 8;
/// Longest window of a move, in milliseconds: a week.
pub const WINDOW_MS_MAX: u64 = 7 * 86_400_000;
/// People of one home whose erasure is remembered, for ever: about 5 MB of the stored state.
pub const ERASED_PER_HOME_MAX: usize = 100_000;
/// The same of all homes of a jurisdiction: what one answer to a node holds that restores its directory.
pub const ERASED_PER_JURISDICTION_MAX: usize = 1_000_000;
/// So far either list is filled by requests of people themselves: the last tenth is for officers, whoever registers and erases
/// himself over and over.
pub const OWN_ERASED_PER_HOME_MAX: usize = ERASED_PER_HOME_MAX / 10 * 9;
pub const OWN_ERASED_PER_JURISDICTION_MAX: usize = ERASED_PER_JURISDICTION_MAX / 10 * 9;
/// People of a home who may ask for their erasure themselves within a day; more wait: by those alone its list is full no sooner
/// than in three months.
pub const OWN_ERASURES_PER_DAY_MAX: usize = 1_000;
/// Copies of one shard that were given up and are not erased yet.
pub const LEFT_COPIES_MAX: usize = 64;
/// Token keys of one home: the newest, and the older ones under which tokens may still run.
pub const TOKEN_KEYS_MAX: usize = 4;
/// Epochs of a shard whose holders are remembered; the newest stay.
pub const EPOCHS_KEPT_MAX: usize = 32;
/// Longest host name (RFC 1035), in bytes.
pub const HOST_BYTES_MAX: usize = 253;
/// Longest `host:port`, in bytes.
pub const ADDRESS_BYTES_MAX: usize = 260;
/// Longest key id, in bytes.
pub const KID_BYTES_MAX: usize = 64;
/// Longest text of a law, in bytes.
pub const LAW_TEXT_BYTES_MAX: usize = 1 << 20;
/// Longest matrix of a law, in bytes.
pub const LAW_MATRIX_BYTES_MAX: usize = 2 << 20;
/// Versions of the law that are remembered; the newest stay.
pub const LAW_HISTORY_MAX: usize = 64;
/// Shortest and longest that a table may be old under which something new is kept, in milliseconds.
pub const MATRIX_AGE_RANGE_MS: std::ops::RangeInclusive<u64> = 1_000..=86_400_000;
/// Homes that one refusal names.
pub const STRANDED_NAMED_MAX: usize = 16;
/// Regions whose place was attested.
pub const REGIONS_MAX: usize = 256;
/// Join tokens that are remembered at once.
pub const JOIN_TOKENS_MAX: usize = 1_024;
/// Revoked identities at once; they travel in the table.
pub const REVOCATIONS_MAX: usize = 4_096;
/// Break-glass windows open at once.
pub const BREAK_GLASS_MAX: usize = 64;
/// Longest name of a router and of a purpose, in bytes.
pub const NAME_BYTES_MAX: usize = 63;
/// Longest description of where a region stands, in bytes.
pub const PLACE_BYTES_MAX: usize = 200;
/// Longest reason and longest author, in bytes.
pub const TEXT_BYTES_MAX: usize = 500;
