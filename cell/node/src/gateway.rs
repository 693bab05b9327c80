//! The routes of every domain, behind the door; and the catalogue of what they store.

use std::fmt::Write;

use axum::Router;
use axum::middleware;
use cell_sdk::{Domain, Lent, ProblemResponse};
use domains_identity::{Identity, Settings};
use domains_training::Training;
use platform_model::Code;

use crate::door::{self, Door};

/// The domains that a node runs. Those that do not exist yet are named in `ARCHITECTURE.md`.
pub fn domains() -> Vec<Box<dyn Domain>> {
    vec![
        Box::new(Identity::new(Settings::default())),
        Box::new(Training::new()),
    ]
}

/// All routes of apps.
pub fn routes(domains: &[Box<dyn Domain>], lent: Lent, door: Door) -> Router {
    let merged = domains
        .iter()
        .fold(Router::new(), |routes, domain| routes.merge(domain.routes()));
    merged
        .method_not_allowed_fallback(async || ProblemResponse::from(Code::MethodNotAllowed))
        .fallback(async || ProblemResponse::from(Code::NotFound))
        .layer(middleware::from_fn_with_state(door, door::pass))
        .with_state(lent)
}

/// Every stored table and every event of every domain with the data class of each field, one field a line.
pub fn catalogue() -> String {
    let mut text = String::new();
    for domain in domains() {
        for table in domain.tables() {
            for field in table.fields {
                let (domain, table, version) = (domain.name(), table.name, table.version);
                writeln!(text, "{domain}.{table}.v{version}.{} {}", field.name, field.class)
                    .expect("a string takes all text");
            }
        }
        for event in domain.events() {
            for field in event.fields {
                let (domain, event, version) = (domain.name(), event.name, event.version);
                writeln!(
                    text,
                    "{domain}.event.{event}.v{version}.{} {}",
                    field.name, field.class
                )
                .expect("a string takes all text");
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_takes_an_event_takes_one_that_somebody_tells() {
        let domains = domains();
        for taker in &domains {
            for takes in taker.takes() {
                let teller = domains.iter().find(|domain| domain.name() == takes.domain);
                let event =
                    teller.and_then(|teller| teller.events().iter().find(|one| one.name == takes.event));
                let version = event.map(|event| event.version);
                assert_eq!(version, Some(takes.version), "{} takes {takes:?}", taker.name());
            }
        }
    }

    #[test]
    fn tables_of_two_domains_do_not_share_a_name_and_fields_have_classes() {
        let text = catalogue();
        let fields: Vec<&str> = text
            .lines()
            .map(|line| line.split(' ').next().expect("a field"))
            .collect();
        let unique: std::collections::BTreeSet<_> = fields.iter().collect();
        assert!(fields.len() > 20 && unique.len() == fields.len(), "{text}");
        assert!(text.contains("health") && text.contains("contact") && text.contains("credential"));
    }
}
