//! The library's state machine over a [`Machine`]: the state lives in memory, is rebuilt at a start from the newest
//! snapshot and the log behind it, and is published after each batch.

use std::fmt::Debug;
use std::io;
use std::sync::Arc;

use bytes::Bytes;
use futures::{Stream, StreamExt};
use openraft::entry::RaftEntry;
use openraft::storage::{EntryResponder, RaftSnapshotBuilder, RaftStateMachine};
use openraft::{EntryPayload, OptionalSend};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use tokio::task::spawn_blocking;

use crate::machine::{Journal, Logged, Machine};
use crate::snapshot::SnapshotStore;
use crate::types::{LogId, Proposal, Reply, Snapshot, SnapshotMeta, StoredMembership, Types};

/// What the library drives. It owns the only one.
#[derive(Debug)]
pub struct StateMachine<M: Machine> {
    machine: M,
    state: Arc<M::State>,
    applied: Option<LogId>,
    membership: StoredMembership,
    snapshots: Arc<SnapshotStore>,
    published: watch::Sender<Arc<M::State>>,
}

/// The stored form of a state.
#[derive(Serialize)]
struct StoredRef<'a, S> {
    version: u16,
    state: &'a S,
}

#[derive(Deserialize)]
struct StoredVersion {
    version: u16,
}

#[derive(Deserialize)]
struct Stored<S> {
    state: S,
}

impl<M: Machine> StateMachine<M> {
    /// Starts from nothing: the library installs the newest snapshot and applies the log.
    pub fn new(machine: M, snapshots: Arc<SnapshotStore>) -> (Self, watch::Receiver<Arc<M::State>>) {
        let state = Arc::new(machine.initial());
        let (published, readers) = watch::channel(Arc::clone(&state));
        let membership = StoredMembership::default();
        (
            Self {
                machine,
                state,
                applied: None,
                membership,
                snapshots,
                published,
            },
            readers,
        )
    }

    fn apply_one(&mut self, index: u64, proposal: &Proposal) -> io::Result<M::Outcome> {
        // A command of a newer build must stop this one: to skip it would make two states of one log.
        let command = serde_json::from_str(&proposal.0).map_err(|e| {
            invalid(format!(
                "entry {index} holds a command that this build does not know: {e}"
            ))
        })?;
        let logged = Logged {
            index,
            text: &proposal.0,
        };
        Ok(self
            .machine
            .apply(Arc::make_mut(&mut self.state), &command, logged))
    }

    fn publish(&self) {
        self.published.send_replace(Arc::clone(&self.state));
        metrics::gauge!("raft_applied_index").set(self.applied.map_or(0, |log_id| log_id.index) as f64);
    }
}

impl<M: Machine> RaftStateMachine<Types> for StateMachine<M> {
    type SnapshotData = Bytes;
    type SnapshotBuilder = Builder<M>;

    async fn applied_state(&mut self) -> io::Result<(Option<LogId>, StoredMembership)> {
        Ok((self.applied, self.membership.clone()))
    }

    async fn apply<S>(&mut self, mut entries: S) -> io::Result<()>
    where
        S: Stream<Item = io::Result<EntryResponder<Types>>> + Unpin + OptionalSend,
    {
        let mut replies = Vec::new();
        while let Some(item) = entries.next().await {
            let (entry, responder) = item?;
            let log_id = entry.log_id();
            let outcome = match &entry.payload {
                EntryPayload::Blank => None,
                EntryPayload::Normal(proposal) => Some(self.apply_one(log_id.index, proposal)?),
                EntryPayload::Membership(members) => {
                    self.membership = StoredMembership::new(Some(log_id), members.clone());
                    None
                }
            };
            self.applied = Some(log_id);
            if let Some(responder) = responder {
                replies.push((responder, reply(outcome)?));
            }
        }
        self.machine.wrote()?;
        // Published first: whoever has its answer finds its effect in the state.
        self.publish();
        for (responder, reply) in replies {
            responder.send(reply);
        }
        Ok(())
    }

