//! Finds the parsers in the code, so that none is forgotten.
//!
//! A parser is found by its shape: `impl FromStr for X`, `impl TryFrom<..> for X`, a public function that takes bytes,
//! text or a message of the wire and is named like one. What has another shape is not found.

use crate::covered::{COVERED, EXEMPT};
use crate::named;

/// Names of functions that read.
const NAMES: &[&str] = &[
    "parse",
    "decode",
    "read",
    "unpack",
    "unwrap",
    "scan",
    "frames",
    "begins",
    "inspect",
    "peek",
    "gunzip",
    "kind",
    "import",
    "json",
    "bearer",
    "idempotency_key",
    "number",
    "unix_ms",
    "root_name",
    "verify",
    "chosen",
    "tried",
    "load",
    "open",
];
/// Beginnings of such names.
const PREFIXES: &[&str] = &["from_", "read_"];
/// What they take.
const TAKES: &[&str] = &[
    "&[u8]",
    "&str",
    "Bytes",
    "[u8;",
    "Value",
    "HeaderMap",
    "&Bundle",
    "Raw",
    "&Parts",
    "&Path",
    "Status",
    "pb::",
];

/// Every parser of one file: `PATH FromStr for X`, `PATH TryFrom<A> for X`, `PATH fn NAME`. `text` without its tests.
pub fn parsers(path: &str, text: &str) -> Vec<String> {
    let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    let flat = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut found = Vec::new();
    for (at, start) in flat.match_indices("FromStr for ") {
        found.push(format!("{path} FromStr for {}", word(&flat[at + start.len()..])));
    }
    for (at, start) in flat.match_indices("impl TryFrom<") {
        if let Some((from, rest)) = flat[at + start.len()..].split_once("> for ") {
            found.push(format!("{path} TryFrom<{from}> for {}", word(rest)));
        }
    }
    for (at, start) in flat.match_indices("pub fn ") {
        let rest = &flat[at + start.len()..];
        let name = word(rest);
        let (Some(open), Some(close)) = (rest.find('('), rest.find(')')) else {
            continue;
        };
        let takes = &rest[open..close.max(open)];
        let reads = NAMES.contains(&name) || PREFIXES.iter().any(|prefix| name.starts_with(prefix));
        if (reads && TAKES.iter().any(|kind| takes.contains(kind))) || takes.contains("wire: pb::") {
            found.push(format!("{path} fn {name}"));
        }
    }
    found.sort();
    found.dedup();
    found
}

fn word(text: &str) -> &str {
    let end = text.find(|c: char| !c.is_alphanumeric() && c != '_' && c != '$');
    &text[..end.unwrap_or(text.len())]
}

/// Parsers without a target, targets and reasons for what is not there.
pub fn faults(parsers: &[String]) -> Vec<String> {
    let listed: Vec<&str> = COVERED
        .iter()
        .flat_map(|(_, parsers)| parsers.iter().copied())
        .collect();
    let mut faults = Vec::new();
    for parser in parsers {
        let exempt = EXEMPT.iter().any(|(name, _)| name == parser);
        match (listed.contains(&parser.as_str()), exempt) {
            (false, false) => faults.push(format!("{parser} has no target and no reason to have none")),
            (true, true) => faults.push(format!("{parser} has a target and is exempt")),
            _ => {}
        }
    }
    let named_here = listed.iter().copied().chain(EXEMPT.iter().map(|(name, _)| *name));
    let gone = named_here.filter(|name| !parsers.iter().any(|parser| parser == name));
    faults.extend(gone.map(|name| format!("{name} is listed and is not in the code")));
    let unknown = COVERED.iter().filter(|(target, _)| named(target).is_none());
    faults.extend(unknown.map(|(target, _)| format!("{target} is no target")));
    faults
}
