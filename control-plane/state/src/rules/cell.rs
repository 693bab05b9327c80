//! Cells: made once, opened and cordoned.

use platform_model::{CellId, CellState, Generation};

use crate::changes::Changes;
use crate::command::CellSpec;
use crate::limits::CELLS_MAX;
use crate::refusal::{Counted, Refusal};
use crate::rules::{count, placement};
use crate::state::{CellRecord, State};

pub(crate) fn create(state: &mut State, spec: &CellSpec) -> Result<Changes, Refusal> {
    if state.cells.contains_key(&spec.id) {
        return Err(Refusal::CellExists(spec.id.clone()));
    }
    count(Counted::Cells, state.cells.len() + 1, CELLS_MAX)?;
    let record = CellRecord {
        generation: Generation(1),
        region: spec.region.clone(),
        state: CellState::Open,
    };
    state.cells.insert(spec.id.clone(), record);
    Ok(Changes {
        cells: [spec.id.clone()].into(),
        ..Changes::default()
    })
}

pub(crate) fn set_state(
    state: &mut State,
    cell: &CellId,
    wanted: CellState,
    expected: Generation,
) -> Result<Changes, Refusal> {
    let record = state
        .cells
        .get_mut(cell)
        .ok_or_else(|| Refusal::UnknownCell(cell.clone()))?;
    if record.generation != expected {
        let record_name = format!("cell {cell}");
        return Err(Refusal::GenerationMismatch {
            record: record_name,
            have: record.generation,
            expected,
        });
    }
    if record.state == wanted {
        return Ok(Changes::default());
    }
    record.state = wanted;
    record.generation = record.generation.next();
    let mut changes = Changes {
        cells: [cell.clone()].into(),
        ..Changes::default()
    };
    changes.add(placement::fill(state, cell));
    Ok(changes)
}
