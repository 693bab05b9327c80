//! From the files of cases to [`Case`]s: lists and `*` become points, and every name must stand for something.

use std::fmt;

use platform_model::DataClass;
use platform_model::matrix::{Action, Point, Purpose};
use serde::Deserialize;
use serde::de::{Deserializer, Error, SeqAccess, Visitor};
use toml::Spanned;

use super::{CASE_POINTS_MAX, Case, Expected, ExpectedRule};
use crate::document::{Document, TEXT_BYTES_MAX, nearest, not_toml};
use crate::fault::{Fault, FaultKind};
use crate::position::Position;
use crate::rules::Rule;
use crate::source::{Bundle, CASES_SUFFIX};

/// What a case calls the absence of a rule.
const NO_RULE: &str = "none";
const EVERY: &str = "*";

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawCases {
    #[serde(default)]
    cases: Vec<Spanned<RawCase>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawCase {
    name: Spanned<String>,
    jurisdiction: Spanned<Words>,
    action: Spanned<Words>,
    region: Spanned<Words>,
    class: Spanned<Words>,
    #[serde(default)]
    purpose: Option<Spanned<Words>>,
    expect: Expected,
    rule: Option<Spanned<String>>,
}

/// One word, or a list of words.
#[derive(Debug)]
struct Words(Vec<String>);

/// All cases; names of rules are checked if the rules could be read.
pub(crate) fn read(
    bundle: &Bundle,
    document: &Document,
    rules: Option<&[Rule]>,
) -> Result<Vec<Case>, Vec<Fault>> {
    let (mut cases, mut faults) = (Vec::new(), Vec::new());
    for (file, text) in bundle.files().filter(|(name, _)| name.ends_with(CASES_SUFFIX)) {
        let mut reader = Reader {
            file,
            text,
            document,
            rules,
            faults: Vec::new(),
        };
        match toml::from_str::<RawCases>(text) {
            Ok(raw) => cases.extend(raw.cases.into_iter().map(|raw| reader.case(raw))),
            Err(error) => faults.push(not_toml(file, text, &error)),
        }
        faults.append(&mut reader.faults);
    }
    let count = cases.iter().map(|case: &Case| case.points.len()).sum();
    if count > CASE_POINTS_MAX {
        let kind = FaultKind::Count {
            what: "points of cases",
            count,
            least: 0,
            most: CASE_POINTS_MAX,
        };
        faults.push(Fault::nowhere(kind));
    }
    if faults.is_empty() { Ok(cases) } else { Err(faults) }
}

struct Reader<'a> {
    file: &'a str,
    text: &'a str,
    document: &'a Document,
    rules: Option<&'a [Rule]>,
    faults: Vec<Fault>,
}

impl Reader<'_> {
    fn case(&mut self, raw: Spanned<RawCase>) -> Case {
        let position = self.at(raw.span().start);
        let raw = raw.into_inner();
        let name = raw.name.get_ref().trim().to_owned();
        if !(1..=TEXT_BYTES_MAX).contains(&name.len()) {
            let (what, bytes) = ("the name of a case".to_owned(), name.len());
            self.fault(
                raw.name.span().start,
                FaultKind::Length {
                    what,
                    bytes,
                    max: TEXT_BYTES_MAX,
                },
            );
        }
        let jurisdictions: Vec<_> = self.document.jurisdictions.keys().cloned().collect();
        let regions: Vec<_> = self.document.regions.keys().cloned().collect();
        let jurisdictions = self.known(&name, "jurisdiction", &raw.jurisdiction, &jurisdictions);
        let regions = self.known(&name, "region", &raw.region, &regions);
        let actions = self.known(&name, "action", &raw.action, &Action::ALL);
        let classes = self.known(&name, "data class", &raw.class, &DataClass::ALL);
        let purposes = match &raw.purpose {
            Some(purposes) => self.known(&name, "purpose", purposes, &Purpose::ALL),
            None => vec![Purpose::Service],
        };
        let mut points = Vec::new();
        for jurisdiction in &jurisdictions {
            for region in &regions {
                let (jurisdiction, region) = (jurisdiction.clone(), region.clone());
                points.extend(of_place(&jurisdiction, &region, &actions, &classes, &purposes));
            }
        }
        let rule = raw.rule.map(|rule| self.rule(&name, &rule));
        Case {
            name,
            position,
            points,
            expect: raw.expect,
            rule,
        }
    }

    fn rule(&mut self, case: &str, rule: &Spanned<String>) -> ExpectedRule {
        let id = rule.get_ref();
        if id == NO_RULE {
            return ExpectedRule::NoRule;
        }
        if let Some(rules) = self.rules.filter(|rules| rules.iter().all(|rule| rule.id != *id)) {
            let nearest = nearest(id, rules.iter().map(|rule| rule.id.as_str()));
            let (what, name) = (format!("the case `{case}`"), format!("rule {id}"));
            self.fault(rule.span().start, FaultKind::Unknown { what, name, nearest });
        }
        ExpectedRule::Rule(id.clone())
    }

    /// Every word must be one that the law knows; `*` is all of them.
    fn known<T: Clone + fmt::Display>(
        &mut self,
        case: &str,
        kind: &str,
        words: &Spanned<Words>,
        known: &[T],
    ) -> Vec<T> {
        let mut found = Vec::new();
        for word in &words.get_ref().0 {
            if word == EVERY {
                found.extend_from_slice(known);
            } else if let Some(known) = known.iter().find(|known| known.to_string() == *word) {
                found.push(known.clone());
            } else {
                let names: Vec<String> = known.iter().map(ToString::to_string).collect();
                let nearest = nearest(word, names.iter().map(String::as_str));
                let (what, name) = (format!("the case `{case}`"), format!("{kind} {word}"));
                self.fault(words.span().start, FaultKind::Unknown { what, name, nearest });
            }
        }
        found
    }

    fn at(&self, offset: usize) -> Position {
        Position::of(self.file, self.text, offset)
    }

    fn fault(&mut self, offset: usize, kind: FaultKind) {
        self.faults.push(Fault::at(self.at(offset), kind));
    }
}

fn of_place(
    jurisdiction: &platform_model::Jurisdiction,
    region: &platform_model::RegionId,
    actions: &[Action],
    classes: &[DataClass],
    purposes: &[Purpose],
) -> Vec<Point> {
    let mut points = Vec::new();
    for action in actions {
        for class in classes {
            points.extend(purposes.iter().map(|purpose| Point {
                jurisdiction: jurisdiction.clone(),
                action: *action,
                region: region.clone(),
                class: *class,
                purpose: *purpose,
            }));
        }
    }
    points
}

impl<'de> Deserialize<'de> for Words {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(WordsVisitor)
    }
}

struct WordsVisitor;

impl<'de> Visitor<'de> for WordsVisitor {
    type Value = Words;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a word, a list of words that is not empty, or \"*\"")
    }

    fn visit_str<E: Error>(self, word: &str) -> Result<Words, E> {
        Ok(Words(vec![word.to_owned()]))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Words, A::Error> {
        let mut words = Vec::new();
        while let Some(word) = list.next_element()? {
            words.push(word);
        }
        if words.is_empty() {
            Err(A::Error::invalid_length(0, &self))
        } else {
            Ok(Words(words))
        }
    }
}
