//! A small matrix for tests: three jurisdictions, each at home in one region; some of what crosses.

use std::collections::BTreeMap;

use super::*;

/// Rules of [`matrix`], by their place.
pub const AT_HOME: usize = 0;
pub const PUBLIC: usize = 1;
pub const WITH_CONSENT: usize = 2;
pub const NEVER: usize = 3;

pub fn place<T: std::str::FromStr<Err = crate::InvalidId>>(text: &str) -> T {
    text.parse().expect("a name")
}

pub fn builder() -> MatrixBuilder {
    let rule = |id: &str| RuleName {
        id: id.to_owned(),
        article: format!("Art. of {id}"),
    };
    let homes = [
        ("eu", "eu-central", "DE"),
        ("ru", "ru-west", "RU"),
        ("us", "us-east", "US"),
    ];
    let sink = |kind, region| Sink {
        kind,
        region: place(region),
    };
    MatrixBuilder {
        stamp: Stamp {
            version: LawVersion(3),
            date: place("2026-11-01"),
            document: [7; 32],
            compiler: 1,
            catalogues: vec![[1; 32], [2; 32]],
        },
        jurisdictions: homes
            .iter()
            .map(|(jurisdiction, ..)| place(jurisdiction))
            .collect(),
        regions: homes
            .iter()
            .map(|(_, region, country)| (place(region), place(country)))
            .collect(),
        countries: homes
            .iter()
            .map(|(jurisdiction, _, country)| (place(country), place(jurisdiction)))
            .collect(),
        sinks: BTreeMap::from([
            ("backup-us".to_owned(), sink(SinkKind::Backup, "us-east")),
            ("push-us".to_owned(), sink(SinkKind::Push, "us-east")),
        ]),
        rules: ["at-home", "public-follows", "health-with-consent", "never"]
            .map(rule)
            .to_vec(),
    }
}

/// At home everything is permitted. Public profiles of `eu` may be anywhere but in `ru`, health data of `eu` may go to
/// `us` with consent, and nothing else crosses.
pub fn block(jurisdiction: &str, region: &str) -> Block {
    let mut block = Block::default();
    let rule = |index| Some(RuleIndex::new(index).expect("few rules"));
    let denied = Ruling {
        answer: Answer::Deny,
        rule: (region == "ru-west").then(|| rule(NEVER)).flatten(),
    };
    for (action, class, purpose) in compare::points() {
        let crosses = (jurisdiction, region) == ("eu", "us-east");
        let transfer = action == Action::Transfer;
        let ruling = match class {
            _ if region.starts_with(jurisdiction) => Ruling {
                answer: Answer::Permit,
                rule: rule(AT_HOME),
            },
            DataClass::PublicProfile if crosses => Ruling {
                answer: Answer::Permit,
                rule: rule(PUBLIC),
            },
            DataClass::Health if crosses && transfer => Ruling {
                answer: Answer::PermitWithConsent(purpose),
                rule: rule(WITH_CONSENT),
            },
            _ => denied,
        };
        block.set(action, class, purpose, ruling);
    }
    block
}

pub fn matrix() -> Matrix {
    let build = builder().build(|jurisdiction, region| block(jurisdiction.as_str(), region.as_str()));
    build.expect("sound parts")
}
