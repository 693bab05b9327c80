//! Commands that come twice, late, altered, or from a clock that is wrong.

use std::time::Duration;

use platform_model::IdempotencyKey;
use platform_runtime::random::uuid_v7_at;

use super::{AHEAD_MS_MAX, Begin, KEPT_MS, OUTCOME_BYTES_MAX, begin, conclude, sweep};
use crate::LayerError;
use crate::harness::{Bench, START_MS};

fn key(at_ms: u64) -> IdempotencyKey {
    IdempotencyKey::new(uuid_v7_at(at_ms)).expect("version 7")
}

async fn look(bench: &Bench, key: IdempotencyKey, digest: u8) -> Result<Begin, LayerError> {
    bench
        .write(|tx| async move { begin(&tx, key, [digest; 32]).await })
        .await
}

async fn done(bench: &Bench, key: IdempotencyKey, outcome: &'static [u8]) {
    bench
        .write(|tx| async move { conclude(&tx, key, [1; 32], outcome).await })
        .await
        .expect("concluded");
}

#[tokio::test]
async fn a_command_is_fresh_once_and_its_outcome_is_sealed() {
    let bench = Bench::open().await;
    let key = key(START_MS);
    assert_eq!(look(&bench, key, 1).await.expect("looked"), Begin::Fresh);
    done(&bench, key, b"canary-outcome").await;
    assert_eq!(
        look(&bench, key, 1).await.expect("looked"),
        Begin::Replay(b"canary-outcome".to_vec())
    );
    assert_eq!(look(&bench, key, 2).await.expect("looked"), Begin::Mismatch);
    assert!(!bench.holds(b"canary"));
}

#[tokio::test]
async fn an_old_key_is_never_executed_also_after_its_row_went() {
    let bench = Bench::open().await;
    let (first, late) = (key(START_MS), key(START_MS - KEPT_MS - 1));
    assert_eq!(look(&bench, late, 1).await.expect("looked"), Begin::Expired);
    done(&bench, first, b"outcome").await;
    let sweep_once = || bench.write(|tx| async move { sweep(&tx).await });
    bench.hand.advance(Duration::from_millis(KEPT_MS));
    assert_eq!(
        sweep_once().await.expect("swept"),
        0,
        "kept to the last millisecond"
    );
    assert!(matches!(
        look(&bench, first, 1).await.expect("looked"),
        Begin::Replay(_)
    ));
    bench.hand.advance(Duration::from_millis(1));
    assert_eq!(sweep_once().await.expect("swept"), 1);
    assert_eq!(look(&bench, first, 1).await.expect("looked"), Begin::Expired);
}

#[tokio::test]
async fn a_row_is_kept_for_its_time_even_if_its_key_was_old_when_it_came() {
    let bench = Bench::open().await;
    let key = key(START_MS - KEPT_MS / 2);
    done(&bench, key, b"outcome").await;
    bench.hand.advance(Duration::from_millis(KEPT_MS - 1));
    assert_eq!(
        bench
            .write(|tx| async move { sweep(&tx).await })
            .await
            .expect("swept"),
        0
    );
    assert!(matches!(
        look(&bench, key, 1).await.expect("looked"),
        Begin::Replay(_)
    ));
}

#[tokio::test]
async fn a_key_from_the_future_and_a_large_outcome_are_refused() {
    let bench = Bench::open().await;
    assert_eq!(
        look(&bench, key(START_MS + AHEAD_MS_MAX), 1)
            .await
            .expect("looked"),
        Begin::Fresh
    );
    let ahead = look(&bench, key(START_MS + AHEAD_MS_MAX + 1), 1).await;
    assert!(
        matches!(ahead, Err(LayerError::KeyAheadOfTime { .. })),
        "{ahead:?}"
    );
    let large = vec![0; OUTCOME_BYTES_MAX + 1];
    let refused = bench
        .write(|tx| {
            let large = large.clone();
            async move { conclude(&tx, key(START_MS), [1; 32], &large).await }
        })
        .await;
    assert!(matches!(refused, Err(LayerError::TooLarge { .. })));
}

#[tokio::test]
async fn a_sweep_is_bounded() {
    let bench = Bench::open().await;
    for n in 0..100 {
        done(&bench, key(START_MS + n), b"x").await;
    }
    bench.hand.advance(Duration::from_millis(KEPT_MS + 1_000));
    let sweep_once = || bench.write(|tx| async move { sweep(&tx).await });
    assert_eq!(sweep_once().await.expect("swept"), super::SWEEP_ROWS_MAX);
    assert_eq!(sweep_once().await.expect("swept"), 100 - super::SWEEP_ROWS_MAX);
    assert_eq!(bench.rows_with("#idempotency").len(), 0);
}
