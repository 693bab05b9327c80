//! The commits that share one batch: an overlay of absolute values over the last durable version. Each member is
//! admitted or refused alone, seeing the members before it; the overlay has each key once, for fjall cannot order
//! two writes of one key within a batch.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::snapshot::EmbeddedSnapshot;
use crate::{CommitError, Fence, Key, KeyRange, Limits, Mutation, Value, WriteBatch, check_fences};

/// Writes of a group: a value, or none for a cleared key.
pub(super) type Overlay = BTreeMap<Key, Option<Value>>;

/// A group being formed.
pub(super) struct Group<'a> {
    base: &'a EmbeddedSnapshot,
    overlay: Overlay,
    /// What the member being admitted replaced, latest last; only kept for one that may still fail.
    undo: Vec<(Key, Option<Option<Value>>)>,
}

impl<'a> Group<'a> {
    pub fn new(base: &'a EmbeddedSnapshot) -> Self {
        Self {
            base,
            overlay: Overlay::new(),
            undo: Vec::new(),
        }
    }

    /// The writes of all admitted members.
    pub fn into_overlay(self) -> Overlay {
        self.overlay
    }

    /// Checks the fences and adds the writes, or leaves the group as it was.
    pub fn admit(&mut self, batch: WriteBatch, fences: &[Fence]) -> Result<(), CommitError> {
        check_fences(fences, |key| self.get(key))?;
        let fallible = batch
            .mutations()
            .iter()
            .any(|mutation| matches!(mutation, Mutation::ClearRange { .. }));
        let mut cleared = 0;
        for mutation in batch.into_mutations() {
            match mutation {
                Mutation::Put { key, value } => self.set(key, Some(value), fallible),
                Mutation::Clear { key } => self.set(key, None, fallible),
                Mutation::ClearRange { range } => {
                    if let Err(error) = self.clear_range(&range, &mut cleared) {
                        self.roll_back();
                        return Err(error);
                    }
                }
            }
        }
        self.undo.clear();
        Ok(())
    }

    fn get(&self, key: &[u8]) -> Result<Option<Bytes>, CommitError> {
        match self.overlay.get(key) {
            Some(value) => Ok(value.clone()),
            None => self.base.read(key).map_err(|error| unavailable(&error)),
        }
    }

    fn set(&mut self, key: Key, value: Option<Value>, fallible: bool) {
        if fallible {
            let before = self.overlay.insert(key.clone(), value);
            self.undo.push((key, before));
        } else {
            self.overlay.insert(key, value);
        }
    }

    fn roll_back(&mut self) {
        while let Some((key, before)) = self.undo.pop() {
            match before {
                Some(value) => self.overlay.insert(key, value),
                None => self.overlay.remove(&key),
            };
        }
    }

    fn clear_range(&mut self, range: &KeyRange, cleared: &mut usize) -> Result<(), CommitError> {
        let max = Limits::PORTABLE.clear_range_keys_max;
        let keys = self.existing_keys(range, max - *cleared + 1)?;
        *cleared += keys.len();
        if *cleared > max {
            return Err(CommitError::TooLarge {
                what: "clear_range_keys",
                actual: *cleared,
                max,
            });
        }
        for key in keys {
            self.set(key, None, true);
        }
        Ok(())
    }

    /// Keys of the range that exist now, at most `limit` of those in the base and of those in the overlay.
    fn existing_keys(&self, range: &KeyRange, limit: usize) -> Result<Vec<Key>, CommitError> {
        if range.is_empty() {
            return Ok(Vec::new());
        }
        let mut keys = Vec::new();
        for key in self.base.keys(range) {
            let key = key.map_err(|error| unavailable(&error))?;
            if !self.overlay.contains_key(&key) {
                keys.push(key);
            }
            if keys.len() >= limit {
                return Ok(keys);
            }
        }
        let added = self
            .overlay
            .range::<[u8], _>(range.bounds())
            .filter(|(_, value)| value.is_some());
        keys.extend(added.take(limit).map(|(key, _)| key.clone()));
        Ok(keys)
    }
}

fn unavailable(error: &fjall::Error) -> CommitError {
    CommitError::Unavailable {
        reason: error.to_string(),
    }
}
