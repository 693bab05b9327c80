//! A law that reads well: every name stands for something, every rule reads only what it may.

use crate::cases::{self, Case};
use crate::document::Document;
use crate::evaluate::Engine;
use crate::facts::Facts;
use crate::fault::{Fault, Faults};
use crate::rules::{Rule, read};
use crate::source::Bundle;

/// Whether it is fit to be a law is said by [`lint`](Self::lint) and [`test`](Self::test); see [`crate::ready()`].
#[derive(Debug, Clone)]
pub struct Law {
    pub(crate) bundle: Bundle,
    pub(crate) document: Document,
    pub(crate) rules: Vec<Rule>,
    pub(crate) cases: Vec<Case>,
    pub(crate) facts: Facts,
    pub(crate) engine: Engine,
}

impl Law {
    /// # Errors
    /// Every fault that can be told apart: of `law.toml` first; rules and cases are read if it is sound.
    pub fn read(bundle: &Bundle) -> Result<Self, Faults> {
        let document = Document::read(bundle).map_err(Faults)?;
        let rules = read::rules(bundle, &document);
        let cases = cases::read(bundle, &document, rules.as_deref().ok());
        match (rules, cases) {
            (Ok(rules), Ok(cases)) => Ok(Self::of(bundle.clone(), document, rules, cases)),
            (rules, cases) => {
                let faults = [rules.err(), cases.err()].into_iter().flatten().flatten();
                Err(Faults(faults.collect::<Vec<Fault>>()))
            }
        }
    }

    fn of(bundle: Bundle, document: Document, rules: Vec<Rule>, cases: Vec<Case>) -> Self {
        let facts = Facts::of(&document);
        let engine = Engine::of(&rules);
        Self {
            bundle,
            document,
            rules,
            cases,
            facts,
            engine,
        }
    }

    /// The same facts and cases under other rules.
    #[cfg(test)]
    pub(crate) fn with_rules(&self, rules: Vec<Rule>) -> Self {
        Self::of(
            self.bundle.clone(),
            self.document.clone(),
            rules,
            self.cases.clone(),
        )
    }

    pub fn bundle(&self) -> &Bundle {
        &self.bundle
    }

    pub fn document(&self) -> &Document {
        &self.document
    }

    /// In the order of the law, which is that of the answers' [`RuleIndex`](platform_model::matrix::RuleIndex).
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    pub fn cases(&self) -> &[Case] {
        &self.cases
    }

    pub fn rule(&self, id: &str) -> Option<&Rule> {
        self.rules.iter().find(|rule| rule.id == id)
    }
}
