//! What the four places that enforce the law are told.

use super::super::sample::{AT_HOME, block, builder, matrix, place};
use super::super::*;

const PUBLIC_PROFILE: DataClass = DataClass::PublicProfile;

#[test]
fn a_whole_shard_may_be_where_every_class_may() {
    let matrix = matrix();
    let (eu, us) = (place("eu"), place("us"));
    for action in [Action::StorePrimary, Action::StoreStandby, Action::StoreBackup] {
        let rules = matrix
            .may_keep_shard(action, &eu, &place("eu-central"))
            .expect("at home");
        assert_eq!(
            rules.into_iter().map(RuleIndex::as_usize).collect::<Vec<_>>(),
            [AT_HOME]
        );
        // Public profiles may be there, so the first refused class is the second.
        let denied = matrix
            .may_keep_shard(action, &eu, &place("us-east"))
            .expect_err("only some classes");
        assert_eq!(
            denied.to_string(),
            format!(
                "the law denies `{action}` of contact data of eu in us-east for service: no rule permits it"
            )
        );
    }
    assert!(matrix.may_hold_claims(&us, &place("us-east")).is_ok());
    let denied = matrix
        .may_hold_claims(&us, &place("ru-west"))
        .expect_err("abroad");
    assert_eq!(
        denied.to_string(),
        "the law denies `hold-claim` of contact data of us in ru-west for service: rule never (Art. of never)"
    );
}

#[test]
fn the_door_asks_for_every_class() {
    let matrix = matrix();
    assert_eq!(matrix.may_process(&place("eu"), &place("eu-central")), Ok(()));
    assert!(matches!(
        matrix.may_process(&place("eu"), &place("us-east")),
        Err(Denied::Point { .. })
    ));
    assert!(matrix.may_process(&place("cn"), &place("eu-central")).is_err());
    assert!(matrix.may_process(&place("eu"), &place("cn-north")).is_err());
}

#[test]
fn a_home_stands_for_every_region_where_it_may_hold_a_copy() {
    let matrix = matrix();
    let regions = |jurisdiction| {
        matrix
            .envelope(&place(jurisdiction))
            .cloned()
            .collect::<Vec<RegionId>>()
    };
    // Although public profiles of `eu` may be stored in `us-east`: a copy of a shard may not.
    assert_eq!(regions("eu"), [place("eu-central")]);
    assert_eq!(regions("us"), [place("us-east")]);
    assert!(regions("cn").is_empty());
}

#[test]
fn bytes_leave_as_the_law_says() {
    let matrix = matrix();
    let (us_east, us) = (place("us-east"), place("us"));
    let egress = |class, to| matrix.egress(&place("eu"), class, Purpose::Support, to);
    assert_eq!(
        egress(PUBLIC_PROFILE, Destination::Region(&us_east)),
        Ok(Crossing::Free)
    );
    let consent = Crossing::WithConsent(Purpose::Support);
    assert_eq!(
        egress(DataClass::Health, Destination::Region(&us_east)),
        Ok(consent)
    );
    assert_eq!(
        egress(DataClass::Health, Destination::Sink("push-us")),
        Ok(consent)
    );
    // What is kept there needs the right to be kept there too.
    assert_eq!(
        egress(PUBLIC_PROFILE, Destination::Sink("backup-us")),
        Ok(Crossing::Free)
    );
    assert!(egress(DataClass::Health, Destination::Sink("backup-us")).is_err());
    assert_eq!(egress(PUBLIC_PROFILE, Destination::Home(&us)), Ok(Crossing::Free));
    assert!(egress(DataClass::Health, Destination::Home(&us)).is_err());
    assert!(egress(DataClass::Contact, Destination::Region(&us_east)).is_err());
    let unknown = egress(PUBLIC_PROFILE, Destination::Sink("s3")).expect_err("no such sink");
    assert_eq!(unknown, Denied::UnknownSink("s3".to_owned()));
    let nowhere = place("cn");
    assert_eq!(
        egress(PUBLIC_PROFILE, Destination::Home(&nowhere)),
        Err(Denied::NoHome(place("cn")))
    );
}

#[test]
fn an_envelope_of_two_regions_asks_both() {
    let mut wider = builder();
    wider.regions.insert(place("us-west"), place("US"));
    // `us` has a second region; of `eu`, only contact data may go there.
    let build = wider.build(
        |jurisdiction, region| match (jurisdiction.as_str(), region.as_str()) {
            ("us", "us-west") => block("us", "us-east"),
            ("eu", "us-west") => Block::default(),
            (jurisdiction, region) => block(jurisdiction, region),
        },
    );
    let matrix = build.expect("sound parts");
    let us = place("us");
    assert_eq!(matrix.envelope(&us).count(), 2);
    let denied = matrix.egress(
        &place("eu"),
        PUBLIC_PROFILE,
        Purpose::Service,
        Destination::Home(&us),
    );
    assert!(
        denied
            .expect_err("not in us-west")
            .to_string()
            .contains("in us-west")
    );
}

#[test]
fn where_consent_cannot_be_asked_for_it_is_a_refusal_that_says_so() {
    let mut consent = Block::default();
    let rule = RuleIndex::new(AT_HOME);
    for (action, class, purpose) in compare::points() {
        let ruling = Ruling {
            answer: Answer::PermitWithConsent(purpose),
            rule,
        };
        consent.set(action, class, purpose, ruling);
    }
    let matrix = builder().build(|_, _| consent.clone()).expect("sound parts");
    let denied = matrix
        .may_process(&place("eu"), &place("eu-central"))
        .expect_err("not at the door");
    assert!(matches!(denied, Denied::NeedsConsent { .. }), "{denied}");
    let operator = matrix.may_operate(
        &place("eu"),
        &place("eu-central"),
        DataClass::Health,
        Purpose::Support,
    );
    assert_eq!(operator, Ok(Crossing::WithConsent(Purpose::Support)));
    // Nothing is kept on consent, whatever a matrix says.
    let backup = matrix.egress(
        &place("eu"),
        DataClass::Health,
        Purpose::Legal,
        Destination::Sink("backup-us"),
    );
    assert!(backup.is_err());
}
