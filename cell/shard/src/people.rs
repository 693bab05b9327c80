//! Whose rows a shard holds.

use bytes::Bytes;
use cell_store::{KeyRange, SnapshotError};
use platform_model::{RootKind, RootRef, UserId};

use crate::error::TxError;
use crate::keys::{join, keys_of, root_of};
use crate::shard::Shard;

/// Behind every key that begins as another does: no element of a packed tuple begins so.
const BEHIND: u8 = 0xff;

impl Shard {
    /// People who have rows here, in the order of their ids, behind `after`, at most `limit`: from one snapshot, which may show
    /// what is not committed yet. One short read a person, however many rows each has.
    ///
    /// # Errors
    /// The term's end, the store's.
    pub async fn people(&self, after: Option<UserId>, limit: usize) -> Result<Vec<UserId>, TxError> {
        let shared = &self.shared;
        let (snapshot, _) = shared.snapshot().await?;
        let first = keys_of(RootRef::user(UserId::from_uuid(uuid::Uuid::nil())));
        let last = keys_of(RootRef::user(UserId::from_uuid(uuid::Uuid::max())));
        let end = shared.keys.absolute(&join(&last, &[BEHIND]));
        let mut start = match after {
            None => shared.keys.absolute(&first),
            Some(user) => behind(&shared.keys.absolute(&keys_of(RootRef::user(user)))),
        };
        let mut people = Vec::new();
        while people.len() < limit {
            let rest = KeyRange::new(start, end.clone());
            let page = snapshot.scan(&rest, 1, false).await.map_err(unread)?;
            let Some((key, _)) = page.rows.into_iter().next() else {
                break;
            };
            let root = root_of(&shared.keys.relative(&key)).filter(|root| root.kind == RootKind::User);
            let Some(root) = root else { break };
            people.push(UserId::from_uuid(root.id.0));
            start = behind(&shared.keys.absolute(&keys_of(root)));
        }
        Ok(people)
    }
}

fn behind(prefix: &Bytes) -> Bytes {
    join(prefix, &[BEHIND])
}

fn unread(error: SnapshotError) -> TxError {
    TxError::Unavailable {
        reason: error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use cell_store::memory::Memory;
    use uuid::Uuid;

    use super::*;
    use crate::tests::harness::{open, request_of};
    use crate::{Scope, Tx};

    #[tokio::test]
    async fn everybody_with_rows_is_named_once_in_order_and_nobody_else() {
        let shard = open(Memory::new(), 1).await.expect("opens");
        assert_eq!(shard.people(None, 10).await.expect("read"), []);
        let people: Vec<UserId> = [1, 7, 8, u128::MAX]
            .map(|number| UserId::from_uuid(Uuid::from_u128(number)))
            .into();
        for user in people.iter().rev() {
            let request = request_of(Uuid::new_v4(), user.as_uuid().as_u128());
            let write = |tx: Tx| async move {
                for row in 0..20 {
                    tx.put(format!("row {row}"), "x")?;
                }
                Ok::<_, TxError>(())
            };
            shard.write(&request, write).await.expect("written");
        }
        let mut other = request_of(Uuid::new_v4(), 1);
        for scope in [
            Scope::Shared("a table"),
            Scope::Root(RootRef {
                kind: RootKind::Group,
                ..RootRef::user(people[1])
            }),
        ] {
            other.scope = scope;
            let write = |tx: Tx| async move { tx.put("row", "x") };
            shard.write(&other, write).await.expect("written");
        }
        assert_eq!(shard.people(None, 10).await.expect("read"), people);
        assert_eq!(shard.people(None, 2).await.expect("read"), people[..2]);
        assert_eq!(shard.people(Some(people[1]), 2).await.expect("read"), people[2..]);
        assert_eq!(shard.people(Some(people[3]), 2).await.expect("read"), []);
    }
}
