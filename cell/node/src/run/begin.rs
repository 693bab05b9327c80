//! Single steps of a node's start: each makes one part out of the settings.

use std::collections::BTreeMap;
use std::sync::Arc;

use cell_backup::{BackupError, BackupStore};
use cell_bridge_nats::{BridgeError, Nats};
use cell_law::Law;
use cell_layers::keys::{Kek, KeyCache};
use cell_stream::Streams;
use platform_model::{Jurisdiction, SharedStore, Start};
use platform_runtime::clock::Clock;
use platform_runtime::serve::Limits;
use platform_runtime::tls::{Identity, RELOAD_EVERY, SpiffeKind};
use platform_runtime::{TaskGroup, telemetry};
use platform_wire::channel::InvalidAddress;
use platform_wire::follow::{self, Follow, FollowError, Followed};
use platform_wire::keys::KeysClient;
use platform_wire::renew;
use platform_wire::report::ReportClient;
use tokio::net::TcpListener;

use super::{CUT_OFF, StartError};
use crate::config::{Config, Settings};
use crate::custody::Sink;
use crate::engine::Engine;
use crate::events::{Bridge, WAITING_MAX, WAITING_OF_ONE_MAX};
use crate::gateway;
use crate::home_keys::HomeKeys;
use crate::hosted::{Hosted, Lending};
use crate::peers::Outgoing;
use crate::starting::{self, StartingError, Whose};
use crate::telling::Telling;
use crate::wire::Wire;

/// The copy of the routing table in the data directory.
const TABLE_FILE: &str = "table.copy";
/// The last ends of the ledger that the node was told, beside it.
const HEADS_FILE: &str = "ledger-heads";

/// Which start this is, and the store if others share it.
pub(super) async fn begin(
    engine: &Engine,
    settings: &Settings,
) -> Result<(Start, Option<SharedStore>), StartingError> {
    let store = engine.store();
    let Some(engine) = engine.shared() else {
        return Ok((starting::begin(&*store, &Whose::Alone).await?, None));
    };
    let name = starting::name_of(&*store).await?;
    let start = starting::begin(&*store, &Whose::Among(&settings.node)).await?;
    let engine = engine.to_owned();
    Ok((start, Some(SharedStore { engine, name })))
}

/// What is renewed and counted for as long as the node runs.
pub(super) fn keep_up(
    config: &Config,
    identity: &Identity,
    clock: &Clock,
    tasks: &TaskGroup,
) -> Result<(), InvalidAddress> {
    identity.watch(RELOAD_EVERY, clock.clone(), tasks);
    renew::keep(identity, config.controllers.clone(), clock, tasks)?;
    telemetry::metrics().keep_up(clock.clone(), tasks);
    Ok(())
}

/// Follows the routing table.
pub(super) fn follow(
    config: &Config,
    identity: &Identity,
    clock: &Clock,
    wired: &TaskGroup,
) -> Result<Followed, FollowError> {
    let follow = Follow {
        controllers: config.controllers.clone(),
        cache: config.data_dir.join(TABLE_FILE),
        heads: config.data_dir.join(HEADS_FILE),
    };
    follow::start(follow, identity.clone(), clock.clone(), wired)
}

pub(super) fn limits(config: &Config) -> Limits {
    Limits {
        connections: config.limits.connections,
        ..Limits::default()
    }
}

/// What each shard is lent.
pub(super) fn lending(
    settings: &Settings,
    store: &Engine,
    shared: Option<SharedStore>,
    law: &Law,
    telling: &Telling,
    streams: Streams,
    clock: &Clock,
) -> Lending {
    let config = &settings.config;
    Lending {
        store: store.store(),
        shared,
        law: law.clone(),
        clock: clock.clone(),
        peers: Arc::new(Outgoing(streams)),
        control: Arc::new(telling.clone()),
        world: settings.world.clone(),
        cut_off: Some(config.data_dir.join(CUT_OFF)),
        log_kept: config.shards.log_kept(),
        log_kept_elsewhere: config.backup.is_set() && config.backup.log_every().is_some(),
        bridged: config.bridge.is_set(),
    }
}

