//! What a law says to a point, and what would have to be other: of a law in a folder, or of the one in force.
//!
//! Between the approval of a version and its day less holds than its text says. Then the answer is that of the matrix
//! in force, and the text explains it only where it answers alike by the same rule.

use control_plane_residency::why_not::{Remedy, WhyNot};
use control_plane_residency::{Explanation, Ready};
use platform_model::matrix::{Answer, Matrix, Point, RuleName, Ruling};
use serde::Serialize;

use super::standing::{Approved, Standing};
use super::views::{LawName, PlaceView, PointView, RuleView, moment, short, word};

/// The law that is asked.
#[derive(Debug)]
pub enum Asking {
    /// In a folder: holds nowhere yet.
    Folder(Box<Ready>),
    World(Box<Standing>),
}

/// Which law answers.
#[derive(Debug, Serialize)]
pub struct Heading {
    pub law: LawName,
    /// `folder` or `in-force`.
    pub source: &'static str,
    pub since: Option<String>,
    /// Less holds than the approved text says: what two versions both permit.
    pub in_part: bool,
    /// When the rest holds.
    pub whole_from: Option<String>,
}

/// An answer, for machines and for people.
#[derive(Debug)]
pub struct Answered<V> {
    pub view: V,
    pub text: String,
}

#[derive(Debug, Serialize)]
pub struct AnswerView {
    pub point: PointView,
    /// `permit`, `consent` or `deny`.
    pub answer: &'static str,
    /// None: no rule permits it.
    pub rule: Option<RuleView>,
    /// Other rules that apply.
    pub others: Vec<RuleView>,
    /// None: the law does not know the jurisdiction or the region, or its text is not at hand.
    pub place: Option<PlaceView>,
    /// The answer from the day on at which the approved text holds wholly, if it is another.
    pub later: Option<&'static str>,
}

#[derive(Debug, Serialize)]
pub struct WhyNotView {
    pub point: PointView,
    pub answer: &'static str,
    /// `permitted`, `needs-consent`, `waits`, `unknown-place`, `needs` or `no-text`.
    pub state: &'static str,
    /// All of these together.
    pub remedies: Vec<RemedyView>,
    /// The answer after them.
    pub then: Option<&'static str>,
}

#[derive(Debug, Serialize)]
pub struct RemedyView {
    /// `attest`, `mechanism`, `permit` or `lift`.
    pub kind: &'static str,
    /// The mechanism, the rule to write, or the id of the rule to lift.
    pub what: Option<String>,
    pub article: Option<String>,
}

impl Asking {
    pub fn heading(&self) -> Heading {
        match self {
            Self::Folder(ready) => Heading {
                law: LawName::from(&ready.compiled.matrix),
                source: "folder",
                since: None,
                in_part: false,
                whole_from: None,
            },
            Self::World(standing) => {
                let text = standing.text.as_ref().filter(|_| !standing.is_whole());
                Heading {
                    law: LawName::from(standing.in_force.matrix.as_ref()),
                    source: "in-force",
                    since: moment(standing.since_ms),
                    in_part: !standing.is_whole(),
                    whole_from: text.and_then(|text| moment(text.holds_from_ms)),
                }
            }
        }
    }

    pub fn explain(&self, point: &Point) -> Answered<AnswerView> {
        match self {
            Self::Folder(ready) => explained(ready, point),
            Self::World(standing) => match &standing.text {
                Some(text) if agrees(standing, text, point) => explained(&text.ready, point),
                text => from_matrix(standing, text.as_ref(), point),
            },
        }
    }

    pub fn why_not(&self, point: &Point) -> Answered<WhyNotView> {
        match self {
            Self::Folder(ready) => remedies(ready, point),
            Self::World(standing) => match &standing.text {
                Some(text) if agrees(standing, text, point) => remedies(&text.ready, point),
                text => waits(standing, text.as_ref(), point),
            },
        }
    }
}

