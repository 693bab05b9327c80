//! What an event's message is. Implemented by code that `cell_schema` generates, never by hand.

use platform_model::DataClass;

/// A field of an event, for the gate that lets it pass or leaves it out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventField {
    /// Its number in the message.
    pub tag: u32,
    pub name: &'static str,
    pub class: DataClass,
}

/// An event, as data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventInfo {
    pub name: &'static str,
    pub version: u32,
    pub fields: &'static [EventField],
}

impl EventInfo {
    pub const fn of<E: EventRecord>() -> Self {
        Self {
            name: E::NAME,
            version: E::VERSION,
            fields: E::FIELDS,
        }
    }
}

/// A prost message that one root tells another.
pub trait EventRecord: prost::Message + Default + Clone {
    /// Unique within the domain that tells it.
    const NAME: &'static str;
    /// Of its meaning.
    const VERSION: u32;
    const FIELDS: &'static [EventField];
}
