//! What is adopted of a shard's copies.

use super::*;
use crate::shard_config::Erasing;

/// What no node tells is not forgotten: which copies are to leave, which lie somewhere still, which were ordered to be erased.
#[test]
fn what_is_known_of_copies_that_no_table_names_is_kept() {
    let mut state = recovered();
    let gone = |name| (ReplicaId(name), node(ALL[0]));
    let shard = shard();
    let order = Erasing {
        node: node(ALL[0]),
        index: 3,
    };
    let stays = ShardCopy {
        node: node(ALL[1]),
        replica: ReplicaId(31),
        state: CopyState::CatchingUp,
    };
    if let Some(have) = state
        .shards
        .get_mut(&shard)
        .and_then(|record| record.config.as_mut())
    {
        have.left = [gone(21), gone(22)].into();
        have.erased = [ReplicaId(22), ReplicaId(23)].into();
        have.erasing = [(ReplicaId(23), order)].into();
        have.standbys = vec![stays.clone()];
        have.retiring = [ReplicaId(31)].into();
    }
    let mut told = newer(&state);
    told.standbys = vec![stays];
    (told.left, told.erased, told.erasing) = Default::default();
    told.retiring.clear();
    assert!(accepted(&adopt(&mut state, &ALL, Some(told))));
    let now = config(&state);
    assert_eq!(
        now.left,
        [gone(21)].into(),
        "the one whose erasure was ordered lies nowhere"
    );
    assert!(now.erased.contains(&ReplicaId(22)) && now.erasing.contains_key(&ReplicaId(23)));
    assert_eq!(now.retiring, [ReplicaId(31)].into());
}

/// One node's word counts for every shard, but not for what no controller ever decided.
#[test]
fn a_shard_is_not_born_again_and_keeps_its_lease() {
    let spoil: [fn(&mut ShardConfig); 2] = [|told| told.unborn = true, |told| told.lease_micros = u64::MAX];
    for spoil in spoil {
        let mut state = recovered();
        let mut told = newer(&state);
        spoil(&mut told);
        let refused = refusal(adopt(&mut state, &ALL, Some(told)));
        assert_eq!(
            refused,
            Refusal::Recovery(RecoveryRefusal::NotSound { shard: shard() })
        );
    }
}

#[test]
fn a_configuration_reads_back_from_the_route_that_nodes_have_of_it() {
    let mut config = newer(&kept());
    config.epoch_max = config.epoch;
    assert_eq!(ShardConfig::from(&config.route()), config);
}

/// The planted omission: what was placed while leases were shorter is never adopted.
#[test]
fn a_lease_that_the_shard_had_is_its_own() {
    let mut state = recovered();
    let shard = shard();
    let had = LEASE_MICROS / 2;
    let config = state
        .shards
        .get_mut(&shard)
        .and_then(|record| record.config.as_mut());
    config.expect("placed").lease_micros = had;
    let told = newer(&state);
    assert_eq!(told.lease_micros, had);
    let done = adopt(&mut state, &ALL, Some(told));
    assert!(accepted(&done), "{done:?}");
}
