//! The copy's own durable state, `(shard, "m", ...)`: never copied, never digested. Each value has its version.

use bytes::Bytes;
use cell_replica::{Configuration, Member, Meta, OrderIndex, Phase, Standby, StandbyState};
use platform_model::{Epoch, Generation, Incarnation};
use prost::Message;

use super::nodes::Nodes;
use super::notes::{Unreadable, known};
use super::records::{
    MemberRecord, TermRecord, UpkeepRecord, replica, replica_record, term, term_record, upkeep, upkeep_record,
};

const VERSION: u32 = 1;

#[derive(Clone, PartialEq, Message)]
struct StandbyRecord {
    #[prost(message, required, tag = "1")]
    member: MemberRecord,
    #[prost(uint32, tag = "2")]
    state: u32,
}

/// `phase`: 0 steady, 1 promoting, 2 handover.
#[derive(Clone, PartialEq, Message)]
struct ConfigurationRecord {
    #[prost(uint64, tag = "1")]
    generation: u64,
    #[prost(uint64, tag = "2")]
    epoch: u64,
    #[prost(message, required, tag = "3")]
    primary: MemberRecord,
    #[prost(message, repeated, tag = "4")]
    standbys: Vec<StandbyRecord>,
    #[prost(uint64, tag = "5")]
    lease_micros: u64,
    #[prost(uint32, tag = "6")]
    phase: u32,
    #[prost(uint64, tag = "7")]
    phase_epoch: u64,
    #[prost(bytes = "bytes", tag = "8")]
    target: Bytes,
    #[prost(bool, tag = "9")]
    unborn: bool,
}

#[derive(Clone, PartialEq, Message)]
struct MetaRecord {
    #[prost(uint32, tag = "1")]
    version: u32,
    #[prost(bytes = "bytes", optional, tag = "2")]
    replica: Option<Bytes>,
    #[prost(message, required, tag = "3")]
    term: TermRecord,
    #[prost(uint64, tag = "4")]
    incarnation: u64,
    #[prost(uint64, tag = "5")]
    promised: u64,
    #[prost(uint64, tag = "6")]
    candidate: u64,
    #[prost(uint64, tag = "7")]
    order: u64,
    #[prost(uint64, tag = "8")]
    lease_micros_max: u64,
    #[prost(uint64, optional, tag = "9")]
    released_epoch: Option<u64>,
    #[prost(uint64, tag = "10")]
    released_generation: u64,
    #[prost(message, optional, tag = "11")]
    config: Option<ConfigurationRecord>,
    #[prost(bytes = "bytes", repeated, tag = "12")]
    effective: Vec<Bytes>,
    #[prost(bytes = "bytes", optional, tag = "13")]
    proposed: Option<Bytes>,
    #[prost(uint64, tag = "14")]
    proposed_generation: u64,
    #[prost(message, required, tag = "15")]
    upkeep: UpkeepRecord,
}

/// The protocol's durable state, nodes by name.
pub(crate) fn encode_meta(meta: &Meta, nodes: &Nodes) -> Bytes {
    let record = MetaRecord {
        version: VERSION,
        replica: meta.replica.map(replica_record),
        term: term_record(meta.term),
        incarnation: meta.incarnation.0,
        promised: meta.promised.0,
        candidate: meta.candidate.0,
        order: meta.order.0,
        lease_micros_max: meta.lease_micros_max,
        released_epoch: meta.released.map(|(epoch, _)| epoch.0),
        released_generation: meta.released.map_or(0, |(_, generation)| generation.0),
        config: meta
            .config
            .as_ref()
            .map(|config| configuration_record(config, nodes)),
        effective: meta.effective.iter().copied().map(replica_record).collect(),
        proposed: meta.proposal.map(|(_, member)| replica_record(member)),
        proposed_generation: meta.proposal.map_or(0, |(at, _)| at.0),
        upkeep: upkeep_record(meta.upkeep),
    };
    record.encode_to_vec().into()
}

/// The state of a copy that knows no configuration yet, and so names no node.
pub(crate) fn without_configuration(meta: &Meta) -> Bytes {
    encode_meta(meta, &Nodes::default())
}

/// The name of a copy that was never configured; none of any other.
pub(crate) fn never_configured(bytes: &[u8]) -> Option<platform_model::ReplicaId> {
    let meta = decode_meta(bytes, &mut Nodes::default()).ok()?;
    meta.replica.filter(|_| meta.config.is_none())
}

pub(crate) fn decode_meta(bytes: &[u8], nodes: &mut Nodes) -> Result<Meta, Unreadable> {
    let record = MetaRecord::decode(bytes).map_err(|_| Unreadable::Damaged)?;
    known(record.version)?;
    read_meta(record, nodes).ok_or(Unreadable::Damaged)
}

fn read_meta(record: MetaRecord, nodes: &mut Nodes) -> Option<Meta> {
    let config = match record.config {
        Some(config) => Some(configuration(config, nodes)?),
        None => None,
    };
    let named = |bytes: Option<Bytes>| match bytes {
        Some(bytes) => replica(&bytes).map(Some),
        None => Some(None),
    };
    let proposed = named(record.proposed)?;
    let effective = record.effective.iter().map(|bytes| replica(bytes));
    Some(Meta {
        replica: named(record.replica)?,
        term: term(record.term),
        incarnation: Incarnation(record.incarnation),
        promised: Epoch(record.promised),
        candidate: Epoch(record.candidate),
        order: OrderIndex(record.order),
        lease_micros_max: record.lease_micros_max,
        released: record
            .released_epoch
            .map(|epoch| (Epoch(epoch), Generation(record.released_generation))),
        config,
        effective: effective.collect::<Option<_>>()?,
        proposal: proposed.map(|member| (Generation(record.proposed_generation), member)),
        upkeep: upkeep(record.upkeep)?,
    })
}

