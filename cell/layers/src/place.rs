//! Where a person stands in a shard: at home, on the way out, on the way in, or gone. A row of a shared table beside the
//! roots, of ids and states only; whoever has none is at home, and never moved.
//!
//! [`RootTx::enter`] reads it in the transaction of every request, so that nothing is read or written for somebody who does
//! not live here any more, whatever else runs at the time. What relocates him ([`Whole`]) goes past it.

use bytes::Bytes;
use cell_relay::Place;
use cell_relay::home::OperationId;
use cell_shard::{KeyRange, Tx};
use cell_store::key::Tuple;
use platform_model::{HomeId, UserId};
use prost::Message;
use uuid::Uuid;

use crate::error::LayerError;

mod settling;
mod whole;

pub use settling::{Holds, LeftHome, Settling};
pub use whole::{PAGE_BYTES, Row, Tally, Whole, digest};

/// The shared table of those who have moved, or are about to.
const PEOPLE: &str = "people";
const LAYER: &str = "#people";
const VERSION: u32 = 1;

/// What a shard knows of a person who moves, or has moved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    pub place: Place<HomeId>,
    /// The relocation that is under way, or was the last.
    pub errand: Option<Errand>,
    /// Where he lived before he came here.
    pub came_from: Option<HomeId>,
    /// Rows of him that nobody serves lie here still, and are being removed.
    pub clearing: bool,
    /// Of a copy that comes in: what has come.
    pub tally: Tally,
    /// Homes that were given a copy of him from here, which was given up: a key of his is left in each.
    pub tried: Vec<HomeId>,
    /// Of one who has come here.
    pub settling: Settling,
}

/// A relocation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Errand {
    pub operation: OperationId,
    /// Where to; where from, for whoever takes him in.
    pub other: HomeId,
    /// It goes on: the shard where he lives drives it.
    pub under_way: bool,
    /// Somebody wants it cancelled.
    pub unwanted: bool,
    /// Who asked for it: an operator's name in his certificate, or the person.
    pub by: String,
    /// He has said that he wants it, in the words of the API.
    pub consent: bool,
    pub since_ms: u64,
    /// How it ended, for a person to read; empty while it goes on.
    pub outcome: String,
}

#[derive(Clone, PartialEq, Message)]
struct Stored {
    #[prost(uint32, tag = "1")]
    version: u32,
    /// 1 at home, 2 fenced, 3 a copy that comes in, 4 gone.
    #[prost(uint32, tag = "2")]
    state: u32,
    #[prost(uint64, tag = "3")]
    user_epoch: u64,
    #[prost(uint64, tag = "4")]
    operation: u64,
    #[prost(bool, tag = "5")]
    complete: bool,
    /// Where he has gone.
    #[prost(string, tag = "6")]
    to: String,
    #[prost(string, tag = "7")]
    came_from: String,
    #[prost(bool, tag = "8")]
    clearing: bool,
    #[prost(uint64, tag = "9")]
    rows: u64,
    #[prost(bytes = "vec", tag = "10")]
    sum: Vec<u8>,
    #[prost(message, optional, tag = "11")]
    errand: Option<StoredErrand>,
    #[prost(string, repeated, tag = "12")]
    tried: Vec<String>,
    #[prost(message, optional, tag = "13")]
    settling: Option<settling::StoredSettling>,
}

#[derive(Clone, PartialEq, Message)]
struct StoredErrand {
    #[prost(uint64, tag = "1")]
    operation: u64,
    #[prost(string, tag = "2")]
    other: String,
    #[prost(bool, tag = "3")]
    under_way: bool,
    #[prost(bool, tag = "4")]
    unwanted: bool,
    #[prost(string, tag = "5")]
    by: String,
    #[prost(bool, tag = "6")]
    consent: bool,
    #[prost(uint64, tag = "7")]
    since_ms: u64,
    #[prost(string, tag = "8")]
    outcome: String,
}

/// Where a person stands in the shard of the transaction; none: he never moved.
///
/// # Errors
/// The transaction's; a row that cannot be read.
pub async fn standing(tx: &Tx, user: UserId) -> Result<Option<Standing>, LayerError> {
    let row = tx.shared(PEOPLE)?.get(&key(user)).await?;
    row.map(|row| read(&row)).transpose()
}

/// In the transaction of whatever made it so.
///
/// # Errors
/// The transaction's.
pub fn put_standing(tx: &Tx, user: UserId, standing: &Standing) -> Result<(), LayerError> {
    Ok(tx.shared(PEOPLE)?.put(key(user), write(standing))?)
}

/// Everybody behind `after` who has moved or is about to, at most `limit`.
///
/// # Errors
/// As [`standing`].
pub async fn standings(
    tx: &Tx,
    after: Option<UserId>,
    limit: usize,
) -> Result<Vec<(UserId, Standing)>, LayerError> {
    let start = after.map_or_else(Bytes::new, |after| [&key(after)[..], &[0]].concat().into());
    let range = KeyRange::new(start, Bytes::from_static(&[u8::MAX]));
    let page = tx.shared(PEOPLE)?.scan(range, limit, false).await?;
    let one = |(key, row): (Bytes, Bytes)| Ok((user_of(&key).ok_or_else(damaged)?, read(&row)?));
    page.rows.into_iter().map(one).collect()
}

