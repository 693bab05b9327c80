//! Deliveries, from messages to types and back. What cannot be understood is refused by name.

use platform_model::{DataClass, Epoch, EpochPosition, HomeId, Position, ShardId, UserId, WorldId};
use tonic::Status;
use uuid::Uuid;

use super::{
    AskedDecline, AskedDeliver, DELIVERIES_MAX, Declined, Delivery, EventAt, FIELDS_MAX, MESSAGE_BYTES_MAX,
    NAME_BYTES_MAX, Receipt,
};
use crate::frame::{self, FRAME_VERSION};
use crate::pb;
use crate::refusal::Refusal;

/// Longest reason of a receipt that is read, in bytes.
const WHY_BYTES_MAX: usize = 1_024;

/// # Errors
/// A refusal as a status: another world, another version, or a field that cannot be.
pub fn deliver_of(request: pb::DeliverRequest, ours: &WorldId) -> Result<AskedDeliver, Status> {
    frame::check(request.version, &request.world, ours)?;
    let count = request.deliveries.len();
    if count == 0 || count > DELIVERIES_MAX {
        let message = format!("{count} events in one call, from 1 to {DELIVERIES_MAX} are read");
        return Err(Refusal::invalid(message).into());
    }
    let deliveries: Result<Vec<Delivery>, Refusal> = request.deliveries.into_iter().map(delivery).collect();
    Ok(AskedDeliver {
        source: root_shard(&request.source)?,
        target: root_shard(&request.target)?,
        epoch: Epoch(request.epoch),
        law_revision: request.law_revision,
        deliveries: deliveries?,
    })
}

/// # Errors
/// As [`deliver_of`].
pub fn decline_of(request: &pb::DeclineRequest, ours: &WorldId) -> Result<AskedDecline, Status> {
    frame::check(request.version, &request.world, ours)?;
    Ok(AskedDecline {
        source: root_shard(&request.source)?,
        target: root_shard(&request.target)?,
        epoch: Epoch(request.epoch),
        to: user(&request.to)?,
        key: EventAt {
            at: EpochPosition {
                epoch: Epoch(request.at_epoch),
                position: Position(request.at_position),
            },
            index: request.index,
            event: request.event,
        },
    })
}

/// The answer to a delivery.
pub fn deliver_reply(receipts: Vec<Receipt>) -> pb::DeliverReply {
    pb::DeliverReply {
        version: FRAME_VERSION,
        receipts: receipts.into_iter().map(Into::into).collect(),
    }
}

/// The answer to whether an event took effect.
pub fn decline_reply(declined: &Declined) -> pb::DeclineReply {
    let home = match declined {
        Declined::HomeMoved(home) => home.to_string(),
        Declined::Taken | Declined::Never => String::new(),
    };
    pb::DeclineReply {
        version: FRAME_VERSION,
        taken: *declined == Declined::Taken,
        home,
    }
}

pub(super) fn declined(reply: &pb::DeclineReply) -> Result<Declined, Refusal> {
    match (reply.taken, reply.home.as_str()) {
        (true, _) => Ok(Declined::Taken),
        (false, "") => Ok(Declined::Never),
        (false, home) => {
            let home = home.parse::<HomeId>().map_err(Refusal::invalid)?;
            Ok(Declined::HomeMoved(home))
        }
    }
}

/// Events go between shards of people, and only there.
fn root_shard(text: &str) -> Result<ShardId, Refusal> {
    let shard: ShardId = text.parse().map_err(Refusal::invalid)?;
    if matches!(shard, ShardId::Root { .. }) {
        Ok(shard)
    } else {
        Err(Refusal::invalid(format!("`{shard}` is no shard of people")))
    }
}

fn delivery(wire: pb::Delivery) -> Result<Delivery, Refusal> {
    if wire.message.len() > MESSAGE_BYTES_MAX || wire.classes.len() > FIELDS_MAX {
        return Err(Refusal::invalid("an event that is too large"));
    }
    let at = |epoch, position| EpochPosition {
        epoch: Epoch(epoch),
        position: Position(position),
    };
    Ok(Delivery {
        to: user(&wire.to)?,
        key: EventAt {
            at: at(wire.at_epoch, wire.at_position),
            index: wire.index,
            event: wire.event,
        },
        low: at(wire.low_epoch, wire.low_position),
        domain: name(wire.domain)?,
        name: name(wire.name)?,
        event_version: wire.event_version,
        from: user(&wire.from)?,
        message: wire.message.into(),
        classes: wire.classes.iter().map(class).collect::<Result<_, _>>()?,
        known_at: Some(wire.known_at)
            .filter(|home| !home.is_empty())
            .map(|home| home.parse().map_err(Refusal::invalid))
            .transpose()?,
    })
}

