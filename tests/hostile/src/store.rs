//! What lies in a store: keys, entries of the change log, rows, samples, wrapped keys.

use cell_layers::event::{self, Posted};
use cell_layers::keys::{Kek, UserKey};
use cell_layers::{Record, samples};
use cell_shard::LogEntry;
use cell_store::key::{Tuple, unpack};
use prost::Message;

/// One tuple has one key.
pub fn key(bytes: &[u8]) {
    if let Ok(elements) = unpack(bytes) {
        let tuple = elements.iter().fold(Tuple::new(), Tuple::element);
        assert_eq!(tuple.pack()[..], *bytes, "another form of a key was taken");
    }
}

pub fn key_seeds() -> Vec<Vec<u8>> {
    let id = uuid::Uuid::from_u128(7);
    vec![
        Tuple::new()
            .str("training")
            .bytes([0, 0xff, 1])
            .u64(9)
            .pack()
            .to_vec(),
        Tuple::new().i64(-300).uuid(id).version([1; 12]).pack().to_vec(),
    ]
}

/// An entry as any reader of the log meets it.
pub fn log_entry(bytes: &[u8]) {
    if let Some(entry) = LogEntry::read(bytes.to_vec().into()) {
        assert_eq!(LogEntry::read(bytes.to_vec().into()).as_ref(), Some(&entry));
        let writes: usize = entry
            .transactions
            .iter()
            .map(|one| one.writes.len() + one.events.len())
            .sum();
        assert!(writes <= bytes.len(), "more than the bytes can hold");
    }
}

pub fn log_seeds() -> Vec<Vec<u8>> {
    // Wire form of a sealed entry with one empty transaction; real entries are in the kept corpus.
    vec![
        vec![9, 0, 0, 0, 0, 0, 0, 0, 0, 18, 8, 8, 1, 16, 3, 24, 1, 32, 1],
        vec![
            9, 1, 2, 3, 4, 5, 6, 7, 8, 18, 10, 8, 1, 16, 3, 24, 1, 32, 1, 50, 0,
        ],
    ]
}

/// Rows of every table of both domains: what is read is written again, and its keys can be made. Events, cut field by
/// field: what is left is a message whenever the whole was one.
pub fn rows(bytes: &[u8]) {
    events(bytes);
    use domains_identity::stored as identity;
    use domains_training::stored as training;
    macro_rules! of {
        ($($row:ty),* $(,)?) => { $(row::<$row>(bytes);)* };
    }
    of!(
        identity::Account,
        identity::Credential,
        identity::Claim,
        identity::Profile,
        identity::Session,
        identity::Attempts,
        training::Activity,
        training::LapPage,
        training::PendingUpload,
        training::ShownTo,
        training::SharedWorkout,
        training::SharedNext,
        training::HiddenAuthor,
        training::WithdrawnWorkout,
        identity::Follower,
        identity::Followed,
    );
}

/// An event on its way: what its outbox row holds, and what the gate leaves of its message.
fn events(bytes: &[u8]) {
    use domains_training::stored::WorkoutShared;
    let key = UserKey::generate();
    if let Some(posted) = Posted::read(&bytes.to_vec().into()) {
        assert!(
            posted.open(&key, "training", "workout_shared", 1).is_err(),
            "forged"
        );
    }
    let Ok(there) = event::tags(bytes) else { return };
    assert!(there.len() <= bytes.len());
    assert_eq!(event::select(bytes, |_| true).expect("it was walked")[..], *bytes);
    if WorkoutShared::decode(bytes).is_ok() {
        for tag in there {
            let left = event::select(bytes, |one| one != tag).expect("it was walked");
            assert!(!event::tags(&left).expect("a part of it").contains(&tag));
            WorkoutShared::decode(left.as_slice()).expect("less of a message is one");
        }
    }
}

fn row<R: Record>(bytes: &[u8]) {
    let rows = [R::decode(bytes).ok(), R::migrate(bytes).ok()];
    for row in rows.into_iter().flatten() {
        let written = row.encode_to_vec();
        let again = R::decode(&written[..]).expect("what is written can be read");
        assert_eq!(again.encode_to_vec(), written);
        assert_eq!(again.primary_key(), row.primary_key());
        for index in 0..R::INDEXES.len() {
            let _ = row.index_parts(index);
        }
    }
}

pub fn row_seeds() -> Vec<Vec<u8>> {
    let session = domains_identity::stored::Session {
        id: vec![7; 16],
        generation: 3,
        secret_digest: vec![1; 32],
        ..Default::default()
    };
    let activity = domains_training::stored::Activity {
        id: vec![7; 16],
        name: Some("Zoë".into()),
        figures: Some(Default::default()),
        channels: vec![1, 2, 3],
        ..Default::default()
    };
    let shared = domains_training::stored::WorkoutShared {
        workout: vec![7; 16],
        title: Some("Zoë".into()),
        heart_rate_avg: Some(151.5),
        ..Default::default()
    };
    vec![
        session.encode_to_vec(),
        activity.encode_to_vec(),
        shared.encode_to_vec(),
    ]
}

/// A chunk of samples: bounded whatever it says, and lossless bit by bit.
pub fn samples(bytes: &[u8]) {
    if let Ok(values) = samples::decode::<f64>(bytes) {
        assert!(values.len() <= 2 * samples::CHUNK_VALUES);
        let bits =
            |values: &[Option<f64>]| -> Vec<_> { values.iter().map(|v| v.map(f64::to_bits)).collect() };
        let again: Vec<_> = samples::encode(&values)
            .expect("values are encoded")
            .iter()
            .flat_map(|(_, chunk)| samples::decode::<f64>(chunk).expect("its own form"))
            .collect();
        assert_eq!(bits(&again), bits(&values));
    }
    if let Ok(values) = samples::decode::<i64>(bytes) {
        assert!(values.len() <= 2 * samples::CHUNK_VALUES);
    }
}

pub fn sample_seeds() -> Vec<Vec<u8>> {
    let gaps: Vec<Option<f64>> = (0..60)
        .map(|n| (n % 7 != 0).then_some(f64::from(n) * 0.1))
        .collect();
    let whole: Vec<Option<i64>> = (0..60).map(|n| Some(n * n)).collect();
    let doubles = samples::encode(&gaps).expect("values are encoded");
    let numbers = samples::encode(&whole).expect("values are encoded");
    doubles
        .into_iter()
        .chain(numbers)
        .map(|(_, chunk)| chunk)
        .collect()
}

/// A wrapped key opens as what it was, under its own name, or not at all.
pub fn wrapped_key(bytes: &[u8]) {
    let kek = Kek::from_bytes([7; 32]);
    if let Ok(secret) = kek.unwrap(b"name", bytes) {
        assert_eq!(secret[..], *b"a secret of a person", "a forged key was opened");
    }
    assert!(kek.unwrap(b"another name", bytes).is_err());
    assert!(Kek::from_bytes([8; 32]).unwrap(b"name", bytes).is_err());
}

pub fn wrapped_seeds() -> Vec<Vec<u8>> {
    vec![Kek::from_bytes([7; 32]).wrap(b"name", b"a secret of a person")]
}
