//! A person changes home, running: his rows leave one shard and come into another, and the directory's entry decides in which
//! of the two he lives. The rules are those of `cell_relay::{home, relocate}`, which the simulator breaks its teeth on.
//!
//! | module | what it is |
//! |---|---|
//! | `entries`, `entry_rpc` | the directory's entry, here or at another node; its row; the door for other nodes |
//! | `lawful` | what the law says to a person's data going there |
//! | `source`, `leaving`, `copier`, `turning` | the shard where he lives: copies, fences, sends the rest, commits, erases; or turns back |
//! | `target`, `checking`, `ending`, `arrivals_rpc` | the shard where he will live: an incoming copy that nobody sees, until the entry names it |
//! | `forgetting` | he is erased where he lives: nothing of him stays where he was |
//! | `following` | he has moved since his erasure was put on record: it is done where he lives |
//! | `residents` | who of a backup that is restored lives elsewhere by now |
//! | `settling` | he has come: what he tells waits for the homes that he left; whoever knows where he lived is told |
//! | `next` | what whoever drives him does next |
//! | `driven` | who is driven at this moment, by which task |
//! | `running` | takes up what was under way when a term began; waits for the end of copies that came in |
//! | `operator` | begin, show, cancel, for people at work |
//! | `personal` | the same for the person, who consents by asking |
//! | `standing` | transactions on where a person stands |
//! | `told` | what he told that is not where it goes |
//!
//! Each step is a transaction of a shard: whoever leads next reads where the person stands and goes on from there. A source
//! that starts anew before its fence copies anew; behind it, it asks the entry, and cancels what is not committed.
//!
//! Never here: a decision without the entry, or on time alone.

mod arrivals_rpc;
mod checking;
mod copier;
mod driven;
mod ending;
mod entries;
mod entry_rpc;
mod faults;
mod following;
mod forgetting;
mod lawful;
mod leaving;
mod next;
mod operator;
mod personal;
mod residents;
mod running;
mod settling;
mod source;
mod standing;
mod target;
pub(crate) mod told;
mod turning;

use std::sync::{Arc, OnceLock, Weak};

use async_trait::async_trait;
use cell_law::Law;
use cell_sdk::{Domain, Lent};
use platform_model::{HomeId, Jurisdiction, UserId, WorldId};
use platform_runtime::TaskGroup;
use platform_runtime::clock::Clock;
use platform_wire::follow::Followed;
use platform_wire::relocation::{ArrivalsClient, EntriesClient};
use platform_wire::report::ReportClient;

use crate::custody::LentCustody;
use crate::home_keys::HomeKeys;
use crate::hosted::Hosted;

pub use arrivals_rpc::routes as arrivals_routes;
pub use driven::Driven;
pub(crate) use ending::claims_on_record;
pub use entry_rpc::routes as entry_routes;
#[cfg(feature = "failpoints")]
pub(crate) use faults::comes_late;
pub use forgetting::Elsewheres;
pub use operator::routes as operator_routes;
pub(crate) use standing::{Elsewhere, came_from, elsewhere, gone, standing_of};

/// What the controllers are told of people who move.
#[async_trait]
pub trait Records: Send + Sync {
    /// Before the first byte is kept: data of people of `foreign` lies in `home` from now on.
    async fn admit(&self, home: &HomeId, foreign: &Jurisdiction) -> Result<(), NotAdmitted>;

    /// He has left `home`, and what he had there is gone. Answers the number of the certificate.
    async fn departed(&self, home: &HomeId, user: UserId, rows: u64, to: &HomeId) -> Result<u64, String>;
}

/// Why nothing may be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotAdmitted {
    /// The controllers did not answer.
    Later(String),
    KeptOut(String),
}

/// What relocation needs of the node. Clones share it.
#[derive(Clone)]
pub struct Relocations {
    parts: Arc<Parts>,
}

/// The same for whoever is a part of it: it keeps nothing alive.
#[derive(Clone)]
pub struct LentRelocations(Weak<Parts>);

impl LentRelocations {
    /// None: the node ends.
    pub fn get(&self) -> Option<Relocations> {
        self.0.upgrade().map(|parts| Relocations { parts })
    }
}

/// What [`Relocations::new`] is given.
pub struct Parts {
    pub world: WorldId,
    pub hosted: Hosted,
    pub followed: Followed,
    pub keys: HomeKeys,
    pub law: Law,
    pub clock: Clock,
    pub lent: Lent,
    pub entries: EntriesClient,
    pub arrivals: ArrivalsClient,
    pub records: Arc<dyn Records>,
    pub tasks: TaskGroup,
    /// What each has to tell when somebody has come.
    pub domains: Arc<Vec<Box<dyn Domain>>>,
    /// Who is driven at this moment.
    pub driven: Driven,
    /// Who erases people here; set once that is there.
    pub custody: OnceLock<LentCustody>,
}

impl Relocations {
    pub fn new(parts: Parts) -> Self {
        Self {
            parts: Arc::new(parts),
        }
    }

    pub fn lent(&self) -> LentRelocations {
        LentRelocations(Arc::downgrade(&self.parts))
    }

    /// Whom it asks to erase people who have come here; the first stays.
    pub fn erases_by(&self, custody: LentCustody) {
        let _ = self.parts.custody.set(custody);
    }
}

#[async_trait]
impl Records for ReportClient {
    async fn admit(&self, home: &HomeId, foreign: &Jurisdiction) -> Result<(), NotAdmitted> {
        let admitted = self.admit_foreign(home, foreign).await;
        admitted.map(|_| ()).map_err(|error| {
            let forbids =
                |refusal: &platform_wire::Refusal| refusal.code == platform_wire::RefusalCode::LawForbids;
            if error.refusal().is_some_and(forbids) {
                NotAdmitted::KeptOut(error.to_string())
            } else {
                NotAdmitted::Later(error.to_string())
            }
        })
    }

    async fn departed(&self, home: &HomeId, user: UserId, rows: u64, to: &HomeId) -> Result<u64, String> {
        let recorded = self.record_departure(home, user, rows, to).await;
        recorded.map_err(|error| error.to_string())
    }
}

#[cfg(test)]
mod tests;
