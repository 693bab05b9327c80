//! Planted faults of builds that are never released: who looks for what each leads to must find it.

/// A restore leaves nobody out: it has read the list of erased people and does not go by it.
pub(super) fn forgets_who_was_erased() -> bool {
    planted("restore-forgets-erased")
}

#[cfg(feature = "failpoints")]
fn planted(name: &str) -> bool {
    fail::eval(name, |_| ()).is_some()
}

#[cfg(not(feature = "failpoints"))]
fn planted(_name: &str) -> bool {
    false
}
