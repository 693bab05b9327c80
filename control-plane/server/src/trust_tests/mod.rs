//! Trust as processes and people meet it: real listeners, real certificates, real Raft.

mod certificates;
mod joining;
mod revoking;
mod roles;

use std::time::Duration;

use control_plane_state::State;
use platform_model::{Role, WorldId};
use platform_runtime::clock::Clock;
use platform_runtime::tls::SpiffeId;
use platform_wire::join::JoinToken;
use platform_wire::{CallError, RefusalCode};

use crate::controller::SECURITY_LOG;
use crate::testing::World;

pub(super) fn code<T: std::fmt::Debug>(result: Result<T, CallError>) -> RefusalCode {
    let error = result.expect_err("refused");
    let refusal = error.refusal().unwrap_or_else(|| panic!("no refusal: {error}"));
    refusal.code
}

pub(super) fn id(world: &WorldId, path: &str) -> SpiffeId {
    let text = format!("spiffe://{}/{path}", world.trust_domain());
    text.parse().expect("an id")
}

pub(super) fn token(world: &World, path: &str, life: Duration) -> JoinToken {
    let life_ms = u64::try_from(life.as_millis()).expect("short");
    let expires_ms = Clock::system().unix_ms() + life_ms;
    JoinToken::new(&world.id(), id(&world.id(), path), expires_ms).expect("a token")
}

pub(super) async fn attest(world: &World, region: &str) {
    let (region, country) = (
        region.parse().expect("a region"),
        "DE".parse().expect("a country"),
    );
    let client = world.trust(Role::Compliance);
    let attested = client.attest_region(&region, country, "Frankfurt, hall 3", "visited");
    attested.await.expect("attested");
}

/// The state as the first controller has applied it.
pub(super) fn state(world: &World) -> std::sync::Arc<State> {
    std::sync::Arc::clone(&world.running[&1].raft().state().borrow())
}

/// Index of the last entry of Raft's log at the first controller.
pub(super) fn last_log(world: &World) -> Option<u64> {
    world.running[&1].raft().status().last_log
}

/// Lines of the first controller's security log.
pub(super) fn security_log(world: &World) -> Vec<String> {
    let text = std::fs::read_to_string(world.data_dir(1).join(SECURITY_LOG)).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}
