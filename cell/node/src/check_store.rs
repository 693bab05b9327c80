//! `celld --check-store`: opens the engine as a start would, reads once, and says how it is: whether it serves, and of a
//! cluster its data, clock, locks and stores. It takes no shard, raises no start, and claims no empty cluster.

mod findings;

use std::time::Duration;

use cell_store::key::Tuple;
use platform_runtime::TaskGroup;
use platform_runtime::clock::Clock;

pub use findings::{Finding, Verdict};

use crate::config::Config;
use crate::engine::Engine;
use crate::run::StartError;

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
    let begun = clock.monotonic();
    let key = Tuple::new().str("node").str("store").pack();
    let named = read(&engine, &key).await;
    let took = clock.monotonic().saturating_sub(begun);
    let kind = engine.shared().unwrap_or("embedded");
    let mut found = vec![Finding::ok(
        "serves",
        format!("{kind}: a read took {:.1} ms", took.as_secs_f64() * 1_000.0),
    )];
    found.extend(findings::of(&engine).await);
    engine.close().await;
    // Whatever does not end in time ends with the process.
    tasks.shutdown(STOP_WITHIN).await;
    named.map_err(crate::starting::StartingError::from)?;
    Ok(found)
}

async fn read(engine: &Engine, key: &[u8]) -> Result<(), cell_store::SnapshotError> {
    let opened = engine.store().snapshot().await;
    let snapshot = opened.map_err(|error| cell_store::SnapshotError::Unavailable {
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
        assert_eq!(found.len(), 1);
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
