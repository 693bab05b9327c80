//! The shipped example is fit, and answers as it says.

use platform_model::matrix::{Action, Denied, Destination, Purpose};
use platform_model::{DataClass, Jurisdiction, RegionId};

use crate::{Digest, NotReady, example, ready};

#[test]
fn the_example_is_fit_and_its_cases_hold() {
    let ready = ready(&example::bundle(None)).unwrap_or_else(|error| panic!("{error:#?}"));
    let report = ready.law.test(&ready.compiled.matrix);
    assert!(report.cases >= 100 && report.points >= 1_500, "{report:?}");
    assert!(ready.law.rules().len() >= 30);
    assert_eq!(ready.compiled.matrix.stamp().document, ready.document.0);
    // Compact: it travels with the routing table.
    let bytes = ready.compiled.matrix.to_bytes().len();
    assert!(bytes < 64 << 10, "{bytes} bytes");
}

#[test]
fn every_file_says_that_it_is_an_example_and_every_rule_cites_its_law() {
    for (name, text) in example::FILES.iter().filter(|(name, _)| name.ends_with(".cedar")) {
        assert!(
            *name == "common.cedar"
                || text.contains("no legal advice")
                || text.contains("no\n// legal advice"),
            "{name}"
        );
    }
    let ready = ready(&example::bundle(None)).expect("fit");
    assert!(ready.law.document().title.contains("No legal advice"));
    for jurisdiction in ["eu", "uk", "us", "ru", "in", "br"] {
        let own = ready
            .law
            .rules()
            .iter()
            .filter(|rule| rule.id.starts_with(&format!("{jurisdiction}-")));
        assert!(own.count() >= 4, "{jurisdiction}");
    }
}

#[test]
fn author_and_approver_come_to_the_same_digest_and_a_changed_law_to_another() {
    let author = ready(&example::bundle(None)).expect("fit");
    let text = author.law.bundle().text();
    let approver = ready(&crate::Bundle::from_text(&text).expect("the author's text")).expect("fit");
    assert_eq!(
        (author.digest, author.document),
        (approver.digest, approver.document)
    );
    let other = ready(&example::bundle(Some(Digest::of(b"a catalogue")))).expect("fit");
    assert_ne!(author.digest, other.digest);
    assert!(
        other
            .compiled
            .matrix
            .names_catalogue(&Digest::of(b"a catalogue").0)
    );
}

#[test]
fn a_home_is_where_the_law_of_its_people_lets_it_be() {
    let matrix = ready(&example::bundle(None)).expect("fit").compiled.matrix;
    let regions = |jurisdiction: &str| {
        let jurisdiction: Jurisdiction = jurisdiction.parse().expect("a jurisdiction");
        matrix
            .envelope(&jurisdiction)
            .map(RegionId::to_string)
            .collect::<Vec<_>>()
    };
    assert_eq!(regions("eu"), ["eu-central", "eu-west"]);
    assert_eq!(regions("us"), ["us-east"], "us-west is not attested");
    assert_eq!(regions("ru"), ["ru-west"]);
    assert_eq!(
        regions("br"),
        ["br-south", "eu-west", "us-east"],
        "second copies under clauses"
    );
    let (eu, us_east) = (
        "eu".parse().expect("a jurisdiction"),
        "us-east".parse().expect("a region"),
    );
    let denied = matrix
        .may_keep_shard(Action::StorePrimary, &eu, &us_east)
        .expect_err("not at home");
    assert!(matches!(denied, Denied::Point { .. }), "{denied}");
    assert!(matrix.may_process(&eu, &us_east).is_err());
    assert!(
        matrix
            .may_process(
                &"us".parse().expect("a jurisdiction"),
                &"eu-central".parse().expect("a region")
            )
            .is_ok()
    );
}

#[test]
fn what_crosses_to_a_home_crosses_to_each_region_where_that_home_may_be() {
    let matrix = ready(&example::bundle(None)).expect("fit").compiled.matrix;
    let eu: Jurisdiction = "eu".parse().expect("a jurisdiction");
    let to = |home: &str, class| {
        let home = home.parse().expect("a jurisdiction");
        matrix
            .egress(&eu, class, Purpose::Service, Destination::Home(&home))
            .is_ok()
    };
    assert!(to("eu", DataClass::Health) && to("uk", DataClass::Social) && to("us", DataClass::Social));
    assert!(!to("uk", DataClass::Health), "consent lets it be shown, not kept");
    // A home of `br` may be in br-south, where no adequacy decision for data of `eu` stands.
    assert!(!to("br", DataClass::Social) && !to("ru", DataClass::Social));
    let sink = |name, class| {
        matrix
            .egress(&eu, class, Purpose::Service, Destination::Sink(name))
            .is_ok()
    };
    assert!(sink("backup-eu", DataClass::Health) && !sink("backup-us", DataClass::Contact));
    assert!(sink("shop-uk", DataClass::Payment));
}

#[test]
fn a_law_whose_cases_fail_or_that_has_none_is_not_ready() {
    let without_cases = example::FILES
        .iter()
        .filter(|(name, _)| !name.ends_with("cases.toml"))
        .copied();
    let bundle = crate::Bundle::from_files(without_cases).expect("files of a law");
    assert!(matches!(ready(&bundle), Err(NotReady::NoCases)));
    let changed = example::FILES
        .iter()
        .map(|(name, text)| (*name, text.replace("expect = \"consent\"", "expect = \"permit\"")));
    let bundle = crate::Bundle::from_files(changed).expect("files of a law");
    let Err(NotReady::Cases(failures)) = ready(&bundle) else {
        panic!("ready")
    };
    let first = failures.first().expect("one").to_string();
    assert_eq!(
        first,
        "br.cases.toml:50:1: offers need specific consent: `process` of contact data of br in br-south for marketing: \
         expected permit by br-consent, found consent by br-consent, and 3 points more"
    );
}
