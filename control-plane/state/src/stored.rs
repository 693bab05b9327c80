//! Stored states of builds before this one: how each version becomes the next.

use control_plane_ledger::{Digest, Head};
use platform_model::replica_set::LEASE_MICROS;
use platform_model::{Epoch, Generation, NodeId, ShardId, WorldId};
use serde::Deserialize;
use serde_json::Value;

use crate::ledger::Ledger;
use crate::rules::placement::first_replica;
use crate::shard_config::ShardConfig;
use crate::state::{STATE_VERSION, State};

/// A stored state that this build cannot read.
#[derive(Debug, thiserror::Error)]
pub enum UnreadableState {
    #[error("a state of version {found}, this build reads up to version {STATE_VERSION}")]
    Version { found: u16 },
    #[error("a state of version {version} that does not parse")]
    Parse {
        version: u16,
        #[source]
        source: serde_json::Error,
    },
}

/// Reads a state that was stored in any version up to [`STATE_VERSION`].
///
/// # Errors
/// When it is of a newer build, or not what its version says.
pub fn read(version: u16, stored: Value) -> Result<State, UnreadableState> {
    let parse = |source| UnreadableState::Parse { version, source };
    let stored = match version {
        1 => with_configs(with_ledger(stored).map_err(parse)?).map_err(parse)?,
        // 2 -> 3: worlds had no law, and nothing was on record about trust; what is absent reads as none.
        2 | 3 => with_configs(stored).map_err(parse)?,
        // 4 -> 5: nobody had been erased. 5 -> 6: nobody had moved to another home. 6 -> 7: no world had been recovered.
        4..=6 | STATE_VERSION => stored,
        found => return Err(UnreadableState::Version { found }),
    };
    serde_json::from_value(stored).map_err(parse)
}

/// Version 1 kept the end of its decisions and no ledger.
#[derive(Deserialize)]
struct Decisions {
    sequence: u64,
    hash: [u8; 32],
}

/// 1 -> 2: the ledger begins behind the last decision, of which nothing but its hash is known.
fn with_ledger(mut stored: Value) -> Result<Value, serde_json::Error> {
    let world: WorldId = serde_json::from_value(stored["world"].clone())?;
    let decisions: Decisions = serde_json::from_value(stored["decisions"].take())?;
    let ledger = match decisions {
        Decisions { sequence: 0, .. } => Ledger::new(&world),
        Decisions { sequence, hash } => Ledger::after(Head {
            sequence,
            hash: Digest::from_bytes(hash),
        }),
    };
    if let Some(fields) = stored.as_object_mut() {
        fields.remove("decisions");
        fields.insert("ledger".to_owned(), serde_json::to_value(ledger)?);
    }
    Ok(stored)
}

/// Version 3 knew one copy of each shard, by its node.
#[derive(Deserialize)]
struct OneCopy {
    generation: Generation,
    epoch: Epoch,
    primary: Option<NodeId>,
}

/// 3 -> 4: a shard has a configuration. Its one copy has no name yet: it is given one, and takes it as it forms.
fn with_configs(mut stored: Value) -> Result<Value, serde_json::Error> {
    let world: WorldId = serde_json::from_value(stored["world"].clone())?;
    let shards = stored.get_mut("shards").and_then(Value::as_object_mut);
    for (name, record) in shards.into_iter().flatten() {
        let one: OneCopy = serde_json::from_value(record.clone())?;
        let shard: ShardId = serde_json::from_value(Value::String(name.clone()))?;
        let config = one.primary.map(|node| {
            let replica = first_replica(&world, &shard, one.generation);
            let mut config = ShardConfig::new(node, replica, LEASE_MICROS);
            config.generation = one.generation;
            (config.epoch, config.epoch_max) = (one.epoch, one.epoch);
            config
        });
        if let Some(fields) = record.as_object_mut() {
            fields.remove("epoch");
            fields.remove("primary");
            fields.insert("config".to_owned(), serde_json::to_value(config)?);
        }
    }
    Ok(stored)
}

#[cfg(test)]
mod tests {
    use super::*;

    const VERSION_1: &str = include_str!("stored_state_v1.json");
    const VERSION_2: &str = include_str!("stored_state_v2.json");

    #[test]
    fn a_state_of_version_2_has_nothing_on_record_about_trust() {
        let stored: Value = serde_json::from_str(VERSION_2).expect("JSON");
        assert!(stored.get("trust").is_none(), "as it was written then");
        let state = read(2, stored).expect("reads");
        assert_eq!(state.trust, crate::trust::Trust::default());
        assert!(!state.shards.is_empty());
    }

