//! The page for compliance officers says what is so: its law is read, and so are the answers that it shows.

use std::collections::BTreeMap;

use super::point;
use crate::rules::schema;
use crate::{Bundle, ready};

const PAGE: &str = include_str!("../../../../docs/law.md");

/// Fenced parts of the page by the name that stands behind their language: "```toml law.toml".
fn parts() -> BTreeMap<&'static str, String> {
    let mut parts = BTreeMap::new();
    let mut open: Option<(&str, String)> = None;
    for line in PAGE.lines() {
        match (&mut open, line.strip_prefix("```")) {
            (None, Some(head)) => open = Some((head.split(' ').nth(1).unwrap_or_default(), String::new())),
            (Some((name, text)), Some(_)) => {
                if !name.is_empty() {
                    parts.insert(*name, std::mem::take(text));
                }
                open = None;
            }
            (Some((_, text)), None) => text.extend([line, "\n"]),
            (None, None) => {}
        }
    }
    parts
}

#[test]
fn the_law_of_the_page_is_fit() {
    let parts = parts();
    let files = parts
        .iter()
        .filter(|(name, _)| name.ends_with(".toml") || name.ends_with(".cedar"));
    let bundle = Bundle::from_files(files.map(|(name, text)| (*name, text))).expect("files of a law");
    let ready = ready(&bundle).unwrap_or_else(|error| panic!("{error}"));
    let (law, compiled) = (&ready.law, &ready.compiled);
    let explained = law
        .explain(compiled, &point("eu transfer us-east health service"))
        .to_string();
    assert_eq!(parts["explain"].trim_end(), explained.trim_end());
    let why_not = law
        .why_not(compiled, &point("eu store-standby us-east contact service"))
        .to_string();
    assert_eq!(parts["why-not"].trim_end(), why_not.trim_end());
}

#[test]
fn the_page_shows_the_schema_as_it_is() {
    assert_eq!(parts()["schema"], schema::text());
}
