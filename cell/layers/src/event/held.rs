//! What a person tells while a home that he has left may still have to deliver to the same what he told there: held in his own range, in
//! the order in which he told it, so that nobody hears it before the rest and nobody else's events wait behind it. If he moves
//! on, it goes with him.

use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use cell_shard::TxError;
use cell_store::KeyRange;
use cell_store::key::unpack;
use platform_model::UserId;
use uuid::Uuid;

use super::post::{Address, Untold, emit};
use super::{DOMAIN, EVENT_BYTES_MAX};
use crate::error::LayerError;
use crate::place::Holds;
use crate::root_tx::RootTx;
use crate::stored::{self, HeldEvent};

const LAYER: &str = "#held";
/// Events that are held for one person; past it, what would add one is refused as overloaded.
pub const HELD_MAX: u64 = 5_000;
/// More than that of what takes back.
pub const HELD_TAKEN_BACK_MAX: u64 = 2_500;
/// Bytes that one transaction releases, about: each counts several times in a group.
const RELEASED_BYTES: usize = 256 << 10;

/// What is held, and where the next one goes, in one transaction.
#[derive(Debug)]
pub(crate) struct Holding {
    holds: Holds,
    first: u64,
    next: AtomicU64,
}

impl Holding {
    /// As the transaction finds it: whoever holds something meanwhile conflicts with it.
    pub(crate) async fn found(tx: &RootTx, holds: Holds) -> Result<Self, LayerError> {
        let first = end(tx, false).await?;
        let last = end(tx, true).await?;
        let next = last.map_or(0, |last| last + 1);
        Ok(Self {
            holds,
            first: first.unwrap_or(next),
            next: AtomicU64::new(next),
        })
    }

    pub(super) fn is_for(&self, user: UserId) -> bool {
        self.holds.is_for(user)
    }
}

async fn end(tx: &RootTx, is_last: bool) -> Result<Option<u64>, LayerError> {
    let tx = &tx.of_domain(DOMAIN);
    let page = tx.scan(LAYER, tx.prefix(LAYER).range(), 1, is_last).await?;
    page.rows.first().map(|(key, ..)| number(key)).transpose()
}

/// Behind all that is held.
pub(super) fn hold(
    tx: &RootTx,
    holding: &Holding,
    untold: &Untold<'_>,
    takes_back: bool,
) -> Result<(), LayerError> {
    let number = holding.next.fetch_add(1, Ordering::Relaxed);
    let room = if takes_back {
        HELD_MAX + HELD_TAKEN_BACK_MAX
    } else {
        HELD_MAX
    };
    if number - holding.first >= room {
        return Err(TxError::OutboxFull.into());
    }
    let row = HeldEvent {
        domain: untold.domain.to_owned(),
        name: untold.name.to_owned(),
        version: untold.version,
        to: untold.to.user.as_bytes().to_vec(),
        to_home: untold.to.home.to_string(),
        message: untold.message.to_vec(),
    };
    let tx = &tx.of_domain(DOMAIN);
    stored::put(tx, LAYER, key(tx, number), &row)
}

/// How far what is held was gone through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Passed {
    /// The last that was looked at.
    last: u64,
    /// Where the next that stays goes.
    next: u64,
}

/// Tells what is held, but for what is still to be, from behind `after` on, in this transaction: at most `limit` events are
/// looked at. What stays closes up, so that what has gone out takes no room. Answers where to go on; none: behind it nothing is
/// held that is to be told.
///
/// # Errors
/// The transaction's; a row that says what it cannot say.
pub async fn release(
    tx: &RootTx,
    to_be_held: &Holds,
    after: Option<Passed>,
    limit: usize,
) -> Result<Option<Passed>, LayerError> {
    let tx = &tx.of_domain(DOMAIN);
    let all = tx.prefix(LAYER).range();
    let start = after.map_or(all.start.clone(), |after| key(tx, after.last + 1));
    let page = tx
        .scan(LAYER, KeyRange::new(start, all.end), limit, false)
        .await?;
    let (mut bytes, mut passed, mut stays) = (0, None, after.map(|after| after.next));
    for (at, version, value) in page.rows {
        bytes += value.len();
        if passed.is_some() && bytes > RELEASED_BYTES {
            return Ok(passed);
        }
        let last = number(&at)?;
        let next = stays.get_or_insert(last);
        let row: HeldEvent = stored::read(LAYER, version, &value)?;
        stored::at_most("an event", row.message.len(), EVENT_BYTES_MAX)?;
        let to = &address(&row)?;
        if to_be_held.is_for(to.user) {
            if *next < last {
                stored::put(tx, LAYER, key(tx, *next), &row)?;
                tx.clear(at)?;
            }
            *next += 1;
        } else {
            let untold = Untold {
                domain: &row.domain,
                name: &row.name,
                version: row.version,
                to,
                message: &row.message,
            };
            // It has found room when it was told.
            emit(tx, &untold, true);
            tx.clear(at)?;
        }
        passed = Some(Passed { last, next: *next });
    }
    Ok(passed.filter(|_| page.more))
}

fn address(row: &HeldEvent) -> Result<Address, LayerError> {
    let (Ok(user), Ok(home)) = (Uuid::from_slice(&row.to), row.to_home.parse()) else {
        return Err(damaged());
    };
    Ok(Address {
        home,
        user: UserId::from_uuid(user),
    })
}

fn key(tx: &RootTx, number: u64) -> Bytes {
    tx.prefix(LAYER).u64(number).pack()
}

fn number(key: &[u8]) -> Result<u64, LayerError> {
    let elements = unpack(key).map_err(|_| damaged())?;
    elements.last().and_then(|last| last.as_u64()).ok_or_else(damaged)
}

fn damaged() -> LayerError {
    LayerError::Damaged {
        layer: LAYER,
        what: "its number or its receiver cannot be read",
    }
}
