//! Which world a command is about: a folder on this machine, or a context, which is a world anywhere, by name.
//!
//! `file` is the file of contexts; it names addresses and the folder of a certificate, and holds no secret. `target`
//! is what a command gets: all that it takes to reach the world.

mod file;
mod target;

pub use file::{Context, Contexts, check_name};
pub use target::{Surroundings, Target, WorldArgs};
