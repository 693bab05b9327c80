//! How copies stand, as the leader remembers it: what people are shown. Decides nothing.

use platform_wire::admin::HeardCopy;

use super::leader::Leader;
use super::watched::Watched;

impl Leader {
    /// What was last heard of every copy.
    pub fn seen(&self, now_micros: u64) -> Vec<HeardCopy> {
        let copies = self.shards.values().flat_map(Watched::seen);
        let seen = copies.map(|copy| HeardCopy {
            report: copy.report.clone(),
            age_ms: now_micros.saturating_sub(copy.at_micros) / 1_000,
        });
        seen.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{Sim, node};
    use platform_model::thresholds::REPORT_EVERY_MS;

    #[test]
    fn every_copy_that_reports_is_seen_and_one_that_does_not_grows_old() {
        let mut sim = Sim::with_standbys(&["eu-central-2/0"]);
        let standby = sim.config().standbys[0].replica;
        let of_shard = |sim: &Sim| {
            let mut seen = sim.leader.seen(sim.now_ms * 1_000);
            seen.retain(|copy| copy.report.shard == Sim::shard());
            seen
        };
        let seen = of_shard(&sim);
        assert_eq!(seen.len(), 2, "{seen:?}");
        assert!(seen.iter().all(|copy| copy.age_ms <= 2 * REPORT_EVERY_MS));
        assert_eq!(seen.iter().filter(|copy| copy.report.serves).count(), 1);
        sim.nodes.kill(&node("eu-central-2/0"), sim.now_ms);
        sim.run(3_000);
        let seen = of_shard(&sim);
        let old = seen.iter().find(|copy| copy.report.replica == standby);
        assert!(old.is_some_and(|copy| copy.age_ms >= 2_000), "{seen:?}");
    }
}
