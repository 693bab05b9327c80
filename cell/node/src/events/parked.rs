//! Events that were not taken, of the shards that are served here: those that their receivers parked, and those that never
//! left. Ids and reasons; what an event says is nobody's business here.

use cell_layers::RootTx;
use cell_layers::event::{self, Noted};
use cell_sdk::{Address, DomainError, Received};
use cell_shard::{Aside, OutboxKey, Shard, Tx, WriteError};
use platform_model::{Actor, RootRef};
use platform_wire::events::{EventAt, ParkedEvent, Settle, Settled};
use sha2::{Digest, Sha256};

use super::receive::{refusal, request};
use super::{Parts, home_of, relay};

/// Of one shard and side that one list tells.
const TOLD_MAX: usize = 1_000;

/// Where a parked event lies.
enum Lies {
    /// In its receiver's root.
    Parked(Noted),
    /// At its source.
    Aside(Aside),
}

impl Lies {
    fn told(&self, shard: &Shard) -> Option<ParkedEvent> {
        let shard = shard.id().clone();
        let mut told = match self {
            Self::Parked(noted) => ParkedEvent {
                id: String::new(),
                undelivered: false,
                to: noted.to.as_user()?,
                source: noted.source.clone(),
                at: EventAt {
                    at: noted.event.at,
                    index: noted.event.index,
                    event: noted.event.event,
                },
                domain: noted.domain.clone(),
                name: noted.name.clone(),
                event_version: noted.version,
                reason: noted.reason.clone(),
                since_ms: noted.parked_ms,
                shard,
            },
            Self::Aside(aside) => ParkedEvent {
                id: String::new(),
                undelivered: true,
                to: aside.row.key.to.as_user()?,
                source: shard.clone(),
                at: relay::event_at(&aside.row.key),
                domain: aside.row.domain.clone(),
                name: aside.row.name.clone(),
                event_version: aside.row.version,
                reason: aside.reason.clone(),
                since_ms: aside.since_ms,
                shard,
            },
        };
        told.id = id_of(&told);
        Some(told)
    }
}

