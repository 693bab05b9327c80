//! Planted faults of builds that are never released: the checkers must notice what each leads to.

#[cfg(feature = "failpoints")]
mod out_of_order;

/// The effect is committed without its mark: what is sent again takes effect again.
pub(super) fn forgets_the_mark() -> bool {
    planted("event-without-mark")
}

/// The receiver says that it has it before it is committed.
pub(super) fn answers_before_the_effect() -> bool {
    planted("event-answered-early")
}

/// The bridge notes that the broker has an event before the broker has acknowledged it.
pub(super) fn notes_before_the_broker() -> bool {
    planted("bridge-marks-early")
}

/// What its author told before he left comes behind what he tells where he lives now.
#[cfg(feature = "failpoints")]
pub(super) async fn comes_late(
    source: &cell_shard::Shard,
    row: &cell_shard::OutboxRow,
    now: std::time::Duration,
) -> bool {
    match cell_layers::event::Posted::read(&row.payload) {
        Some(posted) => crate::relocation::comes_late(source, posted.from, now).await,
        None => false,
    }
}

#[cfg(feature = "failpoints")]
fn planted(name: &str) -> bool {
    fail::eval(name, |_| ()).is_some()
}

#[cfg(not(feature = "failpoints"))]
fn planted(_name: &str) -> bool {
    false
}
