//! Backups taken away again.

use super::*;

/// The planted omission: parts of which the manifest does not speak, or of a backup that has none, stay for ever.
#[tokio::test]
async fn a_backup_is_removed_to_its_last_object_whole_or_not_and_no_other() {
    let bench = Bench::new().await;
    let (stays, whole, half) = (
        bench.back_up().await.name,
        bench.back_up().await.name,
        bench.back_up().await.name,
    );
    fs::write(bench.file(&whole, "part-99999999"), b"x").expect("written");
    fs::remove_file(bench.file(&half, "manifest")).expect("there");
    let looked = bench.store.look(|_| true).await.expect("looked");
    assert!(!looked.more && looked.folders.len() == 3, "{looked:?}");
    for found in &looked.folders {
        assert_eq!(found.whole, found.name != half, "{found:?}");
        let age_ms = Clock::system().unix_ms().abs_diff(found.written_ms);
        assert!(age_ms < 600_000, "{found:?}");
    }
    for name in [&whole, &half, &whole] {
        bench.store.remove(name).await.expect("removed, or not there");
    }
    for name in [&whole, &half] {
        let folder = bench.folder.path().join(name.as_str());
        let left = fs::read_dir(folder).map_or(0, Iterator::count);
        assert_eq!(left, 0, "{name}");
    }
    let looked = bench.store.look(|_| true).await.expect("looked");
    let left: Vec<_> = looked.folders.iter().map(|found| &found.name).collect();
    assert_eq!(left, [&stays], "a folder that holds nothing is none");
    let others = bench.store.look(|name| *name != stays).await.expect("looked");
    assert_eq!(others.folders, []);
    bench.verify(&stays).await.expect("whole");
}

#[tokio::test]
async fn what_is_read_back_slowly_is_judged_alike() {
    let bench = Bench::new().await;
    let name = bench.back_up().await.name;
    let read = async || {
        let pace = Pace::new(Clock::system(), 0);
        read::verify_slowly(&bench.store, &name, &bench.kek, pace, &Progress::default()).await
    };
    assert_eq!(
        read().await.expect("whole"),
        bench.verify(&name).await.expect("whole")
    );
    flip(&bench.file(&name, "part-00000001"), 40);
    let error = read().await.expect_err("broken");
    assert!(
        matches!(error, BackupError::DamagedPart { part: 1, .. }),
        "{error:?}"
    );
}