    #[test]
    fn a_state_of_version_1_goes_on_behind_its_last_decision() {
        let stored: Value = serde_json::from_str(VERSION_1).expect("JSON");
        let state = read(1, stored.clone()).expect("reads");
        let chain = state.ledger.chain();
        assert_eq!(chain.begins().sequence, 2);
        assert_eq!(chain.begins(), chain.head());
        let hash = stored["decisions"]["hash"].as_array().expect("bytes").clone();
        let hash: Vec<u64> = hash.iter().filter_map(Value::as_u64).collect();
        let held: Vec<u64> = chain
            .head()
            .hash
            .as_bytes()
            .iter()
            .map(|byte| u64::from(*byte))
            .collect();
        assert_eq!(held, hash);
        assert_eq!(state.shards.len(), 7);
    }

    #[test]
    fn a_state_of_version_3_names_the_copy_that_each_shard_has() {
        let stored: Value = serde_json::from_str(include_str!("stored_state_v3.json")).expect("JSON");
        let state = read(3, stored.clone()).expect("reads");
        for (shard, record) in &state.shards {
            let before = &stored["shards"][shard.to_string()];
            let primary = record.primary().map(ToString::to_string);
            assert_eq!(primary.as_deref(), before["primary"].as_str(), "{shard}");
            assert_eq!(Some(record.epoch().0), before["epoch"].as_u64(), "{shard}");
            assert_eq!(
                Some(record.generation.0),
                before["generation"].as_u64(),
                "{shard}"
            );
            let Some(config) = &record.config else { continue };
            assert!(config.unborn, "{shard} takes its name as it forms");
            assert_eq!(
                (config.generation, config.epoch_max),
                (record.generation, config.epoch)
            );
        }
        let names = state.shards.values().filter_map(|record| record.config.as_ref());
        let names: std::collections::BTreeSet<_> = names.map(|config| config.primary.replica).collect();
        assert_eq!(names.len(), 4, "each its own");
        let again = serde_json::to_value(&state).expect("writes");
        assert_eq!(read(STATE_VERSION, again).expect("reads"), state);
    }

    #[test]
    fn in_a_state_of_version_5_nobody_has_moved() {
        let stored: Value = serde_json::from_str(include_str!("stored_state_v5.json")).expect("JSON");
        assert!(stored.get("departures").is_none(), "as it was written then");
        let state = read(5, stored).expect("reads");
        assert!(state.departures.is_empty() && !state.shards.is_empty());
        let again = serde_json::to_value(&state).expect("writes");
        assert_eq!(read(STATE_VERSION, again).expect("reads"), state);
    }

    #[test]
    fn a_state_of_version_6_was_never_recovered() {
        let stored: Value = serde_json::from_str(include_str!("stored_state_v6.json")).expect("JSON");
        assert!(stored.get("recovery").is_none(), "as it was written then");
        let state = read(6, stored).expect("reads");
        assert!(state.recovery.is_over() && !state.shards.is_empty());
        let again = serde_json::to_value(&state).expect("writes");
        assert_eq!(read(STATE_VERSION, again).expect("reads"), state);
    }

    #[test]
    fn a_state_of_version_2_has_no_law() {
        let stored: Value = serde_json::from_str(include_str!("stored_state_v2.json")).expect("JSON");
        let state = read(2, stored).expect("reads");
        assert_eq!(state.law, crate::LawBook::default());
        assert_eq!(state.table().shards.len(), 4, "what was served goes on");
    }

    #[test]
    fn a_state_without_decisions_begins_its_ledger_anew() {
        let mut stored: Value = serde_json::from_str(VERSION_1).expect("JSON");
        stored["decisions"]["sequence"] = 0.into();
        let state = read(1, stored).expect("reads");
        assert_eq!(state.ledger, Ledger::new(&state.world));
    }

    #[test]
    fn a_state_of_a_newer_build_is_refused_by_name() {
        let stored =
            serde_json::to_value(State::new("a".repeat(64).parse().expect("an id"))).expect("writes");
        assert!(read(STATE_VERSION, stored.clone()).is_ok());
        let newer = STATE_VERSION + 1;
        let error = read(newer, stored).expect_err("newer");
        assert!(
            matches!(error, UnreadableState::Version { found } if found == newer),
            "{error}"
        );
    }
}