impl Heading {
    /// One line for people.
    pub fn text(&self) -> String {
        let LawName { version, digest, .. } = &self.law;
        let digest = short(digest);
        match (&self.since, &self.whole_from) {
            (None, _) => format!("law {version} in the folder (digest {digest}), which holds nowhere yet"),
            (Some(since), None) if self.in_part => {
                format!("what is left of law {version} in force since {since} (digest {digest})")
            }
            (Some(since), None) => format!("law {version}, in force since {since} (digest {digest})"),
            (Some(since), Some(from)) => format!(
                "what law {version} and the one before it both permit, in force since {since}; all of it from {from} on"
            ),
        }
    }
}

/// Whether the text answers a point as what is in force does, by the same rule.
fn agrees(standing: &Standing, text: &Approved, point: &Point) -> bool {
    let now: &Matrix = &standing.in_force.matrix;
    let then = &text.ready.compiled.matrix;
    let (here, there) = (now.ruling(point), then.ruling(point));
    here.answer == there.answer && rule_of(now, here) == rule_of(then, there)
}

fn rule_of(matrix: &Matrix, ruling: Ruling) -> Option<&RuleName> {
    ruling.rule.and_then(|rule| matrix.rule(rule))
}

fn explained(ready: &Ready, point: &Point) -> Answered<AnswerView> {
    let explanation: Explanation<'_> = ready.law.explain(&ready.compiled, point);
    Answered {
        view: AnswerView {
            point: point.into(),
            answer: word(explanation.answer),
            rule: explanation.rule.map(RuleView::from),
            others: explanation
                .others
                .iter()
                .map(|rule| RuleView::from(*rule))
                .collect(),
            place: explanation.facts.as_ref().map(PlaceView::from),
            later: None,
        },
        text: explanation.to_string(),
    }
}

/// What the matrix in force says where the approved text says something else.
fn from_matrix(standing: &Standing, text: Option<&Approved>, point: &Point) -> Answered<AnswerView> {
    let matrix = standing.in_force.matrix.as_ref();
    let ruling = matrix.ruling(point);
    let rule = rule_of(matrix, ruling);
    let later = text.map(|text| {
        (
            text.ready.compiled.matrix.ruling(point).answer,
            text.holds_from_ms,
        )
    });
    let by = match rule {
        Some(rule) => format!("{} of the version before, by {}", rule.id, rule.article),
        None => "none: no rule of the version before permits it, so it is denied".to_owned(),
    };
    let mut shown = format!("{point}: {}\n  rule     {by}", ruling.answer);
    if let Some((answer, from_ms)) = later {
        let from = moment(from_ms).unwrap_or_default();
        shown.push_str(&format!("\n  later    {answer}, from {from} on"));
    }
    Answered {
        view: AnswerView {
            point: point.into(),
            answer: word(ruling.answer),
            rule: rule.map(RuleView::from),
            others: Vec::new(),
            place: None,
            later: later.map(|(answer, _)| word(answer)),
        },
        text: shown,
    }
}

fn remedies(ready: &Ready, point: &Point) -> Answered<WhyNotView> {
    let why_not = ready.law.why_not(&ready.compiled, point);
    let (state, remedies, then) = match &why_not {
        WhyNot::Permitted { .. } => ("permitted", Vec::new(), None),
        WhyNot::NeedsConsent { .. } => ("needs-consent", Vec::new(), None),
        WhyNot::UnknownPlace => ("unknown-place", Vec::new(), None),
        WhyNot::Needs { remedies, then } => (
            "needs",
            remedies.iter().map(RemedyView::from).collect(),
            Some(word(*then)),
        ),
    };
    let answer = ready.compiled.matrix.ruling(point).answer;
    Answered {
        view: WhyNotView {
            point: point.into(),
            answer: word(answer),
            state,
            remedies,
            then,
        },
        text: format!("{point}: {answer}\n{why_not}"),
    }
}

