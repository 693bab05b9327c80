//! A planted fault of builds that are never released: the checkers must notice what it leads to.

/// What changed since the first copy stays behind.
pub(super) fn leaves_the_tail_behind() -> bool {
    planted("relocation-without-tail")
}

#[cfg(feature = "failpoints")]
fn planted(name: &str) -> bool {
    fail::eval(name, |_| ()).is_some()
}

#[cfg(not(feature = "failpoints"))]
fn planted(_name: &str) -> bool {
    false
}
