//! Planted faults, in builds with the feature `failpoints` only: the demo must notice each of them.
//!
//! Without the feature every function here does nothing and costs nothing.

use platform_model::Problem;
use platform_runtime::tls::Identity;
use router_table::{RequestHead, Route, Table};

/// What the faults need to know.
#[derive(Clone)]
pub struct Faults {
    #[cfg_attr(
        not(feature = "failpoints"),
        expect(dead_code, reason = "only faults ask controllers")
    )]
    controllers: Vec<String>,
    #[cfg_attr(
        not(feature = "failpoints"),
        expect(dead_code, reason = "only faults ask controllers")
    )]
    identity: Identity,
}

impl Faults {
    pub fn new(controllers: Vec<String>, identity: Identity) -> Self {
        Self {
            controllers,
            identity,
        }
    }
}

/// The compiled table as it is used.
#[cfg(not(feature = "failpoints"))]
pub fn door(table: Table) -> Table {
    table
}

/// `no-law-at-door`: the router asks no law whether it may process.
#[cfg(feature = "failpoints")]
pub fn door(mut table: Table) -> Table {
    if planted("no-law-at-door") {
        table.open_the_door();
    }
    table
}

#[cfg(not(feature = "failpoints"))]
impl Faults {
    #[expect(clippy::unused_async, reason = "the planted fault waits")]
    pub async fn before_routing(&self) -> Result<(), Box<Problem>> {
        Ok(())
    }

    pub fn reroute(&self, _table: &Table, _head: &RequestHead<'_>, route: Route) -> Route {
        route
    }

    /// Whether a request that may have been executed may be sent again.
    pub fn may_replay(&self, repeatable: bool) -> bool {
        repeatable
    }
}

#[cfg(feature = "failpoints")]
impl Faults {
    /// `controller-on-path`: no request without a controller.
    ///
    /// # Errors
    /// `unavailable` when none answers.
    pub async fn before_routing(&self) -> Result<(), Box<Problem>> {
        use platform_runtime::{serve::connect_mtls, tls::Expect};
        if !planted("controller-on-path") {
            return Ok(());
        }
        for address in &self.controllers {
            if connect_mtls(address, self.identity.client_config(Expect::Controller))
                .await
                .is_ok()
            {
                return Ok(());
            }
        }
        Err(Box::new(
            Problem::new(platform_model::Code::Unavailable).detail("planted: controller-on-path"),
        ))
    }

    /// `wrong-home`: who registers is sent to a home of another jurisdiction.
    pub fn reroute(&self, table: &Table, head: &RequestHead<'_>, route: Route) -> Route {
        let Some(key) = head
            .idempotency_key
            .filter(|_| route.class == router_table::RouteClass::Register)
        else {
            return route;
        };
        if !planted("wrong-home") {
            return route;
        }
        let right = table.shard(route.place.shard).jurisdiction();
        let user = platform_model::UserId::from_registration(key);
        let wrong = table.homes().iter().filter(|home| home.id.jurisdiction != *right);
        let place = wrong.filter_map(|home| table.find(&home.id, user).place()).next();
        place.map_or(route, |place| Route { place, ..route })
    }

    /// `replays-what-it-may-not`: everything is sent again.
    pub fn may_replay(&self, repeatable: bool) -> bool {
        repeatable || planted("replays-what-it-may-not")
    }
}

#[cfg(feature = "failpoints")]
fn planted(name: &str) -> bool {
    fail::fail_point!(name, |_| true);
    false
}
