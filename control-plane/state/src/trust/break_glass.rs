//! Windows in which one named person may read the data of one other: opened with a reason and an end, on record.

use platform_model::{HomeId, UserId};
use serde::{Deserialize, Serialize};

use super::TrustRefusal;
use super::revocation::ends_within;
use crate::changes::Changes;
use crate::command::Author;
use crate::limits::{BREAK_GLASS_MAX, NAME_BYTES_MAX, TEXT_BYTES_MAX};
use crate::refusal::{Counted, Refusal, Text};
use crate::rules::{count, text};
use crate::state::State;

/// Longest time that a window stays open.
pub const WINDOW_MS_MAX: u64 = 4 * 3_600_000;

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    pub home: HomeId,
    /// Whose data, by opaque id.
    pub subject: UserId,
    /// What the data is read for, such as `support`.
    pub purpose: String,
    pub until_ms: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BreakGlass {
    pub home: HomeId,
    pub subject: UserId,
    pub purpose: String,
    /// Who may read: his SPIFFE id, and nobody else's.
    pub by: String,
    pub from_ms: u64,
    pub until_ms: u64,
}

impl BreakGlass {
    pub(crate) fn route(&self) -> platform_model::BreakGlass {
        platform_model::BreakGlass {
            by: self.by.clone(),
            home: self.home.clone(),
            subject: self.subject,
            purpose: self.purpose.clone(),
            until_ms: self.until_ms,
        }
    }
}

/// Opens a window for the author himself. The reason stands in the ledger, and must be given.
pub(super) fn open(state: &mut State, author: &Author, window: &Window) -> Result<Changes, Refusal> {
    text(Text::Purpose, &window.purpose, 1, NAME_BYTES_MAX)?;
    ends_within(state.time_ms, window.until_ms, WINDOW_MS_MAX)?;
    if !state.homes.contains_key(&window.home) {
        return Err(Refusal::UnknownHome(window.home.clone()));
    }
    let now_ms = state.time_ms;
    let over = |record: &BreakGlass| record.until_ms <= now_ms;
    let ended = state.trust.break_glass.iter().filter(|(_, record)| over(record));
    let mut changes = Changes::default();
    changes.break_glass.extend(ended.map(|(number, _)| *number));
    let left = state.trust.break_glass.len() - changes.break_glass.len();
    count(Counted::BreakGlass, left + 1, BREAK_GLASS_MAX)?;
    state.trust.break_glass.retain(|_, record| !over(record));
    state.trust.break_glass_last += 1;
    let number = state.trust.break_glass_last;
    let record = BreakGlass {
        home: window.home.clone(),
        subject: window.subject,
        purpose: window.purpose.clone(),
        by: author.spiffe_id(&state.world),
        from_ms: now_ms,
        until_ms: window.until_ms,
    };
    state.trust.break_glass.insert(number, record);
    changes.break_glass.insert(number);
    Ok(changes)
}

/// Ends a window early. Anyone who may open one may close any.
pub(super) fn close(state: &mut State, number: u64) -> Result<Changes, Refusal> {
    let last = state.trust.break_glass_last;
    if state.trust.break_glass.remove(&number).is_none() {
        let refusal = if number > 0 && number <= last {
            TrustRefusal::WindowClosed { number }
        } else {
            TrustRefusal::NoSuchWindow { number }
        };
        return Err(refusal.into());
    }
    Ok(Changes {
        break_glass: [number].into(),
        ..Changes::default()
    })
}

/// A reason that says something; asked of what touches a person's data or a process's life.
pub(crate) fn reason_given(reason: &str) -> Result<(), Refusal> {
    text(Text::Reason, reason.trim(), 1, TEXT_BYTES_MAX)
}
