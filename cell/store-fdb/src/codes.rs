//! What the client's error codes mean. Pure, so that it is tested where there is no client.
//!
//! `Database::run` is not used: it retries for ever by default, and what it says of an earlier attempt that may have
//! been committed is forgotten at the next. Here every attempt is a transaction of its own, and only what surely was
//! not committed is tried again.

/// Read version older than the cluster keeps.
const TRANSACTION_TOO_OLD: i32 = 1007;
/// A read version that the storage has not reached.
const FUTURE_VERSION: i32 = 1009;
/// Another transaction wrote what this one read.
const NOT_COMMITTED: i32 = 1020;
/// A process of the cluster lags.
const PROCESS_BEHIND: i32 = 1037;
/// An operator has locked the database.
const DATABASE_LOCKED: i32 = 1038;
/// More bytes than a transaction may have; found before it is sent.
const TRANSACTION_TOO_LARGE: i32 = 2101;
/// Keys or values over the cluster's limits; found before it is sent.
const KEY_TOO_LARGE: i32 = 2102;
const VALUE_TOO_LARGE: i32 = 2103;
/// The library does not know the API version.
pub const API_VERSION_NOT_SUPPORTED: i32 = 2203;

/// What became of a commit that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommitFailure {
    /// Surely not committed; another attempt may be.
    Again,
    /// Surely not committed, and never will be.
    TooLarge,
    /// It may have been committed, or may still be.
    Unknown,
}

/// Of a `commit` that was called: whatever is not surely uncommitted is unknown, 1021 (unknown result), 1031 (timed
/// out) and 1039 (cluster version changed) among the rest.
pub fn of_commit(code: i32) -> CommitFailure {
    match code {
        NOT_COMMITTED | TRANSACTION_TOO_OLD => CommitFailure::Again,
        TRANSACTION_TOO_LARGE | KEY_TOO_LARGE | VALUE_TOO_LARGE => CommitFailure::TooLarge,
        _ => CommitFailure::Unknown,
    }
}

/// What became of a read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadFailure {
    /// The read version is gone: open another.
    Expired,
    /// Another attempt may succeed.
    Again,
    /// It will not soon.
    Unavailable,
}

/// Of a read, or of whatever comes before a `commit`.
pub fn of_read(code: i32) -> ReadFailure {
    match code {
        TRANSACTION_TOO_OLD => ReadFailure::Expired,
        FUTURE_VERSION | PROCESS_BEHIND | NOT_COMMITTED => ReadFailure::Again,
        _ => ReadFailure::Unavailable,
    }
}

/// A hint for those that people can do something about.
pub fn hint(code: i32) -> &'static str {
    match code {
        DATABASE_LOCKED => "; hint: the database is locked, see `fdbcli --exec 'unlock'`",
        1031 => "; hint: see `fdbcli --exec status`: coordinators unreachable, or no space left",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_surely_was_not_committed_is_tried_again() {
        for code in [1007, 1020] {
            assert_eq!(of_commit(code), CommitFailure::Again, "{code}");
        }
        for code in [1000, 1021, 1025, 1031, 1039, 1101, 1213, 4100, 0, -1] {
            assert_eq!(of_commit(code), CommitFailure::Unknown, "{code}");
        }
        assert_eq!(of_commit(2101), CommitFailure::TooLarge);
    }

    #[test]
    fn a_version_that_is_gone_has_expired() {
        assert_eq!(of_read(1007), ReadFailure::Expired);
        assert_eq!(of_read(1009), ReadFailure::Again);
        assert_eq!(of_read(1031), ReadFailure::Unavailable);
    }
}
