//! Bugs that a test puts into the planner, to show that it would see them. Compiled out of everything else.

/// A rule that is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Planted {
    /// The law is not asked for a place.
    LawNotAsked,
    /// Cordoned cells take copies.
    CordonIgnored,
    /// Silent nodes take copies.
    SilentTaken,
    /// Every goal is met.
    AllIsWell,
    /// Copies on their way do not count.
    OnItsWayForgotten,
    /// A copy that may not lead is a successor.
    AnybodyLeads,
}

#[cfg(test)]
thread_local! {
    pub(crate) static PLANTED: std::cell::Cell<Option<Planted>> = const { std::cell::Cell::new(None) };
}

/// Whether this bug is in.
#[cfg(test)]
pub(crate) fn planted(bug: Planted) -> bool {
    PLANTED.get() == Some(bug)
}

/// Never, outside a test.
#[cfg(not(test))]
pub(crate) fn planted(_: Planted) -> bool {
    false
}
