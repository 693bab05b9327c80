//! What the controllers do by themselves, and its pause. Today that is one thing: to give the shards that wait for a
//! cell to its first node, as that registers or a law comes into force. What a person commands is done also while it is paused.

use platform_model::{CellId, Generation};

use crate::changes::Changes;
use crate::command::Envelope;
use crate::limits::TEXT_BYTES_MAX;
use crate::refusal::{Refusal, Text};
use crate::rules::{placement, text};
use crate::state::{Paused, State};

pub(crate) fn set(
    state: &mut State,
    envelope: &Envelope,
    paused: bool,
    expected: Generation,
) -> Result<Changes, Refusal> {
    let record = &state.automation;
    if record.generation != expected {
        return Err(Refusal::GenerationMismatch {
            record: "automation".to_owned(),
            have: record.generation,
            expected,
        });
    }
    if record.paused.is_some() == paused {
        return Ok(Changes::default());
    }
    if paused {
        text(Text::Reason, &envelope.reason, 1, TEXT_BYTES_MAX)?;
    }
    state.automation.generation = expected.next();
    state.automation.paused = paused.then(|| Paused {
        since_ms: state.time_ms,
        by: envelope.author.spiffe_id(&state.world),
        reason: envelope.reason.clone(),
    });
    let mut changes = Changes {
        hidden: true,
        ..Changes::default()
    };
    if !paused {
        // What waited meanwhile.
        let cells: Vec<CellId> = state.cells.keys().cloned().collect();
        for cell in cells {
            changes.add(placement::fill(state, &cell));
        }
    }
    Ok(changes)
}