fn user(bytes: &[u8]) -> Result<UserId, Refusal> {
    let uuid = Uuid::from_slice(bytes);
    let uuid = uuid.map_err(|_| Refusal::invalid(format!("a UUID of {} bytes, not 16", bytes.len())))?;
    Ok(UserId::from_uuid(uuid))
}

fn name(text: String) -> Result<String, Refusal> {
    if text.is_empty() || text.len() > NAME_BYTES_MAX {
        let message = format!(
            "a name of {} bytes, from 1 to {NAME_BYTES_MAX} are read",
            text.len()
        );
        return Err(Refusal::invalid(message));
    }
    Ok(text)
}

fn class(wire: &pb::FieldClass) -> Result<(u32, DataClass), Refusal> {
    let known = DataClass::ALL
        .into_iter()
        .find(|class| *class as u32 == wire.class);
    let class = known.ok_or_else(|| Refusal::invalid(format!("{} is no data class", wire.class)))?;
    Ok((wire.tag, class))
}

impl From<&Delivery> for pb::Delivery {
    fn from(delivery: &Delivery) -> Self {
        let class = |(tag, class): &(u32, DataClass)| pb::FieldClass {
            tag: *tag,
            class: *class as u32,
        };
        Self {
            to: delivery.to.as_bytes().to_vec(),
            at_epoch: delivery.key.at.epoch.0,
            at_position: delivery.key.at.position.0,
            index: delivery.key.index,
            event: delivery.key.event,
            low_epoch: delivery.low.epoch.0,
            low_position: delivery.low.position.0,
            domain: delivery.domain.clone(),
            name: delivery.name.clone(),
            event_version: delivery.event_version,
            from: delivery.from.as_bytes().to_vec(),
            message: delivery.message.to_vec(),
            classes: delivery.classes.iter().map(class).collect(),
            known_at: delivery
                .known_at
                .as_ref()
                .map_or_else(String::new, HomeId::to_string),
        }
    }
}

impl From<Receipt> for pb::Receipt {
    fn from(receipt: Receipt) -> Self {
        use pb::ReceiptKind as Kind;
        let (kind, why) = match receipt {
            Receipt::Delivered => (Kind::Delivered, String::new()),
            Receipt::Moved => (Kind::Moved, String::new()),
            Receipt::Later(why) => (Kind::Later, why),
            Receipt::NoRoot => (Kind::NoRoot, String::new()),
            Receipt::Unlawful(why) => (Kind::Unlawful, why),
            Receipt::HomeMoved(home) => (Kind::HomeMoved, home.to_string()),
        };
        Self {
            kind: kind.into(),
            why,
        }
    }
}

