//! Written, read back, restored.

use super::*;

#[tokio::test]
async fn what_is_restored_is_what_was_backed_up() {
    let bench = Bench::new().await;
    let manifest = bench.back_up().await;
    assert!(manifest.parts > 3, "{manifest:?}");
    put(&bench.shard, 99).await;
    assert_eq!(bench.verify(&manifest.name).await.expect("whole"), manifest);
    assert_eq!(bench.progress.bytes(), manifest.bytes);
    assert_eq!(bench.progress.bytes_of(), manifest.bytes);
    let disk: Arc<dyn Store> = Memory::new();
    let restored = bench
        .restore(&manifest.name, &disk, &ErasedPeople::default())
        .await;
    assert_eq!(restored.expect("restored").left_out, 0);
    let rows = rows(&*disk).await;
    assert_eq!(rows.len(), 3 * PEOPLE as usize, "and nothing that came later");
    for number in 0..PEOPLE {
        let of = rows.iter().filter(|(_, row)| *row == value(number)).count();
        assert_eq!(of, 3, "person {number}");
    }
    let listing = bench.store.list().await.expect("listed");
    assert_eq!((listing.whole, listing.unfinished), (vec![manifest.name], vec![]));
}

#[tokio::test]
async fn nothing_in_the_store_says_anything_of_a_person() {
    let bench = Bench::new().await;
    let manifest = bench.back_up().await;
    let searcher = Searcher::new(&canaries());
    let looked = searcher.folder(bench.folder.path(), &[]).expect("readable");
    assert_eq!(looked.files as u64, manifest.parts + 1);
    assert_eq!(looked.found, [], "in the clear");
    // The search would see it.
    fs::write(bench.file(&manifest.name, "x"), value(3)).expect("written");
    assert!(
        !searcher
            .folder(bench.folder.path(), &[])
            .expect("readable")
            .found
            .is_empty()
    );
}

#[tokio::test]
async fn a_law_that_changes_while_a_backup_is_written_ends_it_and_nothing_of_it_stays() {
    let bench = Bench::new().await;
    let whole = bench.back_up().await;
    let asked = AtomicU64::new(0);
    // Granted for some parts, then no more: of the parts, and of the manifest alone.
    for granted in [0, 2, whole.parts, whole.parts + 1] {
        asked.store(0, Ordering::Relaxed);
        let permit = || match asked.fetch_add(1, Ordering::Relaxed) {
            so_far if so_far < granted => Permit::Granted,
            _ => Permit::Denied("a court said so".into()),
        };
        let frozen = bench.shard.freeze().await.expect("served");
        let refused = bench.write(frozen, &permit).await;
        assert!(
            matches!(&refused, Err(BackupError::Withheld(why)) if why == "a court said so"),
            "{granted}: {refused:?}"
        );
        assert_eq!(asked.load(Ordering::Relaxed), granted + 1, "asked no more");
        let listing = bench.store.list().await.expect("listed");
        assert_eq!(listing.unfinished, [], "{granted}: parts stay");
        assert_eq!(
            listing.whole.as_slice(),
            std::slice::from_ref(&whole.name),
            "{granted}"
        );
    }
    // Before each part, at the end of the parts and before the manifest.
    asked.store(0, Ordering::Relaxed);
    let count = || {
        asked.fetch_add(1, Ordering::Relaxed);
        Permit::Granted
    };
    let frozen = bench.shard.freeze().await.expect("served");
    let manifest = bench.write(frozen, &count).await.expect("written");
    assert_eq!(asked.load(Ordering::Relaxed), manifest.parts + 2);
}

#[tokio::test]
async fn what_a_manifest_says_of_the_state_is_what_the_shard_holds() {
    let bench = Bench::new().await;
    let manifest = bench.back_up().await;
    let again = bench.back_up().await;
    assert_eq!(manifest.state, again.state, "nothing was written meanwhile");
    let disk: Arc<dyn Store> = Memory::new();
    let nobody = ErasedPeople::default();
    bench
        .restore(&manifest.name, &disk, &nobody)
        .await
        .expect("restored");
    let state = cell_shard::state_of(&disk, bench.shard.id()).await.expect("read");
    assert_eq!(
        (Some(state.value()), state.rows()),
        (manifest.state, manifest.rows)
    );
    put(&bench.shard, 99).await;
    assert_ne!(bench.back_up().await.state, manifest.state, "rows were added");
}
