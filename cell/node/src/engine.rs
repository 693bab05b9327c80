//! The engine below the shards: the embedded one of this process, or a cluster that the nodes of the cell share. The
//! rest of the node sees a [`Store`] and asks here for what only some engines have.

use std::sync::Arc;

use cell_store::Store;
use cell_store::embedded::{Embedded, EmbeddedOptions, OpenError};
#[cfg(feature = "fdb")]
use cell_store_fdb::Fdb;
#[cfg(feature = "tikv")]
use cell_store_tikv::Tikv;
use platform_runtime::TaskGroup;
use platform_runtime::clock::Clock;

use crate::config::{EngineName, Settings};

/// Why the node has no store.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    #[error(transparent)]
    Embedded(#[from] OpenError),
    #[cfg(feature = "tikv")]
    #[error(transparent)]
    Tikv(#[from] cell_store_tikv::OpenError),
    #[cfg(feature = "fdb")]
    #[error(transparent)]
    Fdb(#[from] cell_store_fdb::OpenError),
    /// A build without it.
    #[error("this celld was built without the engine `{engine}`")]
    NotBuilt { engine: &'static str },
}

impl EngineError {
    /// What to do, where that can be said.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Embedded(_) => None,
            #[cfg(feature = "tikv")]
            Self::Tikv(error) => Some(error.hint()),
            #[cfg(feature = "fdb")]
            Self::Fdb(error) => Some(error.hint()),
            Self::NotBuilt { .. } => {
                Some("build it with `cargo build --bin celld --features cell-node/tikv` or `cell-node/fdb`")
            }
        }
    }
}

/// An open engine. Clones are handles on the same one.
#[derive(Clone)]
pub enum Engine {
    Embedded(Arc<Embedded>),
    #[cfg(feature = "tikv")]
    Tikv(Arc<Tikv>),
    #[cfg(feature = "fdb")]
    Fdb(Arc<Fdb>),
}

impl Engine {
    /// Opens what the settings name. What runs for it runs in `tasks`, which must outlive every shard.
    ///
    /// # Errors
    /// See [`EngineError`].
    pub async fn open(settings: &Settings, clock: &Clock, tasks: &TaskGroup) -> Result<Self, EngineError> {
        Self::open_as(settings, clock, tasks, true).await
    }

    /// As [`Self::open`], to look at it: a cluster that is empty stays so.
    ///
    /// # Errors
    /// See [`EngineError`].
    pub async fn look(settings: &Settings, clock: &Clock, tasks: &TaskGroup) -> Result<Self, EngineError> {
        Self::open_as(settings, clock, tasks, false).await
    }

    async fn open_as(
        settings: &Settings,
        clock: &Clock,
        tasks: &TaskGroup,
        claims: bool,
    ) -> Result<Self, EngineError> {
        match settings.config.store.engine {
            EngineName::Embedded => Ok(Self::Embedded(embedded(settings).await?)),
            EngineName::Tikv => tikv(settings, clock, tasks, claims).await,
            EngineName::Fdb => fdb(settings, clock, tasks, claims).await,
        }
    }

    pub fn store(&self) -> Arc<dyn Store> {
        match self {
            Self::Embedded(store) => Arc::<Embedded>::clone(store),
            #[cfg(feature = "tikv")]
            Self::Tikv(store) => Arc::<Tikv>::clone(store),
            #[cfg(feature = "fdb")]
            Self::Fdb(store) => Arc::<Fdb>::clone(store),
        }
    }

    /// The engine's name, if nodes share its store.
    pub fn shared(&self) -> Option<&'static str> {
        match self {
            Self::Embedded(_) => None,
            #[cfg(feature = "tikv")]
            Self::Tikv(_) => Some("tikv"),
            #[cfg(feature = "fdb")]
            Self::Fdb(_) => Some("fdb"),
        }
    }

    /// Why the engine has failed for good, if it has. A cluster may always come back.
    pub fn stop_reason(&self) -> Option<String> {
        match self {
            Self::Embedded(store) => store.stop_reason(),
            #[cfg(any(feature = "tikv", feature = "fdb"))]
            _ => None,
        }
    }

    /// Sets the gauges of engines that count for themselves; the others count each call.
    pub fn set_gauges(&self) {
        match self {
            Self::Embedded(store) => gauges(store),
            #[cfg(any(feature = "tikv", feature = "fdb"))]
            _ => {}
        }
    }

    /// Closes in order: what was committed is found at the next start.
    pub async fn close(&self) {
        match self {
            Self::Embedded(store) => store.close().await,
            #[cfg(any(feature = "tikv", feature = "fdb"))]
            _ => {}
        }
    }
}

