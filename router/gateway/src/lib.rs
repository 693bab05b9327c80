//! `routerd`: the only thing that apps talk to. It ends TLS, decides by its own copy of the routing table, and
//! forwards to the node that serves the user's shard.
//!
//! It holds no business logic and no storage, parses no body, and never asks the control plane on the path of a
//! request. Start with [`service`] for the way of one request, [`forward`] for attempts, [`run`] for the process.

#[cfg(all(feature = "failpoints", not(debug_assertions)))]
compile_error!(
    "`failpoints` plants faults: it is never part of a release build. Build it with the dev profile."
);

pub mod answer;
pub mod apps;
pub mod config;
pub mod faults;
pub mod forward;
pub mod framing;
pub mod hold;
pub mod internal;
pub mod meters;
pub mod moved;
pub mod request;
pub mod run;
pub mod service;
pub mod snapshot;
pub mod spawner;
pub mod upstream;

#[cfg(test)]
mod tests;

pub use config::Config;
pub use run::{Running, StartError, start};
