//! Planted faults of builds that are never released: the checkers must notice what each leads to.

/// Whoever asks for a claim is told that it is his, and its row is his from then on, whoever holds it.
pub(super) fn gives_what_is_held() -> bool {
    planted("claim-taken-twice")
}

/// A claim that was there for long is let go by that alone, though the person's shard has said that it is his.
pub(super) fn frees_by_clock() -> bool {
    planted("claim-by-clock")
}

#[cfg(feature = "failpoints")]
fn planted(name: &str) -> bool {
    fail::eval(name, |_| ()).is_some()
}

#[cfg(not(feature = "failpoints"))]
fn planted(_name: &str) -> bool {
    false
}
