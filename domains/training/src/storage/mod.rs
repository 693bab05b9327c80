//! Activities in their person's root: rows in tables, samples in columns, the file as a blob, the order in a timeline.
//!
//! An upload writes its big parts first, in bounded transactions ([`stage`]), and the row last ([`commit`]): who reads sees
//! all of an activity or nothing. A removal is one transaction.

mod read;
mod remove;
mod rename;
pub mod sharing;
mod write;

use cell_layers::Table;
use cell_layers::timeline::Timeline;

use crate::stored::{
    Activity, HiddenAuthor, LapPage, PendingUpload, SharedNext, SharedWorkout, ShownTo, WithdrawnWorkout,
};

pub use read::{Listed, get, laps, list, original, original_bytes, points};
pub use remove::remove;
pub use rename::rename;
pub use write::{Commit, Parts, commit, stage};

/// The domain's name: in keys, log entries and metrics.
pub const DOMAIN: &str = "training";

const ACTIVITIES: Table<Activity> = Table::new();
const LAPS: Table<LapPage> = Table::new();
const PENDING: Table<PendingUpload> = Table::new();
const HIDDEN: Table<HiddenAuthor> = Table::new();
const SHARED: Table<SharedWorkout> = Table::new();
const SHARED_NEXT: Table<SharedNext> = Table::new();
const SHOWN_TO: Table<ShownTo> = Table::new();
const WITHDRAWN: Table<WithdrawnWorkout> = Table::new();
/// Activities by start.
const TIMELINE: Timeline = Timeline::new("activities");
