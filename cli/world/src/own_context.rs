//! The context that a world on this machine writes into its folder: `cellctl --contexts DIR/contexts.toml` reaches it
//! from anywhere, and its lines can be copied into a file of one's own.

use anyhow::Result;
use platform_model::WorldId;

use super::layout::Layout;
use super::ports::Ports;
use super::seats::{SeatKind, seats};
use crate::contexts::{Context, Contexts};

/// Its name.
const NAME: &str = "dev";

/// # Errors
/// What the file system says.
pub fn write(layout: &Layout, world: &WorldId, ports: &Ports) -> Result<()> {
    let mut context = Context {
        world: world.clone(),
        identity: layout.operator(),
        controllers: [].into(),
        routers: [].into(),
    };
    for seat in seats() {
        match &seat.kind {
            SeatKind::Controller(_) => {
                context.controllers.insert(seat.to_string(), ports.address(&seat));
            }
            SeatKind::Router(_) => {
                context
                    .routers
                    .insert(seat.to_string(), ports.internal_address(&seat));
            }
            SeatKind::Node(_) => {}
        }
    }
    let contexts = Contexts {
        current: Some(NAME.to_owned()),
        contexts: [(NAME.to_owned(), context)].into(),
    };
    contexts.save(&layout.contexts())
}