/// Short enough to be typed, and the same on every node for ever.
fn id_of(event: &ParkedEvent) -> String {
    let at = event.at;
    let name = format!(
        "{}|{}|{}|{}|{}|{}|{}",
        event.undelivered, event.to, event.source, at.at.epoch, at.at.position, at.index, at.event
    );
    let digest = Sha256::digest(name.as_bytes());
    digest[..8].iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Why one is not settled.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unsettled {
    #[error("no parked event of that name lies with this node")]
    Unknown,
    #[error("the shard cannot answer now: {0}")]
    Later(String),
}

impl Parts {
    /// Those of the shards that are served here, and whether there are more than are told.
    pub(super) async fn list_parked(&self) -> Result<(Vec<ParkedEvent>, bool), Unsettled> {
        let (mut all, mut more) = (Vec::new(), false);
        for shard in self.hosted.served() {
            // One that cannot answer now hides no other.
            let Ok(lie) = lying(&shard).await else {
                more = true;
                continue;
            };
            more |= lie.len() >= TOLD_MAX;
            all.extend(lie.iter().filter_map(|one| one.told(&shard)));
        }
        Ok((all, more))
    }

    /// Tries one again, or drops it: once, whoever else does the same.
    pub(super) async fn settle_parked(&self, settle: &Settle, by: &str) -> Result<Settled, Unsettled> {
        for shard in self.hosted.served() {
            let Ok(lie) = lying(&shard).await else { continue };
            for one in lie {
                let Some(event) = one.told(&shard).filter(|event| event.id == settle.id) else {
                    continue;
                };
                if settle.dry_run {
                    return Ok(Settled {
                        event,
                        settled: false,
                        why: "nothing was done: a dry run".to_owned(),
                    });
                }
                let done = match &one {
                    Lies::Parked(noted) => self.settle_in_root(&shard, noted, settle, by).await,
                    Lies::Aside(aside) => self.settle_aside(&shard, aside, settle, by).await,
                };
                let (settled, why) = done?;
                tracing::warn!(target: "audit", by, id = settle.id, drop = settle.drop, reason = settle.reason, settled, why, "a parked event");
                return Ok(Settled { event, settled, why });
            }
        }
        Err(Unsettled::Unknown)
    }

    async fn settle_in_root(
        &self,
        shard: &Shard,
        noted: &Noted,
        settle: &Settle,
        by: &str,
    ) -> Result<(bool, String), Unsettled> {
        let (home, user) = home_of(shard.id())
            .zip(noted.to.as_user())
            .ok_or(Unsettled::Unknown)?;
        let key = self.keys.open(&self.followed, home, user).await;
        let key = &key.map_err(|problem| Unsettled::Later(problem.code.as_str().to_owned()))?;
        let drop = settle.drop;
        let take = |tx: Tx| async move {
            let tx = RootTx::new(tx, RootRef::user(user), event::DOMAIN, key)
                .enter()
                .await?;
            let Some(parked) = event::take_parked(&tx, &noted.source, noted.event).await? else {
                return Ok(false);
            };
            if drop {
                return Ok(true);
            }
            let from = parked.from.as_user().ok_or(platform_model::Code::Internal)?;
            let received = Received {
                domain: parked.domain,
                name: parked.name,
                version: parked.version,
                from: Address {
                    home: parked.from_home,
                    user: from,
                },
                to: Address {
                    home: home.clone(),
                    user,
                },
                known_at: None,
                message: parked.message.to_vec(),
            };
            self.may_handle(&received)?;
            self.handle(&tx, &received).await?;
            Ok(true)
        };
        let request = request(user, Actor::Operator(by.to_owned()));
        match shard.write(&request, take).await {
            Ok(answer) if answer.value => Ok((true, String::new())),
            Ok(_) => Err(Unsettled::Unknown),
            Err(WriteError::Rejected(error)) => match refusal(&error) {
                Some(why) => Ok((false, why)),
                None => Err(Unsettled::Later("it cannot be taken now".to_owned())),
            },
            Err(error) => Err(Unsettled::Later(error.to_string())),
        }
    }

    /// A retry is for a node that understands by now what it did not: else it stays parked.
    fn may_handle(&self, received: &Received) -> Result<(), DomainError> {
        let understood = self
            .takers(&received.domain, &received.name)
            .map(|(_, version)| version)
            .min();
        if understood.is_some_and(|understood| received.version <= understood) {
            return Ok(());
        }
        let problem = platform_model::Problem::new(platform_model::Code::BadRequest);
        Err(problem.detail("no domain here takes it yet").into())
    }

    async fn settle_aside(
        &self,
        shard: &Shard,
        aside: &Aside,
        settle: &Settle,
        by: &str,
    ) -> Result<(bool, String), Unsettled> {
        let domain = self.domains.iter().find(|known| known.name() == aside.row.domain);
        let domain = domain.map(|domain| domain.name());
        let user = aside.row.key.to.as_user().ok_or(Unsettled::Unknown)?;
        let request = request(user, Actor::Operator(by.to_owned()));
        let key: &OutboxKey = &aside.row.key;
        // One of a domain that is no more can only be dropped, and is not known by a name that lives as long as we do.
        let Some(domain) = domain else {
            return Ok((false, "its domain is not there any more".to_owned()));
        };
        let taken = shard.take_aside(key, domain, !settle.drop, &request).await;
        match taken {
            Ok(true) => Ok((true, String::new())),
            Ok(false) => Err(Unsettled::Unknown),
            Err(error) => Err(Unsettled::Later(error.to_string())),
        }
    }
}

async fn lying(shard: &Shard) -> Result<Vec<Lies>, Unsettled> {
    if home_of(shard.id()).is_none() {
        return Ok(Vec::new());
    }
    let later = |why: String| Unsettled::Later(why);
    let aside = shard.aside(None, TOLD_MAX).await;
    let aside = aside.map_err(|error| later(error.to_string()))?;
    let read = |tx: Tx| async move { Ok::<_, DomainError>(event::all_parked(&tx, TOLD_MAX).await?) };
    let nobody = platform_model::UserId::from_uuid(uuid::Uuid::nil());
    let request = request(nobody, Actor::Service(event::DOMAIN.to_owned()));
    let parked = shard.read(&request, read).await;
    let parked = parked.map_err(|error| later(error.to_string()))?.value;
    let parked = parked.into_iter().map(Lies::Parked);
    Ok(parked.chain(aside.into_iter().map(Lies::Aside)).collect())
}
