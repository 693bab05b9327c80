//! The largest matrix fits, and nothing larger is built.

use std::collections::{BTreeMap, BTreeSet};

use super::super::sample::{builder, place};
use super::super::*;

fn sized(jurisdictions: usize, regions: usize) -> MatrixBuilder {
    MatrixBuilder {
        jurisdictions: (0..jurisdictions)
            .map(|n| place(&format!("j{n}")))
            .collect::<BTreeSet<_>>(),
        regions: (0..regions)
            .map(|n| (place(&format!("r{n}")), place("DE")))
            .collect::<BTreeMap<_, _>>(),
        countries: BTreeMap::new(),
        sinks: BTreeMap::new(),
        ..builder()
    }
}

/// Every place with answers of its own: the worst case for the memory.
fn distinct(builder: MatrixBuilder) -> Matrix {
    let mut n = 0_usize;
    let build = builder.build(|_, _| {
        n += 1;
        let mut block = Block::default();
        for (bit, (action, class, purpose)) in compare::points().enumerate().take(16) {
            let answer = if n >> bit & 1 == 1 {
                Answer::Permit
            } else {
                Answer::Deny
            };
            block.set(action, class, purpose, Ruling { answer, rule: None });
        }
        block
    });
    build.expect("within the limits")
}

#[test]
fn forty_jurisdictions_and_sixty_regions_take_less_than_eight_megabytes_even_if_no_two_places_are_alike() {
    let matrix = distinct(sized(40, 60));
    assert_eq!(matrix.points(), 40 * 60 * CELLS);
    assert!(matrix.table_bytes() <= 3 << 20, "{} bytes", matrix.table_bytes());
    let largest = distinct(sized(JURISDICTIONS_MAX, REGIONS_MAX));
    assert!(
        largest.table_bytes() <= 8 << 20,
        "{} bytes",
        largest.table_bytes()
    );
    assert_eq!(Matrix::from_bytes(&largest.to_bytes()), Ok(largest));
}

#[test]
fn what_exceeds_a_limit_or_names_what_is_not_there_is_not_built() {
    let fault = |builder: MatrixBuilder| builder.build(|_, _| Block::default()).expect_err("refused");
    assert!(matches!(
        fault(sized(JURISDICTIONS_MAX + 1, 1)),
        MatrixFault::TooMany {
            what: "jurisdictions",
            ..
        }
    ));
    assert!(matches!(
        fault(sized(1, REGIONS_MAX + 1)),
        MatrixFault::TooMany { what: "regions", .. }
    ));
    let mut many = builder();
    many.rules = vec![many.rules[0].clone(); RULES_MAX + 1];
    assert!(matches!(fault(many), MatrixFault::TooMany { what: "rules", .. }));
    let mut none = builder();
    none.stamp.catalogues.clear();
    assert_eq!(fault(none), MatrixFault::NoCatalogue);
    let mut lost = builder();
    lost.countries.insert(place("CN"), place("cn"));
    assert!(matches!(fault(lost), MatrixFault::UnknownJurisdiction { .. }));
    let mut lost = builder();
    let sink = Sink {
        kind: SinkKind::Mail,
        region: place("cn-north"),
    };
    lost.sinks.insert("mail".to_owned(), sink);
    assert!(matches!(fault(lost), MatrixFault::UnknownRegion { .. }));
    let mut nameless = builder();
    nameless.rules[0].id.clear();
    assert!(matches!(fault(nameless), MatrixFault::Length { .. }));
}

#[test]
fn an_answer_may_not_name_a_rule_past_the_list() {
    let rule = RuleIndex::new(4);
    let build = builder().build(|_, _| {
        let mut block = Block::default();
        let ruling = Ruling {
            answer: Answer::Permit,
            rule,
        };
        block.set(Action::Process, DataClass::Contact, Purpose::Legal, ruling);
        block
    });
    assert_eq!(build, Err(MatrixFault::UnknownRule { rules: 4 }));
    assert!(RuleIndex::new(RULES_MAX).is_none());
}
