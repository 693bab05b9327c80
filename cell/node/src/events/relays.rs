//! Keeps one relay for each term in which a shard of people is served here, and a bridge where the settings name a broker.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use platform_model::{ShardId, Term};
use platform_runtime::TaskGroup;

use super::bridge::Bridging;
use super::relay::Running;
use super::{Events, home_of};

/// How often the shards that are served here are looked through.
const LOOK: Duration = Duration::from_millis(100);

impl Events {
    /// Relays the events of whatever is served here, until the group ends.
    pub fn relay(&self, tasks: &TaskGroup) {
        let (parts, token, group) = (Arc::clone(&self.parts), tasks.token(), tasks.child());
        tasks.spawn("relays", async move {
            let mut known: BTreeMap<ShardId, Term> = BTreeMap::new();
            let kept = async {
                loop {
                    for shard in parts.hosted.served() {
                        let (id, term) = (shard.id().clone(), shard.status().term);
                        if home_of(&id).is_none() || known.get(&id) == Some(&term) {
                            continue;
                        }
                        known.insert(id, term);
                        if let Some(bridge) = parts.bridge.clone() {
                            let bridging = Bridging::new(Arc::clone(&parts), bridge, shard.clone());
                            group.spawn("bridge", bridging.run(group.token()));
                        }
                        let (relay, stop) = (Running::new(Arc::clone(&parts), shard), group.token());
                        group.spawn("relay", relay.run(stop));
                    }
                    parts.clock.sleep(LOOK).await;
                }
            };
            token.run_until_cancelled(kept).await;
        });
    }
}
