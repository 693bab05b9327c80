//! What the tests of this crate share, and the transition table.

use platform_model::{Incarnation, Position, Term};

use crate::entry::{Body, Content, Entry, Head};
use crate::log::Log;

/// Content of tests: numbers.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Small;

impl Content for Small {
    type Data = u32;
    type Page = u32;
    type Keys = u32;
}

pub(crate) fn term(epoch: u64, incarnation: u64) -> Term {
    Term {
        epoch: platform_model::Epoch(epoch),
        incarnation: Incarnation(incarnation),
    }
}

/// The next entry of a log, sealed as a host would.
pub(crate) fn entry(log: &Log<Small>, epoch: u64, body: Body<Small>) -> Entry<Small> {
    seal(log.last(), term(epoch, 1), body)
}

pub(crate) fn seal(last: Head, term: Term, body: Body<Small>) -> Entry<Small> {
    let position = Position(last.position.0 + 1);
    let salt = match &body {
        Body::Data(data) => u64::from(*data),
        _ => 7,
    };
    let chain = last
        .chain
        .wrapping_mul(31)
        .wrapping_add(term.epoch.0 * 1_000_003 + term.incarnation.0 * 101 + salt + position.0);
    Entry {
        head: Head {
            position,
            term,
            chain,
        },
        before: last.chain,
        body,
    }
}

mod events;
mod histories;
mod promises;
mod rules;
mod table;
