//! The routes that apps have, as the code says them: every `.route("PATH", METHOD(..))` of a domain.
//!
//! Read from the text, since no list exists at run time. It knows the one way in which domains write their routes; a
//! domain that writes them in another way is a fault, not a route that is missed.

use std::collections::BTreeSet;

use crate::house::SourceFile;

const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

/// `POST /v1/activities` and the like, of all domains; and what cannot be read.
pub fn of_domains(files: &[SourceFile]) -> (BTreeSet<String>, Vec<String>) {
    let (mut routes, mut faults) = (BTreeSet::new(), Vec::new());
    let sources = files
        .iter()
        .filter(|file| file.path.starts_with("domains/") && file.path.ends_with(".rs"));
    for file in sources.filter(|file| !is_test(&file.path)) {
        for (number, call) in calls(&file.text) {
            match read(&call) {
                Some(read) => routes.extend(read),
                None => faults.push(format!("{}:{number}: {call} cannot be read", file.path)),
            }
        }
        for other in [".nest(", ".route_service(", ".nest_service("] {
            if file.text.contains(other) {
                faults.push(format!("{} has routes by {other}..)", file.path));
            }
        }
    }
    (routes, faults)
}

fn is_test(path: &str) -> bool {
    path.contains("/tests/") || path.ends_with("/tests.rs")
}

/// Each `.route(..)` with the number of its line, up to its closing bracket.
fn calls(text: &str) -> Vec<(usize, String)> {
    let mut calls = Vec::new();
    for (at, _) in text.match_indices(".route(") {
        let inside = &text[at + ".route(".len()..];
        let mut depth = 1;
        let end = inside.char_indices().find(|(_, c)| {
            depth += i32::from(*c == '(') - i32::from(*c == ')');
            depth == 0
        });
        let end = end.map_or(inside.len(), |(end, _)| end);
        let number = text[..at].lines().count() + 1;
        calls.push((
            number,
            inside[..end].split_whitespace().collect::<Vec<_>>().join(" "),
        ));
    }
    calls
}

/// The routes of one call: `"/v1/profile", get(profile::read).patch(profile::change)`.
fn read(call: &str) -> Option<Vec<String>> {
    let (path, handlers) = call.strip_prefix('"')?.split_once("\",")?;
    let mut routes = Vec::new();
    for handler in handlers.split(").").map(str::trim) {
        let (method, _) = handler.split_once('(')?;
        if !METHODS.contains(&method) {
            return None;
        }
        routes.push(format!("{} {path}", method.to_uppercase()));
    }
    Some(routes)
}
