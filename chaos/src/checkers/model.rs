//! The state that operations act on, with undo and a running hash, so that a search can go back.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use crate::history::{Blob, Read, Write, show};

/// An ordered map of keys. Its hash is the exclusive-or over its rows, so it does not depend on the way there.
#[derive(Debug, Default)]
pub(crate) struct Model {
    rows: BTreeMap<Blob, Blob>,
    hash: u64,
}

/// What a write replaced, newest last.
pub(crate) type Undo = Vec<(Blob, Option<Blob>)>;

impl Model {
    pub(crate) fn new(rows: &[(Blob, Blob)]) -> Self {
        let mut model = Self::default();
        for (key, value) in rows {
            model.set(key.clone(), Some(value.clone()));
        }
        model
    }

    pub(crate) fn hash(&self) -> u64 {
        self.hash
    }

    /// Whether all reads see exactly this state.
    pub(crate) fn explains(&self, reads: &[Read]) -> bool {
        reads.iter().all(|read| self.mismatch(read).is_none())
    }

    /// What is wrong with a read, for people.
    pub(crate) fn mismatch(&self, read: &Read) -> Option<String> {
        match read {
            Read::Key { key, value } if self.rows.get(key) == value.as_ref() => None,
            Read::Key { key, value } => {
                let (saw, is) = (show_value(value.as_ref()), show_value(self.rows.get(key)));
                Some(format!("read {} as {saw}, but it is {is}", show(key)))
            }
            Read::Range {
                start,
                end,
                limit,
                reverse,
                rows,
            } => {
                let found = self.range(start, end, *limit, *reverse);
                let same = found.len() == rows.len()
                    && found.iter().zip(rows).all(|(a, b)| *a.0 == b.0 && *a.1 == b.1);
                (!same).then(|| {
                    let found: Vec<String> = found.iter().map(|(key, value)| show_row(key, value)).collect();
                    let saw: Vec<String> = rows.iter().map(|(key, value)| show_row(key, value)).collect();
                    let (saw, is) = (saw.join(", "), found.join(", "));
                    format!("read {}..{} as [{saw}], but it is [{is}]", show(start), show(end))
                })
            }
        }
    }

    /// Applies writes; the answer takes them back.
    pub(crate) fn apply(&mut self, writes: &[Write]) -> Undo {
        let mut undo = Undo::new();
        for write in writes {
            match write {
                Write::Put { key, value } => {
                    undo.push((key.clone(), self.set(key.clone(), Some(value.clone()))))
                }
                Write::Clear { key } => undo.push((key.clone(), self.set(key.clone(), None))),
                Write::ClearRange { start, end } => {
                    for key in self.keys(start, end) {
                        undo.push((key.clone(), self.set(key, None)));
                    }
                }
            }
        }
        undo
    }

    pub(crate) fn undo(&mut self, undo: Undo) {
        for (key, value) in undo.into_iter().rev() {
            self.set(key, value);
        }
    }

    fn set(&mut self, key: Blob, value: Option<Blob>) -> Option<Blob> {
        if let Some(value) = &value {
            self.hash ^= row_hash(&key, value);
        }
        let before = match value {
            Some(value) => self.rows.insert(key.clone(), value),
            None => self.rows.remove(&key),
        };
        if let Some(before) = &before {
            self.hash ^= row_hash(&key, before);
        }
        before
    }

    fn range(&self, start: &Blob, end: &Blob, limit: usize, reverse: bool) -> Vec<(&Blob, &Blob)> {
        if start >= end {
            return Vec::new();
        }
        let rows = self.rows.range(start.clone()..end.clone());
        if reverse {
            rows.rev().take(limit).collect()
        } else {
            rows.take(limit).collect()
        }
    }

    fn keys(&self, start: &Blob, end: &Blob) -> Vec<Blob> {
        self.range(start, end, usize::MAX, false)
            .into_iter()
            .map(|(key, _)| key.clone())
            .collect()
    }
}

fn row_hash(key: &Blob, value: &Blob) -> u64 {
    let mut hasher = DefaultHasher::new();
    (key, value).hash(&mut hasher);
    hasher.finish()
}

fn show_value(value: Option<&Blob>) -> String {
    value.map_or_else(|| "absent".to_owned(), |value| show(value))
}

fn show_row(key: &Blob, value: &Blob) -> String {
    format!("{}: {}", show(key), show(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn undo_restores_the_state_and_its_hash() {
        let row = |key: u8| (vec![key], vec![key, 0]);
        let mut model = Model::new(&[row(1), row(2), row(3)]);
        let hash = model.hash();
        let undo = model.apply(&[
            Write::Put {
                key: vec![2],
                value: vec![9],
            },
            Write::ClearRange {
                start: vec![1],
                end: vec![3],
            },
            Write::Put {
                key: vec![1],
                value: vec![7],
            },
        ]);
        assert_ne!(model.hash(), hash);
        assert_eq!(model.rows.len(), 2);
        model.undo(undo);
        assert_eq!((model.rows.len(), model.hash()), (3, hash));
    }
}
