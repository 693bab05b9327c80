//! What a copy is opened with, and whom it speaks to.

use std::path::PathBuf;

use bytes::Bytes;
use cell_replica::Plants;
use cell_replica::shared::SharedPlants;
use platform_model::{NodeId, ShardId, WorldId};

use super::faults;
use super::taking::Taking;
use super::told::Told;
use crate::limits::{LogKept, ShardLimits};

/// Which copy, where, within what.
#[derive(Debug, Clone)]
pub struct CopySettings {
    pub shard: ShardId,
    pub world: WorldId,
    pub node: NodeId,
    pub limits: ShardLimits,
    /// Where entries are kept that a rewind cuts off; none: nowhere. Never so of a key shard.
    pub export_folder: Option<PathBuf>,
    /// How it is taken, in a store that the nodes of a cell share; none where the store is this node's alone.
    pub taking: Option<Taking>,
    /// Whether somebody keeps its log elsewhere: then a term that begins keeps all of it, up to the bound for that, until
    /// he says what he wants still ([`crate::Shard::want_log_behind`]). Never so of a key shard.
    pub log_kept_elsewhere: bool,
    /// Bugs for tests of tests; none outside them.
    #[doc(hidden)]
    pub plants: Planted,
}

/// Bugs that tests put in.
#[derive(Debug, Clone, Copy, Default)]
#[doc(hidden)]
pub struct Planted {
    pub protocol: Plants,
    pub skips_fence: bool,
    pub shared: SharedPlants,
}

impl CopySettings {
    pub fn new(shard: ShardId, world: WorldId, node: NodeId) -> Self {
        Self {
            limits: ShardLimits::of(&shard),
            shard,
            world,
            node,
            export_folder: None,
            taking: None,
            log_kept_elsewhere: false,
            plants: Planted {
                protocol: faults::of_protocol(),
                ..Planted::default()
            },
        }
    }

    /// Whether what people's roots are told is laid out for a broker too.
    #[must_use]
    pub fn bridged(mut self, bridged: bool) -> Self {
        self.limits.bridged = bridged && matches!(self.shard, ShardId::Root { .. });
        self
    }

    /// Of a key shard's log no more is kept than ever.
    #[must_use]
    pub fn keeping(mut self, kept: LogKept) -> Self {
        self.limits.log_entries_kept = self.limits.log_entries_kept.min(kept.entries);
        self.limits.log_bytes_kept = self.limits.log_bytes_kept.min(kept.bytes);
        self
    }

    /// Where entries that are cut off are kept. Of a key shard nowhere: wrapped keys stand in them, and a key that is
    /// destroyed later would lie in that file for ever.
    pub(super) fn cut_off_folder(&self) -> Option<PathBuf> {
        let is_of_keys = matches!(self.shard, ShardId::Keys { .. });
        self.export_folder.clone().filter(|_| !is_of_keys)
    }
}

/// What a frame is, as far as whoever carries it cares: what is small and needed now should wait behind nothing large.
/// Frames of one kind stay in order, or what comes too early is refused and sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FrameKind {
    /// Questions and answers of the protocol: keep-alives, acknowledgements.
    Prompt,
    /// Entries of the log.
    Entries,
    /// Rows of a copy that is being made, or of a rewind.
    Pages,
}

/// Carries frames to other nodes. Called with the copy's lock held, from any thread: never waits, may lose.
pub trait Peers: Send + Sync + 'static {
    fn send(&self, to: &NodeId, shard: &ShardId, kind: FrameKind, frame: Bytes);
}

/// Carries what is told to the control plane. Called with the copy's lock held, from any thread: never waits, may lose.
pub trait Control: Send + Sync + 'static {
    fn tell(&self, shard: &ShardId, told: Told);

    /// How a copy stands has changed in a way that the control plane waits for: how all stand is to be told soon.
    fn stir(&self) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The planted omission: a failover cuts off the entry that made a person's key, and a file keeps it whatever is
    /// destroyed.
    #[test]
    fn what_is_cut_off_of_a_key_shard_is_kept_in_no_file() {
        let settings = |shard: &str| CopySettings {
            export_folder: Some("/data/cut-off".into()),
            ..CopySettings::new(
                shard.parse().expect("a shard"),
                "a".repeat(64).parse().expect("a world"),
                "eu-central-1/0".parse().expect("a node"),
            )
        };
        assert_eq!(settings("eu/eu-central/keys").cut_off_folder(), None);
        let of_people = settings("eu/eu-central/007").cut_off_folder();
        assert_eq!(of_people, Some("/data/cut-off".into()));
    }
}