fn member_record(member: Member, nodes: &Nodes) -> MemberRecord {
    MemberRecord {
        node: nodes
            .name(member.node)
            .map(ToString::to_string)
            .unwrap_or_default(),
        replica: replica_record(member.replica),
    }
}

fn member(record: &MemberRecord, nodes: &mut Nodes) -> Option<Member> {
    Some(Member {
        node: nodes.key(&record.node.parse().ok()?)?,
        replica: replica(&record.replica)?,
    })
}

fn configuration_record(config: &Configuration, nodes: &Nodes) -> ConfigurationRecord {
    let state = |state| match state {
        StandbyState::Damaged => 0,
        StandbyState::Copying => 1,
        StandbyState::CatchingUp => 2,
        StandbyState::InSync => 3,
    };
    let standby = |standby: &Standby| StandbyRecord {
        member: member_record(standby.member, nodes),
        state: state(standby.state),
    };
    let (phase, phase_epoch, target) = match config.phase {
        Phase::Steady => (0, Epoch(0), Bytes::new()),
        Phase::Promoting { epoch } => (1, epoch, Bytes::new()),
        Phase::Handover { target, epoch } => (2, epoch, replica_record(target)),
    };
    ConfigurationRecord {
        generation: config.generation.0,
        epoch: config.epoch.0,
        primary: member_record(config.primary, nodes),
        standbys: config.standbys.iter().map(standby).collect(),
        lease_micros: config.lease_micros,
        phase,
        phase_epoch: phase_epoch.0,
        target,
        unborn: config.unborn,
    }
}

fn configuration(record: ConfigurationRecord, nodes: &mut Nodes) -> Option<Configuration> {
    let mut standbys = Vec::with_capacity(record.standbys.len());
    for standby in &record.standbys {
        let state = match standby.state {
            0 => StandbyState::Damaged,
            1 => StandbyState::Copying,
            2 => StandbyState::CatchingUp,
            3 => StandbyState::InSync,
            _ => return None,
        };
        let member = member(&standby.member, nodes)?;
        standbys.push(Standby { member, state });
    }
    let epoch = Epoch(record.phase_epoch);
    Some(Configuration {
        generation: Generation(record.generation),
        epoch: Epoch(record.epoch),
        primary: member(&record.primary, nodes)?,
        standbys,
        lease_micros: record.lease_micros,
        phase: match record.phase {
            0 => Phase::Steady,
            1 => Phase::Promoting { epoch },
            2 => Phase::Handover {
                target: replica(&record.target)?,
                epoch,
            },
            _ => return None,
        },
        unborn: record.unborn,
    })
}

#[cfg(test)]
mod tests {
    use cell_replica::{Head, Upkeep};
    use platform_model::{Position, ReplicaId, Term};

    use super::*;

    fn full(nodes: &mut Nodes) -> Meta {
        let mut named = |text: &str, replica| Member {
            node: nodes.key(&text.parse().expect("a node")).expect("room"),
            replica: ReplicaId(replica),
        };
        let (primary, standby) = (named("eu-central-1/0", 7), named("eu-west-1/3", u128::MAX));
        let stamp = Head {
            position: Position(9),
            term: Term::default(),
            chain: u64::MAX,
        };
        Meta {
            replica: Some(ReplicaId(7)),
            term: Term {
                epoch: Epoch(3),
                incarnation: Incarnation(4),
            },
            incarnation: Incarnation(4),
            promised: Epoch(5),
            candidate: Epoch(6),
            order: OrderIndex(u64::MAX),
            lease_micros_max: 600_000,
            released: Some((Epoch(3), Generation(8))),
            config: Some(Configuration {
                generation: Generation(8),
                epoch: Epoch(3),
                primary,
                standbys: vec![Standby {
                    member: standby,
                    state: StandbyState::CatchingUp,
                }],
                lease_micros: 600_000,
                phase: Phase::Handover {
                    target: ReplicaId(9),
                    epoch: Epoch(4),
                },
                unborn: true,
            }),
            effective: vec![ReplicaId(1), ReplicaId(2)],
            proposal: Some((Generation(7), ReplicaId(2))),
            upkeep: Upkeep::Copying {
                base: Some(Position(4)),
                next_chunk: 3,
                stamp,
            },
        }
    }

    #[test]
    fn state_reads_back_on_a_node_that_numbers_nodes_otherwise() {
        let mut nodes = Nodes::default();
        let meta = full(&mut nodes);
        let bytes = encode_meta(&meta, &nodes);
        assert_eq!(decode_meta(&bytes, &mut nodes), Ok(meta.clone()));
        let mut others = Nodes::default();
        others.key(&"us-east-1/0".parse().expect("a node"));
        let read = decode_meta(&bytes, &mut others).expect("readable");
        let primary = read.config.expect("there").primary.node;
        assert_eq!(
            others.name(primary).map(ToString::to_string).as_deref(),
            Some("eu-central-1/0")
        );
    }

    #[test]
    fn state_of_a_newer_program_and_junk_are_told_apart() {
        let record = MetaRecord {
            version: 9,
            ..MetaRecord::default()
        };
        let mut nodes = Nodes::default();
        assert_eq!(
            decode_meta(&record.encode_to_vec(), &mut nodes),
            Err(Unreadable::TooNew(9))
        );
        assert_eq!(decode_meta(b"junk", &mut nodes), Err(Unreadable::Damaged));
        assert_eq!(decode_meta(b"", &mut nodes), Err(Unreadable::Damaged));
    }
}
