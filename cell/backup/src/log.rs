//! The log of a shard behind a backup of it, kept beside it: what a restore goes on with, to an entry or a time of its
//! choice.
//!
//! A segment is one sealed object of consecutive entries, as the shard itself stores them, at most about 1 MiB and so
//! many entries. It lies in the folder of its backup under its number, from 0 on, each with a key of its own that the
//! jurisdiction's key wraps. Each backup begins a log of its own; whoever leads the shard keeps that of the newest. What
//! is read behind a backup goes on into the logs of newer ones.
//!
//! Invariants, each a test:
//! - what is read is the entries as they were written, in their order, without a gap, from the backup on, or a typed error:
//!   each follows the one before by its position and by its chain, the first the backup itself;
//! - a log goes on with that of a newer backup if that one has the very entry at which it ends, whatever the newer one's
//!   rows are worth; how far a backup is said to reach is how far it is read;
//! - rows of the backup and the entries up to any one are the state of the shard after that one;
//! - only committed entries are kept ([`cell_shard::Shard::tail`]), and only where the law lets them lie;
//! - one number is one segment, whoever writes it: of two nodes that lead one after the other, the later one finds that the
//!   number is taken, and looks where the log ends;
//! - of a key shard nothing is kept: wrapped keys stand in its log, and a destroyed key would stand there for ever;
//! - a log that cannot be kept on - what comes next was trimmed, or a failover cut off what was kept - is told, and never
//!   goes on behind a gap;
//! - memory is bounded by one segment.
//!
//! | module | what it is |
//! |---|---|
//! | [`goal`] | how far a restore goes |
//! | [`segment`] | one segment, as it is sealed |
//! | [`run`] | where the log of a shard is kept on |
//! | [`keep`] | what came to the shard since, into the next segment |
//! | `cursor` | one log, segment by segment |
//! | `onward` | whose log goes on where one ends |
//! | [`read`] | what was kept from a backup on, to a goal |
//! | [`reach`] | how far backups go with all of that |
//! | `furthest` | whether the log of an older backup goes further |

mod cursor;
pub(crate) mod furthest;
pub mod goal;
pub mod keep;
mod onward;
pub mod reach;
pub mod read;
pub mod run;
pub mod segment;
