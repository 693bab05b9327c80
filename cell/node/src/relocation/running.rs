//! Takes up what was under way for people of every shard, when a term of it begins here.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use cell_layers::place::{self, Standing};
use cell_relay::Place;
use cell_shard::{Shard, Tx};
use platform_model::{ShardId, Term, UserId};

use super::standing::{self, StepError, request};
use super::{Parts, Relocations};

/// How often the shards that are served here are looked through.
const LOOK: Duration = Duration::from_millis(100);
/// People of one page.
const PEOPLE_AT_ONCE: usize = 1_000;

impl Relocations {
    /// Drives whatever is under way in the shards that are served here, until the node's tasks end.
    pub fn start(&self) {
        let (parts, token) = (Arc::clone(&self.parts), self.parts.tasks.token());
        self.parts.tasks.spawn("relocations", async move {
            let mut known: BTreeMap<ShardId, Term> = BTreeMap::new();
            let looks = async {
                loop {
                    for shard in parts.hosted.served() {
                        let (id, term) = (shard.id().clone(), shard.status().term);
                        if !matches!(id, ShardId::Root { .. }) || known.get(&id) == Some(&term) {
                            continue;
                        }
                        // Once more if it could not be read.
                        if parts.take_up(&shard).await.is_ok() {
                            known.insert(id, term);
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
    async fn take_up(self: &Arc<Self>, shard: &Shard) -> Result<(), standing::Failed> {
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
        Place::Home { .. } => errand,
        Place::Fenced { .. } | Place::Incoming { .. } => true,
        Place::Gone { .. } => standing.clearing,
    }
}
