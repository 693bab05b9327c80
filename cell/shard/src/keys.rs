//! Where everything of one shard lies in the store.
//!
//! ```text
//! (shard, "d", root kind, root id, ...)   data of a root
//! (shard, "s", name, ...)                 state of the shard, written by log entries only
//! (shard, "l", position, part)            the change log
//! (shard, "m", name)                      this replica's own: never logged, never copied
//! ```
//! In the log, keys stand without the `(shard)` in front: see [`ShardKeys::relative`].

use bytes::{BufMut, Bytes, BytesMut};
use cell_store::KeyRange;
use cell_store::key::Tuple;
use platform_model::{Epoch, Position, RootId, RootKind, RootRef, ShardId};

use crate::error::TxError;
use crate::request::Scope;

/// Names under `"s"` that the shard writes itself.
const RESERVED: [&str; 2] = ["epochs", "trim"];

/// The shared table of events that wait for their delivery.
pub(crate) const OUTBOX: &str = "outbox";
/// The shared table of events that wait for a broker.
pub(crate) const BRIDGE: &str = "bridge";

/// The keys of one shard, made once.
#[derive(Debug, Clone)]
pub(crate) struct ShardKeys {
    prefix: Bytes,
    log: Bytes,
    epochs: Bytes,
    outbox: Bytes,
    bridge: Bytes,
    pub trim: Bytes,
    pub fence: Bytes,
    /// In a shared store: for how long whoever set the fence reads after a proof.
    pub lease: Bytes,
    pub applied: Bytes,
    pub incarnation: Bytes,
    pub replica: Bytes,
    /// The protocol's own state.
    pub meta: Bytes,
    /// Where the kept log begins here.
    pub base: Bytes,
    /// Number of the last batch.
    pub batch: Bytes,
    /// Where the next chunk of a copy begins.
    pub chunk: Bytes,
    /// Everything here is being removed.
    pub wiping: Bytes,
    /// What was erased here last.
    pub receipt: Bytes,
}

impl ShardKeys {
    pub(crate) fn new(shard: &ShardId) -> Self {
        let prefix = Tuple::new().str(shard.to_string()).pack();
        let under = |group: &str, name: &str| join(&prefix, &Tuple::new().str(group).str(name).pack());
        Self {
            log: join(&prefix, &Tuple::new().str("l").pack()),
            epochs: under("s", "epochs"),
            outbox: under("s", OUTBOX),
            bridge: under("s", BRIDGE),
            trim: under("s", "trim"),
            fence: under("m", "fence"),
            lease: under("m", "lease"),
            applied: under("m", "applied"),
            incarnation: under("m", "incarnation"),
            replica: under("m", "replica"),
            meta: under("m", "protocol"),
            base: under("m", "base"),
            batch: under("m", "batch"),
            chunk: under("m", "copy"),
            wiping: under("m", "wiping"),
            receipt: under("m", "receipt"),
            prefix,
        }
    }

    /// The prefix of all keys of a scope.
    pub(crate) fn scope(&self, scope: &Scope) -> Result<Bytes, TxError> {
        let prefix = Tuple::after(&self.prefix);
        match scope {
            Scope::Root(root) => Ok(of_root(prefix, *root).pack()),
            Scope::Shared(name) if RESERVED.contains(name) => Err(TxError::Invalid {
                reason: "the name of the shared table is reserved",
            }),
            Scope::Shared(name) => Ok(prefix.str("s").str(name).pack()),
        }
    }

    /// The beginning of all keys of the outbox.
    pub(crate) fn outbox(&self) -> &Bytes {
        &self.outbox
    }

    /// What the keys of all that waits for a broker begin with.
    pub(crate) fn bridge(&self) -> &Bytes {
        &self.bridge
    }

    /// A key as it stands in the log.
    pub(crate) fn relative(&self, key: &Bytes) -> Bytes {
        key.slice(self.prefix.len()..)
    }

    /// The same, borrowed.
    pub(crate) fn in_log<'a>(&self, key: &'a [u8]) -> &'a [u8] {
        &key[self.prefix.len()..]
    }

    /// A key of the log as it lies in the store.
    pub(crate) fn absolute(&self, key: &[u8]) -> Bytes {
        join(&self.prefix, key)
    }

    /// What is copied and digested: data and replicated state, each a range of relative keys.
    pub(crate) fn replicated() -> [KeyRange; 2] {
        ["d", "s"].map(|group| KeyRange::prefix(Tuple::new().str(group).pack()))
    }

    /// The parts of a range of relative keys that are copied and digested, as they lie in the store.
    pub(crate) fn replicated_in(&self, start: &[u8], end: &[u8]) -> Vec<KeyRange> {
        let part = |group: KeyRange| {
            let (from, to) = (group.start.as_ref().max(start), group.end.as_ref().min(end));
            (from < to).then(|| KeyRange::new(self.absolute(from), self.absolute(to)))
        };
        Self::replicated().into_iter().filter_map(part).collect()
    }

    /// Everything of the shard.
    pub(crate) fn whole(&self) -> KeyRange {
        KeyRange::prefix(self.prefix.clone())
    }

    /// All entries.
    pub(crate) fn whole_log(&self) -> KeyRange {
        KeyRange::prefix(self.log.clone())
    }

    pub(crate) fn log_part(&self, position: Position, part: usize) -> Bytes {
        join(&self.log, &Tuple::new().u64(position.0).u64(part as u64).pack())
    }

    /// The entries behind `after`, up to `last`.
    pub(crate) fn log_range(&self, after: Position, last: Position) -> KeyRange {
        let start = |position: Position| join(&self.log, &Tuple::new().u64(position.0).pack());
        KeyRange::new(start(after.next()), start(Position(last.0.saturating_add(1))))
    }

    /// Position and part of a key of the log.
    pub(crate) fn parse_log(&self, key: &Bytes) -> Option<(Position, u64)> {
        let mut tail = key.get(self.log.len()..)?;
        let position = take_integer(&mut tail)?;
        let part = take_integer(&mut tail)?;
        tail.is_empty().then_some((Position(position), part))
    }

    pub(crate) fn epoch(&self, epoch: Epoch) -> Bytes {
        join(&self.epochs, &Tuple::new().u64(epoch.0).pack())
    }

    pub(crate) fn epochs(&self) -> KeyRange {
        KeyRange::prefix(self.epochs.clone())
    }

    pub(crate) fn parse_epoch(&self, key: &Bytes) -> Option<Epoch> {
        let mut tail = key.get(self.epochs.len()..)?;
        take_integer(&mut tail).map(Epoch)
    }
}

