//! What does not exist yet, by name. A line leaves this list when the thing is there, and never before.

use serde_json::json;

use super::story::{Row, Story};

/// Name and what is missing with it.
const ABSENT: [(&str, &str); 10] = [
    (
        "plans of many operations",
        "no drain, no evacuation, no rebalancing: shards move one by one",
    ),
    (
        "relocation",
        "nobody comes back to a home that he left, and his followers are not told where he lives now",
    ),
    ("community", "domain"),
    ("commerce", "domain"),
    ("equipment", "domain"),
    ("personalization", "domain"),
    ("regional", "domain"),
    ("localization", "domain"),
    (
        "FoundationDB and TiKV",
        "the demo's cells store on the embedded engine, one node each; FoundationDB has never run, TiKV only as a stand-in",
    ),
    ("web client, GraphQL", "apps speak REST"),
];

pub fn show(story: &mut Story<'_>) {
    let rows = ABSENT.iter().map(|(name, what)| Row {
        text: vec![(*name).to_owned(), (*what).to_owned()],
        json: json!({ "name": name, "missing": what }),
    });
    story.table(
        "absent",
        "What does not exist yet",
        &["name", "what is missing"],
        rows.collect(),
    );
}
