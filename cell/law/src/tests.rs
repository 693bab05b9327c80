//! What a node asks the law, under a plain one of two jurisdictions.

use platform_model::WorldId;
use platform_model::matrix::{Sink, SinkKind, plain};

use super::*;

const CATALOGUE: &str = "a catalogue";

/// A table whose law lets `eu` be in its two regions and `us` in its one.
fn table() -> RoutingTable {
    let areas: [(&str, &str, &[&str]); 2] = [
        ("eu", "DE", &["eu-central", "eu-west"]),
        ("us", "US", &["us-east"]),
    ];
    let mut table = RoutingTable::empty(WorldId::new(&"a".repeat(64)).expect("an id"));
    table.law = Some(plain::in_force(&areas, Sha256::digest(CATALOGUE).into(), true));
    table
}

fn at(region: &str, age_ms: u64) -> Law {
    Law::new(region.parse().expect("a region"), CATALOGUE, move || age_ms)
}

fn shard() -> ShardId {
    "eu/eu-central/000".parse().expect("a shard")
}

#[test]
fn a_copy_begins_only_where_a_fresh_law_permits_it() {
    let table = table();
    assert_eq!(
        at("eu-west", 0).may_open(&table, &shard(), Part::Primary, false),
        Ok(())
    );
    let abroad = at("us-east", 0).may_open(&table, &shard(), Part::Primary, false);
    assert!(matches!(abroad, Err(Withheld::Denied(_))), "{abroad:?}");
    let late = at("eu-west", 1_001).may_open(&table, &shard(), Part::Primary, false);
    assert_eq!(
        late,
        Err(Withheld::TooOld {
            age_ms: 1_001,
            max_ms: 1_000
        })
    );
    let none = RoutingTable::empty(table.world.clone());
    assert_eq!(
        at("eu-west", 0).may_open(&none, &shard(), Part::Primary, false),
        Err(Withheld::NoLaw)
    );
}

#[test]
fn a_standby_begins_where_the_law_permits_standbys_and_what_is_to_go_may_always_go() {
    let table = table();
    let west = at("eu-west", 0).may_open(&table, &shard(), Part::Standby, false);
    assert_eq!(west, Ok(()));
    let abroad = at("us-east", 0);
    let begun = abroad.may_open(&table, &shard(), Part::Standby, false);
    assert!(matches!(begun, Err(Withheld::Denied(_))), "{begun:?}");
    assert_eq!(abroad.may_open(&table, &shard(), Part::Erase, true), Ok(()));
    let judged = abroad.judge(&table, &shard(), Part::Standby, Epoch(3));
    assert!(judged.rules.is_empty() && judged.denied.is_some(), "{judged:?}");
}

#[test]
fn what_is_held_goes_on_unless_it_is_stored_by_another_catalogue() {
    let table = table();
    assert_eq!(
        at("us-east", u64::MAX).may_open(&table, &shard(), Part::Primary, true),
        Ok(())
    );
    let other = Law::new("eu-west".parse().expect("a region"), "another", || 0);
    assert_eq!(
        other.may_open(&table, &shard(), Part::Primary, true),
        Err(Withheld::Catalogue)
    );
}

#[test]
fn the_node_says_of_each_copy_by_which_rule_it_is_there_or_why_it_may_not_be() {
    let table = table();
    let here = at("eu-central", 0).judge(&table, &shard(), Part::Primary, Epoch(3));
    assert_eq!(
        (here.law_revision, here.rules.as_slice(), &here.denied),
        (1, &["at-home".to_owned()][..], &None)
    );
    let abroad = at("us-east", 0).judge(&table, &shard(), Part::Primary, Epoch(3));
    assert!(abroad.rules.is_empty() && abroad.denied.is_some_and(|why| why.contains("Art. stays")));
}

/// A node of this region takes for a home whose copies may be elsewhere: that the class may be here is not enough.
#[test]
fn what_a_home_would_keep_is_asked_for_wherever_it_may_hold_a_copy() {
    let table = table();
    let (eu, us): (Jurisdiction, Jurisdiction) = ("eu".parse().expect("one"), "us".parse().expect("one"));
    let law = at("eu-central", 0);
    let keeps = |keeper| law.keeps(&table, &eu, DataClass::Social, Purpose::Service, keeper);
    assert_eq!(keeps(&eu), Ok(Crossing::Free));
    assert_eq!(
        law.ingress(&table, &eu, DataClass::Social, Purpose::Service),
        Ok(Crossing::Free)
    );
    let denied = keeps(&us).expect_err("its copies are in us-east");
    assert!(!denied.waits(), "{denied}");
    let old = at("eu-central", 2_000).keeps(&table, &eu, DataClass::Social, Purpose::Service, &eu);
    assert!(old.expect_err("old").waits());
}

#[test]
fn what_leaves_asks_the_law_and_waits_under_an_old_one() {
    let table = table();
    let (eu, us): (Jurisdiction, RegionId) = ("eu".parse().expect("one"), "us-east".parse().expect("one"));
    let ask = |law: &Law, to| law.egress(&table, &eu, DataClass::Contact, Purpose::Service, to);
    let west = "eu-west".parse().expect("a region");
    assert_eq!(
        ask(&at("eu-central", 0), Destination::Region(&west)),
        Ok(Crossing::Free)
    );
    let denied = ask(&at("eu-central", 0), Destination::Region(&us)).expect_err("abroad");
    assert!(!denied.waits(), "{denied}");
    let old = ask(&at("eu-central", 2_000), Destination::Region(&west)).expect_err("old");
    assert!(old.waits());
    assert_eq!(
        ask(&at("us-east", 2_000), Destination::Region(&us)),
        Ok(Crossing::Free),
        "it stays where it is"
    );
}

#[test]
fn a_backup_goes_to_a_backup_sink_where_the_law_permits_every_class_and_nowhere_else() {
    let sink = |kind, region: &str| Sink {
        kind,
        region: region.parse().expect("a region"),
    };
    let sinks = [
        ("backup-eu".to_owned(), sink(SinkKind::Backup, "eu-west")),
        ("backup-us".to_owned(), sink(SinkKind::Backup, "us-east")),
        ("siem-eu".to_owned(), sink(SinkKind::Siem, "eu-west")),
    ];
    let areas: [(&str, &str, &[&str]); 2] = [
        ("eu", "DE", &["eu-central", "eu-west"]),
        ("us", "US", &["us-east"]),
    ];
    let mut table = table();
    let catalogue = Sha256::digest(CATALOGUE).into();
    table.law = Some(plain::in_force_with_sinks(&areas, catalogue, true, sinks.into()));
    for shard in ["eu/eu-central/000", "eu/eu-central/keys", "directory/eu/000"] {
        let shard: ShardId = shard.parse().expect("a shard");
        let may = |sink, age_ms| at("eu-central", age_ms).may_back_up(&table, &shard, sink);
        assert_eq!(may("backup-eu", 0), Ok(()), "{shard}");
        let abroad = may("backup-us", 0).expect_err("abroad").to_string();
        assert!(abroad.contains("Art. stays"), "the rule is named: {abroad}");
        for unknown in ["siem-eu", "nowhere"] {
            let refused = may(unknown, 0);
            assert!(
                matches!(refused, Err(Withheld::Denied(Denied::UnknownSink(_)))),
                "{refused:?}"
            );
        }
        assert!(may("backup-eu", 1_001).expect_err("old").waits());
    }
    table.law = None;
    assert_eq!(
        at("eu-central", 0).may_back_up(&table, &shard(), "backup-eu"),
        Err(Withheld::NoLaw)
    );
}
