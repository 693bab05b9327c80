//! One copy of a shard on this node, whatever its role: the protocol's pure machine (`cell-replica`) over a real store.
//!
//! - [`Copy`] opens, is handed configurations and frames, says how it stands; while it leads, [`Copy::shard`] is the handle
//!   that domains write and read through.
//! - `core` steps the machine and does what it wants, behind one lock; `task` is the only writer (`writer`, `write`,
//!   `staged`) and, while a term serves, the committer (`term`).
//! - `codec` makes frames of messages; `stored` is what lies on the disk; `load` reads it at the start.
//! - `taking` takes the fence as it opens; `holding` is what a store adds that the nodes of a cell share.
//! - `job` does beside it what takes time: pages of copies (`pages`), what a rewind undoes (`undo`), digests (`verify`),
//!   entries that a standby lacks (`outgoing`). `ticks` is the clock.
//!
//! It never decides who leads: configurations come from the control plane and nowhere else.

mod api;
mod codec;
mod content;
mod core;
mod enqueue;
mod export;
mod faults;
mod fingerprint;
mod holding;
mod index;
mod inner;
mod item;
mod job;
mod lag;
mod load;
mod nodes;
mod notes;
mod opening;
mod outgoing;
mod pages;
mod payload;
mod progress;
mod recent;
mod records;
mod route;
mod settings;
mod staged;
mod stored;
mod taking;
mod task;
mod term;
mod ticks;
mod told;
mod trim;
mod undo;
mod verify;
mod write;
mod writer;

#[cfg(test)]
mod tests;

pub use api::Copy;
pub use cell_replica::action::{Change, Proposal};
pub use cell_replica::report::Unusable;
pub use codec::{FRAME_BYTES_MAX, FrameError, frame_of_record, read_frame};
pub use export::{cut_off_files, read_cut_off};
pub(crate) use notes::Base;
pub(crate) use pages::{end_of_all, page};
pub(crate) use payload::whole;
pub use settings::{Control, CopySettings, FrameKind, Peers, Planted};
pub(crate) use stored::{never_configured, without_configuration};
pub use taking::Taking;
pub use told::{CopyStatus, Standing, Told};
pub(crate) use verify::hash_row;