/// The law that the table carries, as it is asked here.
pub(super) fn law(settings: &Settings, followed: &Followed) -> Law {
    let asked = followed.clone();
    Law::new(settings.region.clone(), &gateway::catalogue(), move || {
        asked.age_ms()
    })
}

/// On the wire's runtime: what drives its connections is begun with it.
pub(super) fn reports(
    config: &Config,
    identity: &Identity,
    clock: &Clock,
    wire: &Wire,
) -> Result<ReportClient, InvalidAddress> {
    let _on = wire.handle().enter();
    ReportClient::new(config.controllers.clone(), identity.clone(), clock.clone())
}

/// The broker of the settings, if they name one. Nothing is asked of it here: one that is away stops no start.
pub(super) async fn bridge(settings: &Settings) -> Result<Option<Bridge>, BridgeError> {
    let (settings, world) = (&settings.config.bridge, &settings.world);
    if !settings.is_set() {
        return Ok(None);
    }
    let broker = Nats::connect(settings.of_broker(), world.clone()).await?;
    Ok(Some(Bridge {
        broker: Arc::new(broker),
        sink: settings.sink.clone(),
        purpose: settings.purpose,
        classes: settings.classes.clone(),
        waiting_max: WAITING_MAX,
        waiting_of_one_max: WAITING_OF_ONE_MAX,
        marks_early: false,
    }))
}

/// The backup store of the settings, if they name one.
pub(super) fn sink(config: &Config) -> Result<Option<Sink>, BackupError> {
    if !config.backup.is_set() {
        return Ok(None);
    }
    let store = match config.backup.in_bucket() {
        Some(bucket) => BackupStore::bucket(&bucket)?,
        None => BackupStore::folder(&config.backup.folder)?,
    };
    let region = &config.backup.region;
    Ok(Some(Sink {
        name: config.backup.sink.clone(),
        region: (!region.is_empty()).then(|| region.clone()),
        store,
        bytes_per_second: u64::from(config.backup.mib_per_second) << 20,
        rules: config.backup.rules(),
        log_every: config.backup.log_every(),
    }))
}

/// Where others find it.
pub(super) fn advertised(config: &Config, listener: &TcpListener) -> String {
    if config.advertise.is_empty() {
        listener
            .local_addr()
            .expect("a bound listener has an address")
            .to_string()
    } else {
        config.advertise.clone()
    }
}

/// The certificate, which must be this node's.
pub(super) fn identity(settings: &Settings) -> Result<Identity, StartError> {
    let identity = Identity::load(&settings.config.identity_dir, &settings.world)?;
    check_identity(&identity, settings)?;
    Ok(identity)
}

/// The certificate, not the file of settings, says who this is and where.
fn check_identity(identity: &Identity, settings: &Settings) -> Result<(), StartError> {
    let id = identity.spiffe_id();
    let ours = id.kind == SpiffeKind::Node(settings.node.clone()) && id.region == settings.region;
    let (wanted, region) = (settings.node.to_string(), settings.region.to_string());
    if ours {
        Ok(())
    } else {
        Err(StartError::OtherNode {
            found: id.to_string(),
            wanted,
            region,
        })
    }
}

/// The keys of the homes whose shards are here, as they are opened.
pub(super) fn keys(
    config: &Config,
    identity: &Identity,
    clock: &Clock,
    hosted: &Hosted,
    keks: BTreeMap<Jurisdiction, Kek>,
) -> HomeKeys {
    let (entries_max, life) = (config.keys.cache_entries_max, config.keys.cache_life.0);
    let opened = KeyCache::new(clock.clone(), entries_max, life);
    let client = KeysClient::new(identity.clone());
    HomeKeys::new(hosted.clone(), client, clock.clone(), keks, opened)
}
