//! Events, as a domain sees them: what it tells other roots, and what it does with what they told.
//!
//! An event is told in the transaction of its cause ([`tell`]) and takes effect at its receiver exactly once, after all that
//! the same shard told him before. It may come late: its receiver's home may be away for days.

use cell_layers::RootTx;
use cell_layers::event;
use platform_model::{Code, HomeId, Problem};

pub use cell_layers::event::{Address, EventInfo, EventRecord};

use crate::error::DomainError;

/// An event that a domain takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Takes {
    /// That tells it.
    pub domain: &'static str,
    pub event: &'static str,
    /// The newest version that is understood; a later one is parked until this node is.
    pub version: u32,
}

/// What came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    pub domain: String,
    pub name: String,
    pub version: u32,
    /// Who told it, and where he lived when he did.
    pub from: Address,
    /// Who takes it, and where he lives.
    pub to: Address,
    /// Where its author knows him to live, if that is elsewhere.
    pub known_at: Option<HomeId>,
    /// What the law let pass of it: a field that is missing may have been left out.
    pub message: Vec<u8>,
}

impl Received {
    /// Whether it is this event.
    pub fn is<E: EventRecord>(&self, domain: &str) -> bool {
        self.domain == domain && self.name == E::NAME
    }

    /// Its message.
    ///
    /// # Errors
    /// `bad-request` when it is none: the event is parked.
    pub fn read<E: EventRecord>(&self) -> Result<E, DomainError> {
        let unreadable =
            |_| Problem::new(Code::BadRequest).detail("the event is not the message that it should be");
        Ok(E::decode(self.message.as_slice()).map_err(unreadable)?)
    }
}

/// Tells a person's root an event, in this transaction.
///
/// # Errors
/// `limit-exceeded` for a message that is too large.
pub fn tell<E: EventRecord>(tx: &RootTx, to: &Address, event: &E) -> Result<(), DomainError> {
    Ok(event::post(tx, to, event)?)
}

/// As [`tell`], for what takes back what was told before: nobody's being away keeps a person from it.
///
/// # Errors
/// As [`tell`].
pub fn tell_back<E: EventRecord>(tx: &RootTx, to: &Address, event: &E) -> Result<(), DomainError> {
    Ok(event::post_back(tx, to, event)?)
}
