//! Worlds of real processes on this machine, and apps that use them: their folder, how they come up, are killed and go
//! down, and a client that speaks to the router as an app does. Shared by all who need such a world: `cellctl dev` and
//! `cellctl demo`, `chaos run`, `bench`, `tests`.
//!
//! It talks to the processes as an operator would: by their configuration files, signals and public ports, never by
//! their insides. No server is linked in, and nothing is printed: what goes on is told to a [`Progress`].

mod added;
pub mod app;
pub mod binaries;
pub mod config_files;
pub mod contexts;
pub mod desk;
pub mod disk;
pub mod door;
pub mod down;
pub mod exit;
pub mod folder;
pub mod kept;
pub mod law;
pub mod layout;
pub mod make;
pub mod operator;
pub mod own_context;
pub mod people;
pub mod ports;
pub mod process;
pub mod progress;
pub mod provisioned;
pub mod ready;
pub mod seats;
pub mod sharing;
pub mod stage;
pub mod standbys;
pub mod trust;
pub mod typed;
pub mod up;

pub use binaries::Binaries;
pub use folder::Folder;
pub use layout::Layout;
pub use process::{Process, State};
pub use progress::Progress;
pub use seats::Seat;
pub use stage::Stage;
pub use up::World;
