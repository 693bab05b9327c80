//! A world on this machine: its folder, its processes, how it comes up and goes down.
//!
//! Used by `dev` (a world that stays) and `demo` (one that goes). It talks to the processes as an operator would:
//! by their configuration files, signals and public ports, never by their insides.

pub mod binaries;
pub mod config_files;
pub mod desk;
pub mod disk;
pub mod door;
pub mod down;
pub mod folder;
pub mod law;
pub mod layout;
pub mod ledgers;
pub mod make;
pub mod operator;
pub mod own_context;
pub mod people;
pub mod ports;
pub mod process;
pub mod ready;
pub mod seats;
pub mod trust;
pub mod up;

pub use binaries::Binaries;
pub use folder::Folder;
pub use layout::Layout;
pub use process::{Process, State};
pub use seats::Seat;
pub use up::World;
