//! Looks for canaries in bytes, in one pass for all of them.

use std::collections::BTreeSet;

use aho_corasick::AhoCorasick;

use crate::Canary;

/// Bytes before and after a canary that are shown with it.
const AROUND: usize = 40;

/// A canary where it was found.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Found {
    pub canary: String,
    pub form: &'static str,
    /// A path below the folder that was searched, or a name.
    pub place: String,
    /// It lay in a block that had to be unpacked.
    pub packed: bool,
    /// What lay about it: for tests, never for a terminal.
    pub around: String,
}

/// Finds every form of every canary.
pub struct Searcher {
    automaton: AhoCorasick,
    /// By pattern.
    names: Vec<(String, &'static str)>,
    longest: usize,
}

impl Searcher {
    pub fn new(canaries: &[Canary]) -> Self {
        let (mut names, mut patterns) = (Vec::new(), Vec::new());
        for canary in canaries {
            for form in &canary.forms {
                names.push((canary.name.clone(), form.name));
                patterns.push(&form.bytes);
            }
        }
        let longest = patterns.iter().map(|bytes| bytes.len()).max().unwrap_or(0);
        let mut builder = AhoCorasick::builder();
        let automaton = builder.ascii_case_insensitive(true).build(patterns);
        Self {
            automaton: automaton.expect("some thousand short patterns fit"),
            names,
            longest,
        }
    }

    /// How many patterns are looked for.
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether nothing is looked for.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// Bytes of the longest pattern.
    pub(crate) fn longest(&self) -> usize {
        self.longest
    }

    /// Each canary once in each of its forms.
    pub fn look(&self, place: &str, bytes: &[u8]) -> Vec<Found> {
        let (mut found, mut seen) = (Vec::new(), BTreeSet::new());
        for hit in self.automaton.find_overlapping_iter(bytes) {
            if !seen.insert(hit.pattern()) {
                continue;
            }
            let (canary, form) = &self.names[hit.pattern().as_usize()];
            let around = hit.start().saturating_sub(AROUND)..(hit.end() + AROUND).min(bytes.len());
            found.push(Found {
                canary: canary.clone(),
                form,
                place: place.to_owned(),
                packed: false,
                around: bytes[around].escape_ascii().to_string(),
            });
        }
        found
    }
}
