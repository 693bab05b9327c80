//! What is held lies in the author's range, sealed, and goes out once, in the order in which it was told.

use cell_shard::{Found, OutboxRow, TxError};
use cell_store::key::Tuple;
use platform_model::UserId;
use prost::Message;
use uuid::Uuid;

use super::*;
use crate::LayerError;
use crate::harness::sample::Told;
use crate::harness::{Bench, DOMAIN as TRAINING};
use crate::place::{Holds, Settling, Standing, put_standing};
use crate::root_tx::RootTx;
use crate::stored::HeldEvent;

const NOTE: &str = "a canary in a note";

fn address() -> Address {
    Address {
        home: "us/us-east".parse().expect("a home"),
        user: UserId::from_uuid(Uuid::from_u128(9)),
    }
}

fn told(number: u64) -> Told {
    Told {
        id: number.to_be_bytes().to_vec(),
        note: Some(NOTE.to_owned()),
        ..Told::default()
    }
}

impl Bench {
    async fn stands(&self, settling: Settling) {
        let user = self.root.as_user().expect("a person");
        let standing = &Standing {
            settling,
            ..Standing::native()
        };
        let stand = |tx| async move { put_standing(&tx, user, standing) };
        self.shard.write(&self.request(), stand).await.expect("noted");
    }

    async fn holding(&self, so: bool) {
        let settling = Settling {
            holds: if so { Holds::Everything } else { Holds::Nothing },
            ..Settling::default()
        };
        self.stands(settling).await;
    }

    /// As a request tells it, by one domain or another.
    async fn tells(&self, domain: &'static str, numbers: std::ops::Range<u64>) -> Result<(), LayerError> {
        let tell = |tx: RootTx| {
            let numbers = numbers.clone();
            async move {
                let tx = tx.enter().await?.of_domain(domain);
                numbers
                    .into_iter()
                    .try_for_each(|number| post(&tx, &address(), &told(number)))
            }
        };
        self.write(tell).await
    }

    /// Answers in how many transactions.
    async fn releases(&self, to_be_held: &Holds) -> usize {
        let (mut after, mut all) = (None, 1);
        loop {
            let tell = |tx: RootTx| async move { release(&tx, to_be_held, after, 256).await };
            after = self.write(tell).await.expect("told");
            if after.is_none() {
                return all;
            }
            all += 1;
        }
    }

    async fn waiting(&self) -> Vec<OutboxRow> {
        let page = self.shard.outbox().page().await.expect("read");
        let row = |found| match found {
            Found::Row(row) => Some(row),
            Found::Unreadable(_) => None,
        };
        page.unwrap_or_default().into_iter().filter_map(row).collect()
    }
}

#[tokio::test]
async fn what_is_held_goes_out_in_order_under_the_name_of_whoever_told_it_and_once() {
    let bench = Bench::open().await;
    bench.holding(true).await;
    bench.tells(TRAINING, 0..300).await.expect("held");
    bench.tells("community", 300..301).await.expect("held");
    bench.tells(TRAINING, 301..302).await.expect("held");
    assert!(bench.waiting().await.is_empty());
    assert!(!bench.holds(NOTE.as_bytes()), "sealed");
    assert_eq!(bench.rows_with("#held").len(), 302);
    assert!(
        bench.releases(&Holds::Nothing).await > 1,
        "many are told by and by"
    );
    assert!(bench.rows_with("#held").is_empty());
    let mut rows = bench.waiting().await;
    rows.sort_by_key(|row| (row.key.at, row.key.index, row.key.event));
    let opened = rows.iter().map(|row| {
        let posted = Posted::read(&row.payload).expect("ours");
        assert_eq!(posted.to_home, address().home);
        let message = posted.open(&bench.key, &row.domain, &row.name, row.version);
        let told = Told::decode(message.expect("opens").as_slice()).expect("ours");
        (told.id, row.domain.clone())
    });
    let by = |number| if number == 300 { "community" } else { TRAINING };
    let wanted = (0..302_u64).map(|number| (number.to_be_bytes().to_vec(), by(number).to_owned()));
    assert!(opened.eq(wanted));
    // From now on it goes out at once.
    bench.holding(false).await;
    bench.tells(TRAINING, 302..303).await.expect("told");
    assert_eq!(bench.waiting().await.len(), 303);
}

#[tokio::test]
async fn as_many_are_held_as_may_be_and_more_of_what_takes_back() {
    let bench = Bench::open().await;
    bench.holding(true).await;
    let fill = |tx: RootTx| async move {
        let tx = &tx.of_domain(DOMAIN);
        for number in [0, HELD_MAX - 1] {
            let key = Tuple::after(&[]).str(DOMAIN).str("#held").u64(number).pack();
            crate::stored::put_bytes(tx, "#held", key, b"")?;
        }
        Ok(())
    };
    bench.write(fill).await.expect("filled");
    let refused = bench.tells(TRAINING, 0..1).await;
    assert!(
        matches!(refused, Err(LayerError::Tx(TxError::OutboxFull))),
        "{refused:?}"
    );
    let back = |tx: RootTx| async move {
        let tx = tx.enter().await?;
        post_back(&tx, &address(), &told(1))
    };
    bench.write(back).await.expect("it finds room");
}

