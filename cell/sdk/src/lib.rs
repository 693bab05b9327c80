//! What a domain is written against: the [`Domain`] trait, the context of a request, commands, problems.
//!
//! A domain sees its own tables over a transaction of its root, and the [`Services`] that its node lends it. It never
//! sees the store, the node, another domain or the control plane. Start with [`domain`], then [`context`].

pub mod arrival;
pub mod command;
pub mod context;
pub mod directory;
pub mod domain;
pub mod error;
pub mod event;
pub mod export;
pub mod services;

pub use arrival::{Arrival, Seen};
pub use command::{Command, CommandHead, Outcome};
pub use context::{AnonymousCtx, Ctx, RootCtx};
pub use directory::{ClaimDigest, ClaimEntry, ClaimOutcome, Directory};
pub use domain::Domain;
pub use error::{DomainError, ProblemResponse};
pub use event::{Address, EventInfo, Received, Takes, tell, tell_back};
pub use export::{ExportCursor, ExportItem, ExportPage, Exported};
pub use services::{Erased, Lent, OpenUser, RelocationState, Services};

pub use cell_shard::{Answer, Mode};
