//! A batch of writes: absolute values only, applied in order, all or nothing.

use bytes::Bytes;

use crate::{Key, KeyRange, Value};

/// One write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mutation {
    /// Sets a value.
    Put {
        /// Where.
        key: Key,
        /// What.
        value: Value,
    },
    /// Removes a key; no error when it is absent.
    Clear {
        /// Which.
        key: Key,
    },
    /// Removes all keys of a range, as counted by the engine: at most
    /// [`crate::Limits::clear_range_keys_max`] existing keys for all ranges of one batch.
    ClearRange {
        /// Which.
        range: KeyRange,
    },
}

/// Writes that become durable together. A later mutation of a key wins over an earlier one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WriteBatch {
    mutations: Vec<Mutation>,
    bytes: usize,
}

impl WriteBatch {
    /// An empty batch. Committing one checks the fences and nothing else.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a put.
    pub fn put(&mut self, key: impl Into<Bytes>, value: impl Into<Bytes>) -> &mut Self {
        self.push(Mutation::Put {
            key: key.into(),
            value: value.into(),
        })
    }

    /// Adds a clear.
    pub fn clear(&mut self, key: impl Into<Bytes>) -> &mut Self {
        self.push(Mutation::Clear { key: key.into() })
    }

    /// Adds a bounded clear of a range.
    pub fn clear_range(&mut self, range: KeyRange) -> &mut Self {
        self.push(Mutation::ClearRange { range })
    }

    /// Adds a mutation.
    pub fn push(&mut self, mutation: Mutation) -> &mut Self {
        self.bytes += match &mutation {
            Mutation::Put { key, value } => key.len() + value.len(),
            Mutation::Clear { key } => key.len(),
            Mutation::ClearRange { range } => range.start.len() + range.end.len(),
        };
        self.mutations.push(mutation);
        self
    }

    /// Adds all of another batch behind this one.
    pub fn append(&mut self, other: WriteBatch) -> &mut Self {
        self.bytes += other.bytes;
        self.mutations.extend(other.mutations);
        self
    }

    /// Bytes of keys and values, as [`crate::Limits::batch_bytes_max`] counts them.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Number of mutations.
    pub fn len(&self) -> usize {
        self.mutations.len()
    }

    /// Whether it has no mutation.
    pub fn is_empty(&self) -> bool {
        self.mutations.is_empty()
    }

    /// In order.
    pub fn mutations(&self) -> &[Mutation] {
        &self.mutations
    }

    /// In order, by value.
    pub fn into_mutations(self) -> Vec<Mutation> {
        self.mutations
    }
}
