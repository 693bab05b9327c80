//! Transactions on lists and registers.

use super::Random;
use crate::checkers::transactions::{Step, Transaction};
use crate::history::Outcome;

/// Values that one list has at most: a history of long lists is as long as their square.
const LIST_MAX: usize = 50;

/// As a correct store runs `count` transactions on lists and registers, one after the other, each at an instant of its
/// own within the time between its call and its answer.
pub fn transactions(random: &mut Random, count: usize, keys: u64) -> Vec<Transaction> {
    let mut lists: Vec<Vec<String>> = vec![Vec::new(); usize::try_from(keys).unwrap_or(1)];
    let mut registers: Vec<Option<String>> = vec![None; lists.len()];
    let mut one = |number: usize| {
        let instant = 1_000 + 10 * number as u64;
        let mut steps = Vec::new();
        for part in 0..1 + random.below(3) {
            let key = usize::try_from(random.below(keys)).unwrap_or(0);
            let value = format!("{number}.{part}");
            match random.below(4) {
                0 if lists[key].len() < LIST_MAX => {
                    lists[key].push(value.clone());
                    steps.push(Step::Append {
                        key: format!("l{key}"),
                        value,
                    });
                }
                1 => steps.push(Step::ReadList {
                    key: format!("l{key}"),
                    values: lists[key].clone(),
                }),
                2 => {
                    let version = Some((1, instant * 4 + part));
                    registers[key] = Some(value.clone());
                    steps.push(Step::Write {
                        key: format!("r{key}"),
                        value,
                        version,
                    });
                }
                _ => steps.push(Step::Read {
                    key: format!("r{key}"),
                    value: registers[key].clone(),
                }),
            }
        }
        let slack = random.below(60);
        Transaction {
            client: number as u64 % 8,
            invoked: instant - slack,
            completed: instant + 1 + random.below(60),
            steps,
            outcome: Outcome::Done,
        }
    };
    (0..count).map(&mut one).collect()
}