/// Opening reads all journals: not on a thread that serves.
async fn embedded(settings: &Settings) -> Result<Arc<Embedded>, OpenError> {
    let config = &settings.config;
    let dir = config.data_dir.join("store");
    let options = EmbeddedOptions {
        cache_bytes: config.store.cache.0,
        worker_threads: config.store.worker_threads,
        ..EmbeddedOptions::default()
    };
    let opened = tokio::task::spawn_blocking(move || Embedded::open(&dir, options)).await;
    opened.expect("opening a store does not panic, and nothing cancels it")
}

#[cfg(feature = "tikv")]
async fn tikv(
    settings: &Settings,
    clock: &Clock,
    tasks: &TaskGroup,
    claims: bool,
) -> Result<Engine, EngineError> {
    use cell_store_tikv::{OpenError, Settings as TikvSettings, Tls};
    let store = &settings.config.store;
    let tls = Tls::from_paths(&store.ca, &store.cert, &store.key, store.plaintext);
    let mut tikv = TikvSettings::new(
        store.pd.clone(),
        tls.map_err(OpenError::from)?,
        settings.world.clone(),
        settings.node.cell.clone(),
    );
    tikv.ready_within = store.ready_within.0;
    tikv.snapshot_life = store.snapshot_life.0;
    tikv.collect_garbage = store.collect_garbage;
    tikv.claims = claims;
    Ok(Engine::Tikv(Tikv::open(tikv, clock.clone(), tasks).await?))
}

#[cfg(not(feature = "tikv"))]
#[expect(clippy::unused_async, reason = "as the engine that is left out")]
async fn tikv(_: &Settings, _: &Clock, _: &TaskGroup, _: bool) -> Result<Engine, EngineError> {
    Err(EngineError::NotBuilt { engine: "tikv" })
}

#[cfg(feature = "fdb")]
async fn fdb(
    settings: &Settings,
    clock: &Clock,
    tasks: &TaskGroup,
    claims: bool,
) -> Result<Engine, EngineError> {
    let fdb = cell_store_fdb::Settings {
        cluster_file: settings.config.store.cluster_file.clone(),
        world: settings.world.clone(),
        cell: settings.node.cell.clone(),
        ready_within: settings.config.store.ready_within.0,
        claims,
    };
    Ok(Engine::Fdb(Fdb::open(fdb, clock.clone(), tasks).await?))
}

#[cfg(not(feature = "fdb"))]
#[expect(clippy::unused_async, reason = "as the engine that is left out")]
async fn fdb(_: &Settings, _: &Clock, _: &TaskGroup, _: bool) -> Result<Engine, EngineError> {
    Err(EngineError::NotBuilt { engine: "fdb" })
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a gauge is a double; counts stay below 2^53"
)]
fn gauges(store: &Embedded) {
    let stats = store.stats();
    metrics::gauge!("celld_store_fsyncs").set(stats.fsyncs as f64);
    metrics::gauge!("celld_store_fsync_seconds").set(stats.fsync_time.as_secs_f64());
    metrics::gauge!("celld_store_commits").set(stats.commits as f64);
}

#[cfg(all(test, feature = "tikv"))]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::config::{Config, Keys, Store};

    fn settings(store: Store) -> Settings {
        let config = Config {
            world: "a".repeat(64),
            node: "eu-central-1/0".into(),
            region: "eu-central".into(),
            data_dir: "data".into(),
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
        config.check().expect("sound but for what only the engine sees")
    }

    async fn refused(store: Store) -> EngineError {
        let opened = Engine::open(&settings(store), &Clock::system(), &TaskGroup::new()).await;
        opened.err().expect("refused")
    }

    #[tokio::test]
    async fn tikv_without_whole_tls_is_refused_with_a_hint() {
        let tikv = Store {
            engine: EngineName::Tikv,
            pd: vec!["pd-0.example:2379".into()],
            ..Store::default()
        };
        let half = Store {
            ca: PathBuf::from("ca.pem"),
            ..tikv.clone()
        };
        let abroad = Store {
            plaintext: true,
            ..tikv.clone()
        };
        for store in [tikv, half, abroad] {
            let error = refused(store).await;
            assert!(
                error.hint().is_some_and(|hint| hint.contains("store.ca")),
                "{error}"
            );
        }
    }

    #[cfg(not(feature = "fdb"))]
    #[tokio::test]
    async fn an_engine_that_was_not_built_in_is_named() {
        let fdb = Store {
            engine: EngineName::Fdb,
            cluster_file: "fdb.cluster".into(),
            ..Store::default()
        };
        let error = refused(fdb).await;
        assert!(
            error.to_string().contains("`fdb`") && error.hint().is_some(),
            "{error}"
        );
    }
}
