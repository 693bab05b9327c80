//! Which world a command is about: a folder on this machine, or a context, which is a world anywhere, by name.
//!
//! The file of contexts ([`cli_world::contexts`]) names addresses and the folder of a certificate, and holds no secret. `target`
//! is what a command gets: all that it takes to reach the world.

mod target;

pub use cli_world::contexts::{Context, Contexts, check_name};
pub use target::{Surroundings, Target, WorldArgs};