/// A key of a shared table, as it stands in the log.
pub fn shared_key(table: &str, key: &[u8]) -> Bytes {
    join(&Tuple::new().str("s").str(table).pack(), key)
}

/// The beginning of all keys of a root, as they stand in the log.
pub fn keys_of(root: RootRef) -> Bytes {
    of_root(Tuple::new(), root).pack()
}

fn of_root(before: Tuple, root: RootRef) -> Tuple {
    before.str("d").u64(root.kind as u64).uuid(root.id.0)
}

/// The root whose data lies under a key of the log; none for what is no root's.
pub fn root_of(key: &[u8]) -> Option<RootRef> {
    /// The code of a UUID in a packed tuple.
    const UUID: u8 = 0x30;
    let data = Tuple::new().str("d").pack();
    let mut tail = key.strip_prefix(&*data)?;
    let kind = match take_integer(&mut tail)? {
        1 => RootKind::User,
        2 => RootKind::Group,
        3 => RootKind::Challenge,
        4 => RootKind::Desk,
        _ => return None,
    };
    let id = tail.strip_prefix(&[UUID])?.first_chunk::<16>()?;
    let id = RootId(uuid::Uuid::from_bytes(*id));
    Some(RootRef { kind, id })
}

/// The non-negative integer in front of a packed tuple: its code is 20 plus the number of its bytes.
fn take_integer(tail: &mut &[u8]) -> Option<u64> {
    let (code, rest) = tail.split_first()?;
    let length = usize::from(code.checked_sub(20)?);
    if length > 8 || rest.len() < length {
        return None;
    }
    let (digits, rest) = rest.split_at(length);
    *tail = rest;
    Some(
        digits
            .iter()
            .fold(0, |number, digit| number << 8 | u64::from(*digit)),
    )
}

pub(crate) fn join(prefix: &[u8], tail: &[u8]) -> Bytes {
    let mut key = BytesMut::with_capacity(prefix.len() + tail.len());
    key.put_slice(prefix);
    key.put_slice(tail);
    key.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_the_log_read_back_and_are_in_order() {
        let keys = ShardKeys::new(&"eu/eu-central/007".parse().expect("a shard"));
        let mut last = Bytes::new();
        for position in [1, 255, 256, 65_535, 65_536, u64::MAX - 1] {
            for part in [0, 1, 300] {
                let key = keys.log_part(Position(position), part);
                assert_eq!(keys.parse_log(&key), Some((Position(position), part as u64)));
                assert!(key > last);
                assert!(
                    keys.log_range(Position(position - 1), Position(position))
                        .contains(&key)
                );
                last = key;
            }
        }
    }

    #[test]
    fn the_root_of_a_key_is_found_and_what_is_no_roots_has_none() {
        let keys = ShardKeys::new(&"eu/eu-central/007".parse().expect("a shard"));
        for kind in [
            RootKind::User,
            RootKind::Group,
            RootKind::Challenge,
            RootKind::Desk,
        ] {
            let id = RootId(uuid::Uuid::from_u128(7 << 64 | kind as u128));
            let root = RootRef { kind, id };
            let scope = keys.scope(&Scope::Root(root)).expect("a scope");
            let row = join(&scope, b"whatever");
            assert_eq!(root_of(&keys.relative(&row)), Some(root));
            assert_eq!(keys.relative(&scope), keys_of(root));
            assert_eq!(root_of(&keys.relative(&scope)[..5]), None, "half a key");
        }
        let shared = keys.scope(&Scope::Shared("claims")).expect("a scope");
        assert_eq!(root_of(&keys.relative(&shared)), None);
    }

    #[test]
    fn a_shared_table_cannot_take_the_name_of_the_shards_own_state() {
        let keys = ShardKeys::new(&"eu/eu-central/007".parse().expect("a shard"));
        assert!(keys.scope(&Scope::Shared("trim")).is_err());
        assert!(keys.scope(&Scope::Shared("claims")).is_ok());
    }
}