/// What a row of a shard's log says of where somebody stands; none for any other row.
pub fn row(key: &[u8], value: &Bytes) -> Option<Result<(UserId, Standing), LayerError>> {
    let own = key.strip_prefix(&*cell_shard::shared_key(PEOPLE, b""))?;
    let user = user_of(own).ok_or_else(damaged);
    Some(user.and_then(|user| Ok((user, read(value)?))))
}

/// The row that says so, by its key as it stands in the log.
pub fn row_of(user: UserId, standing: &Standing) -> (Bytes, Bytes) {
    (cell_shard::shared_key(PEOPLE, &key(user)), write(standing))
}

impl Standing {
    /// Of one who has lived here all the time.
    pub fn native() -> Self {
        Self {
            place: Place::Home { user_epoch: 1 },
            errand: None,
            came_from: None,
            clearing: false,
            tally: Tally::default(),
            tried: Vec::new(),
            settling: Settling::default(),
        }
    }

    /// The relocation is over, and he stays: a copy of him has been there, or may have.
    #[must_use]
    pub fn having_tried(mut self, home: &HomeId) -> Self {
        if !self.tried.contains(home) {
            self.tried.push(home.clone());
        }
        self
    }

    /// Why nothing is done for him here; none: he lives here.
    pub(crate) fn absence(&self) -> Option<LayerError> {
        match &self.place {
            Place::Home { .. } => None,
            Place::Gone { to, user_epoch } => Some(LayerError::Gone {
                to: to.clone(),
                user_epoch: *user_epoch,
            }),
            Place::Fenced { .. } | Place::Incoming { .. } => Some(LayerError::OnTheWay),
        }
    }
}

fn key(user: UserId) -> Bytes {
    Tuple::new().uuid(Uuid::from_bytes(*user.as_bytes())).pack()
}

fn user_of(key: &[u8]) -> Option<UserId> {
    let elements = cell_store::key::unpack(key).ok()?;
    elements.first()?.as_uuid().map(UserId::from_uuid)
}

fn damaged() -> LayerError {
    LayerError::Damaged {
        layer: LAYER,
        what: "it is not where somebody stands",
    }
}

fn write(standing: &Standing) -> Bytes {
    let mut stored = Stored {
        version: VERSION,
        came_from: standing
            .came_from
            .as_ref()
            .map_or_else(String::new, HomeId::to_string),
        clearing: standing.clearing,
        rows: standing.tally.rows,
        sum: standing.tally.sum.to_vec(),
        tried: standing.tried.iter().map(HomeId::to_string).collect(),
        errand: standing.errand.as_ref().map(|errand| StoredErrand {
            operation: errand.operation.0,
            other: errand.other.to_string(),
            under_way: errand.under_way,
            unwanted: errand.unwanted,
            by: errand.by.clone(),
            consent: errand.consent,
            since_ms: errand.since_ms,
            outcome: errand.outcome.clone(),
        }),
        settling: settling::write(&standing.settling),
        ..Stored::default()
    };
    match &standing.place {
        Place::Home { user_epoch } => (stored.state, stored.user_epoch) = (1, *user_epoch),
        Place::Fenced {
            user_epoch,
            operation,
        } => (stored.state, stored.user_epoch, stored.operation) = (2, *user_epoch, operation.0),
        Place::Incoming { operation, complete } => {
            (stored.state, stored.operation, stored.complete) = (3, operation.0, *complete);
        }
        Place::Gone { to, user_epoch } => {
            (stored.state, stored.user_epoch, stored.to) = (4, *user_epoch, to.to_string());
        }
    }
    stored.encode_to_vec().into()
}

fn read(row: &Bytes) -> Result<Standing, LayerError> {
    let stored = Stored::decode(row.clone()).map_err(|_| damaged())?;
    if stored.version != VERSION {
        return Err(damaged());
    }
    let home = |text: &str| text.parse::<HomeId>().map_err(|_| damaged());
    let (user_epoch, operation) = (stored.user_epoch, OperationId(stored.operation));
    let place = match stored.state {
        1 => Place::Home { user_epoch },
        2 => Place::Fenced {
            user_epoch,
            operation,
        },
        3 => Place::Incoming {
            operation,
            complete: stored.complete,
        },
        4 => Place::Gone {
            to: home(&stored.to)?,
            user_epoch,
        },
        _ => return Err(damaged()),
    };
    let errand = stored.errand.map(|errand| {
        Ok::<_, LayerError>(Errand {
            operation: OperationId(errand.operation),
            other: home(&errand.other)?,
            under_way: errand.under_way,
            unwanted: errand.unwanted,
            by: errand.by,
            consent: errand.consent,
            since_ms: errand.since_ms,
            outcome: errand.outcome,
        })
    });
    Ok(Standing {
        place,
        errand: errand.transpose()?,
        came_from: Some(stored.came_from.as_str())
            .filter(|text| !text.is_empty())
            .map(home)
            .transpose()?,
        clearing: stored.clearing,
        tally: Tally {
            rows: stored.rows,
            sum: stored.sum.as_slice().try_into().map_err(|_| damaged())?,
        },
        tried: stored
            .tried
            .iter()
            .map(|text| home(text))
            .collect::<Result<_, _>>()?,
        settling: settling::read(stored.settling)?,
    })
}

#[cfg(test)]
mod tests;
