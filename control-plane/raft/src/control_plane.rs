//! The platform's state as the machine that the log drives. Adds nothing to what `control-plane/state` decides; what is
//! on record about it goes to a [`Recorder`].

use std::io;
use std::sync::Arc;

use control_plane_ledger::{Chain, Entry};
use control_plane_state::state::STATE_VERSION;
use control_plane_state::{Envelope, Outcome, State, stored};
use platform_model::WorldId;
use platform_runtime::tls::Identity;
use platform_runtime::{Clock, TaskGroup};

use crate::config::RaftConfig;
use crate::error::StartError;
use crate::machine::{Journal, Logged, Machine};
use crate::node::Node;

/// What a controller runs.
pub type RaftNode = Node<ControlPlane>;

/// Keeps the ledger of one controller. Called in the order of the log; after a restart again for what it has already,
/// which it must know by the entries' sequences.
pub trait Recorder: Journal + 'static {
    /// Takes the entries of a batch. They must be written when this returns, and durable after [`Journal::sync`].
    ///
    /// # Errors
    /// Stop the node before anyone is told of the batch.
    fn record(&self, entries: &[Entry]) -> io::Result<()>;

    /// A snapshot has taken the place of the state: its ledger ends so, whatever was recorded before.
    ///
    /// # Errors
    /// Stop the node.
    fn replaced(&self, chain: &Chain) -> io::Result<()>;
}

/// Commands are envelopes; one of a newer build does not parse and stops the node.
#[derive(Debug)]
pub struct ControlPlane {
    world: WorldId,
    recorder: Arc<dyn Recorder>,
    /// Of the batch that is being applied.
    entries: Vec<Entry>,
}

impl Machine for ControlPlane {
    type Command = Envelope;
    type Outcome = Outcome;
    type State = State;
    const STATE_VERSION: u16 = STATE_VERSION;

    fn initial(&self) -> State {
        State::new(self.world.clone())
    }

    fn apply(&mut self, state: &mut State, command: &Envelope, logged: Logged<'_>) -> Outcome {
        let effects = control_plane_state::apply_logged(state, command, logged.text.as_bytes());
        self.entries.extend(effects.entries);
        effects.outcome
    }

    fn wrote(&mut self) -> io::Result<()> {
        if self.entries.is_empty() {
            return Ok(());
        }
        self.recorder.record(&std::mem::take(&mut self.entries))
    }

    fn replaced(&mut self, state: &State) -> io::Result<()> {
        self.recorder.replaced(state.ledger.chain())
    }

    fn journal(&self) -> Arc<dyn Journal> {
        Arc::clone(&self.recorder) as Arc<dyn Journal>
    }

    fn upgrade(version: u16, stored: serde_json::Value) -> Result<State, String> {
        stored::read(version, stored).map_err(|error| error.to_string())
    }
}

impl Node<ControlPlane> {
    /// Starts a controller's node. See [`Node::start_machine`].
    ///
    /// # Errors
    /// See [`StartError`].
    pub async fn start(
        config: RaftConfig,
        recorder: Arc<dyn Recorder>,
        identity: Identity,
        clock: Clock,
        tasks: &TaskGroup,
    ) -> Result<Self, StartError> {
        let machine = ControlPlane {
            world: config.world.clone(),
            recorder,
            entries: Vec::new(),
        };
        Self::start_machine(config, machine, identity, clock, tasks).await
    }
}
