//! Foreign jurisdictions whose data a home holds: noted before the first byte of it is kept, so that a law that lets the
//! home's copies be in one more region is checked against each.

use platform_model::matrix::{Action, Destination, Matrix, Purpose};
use platform_model::{DataClass, HomeId, Jurisdiction, RegionId, ShardId};

use crate::changes::Changes;
use crate::command::Author;
use crate::refusal::Refusal;
use crate::rules::law::hidden;
use crate::state::State;

/// A node that serves people of `home` is about to keep data of people of `jurisdiction` there.
pub(crate) fn admit(
    state: &mut State,
    author: &Author,
    home: &HomeId,
    jurisdiction: &Jurisdiction,
) -> Result<Changes, Refusal> {
    serves_people(state, author, home)?;
    let crosses = state.law.matrix().is_some_and(|matrix| {
        DataClass::ALL
            .into_iter()
            .any(|class| may_cross(matrix, jurisdiction, class, home))
    });
    let record = state
        .homes
        .get_mut(home)
        .ok_or_else(|| Refusal::UnknownHome(home.clone()))?;
    if home.jurisdiction == *jurisdiction || record.admitted.contains(jurisdiction) {
        return Ok(Changes::default());
    }
    if !crosses {
        let (home, jurisdiction) = (home.clone(), jurisdiction.clone());
        return Err(Refusal::LawKeepsOut { home, jurisdiction });
    }
    record.admitted.insert(jurisdiction.clone());
    Ok(hidden())
}

/// Some class of data of people of `jurisdiction` may come to lie wherever the home may hold a copy.
fn may_cross(matrix: &Matrix, jurisdiction: &Jurisdiction, class: DataClass, home: &HomeId) -> bool {
    let to = Destination::Home(&home.jurisdiction);
    matrix.egress(jurisdiction, class, Purpose::Service, to).is_ok()
}

fn serves_people(state: &State, author: &Author, home: &HomeId) -> Result<(), Refusal> {
    let not_yours = || Refusal::NotYours {
        author: author.to_string(),
        subject: format!("home {home}"),
    };
    let Author::Node { id, .. } = author else {
        return Err(not_yours());
    };
    let of_home = |shard: &ShardId| matches!(shard, ShardId::Root { home: owner, .. } if owner == home);
    let mut own = state.shards.iter().filter(|(shard, _)| of_home(shard));
    if own.any(|(_, record)| record.primary() == Some(id)) {
        Ok(())
    } else {
        Err(not_yours())
    }
}

/// A law that lets a home's copies be in one more region must let what the home holds of others be there too. What it
/// forbids where copies are already is another matter: that holds at once, and is told as a violation.
pub(crate) fn keeps_its_word(state: &State, next: &Matrix) -> Result<(), Refusal> {
    let Some(now) = state.law.matrix() else {
        return Ok(());
    };
    for (home, record) in &state.homes {
        for jurisdiction in &record.admitted {
            if let Some((region, class)) = newly_unlawful(now, next, home, jurisdiction) {
                let (home, jurisdiction) = (home.clone(), jurisdiction.clone());
                return Err(Refusal::LawWidens {
                    home,
                    jurisdiction,
                    region,
                    class: class.as_str().to_owned(),
                });
            }
        }
    }
    Ok(())
}

/// The first region that comes into the home's envelope, and the class of the foreign data there that may not be in it.
fn newly_unlawful(
    now: &Matrix,
    next: &Matrix,
    home: &HomeId,
    jurisdiction: &Jurisdiction,
) -> Option<(RegionId, DataClass)> {
    let before: Vec<&RegionId> = now.envelope(&home.jurisdiction).collect();
    let held = |class: &DataClass| may_cross(now, jurisdiction, *class, home);
    let classes: Vec<DataClass> = DataClass::ALL.into_iter().filter(held).collect();
    let more = next
        .envelope(&home.jurisdiction)
        .filter(|region| !before.contains(region));
    more.into_iter().find_map(|region| {
        let may = |action, class| {
            next.ask(jurisdiction, action, region, class, Purpose::Service)
                .is_permitted()
        };
        let lawful = |class: &DataClass| may(Action::Transfer, *class) && may(Action::StoreStandby, *class);
        let class = classes.iter().find(|class| !lawful(class))?;
        Some((region.clone(), *class))
    })
}

