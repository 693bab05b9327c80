//! Bugs that a test puts into the rules, to show that it would see them. Compiled out of everything else.

/// A rule that is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Planted {
    /// Two operations at once on one shard.
    TwoOperations,
    /// A copy is made where the law does not permit it.
    LawNotAsked,
    /// A copy is erased before its operation says so.
    EarlyErase,
    /// A switchover without a certificate.
    NoCertificate,
    /// A step is left before it is done.
    StepNotLookedAt,
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
