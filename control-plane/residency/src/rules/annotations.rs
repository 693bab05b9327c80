//! What stands above a rule: `@id`, `@article`, `@reason`, `@owner`, all four and no other.

use std::collections::BTreeMap;

use platform_model::matrix::{ARTICLE_BYTES_MAX, ID_BYTES_MAX};

use crate::document::TEXT_BYTES_MAX;
use crate::fault::FaultKind;

#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Annotations {
    pub id: String,
    pub article: String,
    pub reason: String,
    pub owner: String,
}

/// `unnamed` is what a rule without an id is called in faults.
pub(crate) fn read(written: &BTreeMap<String, String>, unnamed: &str) -> Result<Annotations, Vec<FaultKind>> {
    let mut faults = Vec::new();
    let id = written.get("id").map(String::as_str).filter(|id| !id.is_empty());
    let rule = id.unwrap_or(unnamed).to_owned();
    if id.is_some_and(|id| !is_id(id)) {
        faults.push(FaultKind::RuleId(rule.clone()));
    }
    for name in written
        .keys()
        .filter(|name| !["id", "article", "reason", "owner"].contains(&name.as_str()))
    {
        faults.push(FaultKind::UnknownAnnotation {
            rule: rule.clone(),
            annotation: name.clone(),
        });
    }
    let mut text = |annotation: &'static str, max| {
        let text = written
            .get(annotation)
            .map(|text| text.trim())
            .unwrap_or_default();
        if text.is_empty() {
            faults.push(FaultKind::MissingAnnotation {
                rule: rule.clone(),
                annotation,
            });
        } else if text.len() > max {
            let what = format!("@{annotation} of rule {rule}");
            faults.push(FaultKind::Length {
                what,
                bytes: text.len(),
                max,
            });
        }
        text.to_owned()
    };
    let annotations = Annotations {
        id: text("id", ID_BYTES_MAX),
        article: text("article", ARTICLE_BYTES_MAX),
        reason: text("reason", TEXT_BYTES_MAX),
        owner: text("owner", TEXT_BYTES_MAX),
    };
    if faults.is_empty() {
        Ok(annotations)
    } else {
        Err(faults)
    }
}

fn is_id(id: &str) -> bool {
    let letters = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    id.len() <= ID_BYTES_MAX && id.bytes().all(letters) && !id.starts_with('-') && !id.ends_with('-')
}
