//! The grounds on which data may go abroad: a closed list, since rules read them.

use std::fmt;

use serde::Deserialize;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mechanism {
    /// A decision that the place protects data as well as the law at home does.
    Adequacy,
    /// Clauses that an authority has approved, signed with whoever receives.
    StandardClauses,
    /// Rules that bind the whole group of companies, approved by an authority.
    BindingRules,
    /// A certificate or code of conduct that whoever receives has joined.
    Certification,
    /// A notice to the authority that it has not objected to.
    RegulatorNotice,
}

impl Mechanism {
    pub const ALL: [Self; 5] = [
        Self::Adequacy,
        Self::StandardClauses,
        Self::BindingRules,
        Self::Certification,
        Self::RegulatorNotice,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Adequacy => "adequacy",
            Self::StandardClauses => "standard-clauses",
            Self::BindingRules => "binding-rules",
            Self::Certification => "certification",
            Self::RegulatorNotice => "regulator-notice",
        }
    }
}

impl fmt::Display for Mechanism {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Which of them there are, for one jurisdiction and region.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MechanismSet(u8);

impl MechanismSet {
    pub fn iter(self) -> impl Iterator<Item = Mechanism> {
        Mechanism::ALL
            .into_iter()
            .filter(move |kind| self.contains(*kind))
    }

    pub fn contains(self, kind: Mechanism) -> bool {
        self.0 & 1 << kind as u8 != 0
    }

    pub(crate) fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Every set of mechanisms, the empty one first.
    pub(crate) fn all_sets() -> impl Iterator<Item = Self> {
        (0..1 << Mechanism::ALL.len()).map(Self)
    }
}

impl FromIterator<Mechanism> for MechanismSet {
    fn from_iter<I: IntoIterator<Item = Mechanism>>(kinds: I) -> Self {
        Self(kinds.into_iter().fold(0, |bits, kind| bits | 1 << kind as u8))
    }
}

impl fmt::Display for MechanismSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.iter().map(Mechanism::as_str).collect();
        f.write_str(if names.is_empty() { "none" } else { "" })?;
        f.write_str(&names.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_hold_what_was_put_in() {
        for set in MechanismSet::all_sets() {
            assert_eq!(set.iter().collect::<MechanismSet>(), set);
        }
        let two = MechanismSet::from_iter([Mechanism::RegulatorNotice, Mechanism::Adequacy]);
        assert_eq!(two.to_string(), "adequacy, regulator-notice");
        assert_eq!(MechanismSet::default().to_string(), "none");
        assert_eq!(MechanismSet::all_sets().count(), 32);
    }
}
