//! What copies tell, as commands and as what the leader remembers. Believed only of a copy that stands on that node in
//! the shard's configuration; the rest is left out and counted.

use control_plane_state::shard_config::{Candidate, ConfigCommand, DriverEvent, ProposedChange, ShardConfig};
use platform_model::{NodeId, ReplicaId, ShardId};
use platform_wire::replicas::{Told, ToldChange, UnusableWhy};

use super::act::{Act, By};
use super::watched::{Certified, Watched};

/// Who tells, and when.
pub struct Teller<'a> {
    pub node: &'a NodeId,
    pub now_micros: u64,
    /// The shard's primary is there.
    pub leads: bool,
    /// The copy may be given up by itself: a primary's is replaced by another, a standby's made anew.
    pub may_repair: bool,
    pub fresh: ReplicaId,
}

/// What comes of one thing that was told.
pub enum Heard {
    /// Nothing to do.
    Noted,
    /// Nobody who may say that said it, or it is out of date.
    Ignored,
    Act(Box<Act>),
    /// For the shard's driver.
    Event(DriverEvent),
}

/// Takes what a copy told of `shard`.
pub fn hear(
    teller: &Teller<'_>,
    shard: &ShardId,
    config: &ShardConfig,
    watched: &mut Watched,
    told: Told,
) -> Heard {
    if let Told::Erased { .. } = told {
        return erased(teller, shard, config, told);
    }
    // What a copy has promised, or has arrived there, only its own node says: by it others are let lead.
    let answers = matches!(told, Told::Prepared { .. } | Told::Confirmed { .. });
    let own = is_own(config, teller.node, told.replica());
    if !own && (answers || !stands(config, teller.node, told.replica())) {
        return Heard::Ignored;
    }
    match told {
        Told::Proposal {
            generation,
            epoch,
            by,
            change,
        } => {
            // What was granted already is told again until the table shows it; proposed again it would be refused.
            let known = watched.is_newest(config);
            let current = known && generation == config.generation && epoch == config.epoch;
            let leaves = matches!(change, ToldChange::Add(replica) if config.retiring.contains(&replica));
            if !current || by != config.primary.replica || leaves {
                return Heard::Ignored;
            }
            let change = proposed(change);
            let command = ConfigCommand::Propose { by, epoch, change };
            act(shard, config, By::Node(teller.node.clone()), command, "")
        }
        Told::Prepared {
            epoch,
            replica,
            last_epoch,
            last_position,
        } => Heard::Event(DriverEvent::Prepared {
            epoch,
            answer: Candidate {
                replica,
                epoch: last_epoch,
                position: last_position,
            },
        }),
        Told::Confirmed {
            generation, replica, ..
        } => Heard::Event(DriverEvent::Confirmed {
            generation,
            target: replica,
        }),
        Told::Unusable { replica, why } => {
            tracing::warn!(%shard, %replica, why = why.as_str(), node = %teller.node, "a copy is of no use");
            metrics::counter!("controld_copies_unusable_total", "why" => why.as_str()).increment(1);
            if own && why == UnusableWhy::Amnesia {
                watched.note_gone(teller.now_micros, replica);
            }
            if !teller.may_repair {
                return Heard::Noted;
            }
            let fresh = teller.fresh;
            Heard::Event(DriverEvent::Unusable { replica, fresh })
        }
        told => noted(teller, shard, watched, told),
    }
}

/// A copy that was ordered to be erased is gone.
fn erased(teller: &Teller<'_>, shard: &ShardId, config: &ShardConfig, told: Told) -> Heard {
    let Told::Erased {
        replica,
        order,
        bytes,
        keys,
    } = told
    else {
        return Heard::Ignored;
    };
    let asked = config.erasing.get(&replica);
    if !asked.is_some_and(|erasing| erasing.node == *teller.node && erasing.index == order) {
        return Heard::Ignored;
    }
    let command = ConfigCommand::Erased {
        replica,
        order,
        bytes,
        keys,
    };
    let says = format!("{} says so", teller.node);
    act(shard, config, By::Controller, command, &says)
}

/// What is remembered, or only said.
fn noted(teller: &Teller<'_>, shard: &ShardId, watched: &mut Watched, told: Told) -> Heard {
    match told {
        // The primary compares.
        Told::Certified { .. } | Told::Mismatch { .. } if !teller.leads => return Heard::Ignored,
        Told::Certified {
            replica,
            term,
            chunks,
            of,
        } => {
            let at_micros = teller.now_micros;
            let certified = Certified {
                term,
                chunks,
                of,
                at_micros,
            };
            watched.certify(replica, certified);
        }
        Told::CutOff { replica, fork, end } => {
            let entries = end.0.saturating_sub(fork.0);
            tracing::warn!(%shard, %replica, %fork, %end, "entries that were never committed were cut off");
            metrics::counter!("controld_entries_cut_off_total").increment(entries);
        }
        Told::Mismatch {
            replica,
            chunk,
            position,
        } => {
            tracing::error!(%shard, %replica, chunk, %position, "a copy differs from its primary");
            metrics::counter!("controld_copies_differ_total").increment(1);
            watched.differ(replica, chunk);
        }
        _ => return Heard::Ignored,
    }
    Heard::Noted
}

/// Whether the copy stands on that node, or its primary does: what compares is told by the primary, of its standbys.
fn stands(config: &ShardConfig, node: &NodeId, replica: ReplicaId) -> bool {
    let leads = config.primary.node == *node;
    (leads && config.names(replica)) || is_own(config, node, replica)
}

/// Whether the copy stands on that node.
fn is_own(config: &ShardConfig, node: &NodeId, replica: ReplicaId) -> bool {
    let mut copies = config.copies();
    copies.any(|copy| copy.replica == replica && copy.node == *node)
}

fn act(shard: &ShardId, config: &ShardConfig, by: By, command: ConfigCommand, reason: &str) -> Heard {
    Heard::Act(Box::new(Act {
        by,
        ..Act::configure(shard, config.generation, command, reason)
    }))
}

fn proposed(change: ToldChange) -> ProposedChange {
    match change {
        ToldChange::Born => ProposedChange::Born,
        ToldChange::Complete(replica) => ProposedChange::Complete(replica),
        ToldChange::Add(replica) => ProposedChange::Add(replica),
        ToldChange::Drop(replica) => ProposedChange::Drop(replica),
        ToldChange::Damaged(replica) => ProposedChange::Damaged(replica),
    }
}