/// Where the approved text answers otherwise than what is in force, time is what is missing, or the text is.
fn waits(standing: &Standing, text: Option<&Approved>, point: &Point) -> Answered<WhyNotView> {
    let now = standing.in_force.matrix.ruling(point).answer;
    let later = text.map(|text| {
        (
            text.ready.compiled.matrix.ruling(point).answer,
            text.holds_from_ms,
        )
    });
    let (state, then, told) = match later {
        _ if now == Answer::Permit => ("permitted", None, "it is permitted, by a rule of the version before".to_owned()),
        Some((answer, from_ms)) if answer > now => {
            let from = moment(from_ms).unwrap_or_default();
            ("waits", Some(word(answer)), format!("nothing: from {from} on the answer is {answer}"))
        }
        _ => (
            "no-text",
            None,
            "a rule of the version before decides, whose text the controllers no longer keep: ask your copy, \
             with DIR"
                .to_owned(),
        ),
    };
    Answered {
        view: WhyNotView {
            point: point.into(),
            answer: word(now),
            state,
            remedies: Vec::new(),
            then,
        },
        text: format!("{point}: {now}\n{told}"),
    }
}

impl From<&Remedy<'_>> for RemedyView {
    fn from(remedy: &Remedy<'_>) -> Self {
        let (kind, what, article) = match remedy {
            Remedy::Attest => ("attest", None, None),
            Remedy::Mechanism(kind) => ("mechanism", Some(kind.to_string()), None),
            Remedy::Permit { text } => ("permit", Some(text.clone()), None),
            Remedy::Lift(rule) => ("lift", Some(rule.id.clone()), Some(rule.article.clone())),
        };
        Self { kind, what, article }
    }
}

#[cfg(test)]
mod tests {
    use platform_model::DataClass;
    use platform_model::matrix::{Action, Purpose};

    use super::super::sample;
    use super::*;

    fn point(action: Action, class: DataClass, purpose: Purpose) -> Point {
        Point {
            jurisdiction: "eu".parse().expect("a jurisdiction"),
            action,
            region: "us-east".parse().expect("a region"),
            class,
            purpose,
        }
    }

    /// Law 2 widens law 1 and waits for its day.
    fn in_part() -> Asking {
        let (first, wider) = (sample::record(1, ""), sample::record(2, sample::WIDER));
        let mut view = sample::view(Some(&first), Some(&wider), None);
        let meet = first.matrix.meet(&wider.matrix).expect("meets");
        view.in_force.as_mut().expect("in force").matrix = meet.into();
        Asking::World(Box::new(Standing::of(&view).expect("in force")))
    }

    #[test]
    fn a_folder_is_explained_by_its_text() {
        let asking = Asking::Folder(Box::new(sample::law(1, "")));
        let health = point(Action::StorePrimary, DataClass::Health, Purpose::Service);
        let explained = asking.explain(&health);
        let why_not = asking.why_not(&health);
        insta::assert_snapshot!(format!(
            "{}\n{}\n---\n{}\n---\n{}\n---\n{}",
            sample::without_digests(&asking.heading().text()),
            explained.text,
            serde_json::to_string_pretty(&explained.view).expect("writes"),
            why_not.text,
            serde_json::to_string_pretty(&why_not.view).expect("writes"),
        ));
    }

    #[test]
    fn what_waits_for_its_day_is_told_as_waiting() {
        let asking = in_part();
        assert!(asking.heading().in_part);
        let waiting = point(Action::Process, DataClass::Health, Purpose::Analytics);
        let explained = asking.explain(&waiting);
        assert_eq!(
            (explained.view.answer, explained.view.later),
            ("deny", Some("permit"))
        );
        assert_eq!(asking.why_not(&waiting).view.state, "waits");
        // What both say alike is explained from the text.
        let alike = point(Action::StorePrimary, DataClass::Health, Purpose::Service);
        assert!(asking.explain(&alike).view.place.is_some());
        assert_eq!(asking.why_not(&alike).view.state, "needs");
    }
}
