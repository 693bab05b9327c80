//! Every wrong setting and every foreign or silent cluster: a typed error with a hint, and nothing written.

use std::path::{Path, PathBuf};
use std::time::Duration;

use cell_store::{CommitError, SnapshotError, Store, WriteBatch};
use platform_model::WorldId;
use platform_runtime::tls::authority::Authority;
use tokio::net::TcpListener;

use super::cluster::{Cluster, new_cell, world};
use crate::{InvalidSettings, OpenError, Settings, Tls};

/// Rows that one commit locks in a second or two on a slow machine.
const MANY: usize = 5_000;

fn settings(pd: &[&str]) -> Settings {
    let pd = pd.iter().map(|address| (*address).to_owned()).collect();
    let mut settings = Settings::new(pd, Tls::Plaintext, world(), new_cell());
    settings.ready_within = Duration::from_millis(1);
    settings
}

#[test]
fn tls_is_whole_or_refused() {
    let (yes, no) = (Path::new("x.pem"), Path::new(""));
    assert!(Tls::from_paths(yes, yes, yes, false).is_ok());
    assert_eq!(Tls::from_paths(no, no, no, true), Ok(Tls::Plaintext));
    assert_eq!(Tls::from_paths(no, no, no, false), Err(InvalidSettings::NoTls));
    for (ca, cert, key, missing) in [
        (no, yes, yes, "ca"),
        (yes, no, yes, "cert"),
        (yes, yes, no, "key"),
        (no, no, yes, "ca"),
        (yes, no, no, "cert"),
    ] {
        assert_eq!(
            Tls::from_paths(ca, cert, key, false),
            Err(InvalidSettings::HalfTls { missing })
        );
        assert_eq!(
            Tls::from_paths(ca, cert, key, true),
            Err(InvalidSettings::TlsAndPlaintext)
        );
    }
    assert_eq!(
        Tls::from_paths(yes, yes, yes, true),
        Err(InvalidSettings::TlsAndPlaintext)
    );
}

/// An empty file of authorities makes tikv-client connect in plain text.
#[test]
fn files_of_tls_are_looked_into() {
    let dir = tempfile::tempdir().expect("a folder");
    let file = |name: &str, text: &str| -> PathBuf {
        let path = dir.path().join(name);
        std::fs::write(&path, text).expect("written");
        path
    };
    let certificate = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let cert = file("cert.pem", certificate);
    let key = file(
        "key.pem",
        "-----BEGIN EC PRIVATE KEY-----\nAAAA\n-----END EC PRIVATE KEY-----\n",
    );
    let with = |ca: &Path, cert: &Path, key: &Path| {
        let tls = Tls::from_paths(ca, cert, key, false).expect("whole");
        Settings {
            tls,
            ..settings(&["pd.example:2379"])
        }
        .check()
    };
    assert_eq!(with(&cert, &cert, &key), Ok(()));
    for broken in [
        file("empty.pem", ""),
        file("other.pem", "hello"),
        key.clone(),
        dir.path().join("absent.pem"),
    ] {
        let refused = with(&broken, &cert, &key);
        assert!(
            matches!(refused, Err(InvalidSettings::TlsFile { setting: "ca", .. })),
            "{broken:?}: {refused:?}"
        );
    }
    let swapped = with(&cert, &cert, &cert);
    assert!(
        matches!(swapped, Err(InvalidSettings::TlsFile { setting: "key", .. })),
        "{swapped:?}"
    );
}

#[test]
fn addresses_are_checked() {
    let refused = |pd: &[&str]| settings(pd).check().expect_err("refused");
    assert!(matches!(refused(&[]), InvalidSettings::PdCount { .. }));
    for address in [
        "localhost",
        "localhost:",
        ":2379",
        "localhost:0",
        "localhost:99999",
        "http://localhost:2379",
        "a b:1",
    ] {
        assert!(
            matches!(refused(&[address]), InvalidSettings::PdAddress { .. }),
            "{address}"
        );
    }
    assert!(matches!(
        refused(&["localhost:1", "localhost:1"]),
        InvalidSettings::PdAddress { .. }
    ));
    assert!(matches!(
        refused(&["127.0.0.1:1", "10.0.0.1:1"]),
        InvalidSettings::PlaintextAbroad { .. }
    ));
    assert_eq!(
        settings(&["127.0.0.1:1", "localhost:1", "[::1]:1"]).check(),
        Ok(())
    );
    let zero = Settings {
        snapshot_life: Duration::ZERO,
        ..settings(&["localhost:1"])
    };
    assert!(matches!(
        zero.check(),
        Err(InvalidSettings::Zero {
            setting: "snapshot_life"
        })
    ));
}

