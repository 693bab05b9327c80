//! Keeps the open copies as the routing table says. What takes long - opening reads a log, closing answers what waits -
//! runs beside it: no copy waits with its new configuration until another is open.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use cell_law::{Part, Withheld};
use cell_shard::{CopiesError, Copy, CopySettings, Standing, Taking};
use platform_model::{CopyRoute, ReplicaId, RoutingTable, ShardId, ShardRoute};
use platform_runtime::TaskGroup;
use tokio::sync::watch;

use super::{Hosted, Open};

/// How often copies that failed or could not be opened are looked at again.
const LOOK_AGAIN: Duration = Duration::from_millis(250);
/// Copies that are opened at once: each reads its log.
const OPENING_MAX: usize = 8;
/// The same in a store that nodes share: whoever takes a shard over waits for most of that time, and a node that died
/// left many of them.
const OPENING_SHARED_MAX: usize = 64;

impl Hosted {
    /// Keeps the open copies as the table says, until the group ends.
    pub fn keep(&self, mut table: watch::Receiver<Arc<RoutingTable>>, tasks: &TaskGroup) {
        let (hosted, token) = (self.clone(), tasks.token());
        tasks.spawn("shards", async move {
            let kept = async {
                loop {
                    let now = Arc::clone(&table.borrow_and_update());
                    hosted.reconcile(&now).await;
                    #[expect(
                        clippy::cast_precision_loss,
                        reason = "a node holds a few thousand shards at most"
                    )]
                    metrics::gauge!("celld_shards_open").set(hosted.count() as f64);
                    tokio::select! {
                        changed = table.changed() => if changed.is_err() {
                            // Nobody sends any more: the process ends.
                            std::future::pending::<()>().await;
                        },
                        () = hosted.shared.settled.notified() => {}
                        () = hosted.shared.lent.clock.sleep(LOOK_AGAIN) => {}
                    }
                }
            };
            token.run_until_cancelled(kept).await;
        });
    }

    async fn reconcile(&self, table: &RoutingTable) {
        if let Err(error) = self.look().await {
            tracing::warn!(%error, "the copies on this disk are not known yet");
            return;
        }
        let wanted: BTreeMap<&ShardId, (&ShardRoute, Part)> = self
            .wanted(table)
            .map(|(shard, route, part)| (shard, (route, part)))
            .collect();
        for (shard, copy) in self.surplus(&wanted) {
            self.close_beside(shard, copy);
        }
        self.configure(table, &wanted);
        for (shard, (route, part)) in wanted {
            if !self.is_begun(shard) && self.may_begin() {
                match self
                    .shared
                    .lent
                    .law
                    .may_open(table, shard, part, self.holds(shard))
                {
                    Ok(()) => self.open_beside(shard.clone(), route.clone()),
                    Err(why) => self.note_withheld(shard, why),
                }
            }
        }
    }

    /// Hands every open copy its route, if that is another than it was told. A copy that is to be made anew under another
    /// name begins as any other does: the law is asked.
    fn configure(&self, table: &RoutingTable, wanted: &BTreeMap<&ShardId, (&ShardRoute, Part)>) {
        let mut open = self.shared.open.write();
        for (shard, open) in open.iter_mut() {
            let Some((route, part)) = wanted.get(shard) else {
                continue;
            };
            if open.route == **route {
                continue;
            }
            if self.name(&open.route) != self.name(route)
                && let Err(why) = self.shared.lent.law.may_open(table, shard, *part, false)
            {
                self.note_withheld(shard, why);
                continue;
            }
            open.copy.configure(route);
            open.route = (*route).clone();
        }
    }

    /// The name of the copy that is to be here; none if one is to be erased only.
    fn name(&self, route: &ShardRoute) -> Option<ReplicaId> {
        if route.node == self.shared.node {
            return Some(route.set.primary);
        }
        let mine = |copy: &&CopyRoute| copy.node == self.shared.node;
        route.set.standbys.iter().find(mine).map(|copy| copy.replica)
    }

    /// Takes out what is not wanted, and what failed.
    fn surplus(&self, wanted: &BTreeMap<&ShardId, (&ShardRoute, Part)>) -> Vec<(ShardId, Copy)> {
        let mut open = self.shared.open.write();
        let goes =
            |id: &ShardId, open: &Open| !wanted.contains_key(id) || open.copy.standing() == Standing::Failed;
        let gone: Vec<ShardId> = open
            .iter()
            .filter(|(id, open)| goes(id, open))
            .map(|(id, _)| id.clone())
            .collect();
        let mut busy = self.shared.busy.write();
        gone.into_iter()
            .filter_map(|id| {
                let open = open.remove(&id)?;
                busy.insert(id.clone());
                Some((id, open.copy))
            })
            .collect()
    }

    fn close_beside(&self, shard: ShardId, copy: Copy) {
        let hosted = self.clone();
        self.shared.tasks.spawn("copy-closes", async move {
            copy.close().await;
            tracing::info!(%shard, "copy closed");
            // Perhaps it was erased before: what lies on the disk is looked at again.
            *hosted.shared.held.write() = None;
            hosted.free(&shard);
        });
    }

    fn open_beside(&self, shard: ShardId, route: ShardRoute) {
        self.shared.busy.write().insert(shard.clone());
        let hosted = self.clone();
        self.shared.tasks.spawn("copy-opens", async move {
            hosted.open(&shard, route).await;
            hosted.free(&shard);
        });
    }

    async fn open(&self, shard: &ShardId, route: ShardRoute) {
        let (shared, lent) = (&self.shared, &self.shared.lent);
        let settings = CopySettings {
            export_folder: lent.cut_off.clone(),
            taking: lent.shared.as_ref().map(|_| Taking::of(&route, &shared.node)),
            log_kept_elsewhere: lent.log_kept_elsewhere,
            ..CopySettings::new(shard.clone(), lent.world.clone(), shared.node.clone())
                .keeping(lent.log_kept)
                .bridged(lent.bridged)
        };
        let opened = Copy::open(
            Arc::clone(&lent.store),
            settings,
            lent.clock.clone(),
            &shared.tasks,
            Arc::clone(&lent.peers),
            Arc::clone(&lent.control),
        );
        match opened.await {
            Ok(copy) if shared.closing.is_cancelled() => copy.close().await,
            Ok(copy) => {
                copy.configure(&route);
                tracing::info!(%shard, epoch = %route.epoch, "copy opened");
                self.took(shard, Open { copy, route });
            }
            Err(error) => {
                metrics::counter!("celld_shard_open_failures_total").increment(1);
                tracing::warn!(%shard, %error, "copy cannot be opened");
                // Not at once again.
                lent.clock.sleep(LOOK_AGAIN).await;
            }
        }
    }

    fn took(&self, shard: &ShardId, open: Open) {
        let epoch = open.route.epoch;
        self.shared.open.write().insert(shard.clone(), open);
        self.shared
            .held
            .write()
            .get_or_insert_default()
            .insert(shard.clone(), epoch);
        self.shared.withheld.write().remove(shard);
    }

    fn free(&self, shard: &ShardId) {
        self.shared.busy.write().remove(shard);
        self.shared.settled.notify_one();
    }

    fn is_begun(&self, shard: &ShardId) -> bool {
        self.shared.open.read().contains_key(shard) || self.shared.busy.read().contains(shard)
    }

    fn may_begin(&self) -> bool {
        let most = match self.shared_store() {
            Some(_) => OPENING_SHARED_MAX,
            None => OPENING_MAX,
        };
        self.shared.busy.read().len() < most && !self.shared.closing.is_cancelled()
    }

    /// Looks once at what lies on the disk.
    async fn look(&self) -> Result<(), CopiesError> {
        if self.shared.held.read().is_none() {
            let (shared, store) = (&self.shared, &*self.shared.lent.store);
            let found = match shared.lent.shared {
                Some(_) => cell_shard::copies_of(store, &shared.node).await?,
                None => cell_shard::copies(store).await?,
            };
            *self.shared.held.write() = Some(found.into_iter().collect());
        }
        Ok(())
    }

    fn holds(&self, shard: &ShardId) -> bool {
        let held = self.shared.held.read();
        held.as_ref().is_some_and(|held| held.contains_key(shard))
    }

    /// Says a reason once, however often it is met.
    fn note_withheld(&self, shard: &ShardId, why: Withheld) {
        let mut withheld = self.shared.withheld.write();
        let news = withheld
            .get(shard)
            .is_none_or(|known| std::mem::discriminant(known) != std::mem::discriminant(&why));
        if news {
            metrics::counter!("celld_law_refusals_total").increment(1);
            tracing::warn!(target: "audit", %shard, %why, "the law keeps a copy from being opened here");
        }
        withheld.insert(shard.clone(), why);
    }
}