/// None for one of a kind that is not known here.
pub(super) fn receipt(wire: pb::Receipt) -> Option<Receipt> {
    use pb::ReceiptKind as Kind;
    let kind = Kind::try_from(wire.kind).ok()?;
    let why: String = wire.why.chars().take(WHY_BYTES_MAX / 4).collect();
    match kind {
        Kind::Unspecified => None,
        Kind::Delivered => Some(Receipt::Delivered),
        Kind::Moved => Some(Receipt::Moved),
        Kind::Later => Some(Receipt::Later(why)),
        Kind::NoRoot => Some(Receipt::NoRoot),
        Kind::Unlawful => Some(Receipt::Unlawful(why)),
        Kind::HomeMoved => Some(Receipt::HomeMoved(why.parse().ok()?)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn world() -> WorldId {
        WorldId::new(&"a".repeat(64)).expect("an id")
    }

    fn sent() -> Delivery {
        let at = EpochPosition {
            epoch: Epoch(2),
            position: Position(70),
        };
        Delivery {
            to: UserId::from_uuid(Uuid::from_u128(1)),
            key: EventAt {
                at,
                index: 3,
                event: 1,
            },
            low: at,
            domain: "training".into(),
            name: "workout_shared".into(),
            event_version: 1,
            from: UserId::from_uuid(Uuid::from_u128(2)),
            message: vec![8, 1].into(),
            classes: vec![(1, DataClass::Operational)],
            known_at: Some("eu/eu-south".parse().expect("a home")),
        }
    }

    fn request() -> pb::DeliverRequest {
        pb::DeliverRequest {
            version: FRAME_VERSION,
            world: "a".repeat(64),
            source: "us/us-east/001".into(),
            target: "eu/eu-central/000".into(),
            epoch: 4,
            law_revision: 2,
            deliveries: vec![(&sent()).into()],
        }
    }

    #[test]
    fn a_delivery_and_its_receipt_read_back_as_sent() {
        let asked = deliver_of(request(), &world()).expect("our own");
        assert_eq!((asked.epoch, asked.law_revision), (Epoch(4), 2));
        assert_eq!(asked.deliveries, [sent()]);
        for one in [
            Receipt::Delivered,
            Receipt::Moved,
            Receipt::Later("its law is old".into()),
            Receipt::NoRoot,
            Receipt::Unlawful("rule x".into()),
        ] {
            assert_eq!(receipt(one.clone().into()), Some(one));
        }
        assert_eq!(receipt(pb::Receipt::default()), None);
    }

    #[test]
    fn what_is_asked_of_one_event_reads_back_and_what_cannot_be_is_refused() {
        let request = pb::DeclineRequest {
            version: FRAME_VERSION,
            world: "a".repeat(64),
            source: "us/us-east/001".into(),
            target: "eu/eu-central/000".into(),
            epoch: 4,
            to: sent().to.as_bytes().to_vec(),
            at_epoch: 2,
            at_position: 70,
            index: 3,
            event: 1,
        };
        let asked = decline_of(&request, &world()).expect("our own");
        assert_eq!(
            (asked.epoch, asked.to, asked.key),
            (Epoch(4), sent().to, sent().key)
        );
        let broken: [fn(&mut pb::DeclineRequest); 5] = [
            |r| r.version += 1,
            |r| r.world = "b".repeat(64),
            |r| r.source = "directory/eu/000".into(),
            |r| r.target = "eu/eu-central".into(),
            |r| r.to = vec![1; 15],
        ];
        for breaks in broken {
            let mut request = request.clone();
            breaks(&mut request);
            let status = decline_of(&request, &world()).expect_err("broken");
            assert!(Refusal::from_status(&status).is_some(), "{status:?}");
        }
    }

    #[test]
    fn what_is_said_of_it_reads_back_and_a_home_that_is_none_is_refused() {
        let home: HomeId = "eu/eu-west".parse().expect("a home");
        for said in [Declined::Taken, Declined::Never, Declined::HomeMoved(home)] {
            assert_eq!(declined(&decline_reply(&said)).expect("ours"), said);
        }
        let broken = pb::DeclineReply {
            home: "nowhere".into(),
            ..decline_reply(&Declined::Never)
        };
        assert!(declined(&broken).is_err());
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let broken: [fn(&mut pb::DeliverRequest); 12] = [
            |r| r.version += 1,
            |r| r.world = "b".repeat(64),
            |r| r.source = "directory/eu/000".into(),
            |r| r.target = "eu/eu-central".into(),
            |r| r.deliveries.clear(),
            |r| r.deliveries = vec![r.deliveries[0].clone(); DELIVERIES_MAX + 1],
            |r| r.deliveries[0].to = vec![1; 15],
            |r| r.deliveries[0].from.clear(),
            |r| r.deliveries[0].name.clear(),
            |r| r.deliveries[0].domain = "x".repeat(NAME_BYTES_MAX + 1),
            |r| r.deliveries[0].message = vec![0; MESSAGE_BYTES_MAX + 1],
            |r| r.deliveries[0].classes[0].class = 99,
        ];
        for breaks in broken {
            let mut request = request();
            breaks(&mut request);
            let status = deliver_of(request, &world()).expect_err("broken");
            assert!(Refusal::from_status(&status).is_some(), "{status:?}");
        }
    }
}
