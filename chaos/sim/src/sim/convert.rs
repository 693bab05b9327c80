//! Between the control plane's record and the configuration that replicas read.

use cell_replica::action::Change;
use cell_replica::{Configuration, Member, NodeKey, Phase, Proposal, Standby, StandbyState};
use control_plane_state::shard_config::{
    ConfigCommand, ConfigPhase, CopyState, ProposedChange, ShardConfig, ShardCopy,
};

fn member(copy: &ShardCopy) -> Member {
    Member {
        node: NodeKey(copy.node.ordinal),
        replica: copy.replica,
    }
}

/// What replicas are told.
pub fn configuration(config: &ShardConfig) -> Configuration {
    let state = |state| match state {
        CopyState::Damaged => StandbyState::Damaged,
        CopyState::Copying => StandbyState::Copying,
        CopyState::CatchingUp => StandbyState::CatchingUp,
        CopyState::InSync => StandbyState::InSync,
    };
    let standby = |copy: &ShardCopy| Standby {
        member: member(copy),
        state: state(copy.state),
    };
    Configuration {
        generation: config.generation,
        epoch: config.epoch,
        primary: member(&config.primary),
        standbys: config.standbys.iter().map(standby).collect(),
        lease_micros: config.lease_micros,
        phase: match config.phase {
            ConfigPhase::Steady => Phase::Steady,
            ConfigPhase::Promoting { epoch, .. } => Phase::Promoting { epoch },
            ConfigPhase::Handover { target, epoch, .. } => Phase::Handover { target, epoch },
        },
        unborn: config.unborn,
    }
}

/// What a primary asked for, as a command.
pub fn command(proposal: &Proposal) -> ConfigCommand {
    let change = match proposal.change {
        Change::Born => ProposedChange::Born,
        Change::Complete(replica) => ProposedChange::Complete(replica),
        Change::Add(replica) => ProposedChange::Add(replica),
        Change::Drop(replica) => ProposedChange::Drop(replica),
        Change::Damaged(replica) => ProposedChange::Damaged(replica),
    };
    ConfigCommand::Propose {
        by: proposal.by,
        epoch: proposal.epoch,
        change,
    }
}
