//! What is asked of a law: one point or several. Whose data (a jurisdiction, a shard, a person), where (a region, a
//! cell), what is done, with which class, for which purpose. What is not said is asked for every word there is.

use anyhow::Result;
use clap::{ArgGroup, Args};
use platform_model::matrix::{Action, CLAIM_CLASSES, Point, Purpose};
use platform_model::{CellId, DataClass, Jurisdiction, RegionId, ShardId};
use platform_wire::admin::WorldStatus;

use crate::evidence::user::UserPlace;
use crate::exit::Hinted;

/// A question, as it is typed.
#[derive(Debug, Clone, Args)]
#[command(group = ArgGroup::new("whose").required(true).args(["jurisdiction", "shard", "user"]))]
#[command(group = ArgGroup::new("where").required(true).args(["region", "cell"]))]
pub struct Question {
    /// Whose data: the jurisdiction of the people, such as `eu`.
    #[arg(long, value_name = "JURISDICTION")]
    pub jurisdiction: Option<Jurisdiction>,
    /// The data of a shard, such as `eu/eu-central/000`: what the law asks of a copy of it.
    #[arg(long, value_name = "SHARD")]
    pub shard: Option<ShardId>,
    /// The data of one person, by home and id.
    #[arg(long, value_name = "HOME/UUID")]
    pub user: Option<UserPlace>,
    /// Where: a region, such as `us-east`.
    #[arg(long, value_name = "REGION")]
    pub region: Option<RegionId>,
    /// Where: the region of a cell.
    #[arg(long, value_name = "CELL")]
    pub cell: Option<CellId>,
    /// What is done, such as `store-primary`; every action if it is not said, or what the shard is there for.
    #[arg(long, value_name = "ACTION")]
    pub action: Option<Action>,
    /// The class of the data, such as `health`; every class if it is not said.
    #[arg(long, value_name = "CLASS")]
    pub class: Option<DataClass>,
    /// What for.
    #[arg(long, value_name = "PURPOSE", default_value_t = Purpose::Service)]
    pub purpose: Purpose,
}

/// A question, understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// In words.
    pub about: String,
    /// At least one.
    pub points: Vec<Point>,
}

impl Question {
    /// Whether only the controllers know where it is.
    pub fn needs_the_world(&self) -> bool {
        self.cell.is_some()
    }

    /// The points that are asked about. `status` is there if the question needs it.
    ///
    /// # Errors
    /// For a cell that is not known.
    pub fn understood(&self, status: Option<&WorldStatus>) -> Result<Asked> {
        let region = self.place(status)?;
        let (whose, jurisdiction) = self.whose();
        let (actions, classes) = self.words();
        let mut points = Vec::new();
        for action in &actions {
            points.extend(classes.iter().map(|class| Point {
                jurisdiction: jurisdiction.clone(),
                action: *action,
                region: region.clone(),
                class: *class,
                purpose: self.purpose,
            }));
        }
        let place = match &self.cell {
            Some(cell) => format!("cell {cell} (region {region})"),
            None => format!("region {region}"),
        };
        let about = format!("{whose} in {place}");
        Ok(Asked { about, points })
    }

    fn place(&self, status: Option<&WorldStatus>) -> Result<RegionId> {
        if let Some(region) = &self.region {
            return Ok(region.clone());
        }
        let known = self.cell.as_ref().zip(status);
        let found = known.and_then(|(cell, status)| status.table.cells.get(cell));
        found.map(|cell| cell.region.clone()).ok_or_else(|| {
            let cell = self.cell.as_ref().map(ToString::to_string).unwrap_or_default();
            Hinted::new(format!("there is no cell {cell}"), &["cellctl cell list"]).into()
        })
    }

    fn whose(&self) -> (String, Jurisdiction) {
        match (&self.jurisdiction, &self.shard, &self.user) {
            (Some(jurisdiction), _, _) => (format!("data of {jurisdiction}"), jurisdiction.clone()),
            (_, Some(shard), _) => (format!("shard {shard}"), shard.jurisdiction().clone()),
            (_, _, Some(user)) => (format!("data of person {user}"), user.home.jurisdiction.clone()),
            (None, None, None) => unreachable!("the command line has one of the three"),
        }
    }

    /// A copy of a shard is asked about as the state and the nodes ask: all that it stores.
    fn words(&self) -> (Vec<Action>, Vec<DataClass>) {
        let (actions, classes) = match (&self.shard, &self.user) {
            (Some(ShardId::Directory { .. }), _) => (vec![Action::HoldClaim], CLAIM_CLASSES.to_vec()),
            (Some(_), _) | (_, Some(_)) => (vec![Action::StorePrimary], DataClass::ALL.to_vec()),
            (None, None) => (Action::ALL.to_vec(), DataClass::ALL.to_vec()),
        };
        let actions = self.action.map_or(actions, |action| vec![action]);
        (actions, self.class.map_or(classes, |class| vec![class]))
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        question: Question,
    }

    fn asked(line: &str) -> Result<Asked> {
        let words = std::iter::once("x").chain(line.split(' '));
        Line::try_parse_from(words)?.question.understood(None)
    }

    #[test]
    fn what_is_not_said_is_asked_for_every_word() {
        let one = asked("--jurisdiction eu --action store-primary --region us-east --class health")
            .expect("a point");
        assert_eq!(
            one.points[0].to_string(),
            "`store-primary` of health data of eu in us-east for service"
        );
        assert_eq!(one.points.len(), 1);
        let all = asked("--jurisdiction eu --region us-east").expect("points");
        assert_eq!(all.points.len(), 7 * 9);
    }

    #[test]
    fn a_shard_is_asked_about_as_the_controllers_ask() {
        let root = asked("--shard eu/eu-central/000 --region us-east").expect("points");
        assert_eq!(root.about, "shard eu/eu-central/000 in region us-east");
        assert_eq!(root.points.len(), 9);
        assert!(
            root.points
                .iter()
                .all(|point| point.action == Action::StorePrimary)
        );
        let directory = asked("--shard directory/eu/000 --region us-east").expect("points");
        assert!(
            directory
                .points
                .iter()
                .all(|point| point.action == Action::HoldClaim)
        );
        assert_eq!(directory.points.len(), CLAIM_CLASSES.len());
    }

    #[test]
    fn a_person_is_asked_about_by_home() {
        let line =
            "--user eu/eu-central/0197a4a0-0000-7000-8000-000000000001 --region us-east --class health";
        let asked = asked(line).expect("a point");
        assert_eq!(asked.points[0].jurisdiction.as_str(), "eu");
    }

    #[test]
    fn half_a_question_and_an_unknown_cell_are_refused() {
        for line in [
            "--region us-east",
            "--jurisdiction eu",
            "--jurisdiction eu --shard eu/eu-west/000 --region x",
        ] {
            assert!(asked(line).is_err(), "{line}");
        }
        let error = asked("--jurisdiction eu --cell us-west-9").expect_err("unknown");
        assert_eq!(
            crate::exit::text(&error, ""),
            "error: there is no cell us-west-9\nhint: cellctl cell list"
        );
    }
}
