//! Columns come back bit for bit, and chunks that lie are refused.

use proptest::prelude::*;

use super::codec::{decode, encode};
use super::{CHUNK_VALUES, Column, channels, delete, read, write};
use crate::harness::Bench;
use crate::{LayerError, RootTx};

fn heart_rate(length: usize) -> Vec<Option<i64>> {
    (0..length)
        .map(|n| (n % 97 != 0).then_some(120 + (n / 60 % 40) as i64))
        .collect()
}

#[tokio::test]
async fn any_range_of_a_long_column_comes_back() {
    let bench = Bench::open().await;
    let values = heart_rate(50_000);
    let column = Column::from(values.clone());
    bench
        .write(|tx| {
            let column = column.clone();
            async move { write(&tx, "ride", "hr", &column).await }
        })
        .await
        .expect("in");
    for (from, to) in [
        (0, 50_000),
        (0, 1),
        (12_499, 12_501),
        (49_999, 60_000),
        (24_000, 26_000),
        (7, 7),
        (60_000, 70_000),
    ] {
        let got = bench
            .write(|tx| async move { read(&tx, "ride", "hr", from..to).await })
            .await
            .expect("read");
        let (a, b) = (from.min(50_000) as usize, to.min(50_000) as usize);
        assert_eq!(
            got,
            Some(Column::I64(values[a..b.max(a)].to_vec())),
            "{from}..{to}"
        );
    }
    let none = bench
        .write(|tx| async move { read(&tx, "ride", "power", 0..1).await })
        .await
        .expect("read");
    assert_eq!(none, None);
    assert!(!bench.holds(b"hr\0"), "a channel's name stands on disk");
}

#[tokio::test]
async fn a_channel_is_replaced_and_a_series_deleted_without_a_trace() {
    let bench = Bench::open().await;
    for length in [40_000, 10] {
        let column = Column::from(heart_rate(length));
        bench
            .write(|tx| {
                let column = column.clone();
                async move { write(&tx, "ride", "hr", &column).await }
            })
            .await
            .expect("in");
    }
    assert_eq!(bench.rows_with("#samples").len(), 2, "a directory and one chunk");
    let known = bench
        .write(|tx| async move { channels(&tx, "ride").await })
        .await
        .expect("read");
    assert_eq!((known.len(), known[0].values, known[0].whole), (1, 10, true));
    bench
        .write(|tx| async move { delete(&tx, "ride").await })
        .await
        .expect("deleted");
    assert_eq!(bench.rows_with("#samples").len(), 0);
}

#[tokio::test]
async fn a_column_past_the_bound_is_refused() {
    let bench = Bench::open().await;
    let column = Column::from(vec![Some(1i64); super::VALUES_MAX + 1]);
    let refused = bench
        .write(|tx| {
            let column = column.clone();
            async move { write(&tx, "a", "b", &column).await }
        })
        .await;
    assert!(matches!(refused, Err(LayerError::TooLarge { .. })), "{refused:?}");
}

#[tokio::test]
async fn a_channel_too_many_that_is_caught_changes_nothing() {
    let bench = Bench::open().await;
    let column = || Column::from(vec![Some(1i64); 10]);
    let fill = |tx: RootTx| async move {
        for n in 0..super::CHANNELS_MAX {
            write(&tx, "a", &format!("channel {n}"), &column()).await?;
        }
        Ok(())
    };
    bench.write(fill).await.expect("written");
    let before = bench.rows_with("#samples");
    let one_more = |tx: RootTx| async move { Ok(write(&tx, "a", "one more", &column()).await.is_err()) };
    assert!(bench.write(one_more).await.expect("committed"), "it was refused");
    assert_eq!(
        bench.rows_with("#samples"),
        before,
        "chunks of a refused channel were committed"
    );
}

#[test]
fn chunks_are_large_where_values_compress_and_always_fit_a_row() {
    let smooth = encode(&heart_rate(100_000)).expect("coded");
    assert!(
        smooth.iter().all(|(values, _)| *values >= CHUNK_VALUES),
        "over 10,000 values each"
    );
    assert!(smooth.iter().map(|(_, bytes)| bytes.len()).sum::<usize>() < 100_000);
    let mut state = 1u64;
    let noise: Vec<Option<i64>> = (0..50_000)
        .map(|_| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            Some((state ^ state >> 29).cast_signed())
        })
        .collect();
    let chunks = encode(&noise).expect("coded");
    assert!(chunks.iter().all(|(_, bytes)| bytes.len() <= 80_000));
    let back: Vec<Option<i64>> = chunks
        .iter()
        .flat_map(|(_, bytes)| decode(bytes).expect("decoded"))
        .collect();
    assert_eq!(back, noise);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn every_bit_of_a_float_comes_back(bits in prop::collection::vec(prop::option::of(any::<u64>()), 0..400)) {
        let values: Vec<Option<f64>> = bits.iter().map(|bits| bits.map(f64::from_bits)).collect();
        let chunks = encode(&values).expect("coded");
        let back: Vec<Option<u64>> =
            chunks.iter().flat_map(|(_, bytes)| decode::<f64>(bytes).expect("decoded")).map(|v| v.map(f64::to_bits)).collect();
        prop_assert_eq!(back, bits);
    }

    #[test]
    fn bytes_that_are_no_chunk_are_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(values) = decode::<i64>(&bytes) {
            prop_assert!(values.len() <= 2 * CHUNK_VALUES);
        }
    }
}
