//! What `cell cordon` and `cell open` share: one record is changed, as it was seen.

use std::path::Path;

use anyhow::Result;
use platform_model::{CellId, CellState, Generation};
use platform_wire::admin::{Accepted, WorldStatus};
use serde_json::json;

use super::list::state;
use crate::command::Change;
use crate::exit::{Ended, Hinted};
use crate::printer::Printer;
use crate::world::operator;

/// What would be done.
#[derive(Debug, PartialEq, Eq)]
struct Plan {
    from: CellState,
    to: CellState,
    /// Generation of the record that was seen.
    record: Generation,
}

/// Brings a cell into a state, or says that it is in it.
///
/// # Errors
/// For an unknown cell, or a record that someone else changed meanwhile.
pub async fn set(
    dir: &Path,
    cell: &CellId,
    to: CellState,
    change: &Change,
    printer: &Printer,
) -> Result<Ended> {
    let admin = operator::connect(dir)?;
    let status = admin.status().await.map_err(operator::explain)?;
    let plan = plan(&status, cell, to)?;
    let mut accepted = None;
    if plan.from == to {
        printer.progress(&format!(
            "cell {cell} is {} already: nothing was changed",
            state(to)
        ));
    } else {
        printer.progress(&format!(
            "cell {cell}: {} -> {} (record {})",
            state(plan.from),
            state(to),
            plan.record
        ));
        if change.dry_run {
            printer.progress("nothing was changed: --dry-run");
        } else {
            let done = admin.set_cell_state(cell, to, plan.record, &change.reason).await;
            accepted = Some(done.map_err(operator::explain)?);
        }
    }
    print(cell, &plan, accepted, printer);
    Ok(Ended::Ok)
}

fn plan(status: &WorldStatus, cell: &CellId, to: CellState) -> Result<Plan> {
    let known = status
        .table
        .cells
        .get(cell)
        .zip(status.cells.iter().find(|(id, _)| id == cell));
    match known {
        Some((found, (_, record))) => Ok(Plan {
            from: found.state,
            to,
            record: *record,
        }),
        None => {
            let names: Vec<&str> = status.table.cells.keys().map(CellId::as_str).collect();
            let hints = ["cellctl cell list", &format!("known: {}", names.join(", "))];
            Err(Hinted::new(format!("there is no cell {cell}"), &hints).into())
        }
    }
}

fn print(cell: &CellId, plan: &Plan, accepted: Option<Accepted>, printer: &Printer) {
    if let Some(accepted) = accepted {
        printer.say(&format!(
            "cell {cell} is {} (decision {}, table {})",
            state(plan.to),
            accepted.sequence,
            accepted.generation
        ));
    }
    printer.document(&json!({
        "cell": cell.to_string(),
        "from": state(plan.from),
        "to": state(plan.to),
        "changed": accepted.is_some(),
        "decision": accepted.map(|accepted| accepted.sequence),
        "table": accepted.map(|accepted| accepted.generation.0),
    }));
}