    async fn get_snapshot_builder(&mut self) -> Builder<M> {
        let meta = SnapshotMeta {
            last_log_id: self.applied,
            last_membership: self.membership.clone(),
        };
        Builder {
            state: Arc::clone(&self.state),
            meta,
            snapshots: Arc::clone(&self.snapshots),
            journal: self.machine.journal(),
        }
    }

    async fn install_snapshot(&mut self, meta: &SnapshotMeta, data: Bytes) -> io::Result<()> {
        let (snapshots, stored) = (Arc::clone(&self.snapshots), meta.clone());
        let journal = self.machine.journal();
        let state = blocking(move || {
            let state = decode::<M>(&data)?;
            journal.sync()?;
            snapshots.save(&stored, &data)?;
            Ok(state)
        });
        self.state = Arc::new(state.await?);
        self.machine.replaced(&self.state)?;
        self.applied = meta.last_log_id;
        self.membership = meta.last_membership.clone();
        self.publish();
        Ok(())
    }

    async fn get_current_snapshot(&mut self) -> io::Result<Option<Snapshot>> {
        let snapshots = Arc::clone(&self.snapshots);
        blocking(move || snapshots.load()).await
    }
}

/// One state, held while it is written.
#[derive(Debug)]
pub struct Builder<M: Machine> {
    state: Arc<M::State>,
    meta: SnapshotMeta,
    snapshots: Arc<SnapshotStore>,
    journal: Arc<dyn Journal>,
}

impl<M: Machine> RaftSnapshotBuilder<Types> for Builder<M> {
    type SnapshotData = Bytes;

    async fn build_snapshot(&mut self) -> io::Result<Snapshot> {
        let (state, meta) = (Arc::clone(&self.state), self.meta.clone());
        let (snapshots, journal) = (Arc::clone(&self.snapshots), Arc::clone(&self.journal));
        blocking(move || {
            journal.sync()?;
            let data = Bytes::from(stored::<M>(&state)?);
            snapshots.save(&meta, &data)?;
            Ok(Snapshot { meta, snapshot: data })
        })
        .await
    }
}

/// A state as a snapshot holds it.
pub(crate) fn stored<M: Machine>(state: &M::State) -> io::Result<Vec<u8>> {
    let version = M::STATE_VERSION;
    serde_json::to_vec(&StoredRef { version, state }).map_err(io::Error::other)
}

fn decode<M: Machine>(data: &[u8]) -> io::Result<M::State> {
    let parse = |e: serde_json::Error| invalid(format!("a state that does not parse: {e}"));
    let StoredVersion { version } = serde_json::from_slice(data).map_err(parse)?;
    if version == M::STATE_VERSION {
        let stored: Stored<M::State> = serde_json::from_slice(data).map_err(parse)?;
        return Ok(stored.state);
    }
    let stored: Stored<serde_json::Value> = serde_json::from_slice(data).map_err(parse)?;
    M::upgrade(version, stored.state).map_err(invalid)
}

fn reply<O: Serialize + Debug>(outcome: Option<O>) -> io::Result<Reply> {
    outcome
        .map(|o| serde_json::to_string(&o))
        .transpose()
        .map(Reply)
        .map_err(io::Error::other)
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    spawn_blocking(work).await.map_err(io::Error::other)?
}

