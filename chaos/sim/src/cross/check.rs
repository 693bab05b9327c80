//! What must hold across shards.

use std::collections::BTreeMap;

use cell_relay::ClaimState;

use super::messages::{DIRECTORY, Shard};
use super::shard::ShardModel;

/// A person has one home that serves him, at any moment.
pub(crate) fn one_writer(shards: &[ShardModel], users: u8) -> Result<(), String> {
    for user in 0..users {
        let serves = |shard: &&ShardModel| {
            shard
                .head
                .people
                .get(&user)
                .is_some_and(|person| person.place.serves())
        };
        let count = shards.iter().filter(serves).count();
        if count > 1 {
            return Err(format!(
                "one-home-and-one-writer: {count} shards serve person {user}"
            ));
        }
    }
    Ok(())
}

/// A value has one active claim, and the authority's row is that one.
pub(crate) fn claims_unique(shards: &[ShardModel]) -> Result<(), String> {
    let mut holders: BTreeMap<u64, cell_relay::ClaimId> = BTreeMap::new();
    for shard in shards {
        let home = shard
            .committed
            .people
            .values()
            .filter(|person| person.place.serves());
        for (claim, (digest, state)) in home.flat_map(|person| &person.claims) {
            if *state != ClaimState::Active {
                continue;
            }
            if holders
                .insert(*digest, *claim)
                .is_some_and(|other| other != *claim)
            {
                return Err(format!("claims-unique: value {digest} has two holders"));
            }
            let row = shards[DIRECTORY].committed.authority.row(*digest);
            if row.is_none_or(|row| row.claim != *claim) {
                return Err(format!(
                    "claims-unique: the authority does not hold value {digest} for its holder"
                ));
            }
        }
    }
    Ok(())
}

/// Every committed event took effect exactly once, in order per person and source.
pub(crate) fn delivered(
    shards: &[ShardModel],
    truth: &BTreeMap<(Shard, u8), Vec<u32>>,
    users: u8,
) -> Result<u64, String> {
    let mut count = 0;
    for user in 0..users {
        let home = shards
            .iter()
            .filter_map(|shard| shard.committed.people.get(&user))
            .find(|person| person.place.serves());
        let Some(home) = home else {
            return Err(format!("one-home-and-one-writer: nobody serves person {user}"));
        };
        for source in 0..DIRECTORY {
            let took: Vec<u32> = home
                .effects
                .iter()
                .filter(|(from, _)| *from == source)
                .map(|(_, payload)| *payload)
                .collect();
            let wanted = truth.get(&(source, user)).cloned().unwrap_or_default();
            if took != wanted {
                return Err(format!(
                    "events-exactly-once-in-order: person {user} from shard {source}: {took:?} instead of {wanted:?}"
                ));
            }
            count += took.len() as u64;
        }
    }
    Ok(count)
}
