//! As little as can be is lost: where all that was kept behind a backup ends before what the log of an older one has.

use cell_layers::keys::Kek;
use cell_shard::Origin;

use super::goal::out_of_reach;
use super::run::{Run, older};
use crate::error::BackupError;
use crate::manifest::Manifest;
use crate::store::BackupStore;

/// Everything behind `base` was read, and ends at `end`.
///
/// # Errors
/// [`BackupError::OutOfReach`] where the log behind an older backup goes further; the store's.
pub(crate) async fn check(
    store: &BackupStore,
    kek: &Kek,
    base: &Manifest,
    end: &Origin,
) -> Result<(), BackupError> {
    let ends = end.pair();
    for other in older(store, kek, base, usize::MAX).await? {
        let name = other.name.clone();
        let further = match Run::of(store, kek, other).await {
            Ok(run) => run.end.pair(),
            Err(BackupError::MissingSegment { upto, .. }) => upto,
            Err(error @ BackupError::Store(_)) => return Err(error),
            // What does not open goes nowhere.
            Err(_) => continue,
        };
        if further > ends {
            let why = format!(
                "it reaches to {ends}, and the log behind {name} to {further}: restore that one, or to {ends} by name"
            );
            return Err(out_of_reach(base, why));
        }
    }
    Ok(())
}
