//! What the law says to a person's data going to another home: every class, to every region where a copy of what he will have
//! there lies. What it lets go only with consent goes if he has given it; that he is told of when he asks for it himself.

use std::collections::BTreeSet;

use cell_law::Withheld;
use platform_model::matrix::{Crossing, Destination, Purpose};
use platform_model::{DataClass, HomeId, Jurisdiction, RegionId, RoutingTable, ShardId, UserId};

use super::Parts;

/// Why he may not, or not now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Unlawful {
    Later(String),
    Never(String),
}

impl Parts {
    /// The classes that may go only with his consent.
    ///
    /// # Errors
    /// The first class that may not go at all, with the rule; or that there is no law that can be asked now.
    pub(super) fn may_leave(
        &self,
        subject: &Jurisdiction,
        user: UserId,
        to: &HomeId,
    ) -> Result<Vec<DataClass>, Unlawful> {
        let table = self.followed.current();
        let regions = regions(&table, to, user);
        if regions.is_empty() {
            return Err(Unlawful::Later(format!("nobody serves {to} now")));
        }
        let mut with_consent = BTreeSet::new();
        for region in &regions {
            for class in DataClass::ALL {
                let there = Destination::Region(region);
                let crossing = self
                    .law
                    .egress(&table, subject, class, Purpose::Relocation, there);
                if crossing.map_err(unlawful)? != Crossing::Free {
                    with_consent.insert(class);
                }
            }
        }
        Ok(with_consent.into_iter().collect())
    }

    /// Asked again by whoever would keep it.
    ///
    /// # Errors
    /// As [`Parts::may_leave`]; also what takes a consent that was not given.
    pub(super) fn may_come(&self, subject: &Jurisdiction, consent: bool) -> Result<(), Unlawful> {
        let table = self.followed.current();
        for class in DataClass::ALL {
            let crossing = self.law.ingress(&table, subject, class, Purpose::Relocation);
            match crossing.map_err(unlawful)? {
                Crossing::WithConsent(purpose) if !consent => {
                    let message = format!("{class} data may come only with consent to {purpose}");
                    return Err(Unlawful::Never(message));
                }
                _ => {}
            }
        }
        Ok(())
    }
}

fn unlawful(why: Withheld) -> Unlawful {
    if why.waits() {
        Unlawful::Later(why.to_string())
    } else {
        Unlawful::Never(why.to_string())
    }
}

/// Where copies lie of the shard that he will be in, and of the keys of that home.
fn regions(table: &RoutingTable, to: &HomeId, user: UserId) -> BTreeSet<RegionId> {
    let keys = ShardId::Keys { home: to.clone() };
    let shards = table.shard_of_user(to, user).into_iter().chain([keys]);
    let routes = shards.filter_map(|shard| table.shards.get(&shard));
    let nodes = routes.flat_map(|route| {
        let standbys = route.set.standbys.iter().map(|copy| &copy.node);
        std::iter::once(&route.node).chain(standbys)
    });
    let cells = nodes.filter_map(|node| table.cells.get(&node.cell));
    cells.map(|cell| cell.region.clone()).collect()
}
