//! Canaries: values that occur nowhere else, pushed in as a person's own data, then looked for wherever a person's data
//! may not be.
//!
//! [`Canaries`] makes the values; how each could be written, and the [`Searcher`] that finds them in bytes and folders, is the
//! crate `platform-canary`, which `cellctl canary search` uses as well;
//! [`routes`] reads from the code which routes apps have, so that a new one without canaries is a fault; [`life`] pushes
//! canaries through every route as good requests, [`hostile`] as bad ones of every kind, through [`client`]; [`files`]
//! makes workout files around them. Nothing here decides what may be where: that is the test's to say.

pub mod client;
pub mod files;
pub mod hostile;
pub mod life;
pub mod raw;
pub mod routes;
mod values;

pub use client::{Came, Client, Door, Sent};
pub use platform_canary::{Canary, Form, Found, Looked, Searcher};
pub use values::{Canaries, Position};