async fn refused(settings: Settings) -> OpenError {
    let cluster = Cluster::nowhere();
    let error = cluster.open(settings).await.expect_err("refused");
    assert!(!error.hint().is_empty() && !error.to_string().is_empty());
    error
}

#[tokio::test]
async fn a_cluster_that_is_not_there_is_told_with_its_address() {
    let free = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = free.local_addr().expect("an address").to_string();
    drop(free);
    let error = refused(settings(&[&address])).await;
    assert!(
        matches!(&error, OpenError::Unreachable { pd, .. } if *pd == address),
        "{error}"
    );
}

#[tokio::test]
async fn who_is_no_placement_driver_is_told() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    let closes = async {
        loop {
            drop(listener.accept().await);
        }
    };
    let error = tokio::select! {
        error = refused(settings(&[&address])) => error,
        () = closes => unreachable!("it goes on"),
    };
    assert!(matches!(error, OpenError::NotAnswering { .. }), "{error}");
}

#[tokio::test]
async fn wrong_settings_are_refused_before_anything_is_connected() {
    let error = refused(settings(&["10.0.0.1:2379"])).await;
    assert!(
        matches!(
            error,
            OpenError::Settings(InvalidSettings::PlaintextAbroad { .. })
        ),
        "{error}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_worlds_cluster_is_refused() {
    let Some(cluster) = Cluster::from_environment("another world's cluster") else {
        return;
    };
    let ours = cluster.settings(&new_cell());
    let store = cluster.open(ours.clone()).await.expect("ours");
    let other = Settings {
        world: WorldId::new(&"f".repeat(64)).expect("an id"),
        ..ours
    };
    let error = cluster.open(other).await.expect_err("another world's");
    assert!(
        matches!(&error, OpenError::OtherWorld { found, .. } if *found == world().to_string()),
        "{error}"
    );
    assert!(store.snapshot().await.is_ok(), "ours goes on");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_read_that_outlives_its_snapshot_has_expired() {
    let Some(cluster) = Cluster::from_environment("snapshot expiry") else {
        return;
    };
    let mut settings = cluster.settings(&new_cell());
    settings.snapshot_life = Duration::from_millis(1);
    let store = cluster.open(settings).await.expect("opens");
    assert_eq!(store.limits().snapshot_life, Some(Duration::from_millis(1)));
    let snapshot = store.snapshot().await.expect("opens");
    tokio::time::sleep(Duration::from_millis(5)).await;
    let all = cell_store::KeyRange::prefix("");
    assert_eq!(snapshot.get(b"a").await, Err(SnapshotError::Expired));
    assert_eq!(
        snapshot.get_many(&["a".into()]).await,
        Err(SnapshotError::Expired)
    );
    assert_eq!(snapshot.scan(&all, 1, false).await, Err(SnapshotError::Expired));
    assert!(SnapshotError::Expired.hint().contains("another snapshot"));
}

/// Good files of TLS, of another authority than the cluster's, and a cluster that speaks none.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tls_that_the_cluster_does_not_speak_is_told_and_never_left_out() {
    let Some(cluster) = Cluster::from_environment("TLS that the cluster does not speak") else {
        return;
    };
    let dir = tempfile::tempdir().expect("a folder");
    let authority = Authority::create(&dir.path().join("authority")).expect("made");
    let into = dir.path().join("celld");
    authority
        .issue_public(&["localhost".to_owned()], 1, &into)
        .expect("issued");
    let ca = dir.path().join("ca.pem");
    std::fs::write(&ca, authority.root_pem()).expect("written");
    let (cert, key) = (into.join("cert.pem"), into.join("key.pem"));
    let settings = Settings {
        tls: Tls::from_paths(&ca, &cert, &key, false).expect("whole"),
        ready_within: Duration::from_millis(1),
        ..cluster.settings(&new_cell())
    };
    assert_eq!(settings.check(), Ok(()));
    let error = cluster.open(settings).await.expect_err("it speaks no TLS");
    assert!(
        matches!(error, OpenError::NotAnswering { .. }) && error.hint().contains("TLS"),
        "{error}"
    );
}

/// Whoever only looks leaves an empty cluster empty; nothing else can be shown on a cluster that is in use.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_look_tells_how_the_cluster_is() {
    let Some(cluster) = Cluster::from_environment("health") else {
        return;
    };
    let settings = cluster.settings(&new_cell());
    drop(cluster.open(settings.clone()).await.expect("claimed"));
    let looks = Settings {
        claims: false,
        ..settings
    };
    let store = cluster.open(looks).await.expect("looks");
    let health = store.health().await.expect("told");
    println!("{health:?}");
    assert!(health.is_claimed);
    assert!(
        health.clock_ahead_ms.abs() - health.clock_within_ms < 60_000,
        "{health:?}"
    );
    assert_eq!(health.old_locks, 0);
    let stores = health.stores.expect("the placement driver tells");
    // A stand-in tells its placement driver nothing; then it is not known to be up either.
    let silent_or_up = |store: &crate::StoreHealth| store.room.is_none() || store.is_up;
    assert!(
        !stores.is_empty() && stores.iter().all(silent_or_up),
        "{stores:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cells_of_one_cluster_see_their_own_rows_only() {
    let Some(cluster) = Cluster::from_environment("two cells on one cluster") else {
        return;
    };
    let one = cluster.open(cluster.settings(&new_cell())).await.expect("opens");
    let two = cluster.open(cluster.settings(&new_cell())).await.expect("opens");
    let mut batch = WriteBatch::new();
    batch.put("a", "one");
    one.commit(batch, Vec::new()).await.expect("committed");
    let snapshot = two.snapshot().await.expect("opens");
    assert_eq!(snapshot.get(b"a").await, Ok(None));
    let all = cell_store::KeyRange::prefix("");
    assert!(
        snapshot
            .scan(&all, 10, false)
            .await
            .expect("read")
            .rows
            .is_empty()
    );
    let mut clear = WriteBatch::new();
    clear.clear_range(all);
    two.commit(clear, Vec::new()).await.expect("committed");
    let snapshot = one.snapshot().await.expect("opens");
    assert_eq!(snapshot.get(b"a").await, Ok(Some("one".into())));
}

/// As many small rows as the client can lock in time, and as many large ones as the limits allow, in one commit each; what
/// is within the limits and too much for the client is refused whole.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_largest_batches_are_committed() {
    let Some(cluster) = Cluster::from_environment("the largest batches") else {
        return;
    };
    let store = cluster.open(cluster.settings(&new_cell())).await.expect("opens");
    let limits = store.limits();
    let of = |count: usize, key_bytes: usize, value_bytes: usize| {
        let mut batch = WriteBatch::new();
        for index in 0..count {
            let key = format!("{index:08}{}", "k".repeat(key_bytes - 8));
            batch.put(key, vec![7; value_bytes]);
        }
        batch
    };
    let many = of(MANY, 64, 1);
    let large = of(
        limits.batch_bytes_max / (limits.value_bytes_max + 8),
        8,
        limits.value_bytes_max,
    );
    for (name, batch) in [("many", many), ("large", large)] {
        let clock = platform_runtime::clock::Clock::system();
        let began = clock.monotonic();
        let answer = store.commit(batch, Vec::new()).await;
        println!("{name}: {answer:?} after {:?}", clock.monotonic() - began);
        assert!(answer.is_ok(), "{name}: {answer:?}");
    }
    let long_keys = of(
        limits.batch_bytes_max / (limits.key_bytes_max + 1),
        limits.key_bytes_max,
        1,
    );
    let most = of(limits.batch_mutations_max, 80, 1);
    for (key_bytes, batch) in [(limits.key_bytes_max, long_keys), (80, most)] {
        let refused = store.commit(batch, Vec::new()).await;
        assert!(
            matches!(&refused, Err(error @ CommitError::TooLarge { .. }) if error.hint().contains("smaller")),
            "{refused:?}"
        );
        let first = format!("{:08}{}", 0, "k".repeat(key_bytes - 8));
        let snapshot = store.snapshot().await.expect("opens");
        assert_eq!(
            snapshot.get(first.as_bytes()).await,
            Ok(None),
            "nothing of it was written"
        );
    }
}
