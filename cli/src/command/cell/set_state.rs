//! What `cell cordon` and `cell open` share: one record is changed, as it was seen.

use anyhow::Result;
use platform_model::{CellId, CellState, Generation};
use platform_wire::admin::WorldStatus;

use super::list::state;
use crate::ask::{Change, on_dry_run};
use crate::command::WorldArgs;
use crate::command::changed::Changed;
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
    world: &WorldArgs,
    cell: &CellId,
    to: CellState,
    change: &Change,
    printer: &Printer,
) -> Result<Ended> {
    let admin = world.admin()?;
    let status = admin.status().await.map_err(operator::explain)?;
    let (from, record) = known(&status, cell)?;
    let plan = Plan { from, to, record };
    let mut changed = Changed::planned(format!("cell/{cell}"), state(from), state(to), &change.sure);
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
        let admin = on_dry_run(admin, &change.sure);
        change.sure.ask(printer).await?;
        let done = admin.set_cell_state(cell, to, plan.record, &change.reason).await;
        changed.done(done)?;
    }
    changed.print(printer, &format!("cell {cell} is {}", state(to)));
    Ok(Ended::Ok)
}

/// State and record of a cell.
///
/// # Errors
/// Names those that there are.
pub fn known(status: &WorldStatus, cell: &CellId) -> Result<(CellState, Generation)> {
    let record = status.cells.iter().find(|(id, _)| id == cell);
    match status.table.cells.get(cell).zip(record) {
        Some((found, (_, record))) => Ok((found.state, *record)),
        None => {
            let names: Vec<&str> = status.table.cells.keys().map(CellId::as_str).collect();
            let hints = ["cellctl cell list", &format!("known: {}", names.join(", "))];
            Err(Hinted::new(format!("there is no cell {cell}"), &hints).into())
        }
    }
}
