//! Replica sets between the wire's messages and the model's types: in checks that names are names, that no copy
//! stands twice, and that no more than one change of primary is under way.

use platform_model::{CopyRoute, CopyState, Epoch, ErasedCopy, Generation, ReplicaId, ReplicaSet, SetPhase};

use super::InvalidTable;
use crate::pb;

/// What is wrong with the replica set of a shard.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SetFault {
    #[error("the name of a copy has {bytes} bytes, not 16, or is none")]
    Name { bytes: usize },
    #[error("copy {replica} stands twice")]
    Twice { replica: ReplicaId },
    #[error("state {state} of copy {replica} is not known")]
    State { replica: ReplicaId, state: i32 },
    #[error("{count} copies are more than a shard may have")]
    TooMany { count: usize },
    #[error("two changes of primary at once")]
    TwoPhases,
    #[error("it is handed over to {target}, which is no standby")]
    Target { target: ReplicaId },
}

/// Copies of a shard that a table may name, of each kind.
const COPIES_MAX: usize = 64;

pub(super) fn set(set: &ReplicaSet) -> pb::ReplicaSet {
    let (promoting, handover) = match set.phase {
        SetPhase::Steady => (None, None),
        SetPhase::Promoting { epoch, order } => {
            let epoch = epoch.0;
            (Some(pb::Promoting { epoch, order }), None)
        }
        SetPhase::Handover { target, epoch, order } => {
            let (target, epoch) = (name(target), epoch.0);
            (None, Some(pb::Handover { target, epoch, order }))
        }
    };
    pb::ReplicaSet {
        generation: set.generation.0,
        primary: name(set.primary),
        standbys: set.standbys.iter().map(standby).collect(),
        lease_micros: set.lease_micros,
        promoting,
        handover,
        unborn: set.unborn,
        erased: set.erased.iter().map(erased).collect(),
    }
}

/// A route's set; that of a controller which knew of one copy only has no names.
pub(super) fn read_set(shard: &str, wire: Option<pb::ReplicaSet>) -> Result<ReplicaSet, InvalidTable> {
    let Some(wire) = wire else {
        return Ok(ReplicaSet::unnamed());
    };
    let faulty = |fault| InvalidTable::ReplicaSet {
        shard: shard.to_owned(),
        fault,
    };
    let count = wire.standbys.len().max(wire.erased.len());
    if count > COPIES_MAX {
        return Err(faulty(SetFault::TooMany { count }));
    }
    let mut set = ReplicaSet {
        generation: Generation(wire.generation),
        primary: read_name(&wire.primary).map_err(faulty)?,
        standbys: Vec::with_capacity(wire.standbys.len()),
        lease_micros: wire.lease_micros,
        phase: SetPhase::Steady,
        unborn: wire.unborn,
        erased: Vec::with_capacity(wire.erased.len()),
    };
    for copy in wire.standbys {
        let (replica, state) = read_copy(&copy).map_err(faulty)?;
        if set.primary == replica || set.standby(replica).is_some() {
            return Err(faulty(SetFault::Twice { replica }));
        }
        let node = copy.node.parse()?;
        set.standbys.push(CopyRoute { node, replica, state });
    }
    for copy in wire.erased {
        set.erased.push(ErasedCopy {
            node: copy.node.parse()?,
            replica: read_name(&copy.replica).map_err(faulty)?,
            order: copy.order,
        });
    }
    set.phase = read_phase(&set, wire.promoting, wire.handover).map_err(faulty)?;
    Ok(set)
}

fn read_phase(
    set: &ReplicaSet,
    promoting: Option<pb::Promoting>,
    handover: Option<pb::Handover>,
) -> Result<SetPhase, SetFault> {
    match (promoting, handover) {
        (None, None) => Ok(SetPhase::Steady),
        (Some(pb::Promoting { epoch, order }), None) => {
            let epoch = Epoch(epoch);
            Ok(SetPhase::Promoting { epoch, order })
        }
        (None, Some(pb::Handover { target, epoch, order })) => {
            let (target, epoch) = (read_name(&target)?, Epoch(epoch));
            if set.standby(target).is_none() {
                return Err(SetFault::Target { target });
            }
            Ok(SetPhase::Handover { target, epoch, order })
        }
        (Some(_), Some(_)) => Err(SetFault::TwoPhases),
    }
}

fn standby(copy: &CopyRoute) -> pb::CopyRoute {
    pb::CopyRoute {
        node: copy.node.to_string(),
        replica: name(copy.replica),
        state: copy_state(copy.state).into(),
    }
}

fn erased(copy: &ErasedCopy) -> pb::ErasedCopy {
    pb::ErasedCopy {
        node: copy.node.to_string(),
        replica: name(copy.replica),
        order: copy.order,
    }
}

fn read_copy(wire: &pb::CopyRoute) -> Result<(ReplicaId, CopyState), SetFault> {
    let replica = read_name(&wire.replica)?;
    Ok((replica, read_copy_state(replica, wire.state)?))
}

/// The wire's number of a copy's state.
pub fn copy_state(state: CopyState) -> pb::CopyState {
    match state {
        CopyState::Damaged => pb::CopyState::Damaged,
        CopyState::Copying => pb::CopyState::Copying,
        CopyState::CatchingUp => pb::CopyState::CatchingUp,
        CopyState::InSync => pb::CopyState::InSync,
    }
}

/// A copy's state from its number.
///
/// # Errors
/// For a number that this build does not know.
pub fn read_copy_state(replica: ReplicaId, state: i32) -> Result<CopyState, SetFault> {
    match pb::CopyState::try_from(state) {
        Ok(pb::CopyState::Damaged) => Ok(CopyState::Damaged),
        Ok(pb::CopyState::Copying) => Ok(CopyState::Copying),
        Ok(pb::CopyState::CatchingUp) => Ok(CopyState::CatchingUp),
        Ok(pb::CopyState::InSync) => Ok(CopyState::InSync),
        _ => Err(SetFault::State { replica, state }),
    }
}

/// The name of a copy, as 16 bytes.
pub fn name(replica: ReplicaId) -> Vec<u8> {
    replica.0.to_be_bytes().to_vec()
}

/// The name of a copy from its 16 bytes; all zero is no name.
///
/// # Errors
/// For anything else.
pub fn read_name(bytes: &[u8]) -> Result<ReplicaId, SetFault> {
    let fault = SetFault::Name { bytes: bytes.len() };
    let number = bytes
        .try_into()
        .map(u128::from_be_bytes)
        .map_err(|_| fault.clone())?;
    if number == 0 {
        return Err(fault);
    }
    Ok(ReplicaId(number))
}
