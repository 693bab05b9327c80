//! How much of what each person told waits: who tells ever more to those who cannot be reached closes the outbox to himself,
//! and to nobody else of his shard.

use std::collections::{BTreeMap, HashMap};

use platform_model::RootRef;

/// Events of one person that may wait in the outbox of his shard; past it, what would add one is refused as overloaded.
pub(super) const OF_ONE_MAX: usize = 20_000;
/// More than that of what takes back.
pub(super) const OF_ONE_TAKEN_BACK_MAX: usize = 10_000;

/// Stands for an author while something of his waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Author(u32);

/// How full the outbox is for one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fullness {
    pub root: RootRef,
    pub full: bool,
    /// For what takes back, too.
    pub over: bool,
}

#[derive(Debug, Default)]
pub(super) struct Authors {
    waiting: BTreeMap<RootRef, (Author, usize)>,
    roots: HashMap<Author, RootRef>,
    given: u32,
}

impl Authors {
    /// Something of his waits. Answers what changed for him by that.
    pub(super) fn told(&mut self, root: RootRef) -> (Author, Option<Fullness>) {
        let (given, roots) = (&mut self.given, &mut self.roots);
        let (author, waiting) = self.waiting.entry(root).or_insert_with(|| {
            *given = given.wrapping_add(1);
            let author = Author(*given);
            roots.insert(author, root);
            (author, 0)
        });
        *waiting += 1;
        let changes = [OF_ONE_MAX, OF_ONE_MAX + OF_ONE_TAKEN_BACK_MAX].contains(waiting);
        (*author, changes.then(|| fullness(root, *waiting)))
    }

    /// Something of his waits no more.
    pub(super) fn went(&mut self, author: Author) -> Option<Fullness> {
        let root = *self.roots.get(&author)?;
        let (_, waiting) = self.waiting.get_mut(&root)?;
        *waiting -= 1;
        let waiting = *waiting;
        if waiting == 0 {
            self.waiting.remove(&root);
            self.roots.remove(&author);
        }
        let changes = [OF_ONE_MAX, OF_ONE_MAX + OF_ONE_TAKEN_BACK_MAX].contains(&(waiting + 1));
        changes.then(|| fullness(root, waiting))
    }
}

fn fullness(root: RootRef, waiting: usize) -> Fullness {
    Fullness {
        root,
        full: waiting >= OF_ONE_MAX,
        over: waiting >= OF_ONE_MAX + OF_ONE_TAKEN_BACK_MAX,
    }
}

#[cfg(test)]
mod tests {
    use platform_model::UserId;
    use uuid::Uuid;

    use super::*;

    #[test]
    fn each_has_a_bound_of_his_own_and_nothing_is_kept_of_one_of_whom_nothing_waits() {
        let root = |number| RootRef::user(UserId::from_uuid(Uuid::from_u128(number)));
        let mut authors = Authors::default();
        let (other, changed) = authors.told(root(2));
        assert_eq!(changed, None);
        let mut changes = Vec::new();
        let mut one = other;
        for number in 1..=OF_ONE_MAX + OF_ONE_TAKEN_BACK_MAX {
            let (author, changed) = authors.told(root(1));
            one = author;
            changes.extend(changed.map(|change| (number, change.root == root(1), change.full, change.over)));
        }
        let all = OF_ONE_MAX + OF_ONE_TAKEN_BACK_MAX;
        assert_eq!(
            changes,
            [(OF_ONE_MAX, true, true, false), (all, true, true, true)]
        );
        assert_ne!(one, other);
        let mut changes = Vec::new();
        for number in (0..all).rev() {
            let changed = authors.went(one);
            changes.extend(changed.map(|change| (number, change.full, change.over)));
        }
        assert_eq!(changes, [(all - 1, true, false), (OF_ONE_MAX - 1, false, false)]);
        assert_eq!(authors.went(one), None, "nothing of his waits");
        authors.went(other);
        assert!(authors.waiting.is_empty() && authors.roots.is_empty());
    }
}
