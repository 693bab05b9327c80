//! The platform's state as the machine that the log drives. Adds nothing to what `control-plane/state` decides.

use control_plane_state::state::STATE_VERSION;
use control_plane_state::{Envelope, Outcome, State};
use platform_model::WorldId;
use platform_runtime::tls::Identity;
use platform_runtime::{Clock, TaskGroup};

use crate::config::RaftConfig;
use crate::error::StartError;
use crate::machine::Machine;
use crate::node::Node;

/// What a controller runs.
pub type RaftNode = Node<ControlPlane>;

/// Commands are envelopes; one of a newer build does not parse and stops the node.
#[derive(Debug, Clone)]
pub struct ControlPlane {
    world: WorldId,
}

impl Machine for ControlPlane {
    type Command = Envelope;
    type Outcome = Outcome;
    type State = State;
    const STATE_VERSION: u16 = STATE_VERSION;

    fn initial(&self) -> State {
        State::new(self.world.clone())
    }

    fn apply(&mut self, state: &mut State, _index: u64, command: &Envelope) -> Outcome {
        control_plane_state::apply(state, command).outcome
    }
}

impl Node<ControlPlane> {
    /// Starts a controller's node. See [`Node::start_machine`].
    ///
    /// # Errors
    /// See [`StartError`].
    pub async fn start(
        config: RaftConfig,
        identity: Identity,
        clock: Clock,
        tasks: &TaskGroup,
    ) -> Result<Self, StartError> {
        let machine = ControlPlane {
            world: config.world.clone(),
        };
        Self::start_machine(config, machine, identity, clock, tasks).await
    }
}
