//! Long work on one shard: a move, a failover by hand, a verification, a repair. The record says how far it is; whoever
//! leads carries it on, and a leader that has just begun finds everything here.
//!
//! A step is left only with what shows that it is done: the shard's configuration, a certificate, the end of a window.
//! Where an operation must go back, because its copy was dropped or made anew, it goes back as the configuration
//! changes. At most one is under way on a shard. The commit of the step `erase` is the point of no return.
//!
//! Nothing here acts: who gives orders to nodes and proposes what follows is the controller that leads.

mod advance;
mod change;
mod command;
mod follow;
mod holds;
mod record;
mod refusal;
mod start;
mod step;
mod supersede;
#[cfg(test)]
mod tests;

pub(crate) use follow::follow;
pub(crate) use holds::permits;
pub(crate) use supersede::supersede;

pub use command::{OperationCommand, Start};
pub use record::{
    Certified, Force, OperationId, OperationKind, OperationRecord, OperationState, Operations, Receipt,
};
pub use refusal::{OperationRefusal, Waits};
pub use start::{may_begin_copy, may_lead_on};
pub use step::Step;

use crate::changes::Changes;
use crate::command::Envelope;
use crate::refusal::Refusal;
use crate::state::State;

/// Applies one command about an operation.
pub(crate) fn apply(
    state: &mut State,
    envelope: &Envelope,
    command: &OperationCommand,
) -> Result<Changes, Refusal> {
    match command {
        OperationCommand::Start(start) => return start::start(state, envelope, start),
        OperationCommand::Advance {
            id,
            expected,
            to,
            certificates,
        } => advance::advance(state, *id, *expected, *to, certificates)?,
        OperationCommand::Pause { id, expected } => change::pause(state, *id, *expected)?,
        OperationCommand::Resume { id, expected } => change::resume(state, *id, *expected)?,
        OperationCommand::Cancel { id, expected } => change::cancel(state, *id, *expected)?,
        OperationCommand::Reverse { id, expected } => {
            return change::reverse(state, envelope, *id, *expected);
        }
        OperationCommand::Finish { id, expected } => change::finish(state, &envelope.author, *id, *expected)?,
        OperationCommand::Fail { id, expected, why } => {
            return change::fail(state, envelope, *id, *expected, why);
        }
    }
    Ok(Changes {
        hidden: true,
        ..Changes::default()
    })
}
