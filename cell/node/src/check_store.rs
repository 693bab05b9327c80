//! `celld --check-store`: opens the engine as a start would, reads once, and says how it is: whether it serves, and of a
//! cluster its data, clock, locks and stores. It takes no shard, raises no start, and claims no empty cluster. A node that
//! runs answers the same of the engine that it has open (`rpc`).

mod findings;
mod rpc;

use std::time::Duration;

use cell_store::SnapshotError;
use cell_store::key::Tuple;
use platform_runtime::TaskGroup;
use platform_runtime::clock::Clock;

pub use findings::{Finding, Verdict};
pub(crate) use rpc::StoreChecks;

use crate::config::Config;
use crate::engine::Engine;
use crate::run::StartError;
use crate::starting::StartingError;

/// For the engine's tasks to end.
const STOP_WITHIN: Duration = Duration::from_secs(5);

/// What was found: first that it serves, then whatever else the engine tells.
///
/// # Errors
/// Why a node with these settings would not start.
pub async fn check_store(config: Config, clock: Clock) -> Result<Vec<Finding>, StartError> {
    let settings = config.check()?;
    let tasks = TaskGroup::new();
    let engine = Engine::look(&settings, &clock, &tasks).await?;
    let first = serves(&engine, &clock).await;
    let beside = findings::of(&engine, &settings.config.data_dir).await;
    engine.close().await;
    // Whatever does not end in time ends with the process.
    tasks.shutdown(STOP_WITHIN).await;
    let mut found = vec![first.map_err(StartingError::from)?];
    found.extend(beside);
    Ok(found)
}

/// How long a read of an open engine takes.
///
/// # Errors
/// It cannot be read.
async fn serves(engine: &Engine, clock: &Clock) -> Result<Finding, SnapshotError> {
    let begun = clock.monotonic();
    read(engine, &Tuple::new().str("node").str("store").pack()).await?;
    let took = clock.monotonic().saturating_sub(begun);
    let kind = engine.shared().unwrap_or("embedded");
    let found = format!("{kind}: a read took {:.1} ms", took.as_secs_f64() * 1_000.0);
    Ok(Finding::ok("serves", found))
}

async fn read(engine: &Engine, key: &[u8]) -> Result<(), SnapshotError> {
    let opened = engine.store().snapshot().await;
    let snapshot = opened.map_err(|error| SnapshotError::Unavailable {
        reason: error.to_string(),
    })?;
    snapshot.get(key).await.map(drop)
}

#[cfg(all(test, feature = "tikv"))]
mod tests {
    use super::*;
    use crate::config::{EngineName, Keys, Store};

    fn config(store: Store) -> (tempfile::TempDir, Config) {
        let dir = tempfile::tempdir().expect("a folder");
        let config = Config {
            world: "a".repeat(64),
            node: "eu-central-1/0".into(),
            region: "eu-central".into(),
            data_dir: dir.path().to_owned(),
            identity_dir: "identity".into(),
            controllers: vec!["127.0.0.1:7100".into()],
            keys: Keys {
                lookup_key_file: "lookup.key".into(),
                jurisdiction_key_dir: "secrets".into(),
                ..Keys::default()
            },
            store,
            ..Config::default()
        };
        (dir, config)
    }

    #[tokio::test]
    async fn the_embedded_engine_is_opened_and_read() {
        let (_dir, config) = config(Store::default());
        let found = check_store(config, Clock::system()).await.expect("well");
        let told: Vec<&str> = found.iter().map(|finding| finding.what).collect();
        assert_eq!(told, ["serves", "space"]);
        assert!(found[0].found.starts_with("embedded"), "{found:?}");
    }

    #[tokio::test]
    async fn an_engine_that_cannot_be_reached_is_told_with_a_hint() {
        let nobody = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = nobody.local_addr().expect("its address").to_string();
        drop(nobody);
        let (_dir, config) = config(Store {
            engine: EngineName::Tikv,
            pd: vec![address.clone()],
            plaintext: true,
            ready_within: platform_runtime::config::HumanDuration(Duration::from_millis(200)),
            ..Store::default()
        });
        let error = check_store(config, Clock::system())
            .await
            .expect_err("nobody is there");
        assert!(error.hint().is_some(), "{error}");
        let text = format!("{:#}", anyhow::Error::new(error));
        assert!(text.contains(&address), "{text}");
    }
}
