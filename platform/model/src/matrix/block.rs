//! The answers for one place (jurisdiction x region): a fixed array over action x class x purpose.
//!
//! One answer is 16 bits: two of the answer, fourteen of the rule's index plus one. All zeros: denied, by no rule.

use super::answer::{Answer, RuleIndex, Ruling};
use super::words::{Action, Purpose};
use crate::class::DataClass;

/// Answers of one place.
pub const CELLS: usize = Action::ALL.len() * DataClass::ALL.len() * Purpose::ALL.len();

const RULE_BITS: u32 = 14;
const RULE_MASK: u16 = (1 << RULE_BITS) - 1;
const PERMIT: u16 = 1;
const CONSENT: u16 = 2;

/// Denies everything until told otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Block([u16; CELLS]);

impl Default for Block {
    fn default() -> Self {
        Self([0; CELLS])
    }
}

impl Block {
    /// Sets the answer of a point; the purpose of a consent is the point's own.
    ///
    /// # Panics
    /// If the rule's index has more than 14 bits; a builder refuses so many rules before.
    pub fn set(&mut self, action: Action, class: DataClass, purpose: Purpose, ruling: Ruling) {
        let answer = match ruling.answer {
            Answer::Deny => 0,
            Answer::Permit => PERMIT,
            Answer::PermitWithConsent(_) => CONSENT,
        };
        let rule = ruling.rule.map_or(0, |rule| rule.0 + 1);
        assert!(
            rule <= RULE_MASK,
            "a matrix names at most {} rules",
            super::RULES_MAX
        );
        self.0[cell_of(action, class, purpose)] = answer << RULE_BITS | rule;
    }

    pub fn ruling(&self, action: Action, class: DataClass, purpose: Purpose) -> Ruling {
        let cell = self.0[cell_of(action, class, purpose)];
        let answer = match cell >> RULE_BITS {
            PERMIT => Answer::Permit,
            CONSENT => Answer::PermitWithConsent(purpose),
            _ => Answer::Deny,
        };
        let rule = (cell & RULE_MASK).checked_sub(1).map(RuleIndex);
        Ruling { answer, rule }
    }

    pub(super) fn cells(&self) -> &[u16; CELLS] {
        &self.0
    }

    /// From stored cells; `None` if one is not an answer or names a rule past `rules`.
    pub(super) fn from_cells(cells: [u16; CELLS], rules: usize) -> Option<Self> {
        let sound = |cell: &u16| cell >> RULE_BITS <= CONSENT && usize::from(cell & RULE_MASK) <= rules;
        cells.iter().all(sound).then_some(Self(cells))
    }
}

impl RuleIndex {
    /// The rule at this place in the list of rules; `None` past what a matrix can name.
    pub fn new(index: usize) -> Option<Self> {
        u16::try_from(index)
            .ok()
            .filter(|_| index < super::RULES_MAX)
            .map(Self)
    }
}

fn cell_of(action: Action, class: DataClass, purpose: Purpose) -> usize {
    let class = class as usize - 1;
    (action.index() * DataClass::ALL.len() + class) * Purpose::ALL.len() + purpose.index()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_point_of_a_block_has_its_own_cell_and_keeps_its_answer() {
        let mut block = Block::default();
        let answer = |n: usize, purpose| match n % 3 {
            0 => Answer::Deny,
            1 => Answer::Permit,
            _ => Answer::PermitWithConsent(purpose),
        };
        let mut points = Vec::new();
        for action in Action::ALL {
            for class in DataClass::ALL {
                points.extend(Purpose::ALL.map(|purpose| (action, class, purpose)));
            }
        }
        assert_eq!(points.len(), CELLS);
        for (n, (action, class, purpose)) in points.iter().copied().enumerate() {
            let rule = (n % 7 != 0).then(|| RuleIndex::new(n * 18).expect("few enough"));
            block.set(
                action,
                class,
                purpose,
                Ruling {
                    answer: answer(n, purpose),
                    rule,
                },
            );
        }
        for (n, (action, class, purpose)) in points.into_iter().enumerate() {
            let found = block.ruling(action, class, purpose);
            assert_eq!(found.answer, answer(n, purpose));
            assert_eq!(
                found.rule.map(RuleIndex::as_usize),
                (n % 7 != 0).then_some(n * 18)
            );
        }
    }

    #[test]
    fn a_cell_that_is_no_answer_is_not_read() {
        let mut cells = [0; CELLS];
        cells[3] = PERMIT << RULE_BITS | 5;
        assert!(Block::from_cells(cells, 5).is_some());
        assert!(Block::from_cells(cells, 4).is_none(), "a rule past the list");
        cells[3] = 3 << RULE_BITS;
        assert!(Block::from_cells(cells, 5).is_none(), "a fourth answer");
    }
}
