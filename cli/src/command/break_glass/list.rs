//! `break-glass list`: the windows that are open now. Those that were stand in the ledger.

use anyhow::Result;
use clap::Args;
use platform_model::BreakGlass;
use serde_json::{Value, json};

use crate::command::WorldFolder;
use crate::exit::Ended;
use crate::printer::Printer;
use crate::world::{operator, people};

/// Lists the windows that are open now.
#[derive(Debug, Args)]
#[command(after_help = "Example: cellctl break-glass list -o json")]
pub struct List {
    #[command(flatten)]
    pub(super) world: WorldFolder,
}

impl List {
    pub async fn run(&self, printer: &Printer) -> Result<Ended> {
        let client = operator::trust(&self.world.dir, people::OPERATOR)?;
        let windows = client.read().await.map_err(operator::explain)?.break_glass;
        let rows: Vec<Vec<String>> = windows.iter().map(row).collect();
        let header = [
            "number",
            "who may read",
            "home",
            "whose data",
            "for",
            "until (ms)",
        ];
        printer.table(&header, &rows);
        printer.document(&windows.iter().map(document).collect::<Vec<_>>());
        Ok(Ended::Ok)
    }
}

fn row((number, window): &(u64, BreakGlass)) -> Vec<String> {
    vec![
        number.to_string(),
        window.by.clone(),
        window.home.to_string(),
        window.subject.to_string(),
        window.purpose.clone(),
        window.until_ms.to_string(),
    ]
}

fn document((number, window): &(u64, BreakGlass)) -> Value {
    json!({
        "number": number,
        "by": window.by,
        "home": window.home.to_string(),
        "subject": window.subject.to_string(),
        "purpose": window.purpose,
        "until_ms": window.until_ms,
    })
}
