//! The key shard: one key a person, none after it was destroyed.

mod files;

use bytes::Bytes;
use platform_model::UserId;
use uuid::Uuid;
use zeroize::Zeroizing;

use super::{KeyError, KeyShard, TOKEN_KEYS_MAX, TokenKeyRow};
use crate::harness::Bench;
use crate::keys::{Kek, KekError};

async fn open() -> (Bench, KeyShard) {
    let bench = Bench::open_shard("eu/eu-central/keys").await;
    let keys = KeyShard::new(bench.shard.clone(), Kek::from_bytes([3; 32]));
    (bench, keys)
}

fn user(n: u128) -> UserId {
    UserId::from_uuid(Uuid::from_u128(n))
}

fn token_key(id: &str) -> TokenKeyRow {
    TokenKeyRow {
        id: id.to_owned(),
        secret: Zeroizing::new(format!("canary {id}").into_bytes()),
    }
}

/// What a person's row holds, wrapped, of all rows of a store; none once it was destroyed.
fn wrapped(rows: Vec<(Bytes, Bytes)>, of: UserId) -> Option<Bytes> {
    let mut rows = rows.into_iter().filter(|(key, row)| {
        row.first() == Some(&super::rows::ROW_WRAPPED)
            && key.windows(of.as_bytes().len()).any(|part| part == of.as_bytes())
    });
    let row = rows.next();
    assert!(rows.next().is_none(), "one row of a person");
    row.map(|(_, row)| row.slice(1..))
}

#[tokio::test]
async fn a_person_has_one_key_however_often_and_wherever_it_is_asked_for() {
    let (bench, keys) = open().await;
    assert!(keys.get(user(1)).await.expect("read").is_none());
    let (one, two) = tokio::join!(keys.create(user(1)), keys.create(user(1)));
    let (one, two) = (one.expect("made"), two.expect("made"));
    assert_eq!(one.bytes(), two.bytes());
    assert_eq!(
        keys.get(user(1)).await.expect("read").expect("there").bytes(),
        one.bytes()
    );
    assert_ne!(keys.create(user(2)).await.expect("made").bytes(), one.bytes());
    assert!(!bench.holds(one.bytes()), "a key stands on disk unwrapped");
    let other = KeyShard::new(bench.shard.clone(), Kek::from_bytes([4; 32]));
    assert!(matches!(
        other.get(user(1)).await,
        Err(KeyError::Kek(KekError::OtherKek))
    ));
}

#[tokio::test]
async fn a_destroyed_key_is_gone_and_no_other_takes_its_place() {
    let (_bench, keys) = open().await;
    keys.create(user(1)).await.expect("made");
    keys.destroy(user(1)).await.expect("destroyed");
    keys.destroy(user(1)).await.expect("again");
    assert!(matches!(keys.get(user(1)).await, Err(KeyError::Destroyed)));
    assert!(matches!(keys.create(user(1)).await, Err(KeyError::Destroyed)));
}

#[tokio::test]
async fn two_nodes_that_start_at_once_sign_with_one_key() {
    let (bench, keys) = open().await;
    let (one, two) = tokio::join!(
        keys.token_key_or(token_key("b")),
        keys.token_key_or(token_key("a"))
    );
    let (one, two) = (one.expect("held"), two.expect("held"));
    assert_eq!((&one.id, &one.secret), (&two.id, &two.secret));
    assert!(!bench.holds(b"canary"));
    for n in 1..TOKEN_KEYS_MAX {
        keys.put_token_key(&token_key(&format!("k{n}")))
            .await
            .expect("put");
    }
    assert!(matches!(
        keys.put_token_key(&token_key("more")).await,
        Err(KeyError::TooManyTokenKeys)
    ));
    keys.put_token_key(&token_key("k1")).await.expect("replaced");
    keys.remove_token_key("k1").await.expect("removed");
    let held = keys.token_keys().await.expect("read");
    assert_eq!(held.len(), TOKEN_KEYS_MAX - 1);
    assert!(held.iter().all(|row| row.secret.starts_with(b"canary")));
}

#[tokio::test]
async fn a_destroyed_key_is_in_no_log_entry() {
    let (bench, keys) = open().await;
    keys.create(user(2)).await.expect("made");
    keys.create(user(1)).await.expect("made");
    let wrapped = wrapped(bench.store.rows(), user(1)).expect("the row of the person");
    assert!(bench.holds(&wrapped), "the search itself works");
    keys.destroy(user(1)).await.expect("destroyed");
    assert!(!bench.holds(&wrapped), "the log still holds the wrapped key");
    assert!(keys.get(user(2)).await.expect("read").is_some());
}
