//! Takes up what was under way for people of every shard, when a term of it begins here, and every few minutes from then on.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use cell_layers::place::{self, Standing};
use cell_relay::Place;
use cell_shard::{Shard, Tx};
use platform_model::{HomeId, ShardId, Term, UserId};

use super::standing::{self, StepError, request};
use super::{Parts, Relocations};

/// How often the shards that are served here are looked through.
const LOOK: Duration = Duration::from_millis(100);
/// How often a shard is looked through again within its term: whoever should have driven somebody may have been broken off.
const LOOK_AGAIN: Duration = Duration::from_secs(300);
/// People of one page.
const PEOPLE_AT_ONCE: usize = 1_000;

impl Relocations {
    /// Drives whatever is under way in the shards that are served here, until the node's tasks end.
    pub fn start(&self) {
        let (parts, token) = (Arc::clone(&self.parts), self.parts.tasks.token());
        self.parts.tasks.spawn("relocations", async move {
            let mut known: BTreeMap<ShardId, (Term, Duration)> = BTreeMap::new();
            let looks = async {
                loop {
                    for shard in parts.hosted.served() {
                        let (id, term) = (shard.id().clone(), shard.status().term);
                        let now = parts.clock.monotonic();
                        let looked = known
                            .get(&id)
                            .is_some_and(|(of, at)| *of == term && now.saturating_sub(*at) < LOOK_AGAIN);
                        if !matches!(id, ShardId::Root { .. }) || looked {
                            continue;
                        }
                        // Once more if it could not be read.
                        if parts.take_up(&shard).await.is_ok() {
                            known.insert(id, (term, now));
                        }
                    }
                    for (shard, user) in parts.driven.take_wanted() {
                        if let Some(shard) = parts.hosted.get(&shard) {
                            parts.set_off(&shard, user);
                        }
                    }
                    parts.clock.sleep(LOOK).await;
                }
            };
            token.run_until_cancelled(looks).await;
        });
    }
}

impl Parts {
    pub(super) async fn take_up(self: &Arc<Self>, shard: &Shard) -> Result<(), standing::Failed> {
        let nobody = UserId::from_uuid(uuid::Uuid::nil());
        let mut after = None;
        loop {
            let page = |tx: Tx| async move {
                Ok::<_, StepError>(place::standings(&tx, after, PEOPLE_AT_ONCE).await?)
            };
            let page = shard.read(&request(nobody), page).await?.value;
            for (user, _) in page.iter().filter(|(_, standing)| is_under_way(standing)) {
                self.set_off(shard, *user);
            }
            after = page.last().map(|(user, _)| *user);
            if page.len() < PEOPLE_AT_ONCE {
                return Ok(());
            }
        }
    }

    /// As [`Self::set_off`], if his shard is served here.
    pub(super) fn set_off_at(self: &Arc<Self>, home: &HomeId, user: UserId) {
        let shard = self.followed.current().shard_of_user(home, user);
        if let Some(shard) = shard.and_then(|shard| self.hosted.get(&shard)) {
            self.set_off(&shard, user);
        }
    }

    /// Drives a person beside the requests.
    pub(super) fn set_off(self: &Arc<Self>, shard: &Shard, user: UserId) {
        let (parts, shard, token) = (Arc::clone(self), shard.clone(), self.tasks.token());
        self.tasks.spawn("relocation", async move {
            let ended = shard.clone();
            tokio::select! {
                () = token.cancelled() => {}
                () = ended.ended() => {}
                () = parts.drive(shard, user) => {}
            }
        });
    }
}

fn is_under_way(standing: &Standing) -> bool {
    let errand = standing.errand.as_ref().is_some_and(|errand| errand.under_way);
    match standing.place {
        Place::Home { .. } => errand || standing.settling.is_due(),
        Place::Fenced { .. } | Place::Incoming { .. } => true,
        Place::Gone { .. } => standing.clearing,
    }
}
