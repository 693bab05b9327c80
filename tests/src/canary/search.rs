//! Looks for canaries in bytes, in one pass for all of them.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use aho_corasick::AhoCorasick;
use anyhow::{Context, Result};

use super::Canary;

/// Bytes before and after a canary that are shown with it.
const AROUND: usize = 40;

/// A canary where it was found.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Found {
    pub canary: String,
    pub form: &'static str,
    /// A path below the folder that was searched, or a name.
    pub place: String,
    pub around: String,
}

/// What was looked through.
#[derive(Debug, Default)]
pub struct Looked {
    pub found: Vec<Found>,
    pub files: usize,
    pub bytes: u64,
}

/// Finds every form of every canary.
pub struct Searcher {
    automaton: AhoCorasick,
    /// By pattern.
    names: Vec<(String, &'static str)>,
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
        let mut builder = AhoCorasick::builder();
        let automaton = builder.ascii_case_insensitive(true).build(patterns);
        Self {
            automaton: automaton.expect("some thousand short patterns fit"),
            names,
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

    /// Each canary once in each of its forms.
    pub fn look(&self, place: &str, bytes: &[u8]) -> Vec<Found> {
        let (mut found, mut seen) = (Vec::new(), BTreeSet::new());
        for hit in self.automaton.find_overlapping_iter(bytes) {
            let (canary, form) = &self.names[hit.pattern().as_usize()];
            if !seen.insert((canary, form)) {
                continue;
            }
            let around = hit.start().saturating_sub(AROUND)..(hit.end() + AROUND).min(bytes.len());
            found.push(Found {
                canary: canary.clone(),
                form,
                place: place.to_owned(),
                around: bytes[around].escape_ascii().to_string(),
            });
        }
        found
    }

    /// Every file below `root` but those in the folders named `skipped`.
    ///
    /// # Errors
    /// A file cannot be read: what is not looked at is not clean.
    pub fn folder(&self, root: &Path, skipped: &[&str]) -> Result<Looked> {
        let (mut looked, mut waiting) = (Looked::default(), vec![root.to_owned()]);
        while let Some(folder) = waiting.pop() {
            let entries =
                fs::read_dir(&folder).with_context(|| format!("cannot list {}", folder.display()))?;
            for entry in entries {
                let entry = entry?;
                let (kind, path) = (entry.file_type()?, entry.path());
                if kind.is_dir() && !skipped.iter().any(|name| entry.file_name() == *name) {
                    waiting.push(path);
                } else if kind.is_file() {
                    let bytes = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
                    let place = path.strip_prefix(root).unwrap_or(&path).display().to_string();
                    looked.found.extend(self.look(&place, &bytes));
                    looked.files += 1;
                    looked.bytes += bytes.len() as u64;
                }
            }
        }
        Ok(looked)
    }
}