fn invalid(what: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use openraft::LogId;
    use openraft::testing::log_id;

    use super::*;
    use crate::tests::{Add, Register, Sum};
    use crate::types::Entry;

    fn machine(dir: &std::path::Path) -> (StateMachine<Register>, watch::Receiver<Arc<Sum>>) {
        StateMachine::new(Register, Arc::new(SnapshotStore::open(dir.to_owned()).unwrap()))
    }

    async fn apply<M: Machine>(machine: &mut StateMachine<M>, index: u64, command: &str) -> io::Result<()> {
        let payload = EntryPayload::Normal(Proposal(command.to_owned()));
        let entry = Entry {
            log_id: log_id::<Types>(1, 1, index),
            payload,
        };
        machine.apply(futures::stream::iter([Ok((entry, None))])).await
    }

    #[tokio::test]
    async fn a_command_of_a_newer_build_stops_the_node_rather_than_being_skipped() {
        let dir = tempfile::tempdir().unwrap();
        let (mut machine, state) = machine(dir.path());
        apply(&mut machine, 1, r#"{"id":1,"by":5}"#).await.unwrap();
        let error = apply(&mut machine, 2, r#"{"multiply":1}"#).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        assert_eq!(state.borrow().total, 5);
        let (applied, _) = machine.applied_state().await.unwrap();
        assert_eq!(applied.map(|log_id: LogId<_>| log_id.index), Some(1));
    }

    #[tokio::test]
    async fn a_snapshot_is_the_state_and_one_of_a_newer_build_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let (mut first, state) = machine(&dir.path().join("first"));
        apply(&mut first, 1, r#"{"id":1,"by":5}"#).await.unwrap();
        let snapshot = first.get_snapshot_builder().await.build_snapshot().await.unwrap();
        let (mut second, copy) = machine(&dir.path().join("second"));
        second
            .install_snapshot(&snapshot.meta, snapshot.snapshot.clone())
            .await
            .unwrap();
        assert_eq!(*copy.borrow(), *state.borrow());
        let newer = String::from_utf8(snapshot.snapshot.to_vec())
            .unwrap()
            .replace(r#""version":1"#, r#""version":2"#);
        let error = second
            .install_snapshot(&snapshot.meta, newer.into())
            .await
            .unwrap_err();
        assert!(error.to_string().contains("version 2"), "{error}");
        assert_eq!(*copy.borrow(), *state.borrow());
    }

    /// A register that writes beside its state, on a disk that may be full.
    #[derive(Debug, Default)]
    struct Writing {
        full: Arc<AtomicBool>,
    }

    impl Writing {
        fn look(&self) -> io::Result<()> {
            if self.full.load(Ordering::Relaxed) {
                return Err(io::ErrorKind::StorageFull.into());
            }
            Ok(())
        }
    }

    impl Journal for Writing {
        fn sync(&self) -> io::Result<()> {
            self.look()
        }
    }

    impl Machine for Writing {
        type Command = Add;
        type Outcome = u64;
        type State = Sum;
        const STATE_VERSION: u16 = 1;

        fn initial(&self) -> Sum {
            Sum::default()
        }

        fn apply(&mut self, state: &mut Sum, command: &Add, logged: Logged<'_>) -> u64 {
            Register.apply(state, command, logged)
        }

        fn wrote(&mut self) -> io::Result<()> {
            self.look()
        }

        fn journal(&self) -> Arc<dyn Journal> {
            let full = Arc::clone(&self.full);
            Arc::new(Self { full })
        }
    }

    #[tokio::test]
    async fn what_cannot_be_written_beside_the_state_is_not_told_and_no_snapshot_replaces_its_log() {
        let dir = tempfile::tempdir().unwrap();
        let snapshots = Arc::new(SnapshotStore::open(dir.path().to_owned()).unwrap());
        let writing = Writing::default();
        let full = Arc::clone(&writing.full);
        let (mut machine, state) = StateMachine::new(writing, Arc::clone(&snapshots));
        apply(&mut machine, 1, r#"{"id":1,"by":5}"#).await.unwrap();
        full.store(true, Ordering::Relaxed);
        let error = apply(&mut machine, 2, r#"{"id":2,"by":5}"#).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
        assert_eq!(state.borrow().total, 5, "nobody sees what is not written");
        let refused = machine.get_snapshot_builder().await.build_snapshot().await;
        assert_eq!(refused.unwrap_err().kind(), io::ErrorKind::StorageFull);
        assert_eq!(snapshots.meta(), None);
    }
}
