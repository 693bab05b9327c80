//! What crosses: requests through a router's door, data through the one gate.

use std::sync::Arc;

use platform_model::matrix::{Action, Answer, Crossing, Destination, Purpose};
use platform_model::{DataClass, RegionId, ShardId, UserId};
use proptest::prelude::*;
use router_table::{Caller, Decision, Moment, Overrides, RequestHead, Table, decide};

use super::{Plant, World, home, region};

impl World {
    /// The router's door, and the node's behind it.
    pub(super) fn forward(&mut self, at: usize, router: usize, user: u128) -> Result<(), TestCaseError> {
        let (plain, home) = (Arc::clone(&self.heard[router]), home(at));
        let table = Table::compile(&plain, &region(router));
        let user = UserId::from_uuid(uuid::Uuid::from_u128(user));
        let head = RequestHead {
            method: "GET",
            host: "meridian.test",
            path: "/v1/profile",
            caller: Some(Caller { home: &home, user }),
            idempotency_key: None,
        };
        let at_once = Moment {
            now_ms: 0,
            table_age_ms: 0,
        };
        let decided = decide(&table, &Overrides::new(8, 1_000), &head, at_once);
        let lawful = plain
            .matrix()
            .is_none_or(|matrix| matrix.may_process(&home.jurisdiction, &region(router)).is_ok());
        if matches!(decided, Decision::Forward(_)) {
            prop_assert!(
                lawful,
                "a router in {} sees a request of {}",
                region(router),
                home
            );
        }
        if self.plant == Some(Plant::Door) && !lawful {
            // As if it had forwarded: the node behind asks again.
            let shard = ShardId::Root { home, index: 0 };
            if self
                .law(at)
                .may_have_seen(&plain, &shard, &region(router))
                .is_err()
            {
                self.alarms
                    .push(format!("a node finds out the router in {}", region(router)));
            }
        }
        Ok(())
    }

    /// The one gate: whatever passes is permitted in each region where it may come to lie.
    pub(super) fn cross(
        &mut self,
        at: usize,
        to: usize,
        class: usize,
        purpose: usize,
    ) -> Result<(), TestCaseError> {
        let table = Arc::clone(&self.heard[at]);
        let Some(matrix) = table.matrix() else {
            return Ok(());
        };
        let class = DataClass::ALL[class % DataClass::ALL.len()];
        let purpose = Purpose::ALL[purpose % Purpose::ALL.len()];
        let (subject, there) = (home(at).jurisdiction, home(to));
        let destination = Destination::Home(&there.jurisdiction);
        let asked = self.law(at).egress(&table, &subject, class, purpose, destination);
        let permits = |action, region: &RegionId| {
            matrix.ask(&subject, action, region, class, purpose).answer != Answer::Deny
        };
        let regions: Vec<&RegionId> = matrix.envelope(&there.jurisdiction).collect();
        let everywhere = regions.iter().all(|region| {
            permits(Action::Transfer, region)
                && matrix
                    .ask(&subject, Action::StoreStandby, region, class, purpose)
                    .is_permitted()
        });
        if asked.is_ok() {
            prop_assert!(
                everywhere && !regions.is_empty(),
                "{} of {} went to {}",
                class,
                subject,
                there
            );
        }
        if asked == Ok(Crossing::Free) {
            let free = |region: &&RegionId| {
                matrix
                    .ask(&subject, Action::Transfer, region, class, purpose)
                    .is_permitted()
            };
            prop_assert!(regions.iter().all(free), "without consent");
        }
        if self.plant == Some(Plant::Egress) && asked.is_err() {
            // As if it had sent: whoever would keep it asks again.
            let denied = self.law(to).ingress(&table, &subject, class, purpose).is_err();
            if denied {
                self.alarms
                    .push(format!("{} refuses {class} of {subject}", region(to)));
            }
        }
        Ok(())
    }
}
