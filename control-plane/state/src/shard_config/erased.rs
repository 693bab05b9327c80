//! Names of copies whose erasure was ordered: none of them enters the configuration again.
//!
//! A shard that moves for years erases many. A name is drawn from 128 random bits, and a command that was made before it
//! was erased names an older generation; so it is enough to know the names whose nodes have not answered, and some of
//! the others.

use platform_model::ReplicaId;

use super::record::ShardConfig;

/// Names that are known, but for those whose nodes have not answered yet: these are bounded by themselves.
pub(super) const ERASED_KEPT_MAX: usize = 1_024;

/// Notes that the erasure of a copy was ordered. Past the bound others are forgotten whose erasure is done; whoever asks
/// for one of them may order it again, and finds nothing left to erase.
pub(super) fn note(config: &mut ShardConfig, replica: ReplicaId) {
    config.erased.insert(replica);
    let surplus = config.erased.len().saturating_sub(ERASED_KEPT_MAX);
    if surplus == 0 {
        return;
    }
    let erasing = &config.erasing;
    let done = |name: &&ReplicaId| **name != replica && !erasing.contains_key(*name);
    let gone: Vec<ReplicaId> = config.erased.iter().filter(done).copied().take(surplus).collect();
    for name in gone {
        config.erased.remove(&name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shard_config::Erasing;

    #[test]
    fn names_are_bounded_and_one_that_is_not_answered_is_never_forgotten() {
        let node: platform_model::NodeId = "a-1/0".parse().expect("a node");
        let mut config = ShardConfig::new(node.clone(), ReplicaId(1), 600_000);
        // The lowest names would be the first to go.
        for name in 2..4 {
            note(&mut config, ReplicaId(name));
            let erasing = Erasing {
                node: node.clone(),
                index: 1,
            };
            config.erasing.insert(ReplicaId(name), erasing);
        }
        for name in 10..3_000 {
            note(&mut config, ReplicaId(name));
            assert!(config.erased.contains(&ReplicaId(name)));
        }
        // Lower than all that are known.
        note(&mut config, ReplicaId(5));
        assert_eq!(config.erased.len(), ERASED_KEPT_MAX);
        for name in [2, 3, 5] {
            assert!(config.erased.contains(&ReplicaId(name)), "{name}");
        }
    }
}
