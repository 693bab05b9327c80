//! What the controllers are told: that the node is here, that it lives, and the public halves of its homes' token
//! keys. While no controller answers, it goes on asking; nothing that serves apps waits for it.

use std::sync::Arc;
use std::time::Duration;

use platform_model::{Generation, NodeId};
use platform_runtime::TaskGroup;
use platform_runtime::clock::Clock;
use platform_wire::follow::Followed;
use platform_wire::report::{Heartbeat, ReportClient};
use platform_wire::{CallError, RefusalCode};

use crate::home_keys::HomeKeys;
use crate::hosted::Hosted;

/// Clones share the parts.
#[derive(Clone)]
pub struct Reporter {
    pub reports: ReportClient,
    pub node: NodeId,
    /// The advertised address.
    pub address: String,
    pub hosted: Hosted,
    pub keys: HomeKeys,
    pub followed: Followed,
    pub clock: Clock,
    pub every: Duration,
}

impl Reporter {
    /// Starts two tasks: one registers and beats, one publishes token keys.
    pub fn start(self, tasks: &TaskGroup) {
        let one = Arc::new(self);
        let (beats, token) = (Arc::clone(&one), tasks.token());
        tasks.spawn("reports", async move {
            token.run_until_cancelled(beats.report()).await;
        });
        let token = tasks.token();
        tasks.spawn("token-keys", async move {
            token.run_until_cancelled(one.publish()).await;
        });
    }

    async fn report(&self) {
        let mut registered = self.register().await;
        loop {
            let table = self.followed.current();
            // Controllers that lost all they knew went on from what was once: this start is not in it.
            let known = table.nodes.get(&self.node).map(|node| node.start);
            if table.generation > registered && known != Some(self.hosted.start()) {
                registered = self.register().await;
            }
            let beat = Heartbeat {
                node: self.node.clone(),
                incarnation: self.hosted.start().incarnation,
                table_generation: table.generation,
                shards_open: u32::try_from(self.hosted.led()).unwrap_or(u32::MAX),
                copies: self.hosted.copies(&table),
            };
            if let Err(error) = self.reports.heartbeat(&beat).await {
                metrics::counter!("celld_heartbeats_lost_total").increment(1);
                tracing::debug!(%error, "a heartbeat is lost");
                self.judge(&error);
                if error
                    .refusal()
                    .is_some_and(|refusal| refusal.code == RefusalCode::Unknown)
                {
                    registered = self.register().await;
                }
            }
            self.clock.sleep(self.every).await;
        }
    }

    /// Until it is done. Answers the generation of the table that knows it.
    async fn register(&self) -> Generation {
        loop {
            match self
                .reports
                .register_node_on(
                    &self.node,
                    &self.address,
                    self.hosted.start(),
                    self.hosted.shared_store(),
                )
                .await
            {
                Ok(generation) => {
                    tracing::info!(node = %self.node, address = self.address, %generation, "registered");
                    return generation;
                }
                Err(error) => {
                    tracing::info!(%error, "not registered yet");
                    self.judge(&error);
                }
            }
            self.clock.sleep(self.every).await;
        }
    }

    fn judge(&self, error: &CallError) {
        let ends = |code| matches!(code, RefusalCode::OldIncarnation | RefusalCode::OtherData);
        if error.refusal().is_some_and(|refusal| ends(refusal.code)) {
            self.hosted.give_way(error);
        }
    }

    async fn publish(&self) {
        loop {
            let table = self.followed.current();
            for (home, key) in self.keys.unpublished(&table).await {
                match self.reports.publish_token_key(&home, &key).await {
                    Ok(generation) => {
                        tracing::info!(%home, kid = key.kid, %generation, "token key published");
                    }
                    Err(error) => tracing::info!(%home, %error, "token key not published yet"),
                }
            }
            self.clock.sleep(self.every).await;
        }
    }
}
