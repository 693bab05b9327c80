//! The name of an event in the stream of its shard: `0123456789abcdef/eu/eu-central/007/12/3456/0/1`, the world (the first
//! 16 digits of its id) and the shard, then epoch, position, transaction and event.

use cell_relay::EventKey;
use platform_model::{Epoch, EpochPosition, Position, ShardId, WorldId};

/// Whose events they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    pub world: WorldId,
    pub shard: ShardId,
}

/// The name, unique among all worlds and for ever.
pub fn message_id(source: &Source, key: EventKey) -> String {
    let (world, shard) = (source.world.trust_domain(), &source.shard);
    let EventKey { at, index, event } = key;
    format!("{world}/{shard}/{}/{}/{index}/{event}", at.epoch.0, at.position.0)
}

/// Which event of `source` is named so; none for any other text.
pub fn read_message_id(source: &Source, text: &str) -> Option<EventKey> {
    let rest = text
        .strip_prefix(source.world.trust_domain())?
        .strip_prefix('/')?;
    let rest = rest.strip_prefix(&source.shard.to_string())?.strip_prefix('/')?;
    let numbers: Vec<&str> = rest.split('/').collect();
    let [epoch, position, index, event] = numbers.as_slice() else {
        return None;
    };
    let key = EventKey {
        at: EpochPosition {
            epoch: Epoch(epoch.parse().ok()?),
            position: Position(position.parse().ok()?),
        },
        index: index.parse().ok()?,
        event: event.parse().ok()?,
    };
    // One form only: no sign, no leading zero.
    (message_id(source, key) == text).then_some(key)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn source() -> Source {
        Source {
            world: WorldId::new(&"0123456789abcdef".repeat(4)).expect("an id"),
            shard: "eu/eu-central/007".parse().expect("a shard"),
        }
    }

    #[test]
    fn a_name_of_another_world_or_shard_or_in_another_form_is_none() {
        let good = "0123456789abcdef/eu/eu-central/007/12/3456/0/1";
        let key = read_message_id(&source(), good).expect("a name");
        assert_eq!((key.at.epoch, key.at.position), (Epoch(12), Position(3456)));
        assert_eq!((key.index, key.event), (0, 1));
        for other in [
            "",
            "eu/eu-central/007/12/3456/0/1",
            "fedcba9876543210/eu/eu-central/007/12/3456/0/1",
            "0123456789abcdef/eu/eu-central/007",
            "0123456789abcdef/eu/eu-central/0071/2/3/4/5",
            "0123456789abcdef/eu/eu-central/008/12/3456/0/1",
            "0123456789abcdef/eu/eu-central/007/12/3456/0",
            "0123456789abcdef/eu/eu-central/007/12/3456/0/1/2",
            "0123456789abcdef/eu/eu-central/007/012/3456/0/1",
            "0123456789abcdef/eu/eu-central/007/+12/3456/0/1",
            "0123456789abcdef/eu/eu-central/007/12/3456/0/4294967296",
        ] {
            assert_eq!(read_message_id(&source(), other), None, "{other}");
        }
    }

    proptest! {
        #[test]
        fn a_name_reads_back_and_whatever_reads_is_a_name(epoch: u64, position: u64, index: u32, event: u32, text in "\\PC{0,60}") {
            let key = EventKey {
                at: EpochPosition { epoch: Epoch(epoch), position: Position(position) },
                index,
                event,
            };
            prop_assert_eq!(read_message_id(&source(), &message_id(&source(), key)), Some(key));
            if let Some(read) = read_message_id(&source(), &text) {
                prop_assert_eq!(message_id(&source(), read), text);
            }
        }
    }
}