/// What broke: what had gone out between what is for one counted on, and whoever told him more was refused though little was held.
#[tokio::test]
async fn what_has_gone_out_takes_no_room_of_what_stays() {
    let bench = Bench::open().await;
    bench.holding(true).await;
    let waited_for = &HeldEvent {
        to: address().user.as_bytes().to_vec(),
        to_home: address().home.to_string(),
        ..HeldEvent::default()
    };
    let fill = |tx: RootTx| async move {
        let tx = &tx.of_domain(DOMAIN);
        for number in [0, HELD_MAX - 1] {
            let key = Tuple::after(&[]).str(DOMAIN).str("#held").u64(number).pack();
            crate::stored::put(tx, "#held", key, waited_for)?;
        }
        Ok(())
    };
    bench.write(fill).await.expect("filled");
    let only = Holds::For([address().user].into());
    for _ in 0..2 {
        bench.releases(&only).await;
        assert_eq!(bench.rows_with("#held").len(), 2);
    }
    bench.tells(TRAINING, 0..1).await.expect("there is room");
    assert_eq!(bench.rows_with("#held").len(), 3);
    bench.releases(&Holds::Nothing).await;
    assert_eq!(
        (bench.rows_with("#held").len(), bench.waiting().await.len()),
        (0, 3)
    );
}

/// Two that tell at once: each finds the place behind the other.
#[tokio::test]
async fn those_who_tell_at_once_are_held_one_behind_the_other() {
    let bench = Bench::open().await;
    bench.holding(true).await;
    let tell = |number| bench.tells(TRAINING, number..number + 1);
    let told = tokio::join!(tell(0), tell(1), tell(2), tell(3));
    for told in [told.0, told.1, told.2, told.3] {
        told.expect("held");
    }
    assert_eq!(bench.rows_with("#held").len(), 4);
}

#[tokio::test]
async fn his_own_time_is_ahead_of_the_logs_by_as_much_as_he_brought_along() {
    let bench = Bench::open().await;
    let ahead = Settling {
        ahead_ms: 70_000,
        ..Settling::default()
    };
    bench.stands(ahead).await;
    let times = |tx: RootTx| async move {
        let tx = tx.enter().await?;
        Ok((tx.told_ms(), tx.log_time_ms()))
    };
    let (told, log) = bench.write(times).await.expect("read");
    assert_eq!(told, log + 70_000);
}

#[tokio::test]
async fn what_is_for_others_goes_out_at_once_and_what_is_kept_stays_in_its_order() {
    let bench = Bench::open().await;
    bench.holding(true).await;
    let other = &Address {
        user: UserId::from_uuid(Uuid::from_u128(10)),
        ..address()
    };
    let tell = |tx: RootTx| async move {
        let tx = tx.enter().await?;
        for number in 0..400 {
            let to = if number % 2 == 0 { &address() } else { other };
            post(&tx, to, &told(number))?;
        }
        Ok(())
    };
    bench.write(tell).await.expect("held");
    let only = Holds::For([address().user].into());
    bench.releases(&only).await;
    assert_eq!(
        (bench.rows_with("#held").len(), bench.waiting().await.len()),
        (200, 200)
    );
    bench
        .stands(Settling {
            holds: only,
            ..Settling::default()
        })
        .await;
    bench.write(tell).await.expect("told");
    assert_eq!(
        (bench.rows_with("#held").len(), bench.waiting().await.len()),
        (400, 400)
    );
    bench.releases(&Holds::Nothing).await;
    assert!(bench.rows_with("#held").is_empty());
    let mut rows = bench.waiting().await;
    rows.sort_by_key(|row| (row.key.at, row.key.index, row.key.event));
    for to in [address().root(), other.root()] {
        let of_one = rows.iter().filter(|row| row.key.to == to);
        let numbers: Vec<Vec<u8>> = of_one
            .map(|row| {
                let posted = Posted::read(&row.payload).expect("ours");
                let message = posted.open(&bench.key, &row.domain, &row.name, row.version);
                Told::decode(message.expect("opens").as_slice()).expect("ours").id
            })
            .collect();
        let once = (0..400_u64).filter(|number| (number % 2 == 0) == (to == address().root()));
        let once: Vec<Vec<u8>> = once.map(|number| number.to_be_bytes().to_vec()).collect();
        assert_eq!(numbers, [once.clone(), once].concat());
    }
}
