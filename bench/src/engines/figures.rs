//! From the settings to the document.

use anyhow::Result;
use platform_report::{Document, Figure};
use serde_json::{Value, json};

use super::side::SHARDS;
use super::{Pair, Plan, Setting, TIKV_PD};
use crate::commit::latency_ms;
use crate::commit::load::Phase;
use crate::statistics::{Spread, per};
use crate::versions;

/// Of the bare engine's rate with the same batches, at 64 clients.
const OF_BARE_LEAST: f64 = 0.8;

pub fn document(plan: &Plan, settings: &[Setting]) -> Result<Document> {
    let mut document = Document::new("engines");
    document.versions = versions::versions(&["fjall", "tikv-client", "mimalloc"])?;
    let mut rows = Vec::new();
    for setting in settings {
        let name = |what: &str| format!("{}-{what}-{}", setting.engine, setting.clients);
        let rate = Spread::of(setting.pairs.iter().map(|pair| pair.ours.per_second()));
        let of_bare = Spread::of(setting.pairs.iter().map(Pair::of_bare));
        let ours = || setting.pairs.iter().map(|pair| &pair.ours);
        let (p50, p99) = (latency_ms(ours(), 0.5)?, latency_ms(ours(), 0.99)?);
        let batches: usize = setting.pairs.iter().map(|pair| pair.batches).sum();
        let commits: usize = ours().map(Phase::commits).sum();
        let of_bare_figure = match setting.clients {
            64 => Figure::at_least(
                name("of-bare"),
                of_bare.median,
                "of the bare engine's rate",
                OF_BARE_LEAST,
            ),
            _ => Figure::info(name("of-bare"), of_bare.median, "of the bare engine's rate"),
        };
        document.figures.extend([
            Figure::info(name("transactions-per-second"), rate.median, "1/s"),
            Figure::info(name("p50-ms"), p50, "ms"),
            Figure::info(name("p99-ms"), p99, "ms"),
            of_bare_figure,
        ]);
        rows.push(json!({
            "engine": setting.engine,
            "clients": setting.clients,
            "transactions-per-second": rate.median,
            "bare-transactions-per-second": per(rate.median, of_bare.median),
            "of-bare": of_bare.median,
            "transactions-per-batch": per(commits as f64, batches as f64),
            "p50-ms": p50,
            "p99-ms": p99,
        }));
    }
    document.tables.insert("engines".to_owned(), Value::Array(rows));
    document.notes = notes(plan);
    Ok(document)
}

fn notes(plan: &Plan) -> Vec<String> {
    let mut notes = vec![
        format!(
            "ours: {SHARDS} shards of one node; a transaction is that of `bench commit`: a look-up, a row, a sealed \
             idempotency row, under one log entry"
        ),
        format!(
            "of-bare: time that the very batches of a run of ours take on another place of the same engine, {SHARDS} at \
             once, under the same fences and without shards, over the time that ours took; that place has had all batches of \
             ours before, so each flushes and compacts as much; median of {} runs of {:?}",
            plan.pairs, plan.phase
        ),
    ];
    notes.push(match &plan.tikv {
        None => format!("skipped: TiKV: set {TIKV_PD}"),
        Some(_) => {
            "TiKV: whatever speaks its protocol there; a stand-in for tests says nothing of TiKV's own speed"
                .into()
        }
    });
    notes.push("skipped: FoundationDB: not measured by this suite".into());
    notes.extend(versions::profile_note());
    notes
}
