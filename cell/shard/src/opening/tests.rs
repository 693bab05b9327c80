//! Over stores whose openings are counted and can be held: one elsewhere, and one that publishes its newest version.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Wake, Waker};
use std::time::Duration;

use bytes::Bytes;
use futures::future::FutureExt;
use parking_lot::Mutex;
use tokio::task::yield_now;
use tokio::time::{sleep, timeout};
use uuid::Uuid;

use self::watched::{Away, Watched};
use crate::tests::harness::{get, put, request_of};
use crate::{Tx, TxError};

mod watched;

const FAR: Option<Duration> = Some(Duration::from_secs(300));

fn value(text: &'static str) -> Option<Bytes> {
    Some(Bytes::from_static(text.as_bytes()))
}

#[tokio::test]
async fn all_who_ask_at_once_share_one() {
    let (store, shard) = Watched::open(FAR).await;
    let before = store.openings();
    let read = || get(&shard, "a");
    let (one, two, three) = tokio::join!(read(), read(), read());
    for found in [one, two, three] {
        assert_eq!(found.expect("read"), value("1"));
    }
    assert_eq!(store.openings() - before, 1);
}

#[tokio::test]
async fn all_who_ask_while_one_is_opened_share_the_next_one() {
    let (store, shard) = Watched::open(FAR).await;
    let before = store.openings();
    let held = store.hold.write().await;
    let read = || get(&shard, "a");
    let later = async {
        store.has_begun(before + 1).await;
        let release = async {
            // All of them have asked by now.
            yield_now().await;
            drop(held);
        };
        tokio::join!(read(), read(), read(), release)
    };
    let (one, (two, three, four, ())) = tokio::join!(read(), later);
    for found in [one, two, three, four] {
        assert_eq!(found.expect("read"), value("1"));
    }
    assert_eq!(store.openings() - before, 2);
}

/// Each has the value of its own key, absent or not; who reads on reads the same version.
#[tokio::test]
async fn what_is_wanted_first_is_read_with_the_opening() {
    let (store, shard) = Watched::open(FAR).await;
    put(&shard, "b", "2").await.expect("written");
    let (singles, many) = (store.singles(), store.many());
    let read = |key| get(&shard, key);
    let (one, two, three, four) = tokio::join!(read("a"), read("b"), read("c"), read("b"));
    assert_eq!(one.expect("read"), value("1"));
    assert_eq!(two.expect("read"), value("2"));
    assert_eq!(three.expect("read"), None);
    assert_eq!(four.expect("read"), value("2"));
    assert_eq!((store.singles() - singles, store.many() - many), (0, 1));
    let on = |tx: Tx| async move { Ok::<_, TxError>((tx.get(b"a").await?, tx.get(b"b").await?)) };
    let both = shard.read(&request_of(Uuid::from_u128(1), 1), on).await;
    assert_eq!(both.expect("read").value, (value("1"), value("2")));
    assert_eq!(store.singles() - singles, 1);
    let at_once = |tx: Tx| async move { futures::try_join!(tx.get(b"a"), tx.get(b"b")) };
    let both = shard.read(&request_of(Uuid::from_u128(2), 1), at_once).await;
    assert_eq!(both.expect("read").value, (value("1"), value("2")));
    assert_eq!(store.singles() - singles, 1);
    let large = "x".repeat(super::KEPT_BYTES_MAX + 1);
    put(&shard, "c", &large).await.expect("written");
    assert_eq!(read("c").await.expect("read"), Some(large.into()));
    assert_eq!(store.singles() - singles, 2, "it is not kept");
}

/// The planted bugs: one whose row is away fails those who opened with him; or holds them up, each time anew.
#[tokio::test(start_paused = true)]
async fn whoever_wants_a_row_that_is_away_wants_it_alone() {
    let second = Duration::from_secs(1);
    for away in [Away::Fails, Away::Hangs] {
        let (store, shard) = Watched::open(FAR).await;
        *store.reads.away.lock() = Some(away);
        let read = |key| timeout(second, get(&shard, key));
        let many = store.many();
        for _ in 0..2 {
            let (far, near) = tokio::join!(read("far"), read("a"));
            assert!(!matches!(far, Ok(Ok(_))), "{away:?}: {far:?}");
            let near = near.expect("it waits for a row that is away");
            assert_eq!(near.expect("read"), value("1"), "{away:?}");
        }
        let many = store.many() - many;
        assert_eq!(many, 1, "{away:?}: for a while nothing is read together");
    }
}

/// The planted bug: who asks while one is opened is given that one.
#[tokio::test]
async fn nobody_is_shown_a_version_that_was_opened_before_he_asked() {
    let (store, shard) = Watched::open(FAR).await;
    let before = store.openings();
    let held = store.hold.write().await;
    let later = async {
        store.has_begun(before + 1).await;
        put(&shard, "a", "2").await.expect("written");
        let release = async {
            yield_now().await;
            drop(held);
        };
        tokio::join!(get(&shard, "a"), release).0
    };
    let (first, second) = tokio::join!(get(&shard, "a"), later);
    assert_eq!(first.expect("read"), value("1"), "opened before that was written");
    assert_eq!(second.expect("read"), value("2"), "asked after that was answered");
}

#[tokio::test]
async fn whoever_goes_away_while_he_opens_holds_nobody_up() {
    let (store, shard) = Watched::open(FAR).await;
    let before = store.openings();
    let held = store.hold.write().await;
    let leaves = async {
        tokio::select! {
            biased;
            _ = get(&shard, "a") => panic!("it is held"),
            () = store.has_begun(before + 1) => {}
        }
        drop(held);
    };
    let ((), found) = tokio::join!(leaves, get(&shard, "a"));
    assert_eq!(found.expect("read"), value("1"));
}

