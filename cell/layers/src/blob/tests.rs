//! Blobs over several transactions, with crashes in between.

use bytes::Bytes;

use super::{BlobWriter, PART_BYTES, PENDING_MS, Progress, delete, get, get_all, info, put, sweep};
use crate::harness::Bench;
use crate::{LayerError, sha256};

fn bytes(length: usize, seed: u8) -> Bytes {
    (0..length).map(|n| (n % 251) as u8 ^ seed).collect()
}

fn writer(content: &Bytes) -> BlobWriter {
    BlobWriter::new("ride", sha256(content), content.clone()).expect("a blob")
}

async fn step(bench: &Bench, writer: &BlobWriter) -> Progress {
    bench
        .write(|tx| {
            let writer = writer.clone();
            async move { writer.step(&tx).await }
        })
        .await
        .expect("step")
}

async fn finish(bench: &Bench, writer: &BlobWriter) -> Result<(), LayerError> {
    bench
        .write(|tx| {
            let writer = writer.clone();
            async move { writer.finish(&tx).await.map(drop) }
        })
        .await
}

async fn whole(bench: &Bench) -> Option<Vec<u8>> {
    bench
        .write(|tx| async move { get_all(&tx, "ride").await })
        .await
        .expect("read")
}

fn parts(bench: &Bench) -> usize {
    bench
        .rows_with("#blob")
        .iter()
        .filter(|(_, value)| value.len() > PART_BYTES / 2)
        .count()
}

#[tokio::test]
async fn a_blob_of_many_transactions_shows_only_when_it_is_whole() {
    let bench = Bench::open().await;
    let content = bytes(5 * 1024 * 1024 + 17, 0);
    let writer_ = writer(&content);
    assert_eq!(
        step(&bench, &writer_).await,
        Progress::More {
            written_bytes: 1024 * 1024
        }
    );
    assert!(matches!(
        finish(&bench, &writer_).await,
        Err(LayerError::UploadIncomplete)
    ));
    assert_eq!(whole(&bench).await, None);
    // A process that begins anew with the same bytes goes on where the one before stopped.
    let again = writer(&content);
    let mut steps = 1;
    while let Progress::More { .. } = step(&bench, &again).await {
        steps += 1;
    }
    assert_eq!(
        steps, 5,
        "six steps in all for 81 parts, the first of them before"
    );
    finish(&bench, &again).await.expect("whole");
    assert_eq!(whole(&bench).await.as_deref(), Some(&content[..]));
    assert_eq!(step(&bench, &again).await, Progress::Complete);
    finish(&bench, &again).await.expect("again");
    let cut = bench
        .write(|tx| async move { get(&tx, "ride", 65_530..65_540).await })
        .await
        .expect("read");
    assert_eq!(cut.as_deref(), Some(&content[65_530..65_540]));
    let tail = bench
        .write(|tx| async move { get(&tx, "ride", 5_242_880..u64::MAX).await })
        .await
        .expect("read");
    assert_eq!(tail.map(|tail| tail.len()), Some(17));
}

#[tokio::test]
async fn an_upload_that_was_left_is_removed_and_a_blob_never_is() {
    let bench = Bench::open().await;
    let (kept, left) = (bytes(200_000, 1), bytes(3 * 1024 * 1024, 2));
    step(&bench, &writer(&kept)).await;
    finish(&bench, &writer(&kept)).await.expect("whole");
    step(&bench, &writer(&left)).await;
    let sweep_once = || bench.write(|tx| async move { sweep(&tx).await });
    assert!(!sweep_once().await.expect("swept"), "it is not old yet");
    assert_eq!(parts(&bench), 4 + 16 - 1, "the last part of the first is short");
    bench
        .hand
        .advance(std::time::Duration::from_millis(PENDING_MS + 1));
    assert!(sweep_once().await.expect("swept"));
    assert!(!sweep_once().await.expect("nothing left"));
    assert_eq!(parts(&bench), 3);
    assert_eq!(whole(&bench).await.as_deref(), Some(&kept[..]));
    assert!(matches!(
        finish(&bench, &writer(&left)).await,
        Err(LayerError::UploadIncomplete)
    ));
}

#[tokio::test]
async fn another_content_of_one_name_replaces_the_first_and_delete_leaves_nothing() {
    let bench = Bench::open().await;
    for seed in [1, 2] {
        let content = bytes(300_000, seed);
        let digest = sha256(&content);
        bench
            .write(|tx| {
                let content = content.clone();
                async move { put(&tx, "ride", digest, &content).await }
            })
            .await
            .expect("put");
        assert_eq!(whole(&bench).await.as_deref(), Some(&content[..]));
    }
    assert_eq!(bench.rows_with("#blob").len(), 1 + 5, "one manifest, five parts");
    let about = bench
        .write(|tx| async move { info(&tx, "ride").await })
        .await
        .expect("read")
        .expect("there");
    assert_eq!(about.size_bytes, 300_000);
    assert!(
        bench
            .write(|tx| async move { delete(&tx, "ride").await })
            .await
            .expect("deleted")
    );
    assert_eq!(bench.rows_with("#blob").len(), 0);
    assert_eq!(whole(&bench).await, None);
}

#[tokio::test]
async fn bytes_without_the_announced_digest_and_too_many_are_refused() {
    let wrong = BlobWriter::new("a", [0; 32], Bytes::from_static(b"x"));
    assert!(matches!(wrong, Err(LayerError::DigestMismatch)));
    let large = Bytes::from(vec![0; super::BLOB_BYTES_MAX + 1]);
    assert!(matches!(
        BlobWriter::new("a", [0; 32], large),
        Err(LayerError::TooLarge { .. })
    ));
    let bench = Bench::open().await;
    let empty = writer(&Bytes::new());
    assert_eq!(step(&bench, &empty).await, Progress::Ready);
    finish(&bench, &empty).await.expect("an empty blob is a blob");
    assert_eq!(whole(&bench).await, Some(Vec::new()));
}

#[tokio::test]
async fn content_and_its_digest_are_not_on_disk() {
    let bench = Bench::open().await;
    let content = Bytes::from_static(b"canary content of a ride");
    step(&bench, &writer(&content)).await;
    finish(&bench, &writer(&content)).await.expect("whole");
    assert!(
        !bench.holds(b"canary") && !bench.holds(&sha256(&content)) && !bench.holds(&sha256(&content)[..16])
    );
}
