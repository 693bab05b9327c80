//! Events that can never be taken, or not even be read: each waits where a person sees it or a later version finds it, and
//! holds up nobody else.

use std::collections::BTreeSet;

use cell_layers::keys::UserKey;
use cell_layers::{RootTx, Table};
use cell_sdk::Mode;
use cell_shard::{Request, Scope, Tx, TxError};
use cell_store::key::Tuple;
use domains_training::stored::SharedNext;
use platform_model::{Actor, RequestId, RootRef, UserId};
use platform_wire::events::{Receipt, Settle};
use uuid::Uuid;

use super::bench::{AUTHORS, Bench, FOLLOWERS, WITHIN, delivery, titles};
use crate::relocation::told;

const NEXT: Table<SharedNext> = Table::new();
const BY: &str = "spiffe://a/region/eu-central/operator/sre/kim";

/// What its domain looks at first does not open, whatever the event says.
#[tokio::test]
async fn an_event_at_which_its_domain_fails_for_ever_is_parked_and_taken_once_that_is_mended() {
    let bench = Bench::new().await;
    let follower = bench.person(FOLLOWERS, 2).await;
    let (lost, row) = (UserKey::generate(), &SharedNext { id: 0, number: 1 });
    let spoil = |tx: RootTx| async move { Ok(NEXT.put(&tx, row).await?) };
    let whose = (follower, &lost);
    bench.write_under(FOLLOWERS, whose, "training", spoil).await;
    for again in [false, true] {
        let receipt = bench.receive(&delivery(follower, 5)).await;
        assert_eq!(receipt, Receipt::Delivered, "{again}");
    }
    let (parked, _) = bench.parts().list_parked().await.expect("listed");
    let [one] = parked.as_slice() else {
        panic!("{parked:?}")
    };
    assert!(one.reason.contains("its domain fails"), "{}", one.reason);
    let settle = Settle {
        id: one.id.clone(),
        drop: false,
        reason: "a test".into(),
        dry_run: false,
    };
    let again = bench.parts().settle_parked(&settle, BY).await.expect("answered");
    assert!(!again.settled, "it fails as before: {again:?}");
    let mend = |tx: RootTx| async move { Ok(NEXT.delete(&tx, 0_u32).await?) };
    assert!(bench.write_under(FOLLOWERS, whose, "training", mend).await);
    let behind = bench.receive(&delivery(follower, 6)).await;
    assert_eq!(behind, Receipt::Delivered);
    let again = bench.parts().settle_parked(&settle, BY).await.expect("answered");
    assert!(again.settled, "{again:?}");
    assert_eq!(bench.seen(follower).await, titles([6, 5]));
    bench.end().await;
}

/// A row of the outbox as a later version writes it, ahead of all that is told to that root from now on.
async fn of_a_later_version(bench: &Bench, to: UserId) {
    let request = Request {
        actor: Actor::User(to),
        domain: "outbox",
        request_id: RequestId::from_uuid(Uuid::new_v4()),
        mode: Mode::Sync,
        scope: Scope::Shared("outbox"),
        not_older_than: None,
        deadline: WITHIN,
    };
    let root = RootRef::user(to);
    let put = |tx: Tx| async move {
        let key = Tuple::new().u64(root.kind as u64).uuid(root.id.0);
        let key = key.u64(1).u64(1).u64(0).u64(0).pack();
        // Its version, as a message of it begins.
        tx.put(key, vec![8, 9])
    };
    let put = bench
        .shard(AUTHORS)
        .write::<_, TxError, _, _>(&request, put)
        .await;
    put.expect("written");
}

/// What broke: its author moved, was cleared with his key while an earlier version led, and what he had told was lost; or all that
/// he told from then on waited for it, whomever it was for.
#[tokio::test]
async fn nobody_is_cleared_while_an_event_waits_of_which_it_is_not_known_whose_it_is() {
    let bench = Bench::new().await;
    let (author, shard) = (bench.person(AUTHORS, 1).await, bench.shard(AUTHORS));
    assert_eq!(told::waits(&shard, author).await, Ok(false));
    assert_eq!(told::receivers(&shard, author).await, Ok(BTreeSet::new()));
    let follower = bench.person(FOLLOWERS, 2).await;
    of_a_later_version(&bench, follower).await;
    assert_eq!(told::waits(&shard, author).await, Ok(true), "it may be his");
    assert_eq!(
        told::receivers(&shard, author).await,
        Ok(BTreeSet::from([follower]))
    );
    bench.end().await;
}

#[tokio::test]
async fn an_event_of_a_later_versions_outbox_waits_with_all_behind_it_and_holds_no_other_root() {
    let bench = Bench::new().await;
    let author = bench.person(AUTHORS, 1).await;
    let (one, other) = (bench.person(FOLLOWERS, 2).await, bench.person(FOLLOWERS, 3).await);
    of_a_later_version(&bench, one).await;
    bench.tell(author, one, 1).await;
    bench.events.relay(&bench.tasks);
    // One after the other: what is told to the first would be there by the time that the last of these is.
    for number in 2..=20 {
        bench.tell(author, other, number).await;
    }
    bench.until_seen(other, &titles(2..=20)).await;
    assert_eq!(bench.seen(one).await, titles([]), "it waits");
    let page = bench.shard(AUTHORS).outbox().page().await.expect("read");
    let wait = page.unwrap_or_default().len();
    assert!(wait >= 2, "both lie there: {wait}");
    bench.end().await;
}