#[cfg(test)]
mod tests {
    use platform_model::matrix::plain::{self, Area};
    use platform_model::matrix::{
        Answer, Block, LawVersion, MatrixBuilder, RuleIndex, RuleName, Ruling, Stamp,
    };
    use platform_model::{Incarnation, NodeId, Start};

    use super::*;
    use crate::apply::law_tests::{NOW_MS, areas, enact, proposal};
    use crate::command::{Command, Envelope, Proposal};
    use crate::{Outcome, apply};

    /// Everything of `eu` and `us` at home; `us` data may also be wherever `eu` homes are, in the first `regions` of the
    /// two. `eu` homes may be in all of `eu_regions`.
    fn law(version: u64, eu_regions: &[&str], guests_in: &[&str]) -> Proposal {
        let text = format!("law {version} with guests in {guests_in:?} of {eu_regions:?}");
        let stamp = Stamp {
            version: LawVersion(version),
            date: "2000-01-01".parse().expect("a day"),
            document: *control_plane_ledger::Digest::plain(text.as_bytes()).as_bytes(),
            compiler: 1,
            catalogues: vec![[1; 32]],
        };
        let rule = |id: &str| RuleName {
            id: id.into(),
            article: "Art. 1".into(),
        };
        let regions = [("eu-central", "DE"), ("eu-west", "DE"), ("us-east", "US")];
        let builder = MatrixBuilder {
            stamp,
            jurisdictions: ["eu", "us"].map(|name| name.parse().expect("one")).into(),
            regions: regions
                .map(|(region, country)| (region.parse().expect("one"), country.parse().expect("one")))
                .into(),
            countries: [("DE", "eu"), ("US", "us")]
                .map(|(c, j)| (c.parse().expect("one"), j.parse().expect("one")))
                .into(),
            sinks: std::collections::BTreeMap::new(),
            rules: ["yes", "no"].map(rule).to_vec(),
        };
        let matrix = builder.build(|jurisdiction, region| {
            let (jurisdiction, region) = (jurisdiction.as_str(), region.as_str());
            let home = match jurisdiction {
                "eu" => eu_regions.contains(&region),
                _ => region == "us-east",
            };
            let guest = jurisdiction == "us" && guests_in.contains(&region);
            let mut block = Block::default();
            for action in Action::ALL {
                for class in DataClass::ALL {
                    for purpose in Purpose::ALL {
                        let yes =
                            home || (guest && matches!(action, Action::Transfer | Action::StoreStandby));
                        let answer = if yes { Answer::Permit } else { Answer::Deny };
                        let rule = RuleIndex::new(usize::from(!yes));
                        block.set(action, class, purpose, Ruling { answer, rule });
                    }
                }
            }
            block
        });
        Proposal {
            text,
            matrix: matrix.expect("sound").to_bytes(),
        }
    }

    fn node(name: &str) -> (NodeId, Author) {
        let id: NodeId = name.parse().expect("a node");
        let author = crate::apply::tests::author(id.clone());
        (id, author)
    }

    /// `eu` homes in one region, `us` guests in it, `eu-central-1/0` serves.
    fn with_guests() -> State {
        let mut state = crate::apply::tests::made();
        let (id, author) = node("eu-central-1/0");
        let start = Start {
            incarnation: Incarnation(1),
            copy: 7,
            process: 1,
        };
        let register = Command::RegisterNode {
            node: id,
            address: "a:1".into(),
            start,
            store: None,
        };
        apply(&mut state, &Envelope::new(author, NOW_MS, "", register));
        let enacted = enact(&mut state, NOW_MS, &law(1, &["eu-central"], &["eu-central"]));
        assert!(enacted.refusal().is_none(), "{enacted:?}");
        state
    }

