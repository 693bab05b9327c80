//! One entry: read from a controller, and as people and machines are shown it.

use anyhow::Result;
use control_plane_ledger::{Digest, Entry, Recorded, Verdict, encoding, time};
use platform_wire::ledger::Page;
use serde::Serialize;
use serde_json::Value;

use crate::exit::Hinted;
use crate::printer::{Column, Listed};
use crate::world::ledgers::Held;
use crate::world::operator;

/// The page that begins at `from`.
pub async fn page(held: &Held, from: u64, entries_max: u32) -> Result<Page> {
    held.client
        .read(from, entries_max)
        .await
        .map_err(operator::explain)
}

/// Entries of a page, as they were kept.
pub fn recorded(page: &Page) -> Vec<Recorded> {
    let recorded = |entry: &platform_wire::ledger::RecordedEntry| Recorded {
        canonical: entry.canonical.clone(),
        hash: Digest::from_bytes(entry.hash),
    };
    page.entries.iter().map(recorded).collect()
}

/// An entry whose own hash fits; whether it stands in its place is for `audit verify` to say.
pub fn read(recorded: &Recorded, sequence: u64) -> Result<Entry> {
    let fits = encoding::hash(&recorded.canonical) == recorded.hash;
    match encoding::decode(&recorded.canonical) {
        Ok(entry) if fits && entry.sequence == sequence => Ok(entry),
        _ => Err(changed(sequence)),
    }
}

/// What stands at a place is not what was decided.
pub fn changed(sequence: u64) -> anyhow::Error {
    let message = format!("entry {sequence} of the ledger was changed or damaged");
    Hinted::new(
        message,
        &["cellctl audit verify   says where and by whom it is contradicted"],
    )
    .into()
}

/// Who, without what is the same for all: `operator/sre/o-1`.
pub fn short(actor: &str) -> &str {
    let behind_region = actor
        .strip_prefix("spiffe://")
        .and_then(|id| id.splitn(4, '/').nth(3));
    behind_region.unwrap_or(actor)
}

/// An entry as machines are shown it.
#[derive(Debug, Serialize)]
pub struct EntryView {
    sequence: u64,
    time: String,
    actor: String,
    command: String,
    subject: String,
    accepted: bool,
    table: Option<u64>,
    refusal: Option<String>,
    refused_for: Option<Value>,
    reason: String,
    count: u32,
    repeats: Option<u64>,
    command_digest: String,
    inputs_digest: String,
    previous: String,
    hash: String,
}

impl EntryView {
    pub fn of(entry: &Entry) -> Self {
        let record = &entry.record;
        let (table, refusal, refused_for) = match &record.verdict {
            Verdict::Accepted { table } => (Some(*table), None, None),
            Verdict::Refused { code, detail } => {
                let parsed = serde_json::from_str(detail).map(sorted);
                (
                    None,
                    Some(code.clone()),
                    Some(parsed.unwrap_or_else(|_| Value::String(detail.clone()))),
                )
            }
        };
        Self {
            sequence: entry.sequence,
            time: time::utc(record.time_ms),
            actor: record.actor.clone(),
            command: record.command.clone(),
            subject: record.subject.clone(),
            accepted: record.verdict.is_accepted(),
            table,
            refusal,
            refused_for,
            reason: record.reason.clone(),
            count: record.count,
            repeats: (record.repeats > 0).then_some(record.repeats),
            command_digest: record.command_digest.to_string(),
            inputs_digest: record.inputs_digest.to_string(),
            previous: entry.previous.to_string(),
            hash: entry.hash().to_string(),
        }
    }
}

/// What a refusal names, in the order of the alphabet: no map's own order is ever shown.
fn sorted(value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            let mut fields: Vec<(String, Value)> = fields.into_iter().collect();
            fields.sort_by(|(one, _), (other, _)| one.cmp(other));
            fields
                .into_iter()
                .map(|(name, value)| (name, sorted(value)))
                .collect()
        }
        Value::Array(items) => items.into_iter().map(sorted).collect(),
        other => other,
    }
}

impl Listed for EntryView {
    const COLUMNS: &'static [Column] = &[
        Column::new("#"),
        Column::new("time"),
        Column::new("actor"),
        Column::new("command"),
        Column::new("subject"),
        Column::new("outcome"),
        Column::new("count"),
        Column::wide("reason"),
        Column::wide("hash"),
    ];

    fn cells(&self) -> Vec<String> {
        vec![
            self.sequence.to_string(),
            self.time.clone(),
            short(&self.actor).to_owned(),
            self.command.clone(),
            self.subject.clone(),
            self.refusal.clone().unwrap_or_else(|| "accepted".to_owned()),
            self.count.to_string(),
            self.reason.clone(),
            self.hash.chars().take(16).collect(),
        ]
    }

    fn name(&self) -> String {
        self.sequence.to_string()
    }
}

#[cfg(test)]
pub mod tests {
    use control_plane_ledger::{Chain, Head, Record};

    use super::*;

    /// A ledger of this world with `count` entries: every third a refusal.
    pub fn ledger(world: &str, count: u64) -> (Chain, Vec<Entry>) {
        let mut chain = Chain::after(Head::genesis(world));
        let entries = (1..=count).map(|n| chain.append(record(n))).collect();
        (chain, entries)
    }

    fn record(n: u64) -> Record {
        let verdict = match n % 3 {
            0 => Verdict::Refused {
                code: "outside-home-region".into(),
                detail: r#"{"shard":"eu/eu-central/000","wanted":"eu-central","found":"us-east"}"#.into(),
            },
            _ => Verdict::Accepted { table: n },
        };
        Record {
            time_ms: 1_764_097_937_042 + n,
            actor: "spiffe://0123456789abcdef/region/eu-central/operator/sre/o-1".into(),
            command: "place-shard".into(),
            subject: "shard/eu/eu-central/000".into(),
            command_digest: Digest::of("c", &n.to_be_bytes()),
            inputs_digest: Digest::of("i", &n.to_be_bytes()),
            verdict,
            reason: "spread the home".into(),
            count: 1,
            repeats: 0,
        }
    }

    pub fn recorded_of(entry: &Entry) -> Recorded {
        let canonical = encoding::encode(entry);
        let hash = encoding::hash(&canonical);
        Recorded { canonical, hash }
    }

    #[test]
    fn an_actor_is_shown_without_world_and_region() {
        let node = "spiffe://0123456789abcdef/region/eu-central/cell/eu-central-1/node/0";
        assert_eq!(short(node), "cell/eu-central-1/node/0");
        assert_eq!(short("somebody"), "somebody");
    }

    #[test]
    fn an_entry_is_shown_whole() {
        let (_, entries) = ledger("w", 3);
        insta::assert_snapshot!(serde_json::to_string_pretty(&EntryView::of(&entries[2])).expect("writes"));
    }

    #[test]
    fn what_was_changed_is_not_shown() {
        let (_, entries) = ledger("w", 3);
        let good = recorded_of(&entries[1]);
        assert_eq!(read(&good, 2).expect("good"), entries[1]);
        let mut flipped = good.clone();
        flipped.canonical[40] ^= 1;
        for (recorded, sequence) in [(&flipped, 2), (&good, 3)] {
            let error = read(recorded, sequence).expect_err("changed");
            assert_eq!(crate::exit::number(&Err(error)), 1);
        }
    }
}
