//! What a layer can answer besides the value.

use cell_shard::TxError;
use platform_model::HomeId;

use crate::record::MigrateError;

/// Why an operation of a layer did not succeed. Nothing of the transaction is written when its closure returns one.
#[derive(Debug, thiserror::Error)]
pub enum LayerError {
    #[error(transparent)]
    Tx(#[from] TxError),
    #[error("table {table} has a row with this primary key")]
    AlreadyExists { table: &'static str },
    #[error("another row of table {table} has the same values in unique index {index}")]
    UniqueViolation {
        table: &'static str,
        index: &'static str,
    },
    #[error("{what}: {size} is more than {max}")]
    TooLarge { what: &'static str, size: u64, max: u64 },
    #[error("table {table} has no such index: {index}")]
    NoSuchIndex { table: &'static str, index: String },
    /// The value was sealed under another key, at another place, or was altered.
    #[error("a stored value of {layer} does not open under this key at this place")]
    DoesNotOpen { layer: String },
    /// Newer than this build, or older than the version before its own.
    #[error("a stored value of {layer} has version {found}, and this build reads {known} and the one before")]
    Version { layer: String, found: u16, known: u16 },
    #[error("a stored value of {layer} does not migrate")]
    Migrate { layer: String, source: MigrateError },
    /// It opens, and yet says what it cannot say.
    #[error("a stored value of {layer} is damaged: {what}")]
    Damaged { layer: &'static str, what: &'static str },
    /// He has moved: nothing of him is read or written here.
    #[error("the person lives in {to} since user epoch {user_epoch}")]
    Gone { to: HomeId, user_epoch: u64 },
    /// He moves at this moment: nothing of him is read or written here until it is over.
    #[error("the person is on the way to another home")]
    OnTheWay,
    /// The person was erased, or is about to be.
    #[error("the root has ended")]
    RootEnded,
    #[error("the cursor was not made by this list")]
    InvalidCursor,
    /// Such a row would stay for ever.
    #[error("the idempotency key's time lies {ahead_ms} ms ahead of the log's")]
    KeyAheadOfTime { ahead_ms: u64 },
    #[error("values of {root} are a person's and are stored with a key only")]
    PersonWithoutKey { root: platform_model::RootRef },
    /// What was given does not have the digest that was promised.
    #[error("the bytes do not have the digest that was announced")]
    DigestMismatch,
    /// It was swept, or never begun.
    #[error("there is no such upload, or its parts are not all there")]
    UploadIncomplete,
}

impl LayerError {
    /// Whether the same operation may succeed later, unchanged.
    pub fn retryable(&self) -> bool {
        match self {
            Self::Tx(error) => !error.is_limit(),
            Self::OnTheWay => true,
            _ => false,
        }
    }
}
