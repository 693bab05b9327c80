//! What the move has shown: its steps, what was certified and erased, and what its people noticed.

use std::time::Duration;

use platform_report::Figure;
use serde_json::json;

use super::Moved;
use crate::demo::follow::HEADER;
use crate::demo::story::{Row, Story, count};
use crate::demo::traffic::{Traffic, p50};

/// A switchover lasts no longer, however slow and busy the machine is; how long it usually does is for `bench` to say.
const PAUSE_MS_MAX: f64 = 2_000.0;
/// There, back, and for good.
const SWITCHOVERS: usize = 3;

pub(super) async fn show(traffic: &Traffic, moved: &Moved, story: &mut Story<'_>) {
    let mut rows = moved.there.rows("move");
    rows.extend(moved.back.rows("reverse"));
    rows.extend(moved.for_good.rows("move for good"));
    story.table("move", "A shard moves and its people go on", &HEADER, rows);
    documents(moved, story);
    pauses(traffic, story);
    for sample in traffic.tally.samples().iter().take(5) {
        story.note(format!("failed during the move: {sample}"));
    }
    if let Some(first) = traffic.tally.samples().first() {
        let what = "every request is answered while a shard moves";
        story.check(false, what, || first.clone());
    }
    story.figure(Figure::info(
        "requests-during-move",
        count(traffic.tally.requests()),
        "requests",
    ));
    story.figure(Figure::at_most(
        "client-errors-during-move",
        count(traffic.tally.failures()),
        "requests",
        0.0,
    ));
    traffic.account().await.report("move", story);
}

/// The certificate of the copy before it led, and the receipt of the erased one.
fn documents(moved: &Moved, story: &mut Story<'_>) {
    let of = |text: &Option<String>| text.clone().unwrap_or_default();
    let certificate = of(&moved.there.last.certificate);
    let what = "a copy is compared with its primary before it leads, and certified";
    story.check(!certificate.is_empty(), what, || "no certificate".to_owned());
    let receipt = of(&moved.for_good.last.receipt);
    let what = "a move ends with the receipt of what was erased";
    story.check(!receipt.is_empty(), what, || "no receipt".to_owned());
    story.note(format!("certificate of the move: {certificate}"));
    story.note(format!("receipt of the erasure: {receipt}"));
    let row = |name: &str, text: String| Row {
        text: vec![name.to_owned(), text.clone()],
        json: json!({ "what": name, "text": text }),
    };
    let rows = vec![row("certificate", certificate), row("receipt", receipt)];
    story.table(
        "move-documents",
        "What stands on record of it",
        &["what", "text"],
        rows,
    );
}

/// For how long nobody could write, from the clients' side.
fn pauses(traffic: &Traffic, story: &mut Story<'_>) {
    let pauses: Vec<Duration> = traffic.pauses(0).iter().map(|pause| pause.lasted).collect();
    let what = "every answer to a write says its epoch, and each switchover begins another";
    story.check(pauses.len() == SWITCHOVERS, what, || {
        format!("{} changes of epoch were seen", pauses.len())
    });
    let ms = |time: Duration| (time.as_secs_f64() * 1e4).round() / 10.0;
    let longest = pauses.iter().copied().max().unwrap_or_default();
    let rounds = format!("{} rounds", pauses.len());
    story.note(format!(
        "switchover-write-pause is of {rounds}: its goal of 20 ms is for `bench` to judge"
    ));
    story.figure(Figure::info(
        "switchover-write-pause-p50-ms",
        ms(p50(&pauses)),
        "ms",
    ));
    story.figure(Figure::at_most(
        "switchover-write-pause-max-ms",
        ms(longest),
        "ms",
        PAUSE_MS_MAX,
    ));
    let step = (traffic.step_ms_p50(0) * 10.0).round() / 10.0;
    story.figure(Figure::info("time-between-acknowledgements-p50-ms", step, "ms"));
}