/// The planted bug: an opening goes on only while whoever began it is polled. The relay of events polls none of those
/// under way while it reads the outbox, and read that behind one of them for ever.
#[tokio::test(start_paused = true)]
async fn whoever_is_not_polled_while_he_opens_or_waits_holds_nobody_up() {
    let (store, shard) = Watched::open(FAR).await;
    let before = store.openings();
    let held = store.hold.write().await;
    let mut gives_way = pin!(get(&shard, "a"));
    assert!(futures::poll!(gives_way.as_mut()).is_pending());
    assert_eq!(store.openings(), before);
    let mut opens = pin!(get(&shard, "a"));
    while store.openings() == before {
        assert!(futures::poll!(opens.as_mut()).is_pending());
        yield_now().await;
    }
    let mut waits = pin!(get(&shard, "a"));
    assert!(futures::poll!(waits.as_mut()).is_pending());
    drop(held);
    let found = timeout(Duration::from_secs(1), get(&shard, "a")).await;
    let found = found.expect("it waits for one who is not polled");
    assert_eq!(found.expect("read"), value("1"));
    assert_eq!(gives_way.await.expect("read"), value("1"));
    assert_eq!(opens.await.expect("read"), value("1"));
    assert_eq!(waits.await.expect("read"), value("1"));
}

#[tokio::test(start_paused = true)]
async fn an_opening_that_never_ends_keeps_only_those_who_asked_for_it() {
    let (store, shard) = Watched::open(FAR).await;
    let before = store.openings();
    store.hangs.store(true, Ordering::Relaxed);
    let second = Duration::from_secs(1);
    let later = async {
        store.has_begun(before + 1).await;
        timeout(second, get(&shard, "a")).await
    };
    let (first, next) = tokio::join!(timeout(second, get(&shard, "a")), later);
    assert!(first.is_err(), "it hangs");
    let next = next.expect("it waits for one that hangs");
    assert_eq!(next.expect("read"), value("1"));
}

struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// The planted bug: one is woken to carry an opening on and goes away, and the other, who looked at it while the first
/// still polled it, is never woken.
#[tokio::test(start_paused = true)]
async fn whoever_is_woken_and_goes_away_holds_nobody_up() {
    let (store, shard) = Watched::open(FAR).await;
    let mut leaves = Box::pin(get(&shard, "a"));
    assert!(futures::poll!(leaves.as_mut()).is_pending());
    let other = shard.clone();
    let stays = async move { get(&other, "a").await };
    let stays = Arc::new(Mutex::new(stays.boxed()));
    let woken = Arc::new(Woken(AtomicBool::new(false)));
    let poll_stays = {
        let (stays, woken) = (Arc::clone(&stays), Arc::clone(&woken));
        move || {
            let waker = Waker::from(Arc::clone(&woken));
            let polled = stays.lock().poll_unpin(&mut Context::from_waker(&waker));
            assert!(polled.is_pending());
            woken.0.store(false, Ordering::Relaxed);
        }
    };
    poll_stays();
    yield_now().await;
    let before = store.openings();
    *store.meanwhile.lock() = Some(Box::new(poll_stays));
    assert!(futures::poll!(leaves.as_mut()).is_pending());
    assert_eq!(store.openings() - before, 1);
    drop(leaves);
    let second = Duration::from_secs(1);
    sleep(second).await;
    assert!(woken.0.load(Ordering::Relaxed), "it is never looked after");
    let found = timeout(second, poll_fn(|cx| stays.lock().poll_unpin(cx))).await;
    assert_eq!(found.expect("in time").expect("read"), value("1"));
}

#[tokio::test]
async fn a_store_that_is_away_is_told_to_all_who_wait_and_serves_again() {
    let (store, shard) = Watched::open(FAR).await;
    store.inner.stop(true);
    let (one, two) = tokio::join!(get(&shard, "a"), get(&shard, "a"));
    assert!(one.is_err() && two.is_err(), "{one:?} {two:?}");
    store.inner.stop(false);
    assert_eq!(get(&shard, "a").await.expect("read"), value("1"));
}

/// The planted bug: its panic is that of all who wait for it, and of all who ask while one of them is not polled.
#[tokio::test(start_paused = true)]
async fn an_opening_that_panics_fails_those_who_asked_for_it_and_nobody_else() {
    let (store, shard) = Watched::open(FAR).await;
    store.panics.store(true, Ordering::Relaxed);
    let mut waits = pin!(get(&shard, "a"));
    assert!(futures::poll!(waits.as_mut()).is_pending());
    assert!(get(&shard, "a").await.is_err());
    assert_eq!(get(&shard, "a").await.expect("read"), value("1"));
    assert!(waits.await.is_err(), "it asked for that one");
}

#[tokio::test]
async fn a_version_is_asked_for_its_position_once() {
    let (store, shard) = Watched::open(None).await;
    let before = store.positions();
    for _ in 0..3 {
        assert_eq!(get(&shard, "a").await.expect("read"), value("1"));
    }
    assert_eq!(store.positions() - before, 1);
    put(&shard, "a", "2").await.expect("written");
    assert_eq!(get(&shard, "a").await.expect("read"), value("2"));
    assert_eq!(store.positions() - before, 2);
}