    fn admit_us(state: &mut State, who: &str) -> Outcome {
        let (home, jurisdiction) = ("eu/eu-central".parse().expect("one"), "us".parse().expect("one"));
        let command = Command::AdmitForeign { home, jurisdiction };
        apply(state, &Envelope::new(node(who).1, NOW_MS, "", command)).outcome
    }

    #[test]
    fn a_home_admits_what_the_law_lets_come_and_only_by_a_node_that_serves_it() {
        let mut state = with_guests();
        let foreign = admit_us(&mut state, "us-east-1/0");
        assert!(
            matches!(foreign.refusal(), Some(Refusal::NotYours { .. })),
            "{foreign:?}"
        );
        assert!(matches!(
            admit_us(&mut state, "eu-central-1/0"),
            Outcome::Accepted { .. }
        ));
        assert!(matches!(
            admit_us(&mut state, "eu-central-1/0"),
            Outcome::Unchanged { .. }
        ));
        let mut state = crate::apply::tests::lawful();
        crate::apply::tests::register(&mut state, "eu-central-1/0", 1, "a:1");
        let kept_out = admit_us(&mut state, "eu-central-1/0");
        assert!(
            matches!(kept_out.refusal(), Some(Refusal::LawKeepsOut { .. })),
            "{kept_out:?}"
        );
    }

    #[test]
    fn a_law_that_widens_the_homes_regions_keeps_its_word_to_its_guests() {
        let mut state = with_guests();
        admit_us(&mut state, "eu-central-1/0");
        let wider = law(2, &["eu-central", "eu-west"], &["eu-central"]);
        let refused = enact_refused(&mut state, &wider);
        let Some(Refusal::LawWidens {
            jurisdiction, region, ..
        }) = refused.refusal()
        else {
            panic!("{refused:?}")
        };
        assert_eq!((jurisdiction.as_str(), region.as_str()), ("us", "eu-west"));
        let both = law(3, &["eu-central", "eu-west"], &["eu-central", "eu-west"]);
        assert!(
            enact(&mut state, NOW_MS, &both).refusal().is_none(),
            "with its guests it may"
        );
    }

    #[test]
    fn without_guests_a_law_may_widen_and_with_them_it_may_narrow() {
        let mut state = with_guests();
        let wider = law(2, &["eu-central", "eu-west"], &["eu-central"]);
        assert!(enact(&mut state, NOW_MS, &wider).refusal().is_none());
        let mut state = with_guests();
        admit_us(&mut state, "eu-central-1/0");
        let narrower = law(2, &["eu-central"], &[]);
        assert!(
            enact(&mut state, NOW_MS, &narrower).refusal().is_none(),
            "it holds at once, as a violation"
        );
    }

    fn enact_refused(state: &mut State, proposal: &Proposal) -> Outcome {
        let expected = state.law.generation;
        let command = Command::ProposeLaw {
            proposal: proposal.clone(),
            expected,
        };
        apply(
            state,
            &Envelope::new(crate::apply::law_tests::officer("ann"), NOW_MS, "", command),
        )
        .outcome
    }

    #[test]
    fn the_plain_law_keeps_everybody_out() {
        let areas: Vec<Area> = areas();
        let read = Matrix::from_bytes(&proposal(1, "2000-01-01", &areas).matrix).expect("a matrix");
        let home = "eu/eu-central".parse().expect("a home");
        assert!(!may_cross(
            &read,
            &"us".parse().expect("one"),
            DataClass::Contact,
            &home
        ));
        assert!(read.rules().iter().any(|rule| rule.id == plain::AT_HOME));
    }
}
