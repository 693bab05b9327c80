//! Planted faults of builds that are never released: the checkers must notice what each leads to.

#[cfg(feature = "failpoints")]
mod late;

#[cfg(feature = "failpoints")]
pub(crate) use late::comes_late;

/// What changed since the first copy stays behind.
pub(super) fn leaves_the_tail_behind() -> bool {
    planted("relocation-without-tail")
}

/// What he tells in the new home is not held; and what he told last in the old one comes late, so that it shows.
pub(super) fn tells_at_once() -> bool {
    planted("relocation-tells-at-once")
}

/// Nobody is told where he lives, and it is noted as done.
pub(super) fn forgets_the_edges() -> bool {
    planted("relocation-forgets-edges")
}

/// The home that he leaves takes its fence back after the commit, and serves him: the other does, too, by the entry.
/// None: it is not planted.
#[cfg(feature = "failpoints")]
pub(super) async fn takes_the_fence_back(
    shard: &cell_shard::Shard,
    user: platform_model::UserId,
    user_epoch: u64,
) -> Option<super::next::Next> {
    use cell_layers::place::Standing;
    use cell_relay::Place;

    use super::next::Next;
    use super::source::{LATER, ended};
    use super::standing::change;

    if !planted("relocation-takes-fence-back") {
        return None;
    }
    let back = |before: Option<Standing>| {
        Ok(Standing {
            place: Place::Home { user_epoch },
            ..ended(before, "the fence is taken back")
        })
    };
    Some(match change(shard, user, back).await {
        Ok(_) => Next::Rest,
        Err(error) => Next::Later(LATER, error.to_string()),
    })
}

#[cfg(feature = "failpoints")]
fn planted(name: &str) -> bool {
    fail::eval(name, |_| ()).is_some()
}

#[cfg(not(feature = "failpoints"))]
fn planted(_name: &str) -> bool {
    false
}
