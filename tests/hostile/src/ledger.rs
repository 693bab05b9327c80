//! Decisions: their canonical form, the files that hold them, the commands before them, the state behind them.

use control_plane_ledger::{Chain, Digest, Head, Record, Verdict, Verifier, encoding, segment};
use control_plane_raft::codec;
use control_plane_state::{Author, Command, Envelope, State, apply, stored};
use platform_model::{CellState, Generation, Role, WorldId};
use serde_json::Value;

use crate::words::one_form;

fn world() -> WorldId {
    WorldId::new(&"5f".repeat(32)).expect("64 hex digits")
}

fn record(verdict: Verdict) -> Record {
    Record {
        time_ms: 5,
        actor: "spiffe://0123456789abcdef/region/eu-central/operator/sre/dev".into(),
        command: "set-cell-state".into(),
        subject: "eu-central-1".into(),
        command_digest: Digest::of("a", b"b"),
        inputs_digest: Digest::of("c", b"d"),
        verdict,
        reason: "Zoë".into(),
        count: 1,
        repeats: 0,
    }
}

fn chain() -> Vec<control_plane_ledger::Entry> {
    let mut chain = Chain::after(Head::genesis(world().as_str()));
    let refused = Verdict::Refused {
        code: "unknown-cell".into(),
        detail: "eu-west-9".into(),
    };
    [Verdict::Accepted { table: 3 }, refused]
        .map(|verdict| chain.append(record(verdict)))
        .into()
}

/// One entry has one form.
pub fn entry(bytes: &[u8]) {
    if let Ok(entry) = encoding::decode(bytes) {
        assert_eq!(
            encoding::encode(&entry),
            bytes,
            "another form of an entry was taken"
        );
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        one_form::<Digest>(text);
    }
    if let Ok(digest) = Digest::try_from(bytes) {
        assert_eq!(digest.as_bytes()[..], *bytes);
    }
}

pub fn entry_seeds() -> Vec<Vec<u8>> {
    let mut seeds: Vec<_> = chain().iter().map(encoding::encode).collect();
    seeds.push(Digest::of("a", b"b").to_string().into_bytes());
    seeds
}

/// The good part of a file is good by itself, and what is said of it is in it.
pub fn segment(bytes: &[u8]) {
    let begins = segment::begins(bytes);
    for frame in segment::frames(bytes) {
        let _ = encoding::decode(frame.canonical);
    }
    let Ok(scan) = segment::scan(bytes) else { return };
    let begins = begins.expect("what is scanned has a beginning");
    assert!(scan.good <= bytes.len());
    let again = segment::scan(&bytes[..scan.good]).expect("its head is good");
    assert_eq!((again.head, again.hashes.len()), (scan.head, scan.hashes.len()));
    assert_eq!(scan.head.sequence, begins.sequence + scan.hashes.len() as u64);
    let mut verifier = Verifier::new(begins, &[], &[]);
    for frame in segment::frames(&bytes[..scan.good]).take(scan.hashes.len()) {
        assert!(
            verifier.take(frame.canonical, frame.hash).is_ok(),
            "scan believes what verify does not"
        );
    }
}

pub fn segment_seeds() -> Vec<Vec<u8>> {
    let begins = Head::genesis(world().as_str());
    let mut file = segment::head(begins);
    for entry in chain() {
        let canonical = encoding::encode(&entry);
        let hash = encoding::hash(&canonical);
        file.extend(segment::frame(&canonical, hash));
    }
    vec![segment::head(begins), file]
}

/// A command as it stands in the log of Raft. Applied, it changes the state or is refused, and is on record either way.
pub fn command(bytes: &[u8]) {
    let Ok(envelope) = serde_json::from_slice::<Envelope>(bytes) else {
        return;
    };
    let written = serde_json::to_vec(&envelope).expect("ids, numbers and texts always write");
    assert_eq!(
        serde_json::from_slice::<Envelope>(&written).ok().as_ref(),
        Some(&envelope)
    );
    for mut state in [State::new(world()), populated()] {
        let before = state.table();
        let effects = apply(&mut state, &envelope);
        if effects.delta.is_none() {
            assert_eq!(state.table(), before, "a change of the table that nobody is told");
        }
        let text = serde_json::to_value(&state).expect("a state always writes");
        let read = stored::read(control_plane_state::state::STATE_VERSION, text).expect("its own form");
        assert_eq!(read.table(), state.table());
    }
}

/// A world with a cell and a home.
fn populated() -> State {
    let mut state = State::new(world());
    apply(&mut state, &init());
    state
}

fn init() -> Envelope {
    let spec = include_str!("init-world.json");
    serde_json::from_str(spec).expect("a command of this build")
}

pub fn command_seeds() -> Vec<Vec<u8>> {
    let author = Author::Operator {
        role: Role::Sre,
        id: "spiffe://5f5f5f5f5f5f5f5f/region/eu-central/operator/sre/dev".into(),
    };
    let set = Command::SetCellState {
        cell: "eu-central-1".parse().expect("a cell"),
        state: CellState::Cordoned,
        expected: Generation(1),
    };
    let place = Command::PlaceShard {
        shard: "eu/eu-central/000".parse().expect("a shard"),
        cell: "eu-west-1".parse().expect("a cell"),
        expected: Generation(1),
    };
    let envelope = |command| Envelope::new(author.clone(), 9, "Zoë", command);
    [envelope(set), envelope(place), init()]
        .iter()
        .map(|envelope| serde_json::to_vec(envelope).expect("a command always writes"))
        .collect()
}

/// A stored state of this and of every earlier version.
pub fn state(bytes: &[u8]) {
    let Ok(value) = serde_json::from_slice::<Value>(bytes) else {
        return;
    };
    for version in 0..=control_plane_state::state::STATE_VERSION + 1 {
        if let Ok(state) = stored::read(version, value.clone()) {
            let written = serde_json::to_value(&state).expect("a state always writes");
            let again =
                stored::read(control_plane_state::state::STATE_VERSION, written).expect("its own form");
            assert_eq!(again.table(), state.table());
        }
    }
}

pub fn state_seeds() -> Vec<Vec<u8>> {
    [State::new(world()), populated()]
        .iter()
        .map(|state| serde_json::to_vec(state).expect("a state always writes"))
        .collect()
}

/// A record of the log of Raft: its own form or none.
pub fn raft_record(bytes: &[u8]) {
    if let Ok(value) = codec::decode::<Value>(bytes) {
        let again = codec::encode(&value).expect("JSON always writes");
        assert_eq!(codec::decode::<Value>(&again).ok(), Some(value));
    }
    // With the checksum made good, what is behind it is looked at.
    if let Ok(value) = serde_json::from_slice::<Value>(bytes) {
        let record = codec::encode(&value).expect("JSON always writes");
        assert_eq!(codec::decode::<Value>(&record).ok(), Some(value));
        let _ = codec::decode::<Envelope>(&record);
    }
}

pub fn raft_seeds() -> Vec<Vec<u8>> {
    let mut seeds: Vec<_> = command_seeds();
    seeds.push(codec::encode(&init()).expect("a command always writes"));
    seeds
}
