//! What the tests of this crate begin with, and the attacks on a whole ledger.

use proptest::prelude::*;

use super::*;
use crate::chain::SEGMENT_ENTRIES_MAX;

/// A record that is unlike the others.
pub(crate) fn record(n: u64) -> Record {
    let verdict = if n.is_multiple_of(3) {
        Verdict::Refused {
            code: "outside-home-region".into(),
            detail: format!(r#"{{"shard":"eu/eu-central/{n:03}","found":"us-east"}}"#),
        }
    } else {
        Verdict::Accepted { table: n }
    };
    Record {
        time_ms: 1_000 + n,
        actor: "spiffe://0123456789abcdef/region/eu-central/operator/sre/o1".into(),
        command: "place-shard".into(),
        subject: format!("shard/eu/eu-central/{n:03}"),
        command_digest: Digest::of("test command", &n.to_be_bytes()),
        inputs_digest: Digest::of("test inputs", &n.to_be_bytes()),
        verdict,
        reason: format!("reason {n}"),
        count: 1,
        repeats: 0,
    }
}

pub(crate) fn chain_of(count: u64) -> (Chain, Vec<Entry>) {
    let mut chain = Chain::after(Head::genesis("w"));
    let entries = (1..=count).map(|n| chain.append(record(n))).collect();
    (chain, entries)
}

pub(crate) fn recorded(entry: &Entry) -> Recorded {
    let canonical = encoding::encode(entry);
    let hash = encoding::hash(&canonical);
    Recorded { canonical, hash }
}

/// The file of a segment with these entries, not sealed.
pub(crate) fn file_of(entries: &[Entry]) -> Vec<u8> {
    let begins = Head {
        sequence: entries[0].sequence - 1,
        hash: entries[0].previous,
    };
    let frames = entries.iter().map(recorded);
    let frames = frames.flat_map(|entry| segment::frame(&entry.canonical, entry.hash));
    segment::head(begins).into_iter().chain(frames).collect()
}

fn witness(name: &str, entry: &Entry) -> Witness {
    let head = Head {
        sequence: entry.sequence,
        hash: entry.hash(),
    };
    Witness {
        name: name.into(),
        head,
    }
}

/// A ledger of two sealed segments and a bit, with a witness in the middle and one near the end.
struct Whole {
    chain: Chain,
    entries: Vec<Entry>,
    witnesses: Vec<Witness>,
}

fn whole() -> Whole {
    let (chain, entries) = chain_of(2 * u64::from(SEGMENT_ENTRIES_MAX) + 40);
    let witnesses = vec![
        witness("router r1", &entries[2_999]),
        witness("node eu-central-1/0", &entries[4_129]),
    ];
    Whole {
        chain,
        entries,
        witnesses,
    }
}

impl Whole {
    fn check(&self, entries: &[Recorded]) -> Result<Verified, Broken> {
        let chain = &self.chain;
        verify(
            chain.begins(),
            entries,
            chain.head(),
            chain.sealed(),
            &self.witnesses,
        )
    }

    fn recorded(&self) -> Vec<Recorded> {
        self.entries.iter().map(recorded).collect()
    }
}

#[test]
fn a_whole_ledger_is_whole() {
    let whole = whole();
    let verified = whole.check(&whole.recorded()).expect("whole");
    assert_eq!(verified.head, whole.chain.head());
    assert_eq!((verified.segments, verified.witnesses), (2, 2));
}

#[test]
fn a_removed_or_reordered_entry_is_named() {
    let whole = whole();
    let mut removed = whole.recorded();
    removed.remove(99);
    assert_eq!(
        whole.check(&removed),
        Err(Broken::Order {
            sequence: 100,
            found: 101
        })
    );
    let mut swapped = whole.recorded();
    swapped.swap(99, 100);
    assert_eq!(whole.check(&swapped).map_err(|b| b.sequence()), Err(100));
}

/// Everything after the change is made anew, as someone would who holds the files: only others can tell.
fn rewritten(whole: &Whole, at: usize) -> Whole {
    let mut chain = Chain::after(whole.chain.begins());
    let mut entries = Vec::new();
    for (n, entry) in whole.entries.iter().enumerate() {
        let mut record = entry.record.clone();
        if n == at {
            record.reason = "another".into();
        }
        entries.push(chain.append(record));
    }
    Whole {
        chain,
        entries,
        witnesses: whole.witnesses.clone(),
    }
}

#[test]
fn a_rewritten_history_is_caught_by_the_state_and_by_each_witness() {
    let whole = whole();
    let forged = rewritten(&whole, 3_500);
    // By the digests that the state holds.
    let broken = whole.check(&forged.recorded()).expect_err("another segment");
    assert!(
        matches!(
            broken,
            Broken::Segment {
                sequence: 2_049,
                last: 4_096
            }
        ),
        "{broken}"
    );
    // By a witness, though the state was rewritten too.
    let broken = forged.check(&forged.recorded()).expect_err("another head");
    let expected = Broken::Witness {
        sequence: 3_001,
        seen: 4_130,
        witness: "node eu-central-1/0".into(),
    };
    assert_eq!(broken, expected);
    // By the state's head alone: no witness has seen so far.
    let forged = rewritten(&whole, 4_133);
    let broken = whole.check(&forged.recorded()).expect_err("another end");
    assert_eq!(broken.sequence(), 4_131);
    // Whoever rewrites the state, too, behind the last witness is not caught.
    assert!(forged.check(&forged.recorded()).is_ok());
}

#[test]
fn a_truncated_tail_is_caught_by_the_state_or_a_witness() {
    let whole = whole();
    let short = &whole.recorded()[..4_100];
    let broken = whole.check(short).expect_err("cut off");
    assert_eq!(broken.sequence(), 4_101);
    // The state was cut back, too.
    let end = witness("", &whole.entries[4_099]).head;
    let cut = verify(
        whole.chain.begins(),
        short,
        end,
        whole.chain.sealed(),
        &whole.witnesses,
    );
    let expected = Broken::CutOff {
        sequence: 4_101,
        witness: "node eu-central-1/0".into(),
    };
    assert_eq!(cut, Err(expected));
    assert!(verify(whole.chain.begins(), short, end, whole.chain.sealed(), &[]).is_ok());
}

#[test]
fn a_ledger_of_another_world_is_not_taken_for_ours() {
    let whole = whole();
    let foreign = verify(
        Head::genesis("v"),
        &whole.recorded(),
        whole.chain.head(),
        &[],
        &[],
    );
    assert_eq!(foreign, Err(Broken::Link { sequence: 1 }));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    /// One byte anywhere: in an entry or in the hash beside it, whoever made it up.
    #[test]
    fn one_flipped_byte_anywhere_is_named(at in any::<prop::sample::Index>(), flip in 1..=255u8) {
        let (chain, entries) = chain_of(9);
        let mut all: Vec<Recorded> = entries.iter().map(recorded).collect();
        let lengths: Vec<usize> = all.iter().map(|r| r.canonical.len() + 32).collect();
        let mut at = at.index(lengths.iter().sum());
        let entry = lengths.iter().take_while(|length| {
            let behind = at >= **length;
            at -= if behind { **length } else { 0 };
            behind
        }).count();
        let canonical = all[entry].canonical.len();
        if at < canonical {
            all[entry].canonical[at] ^= flip;
        } else {
            let mut hash = *all[entry].hash.as_bytes();
            hash[at - canonical] ^= flip;
            all[entry].hash = Digest::from_bytes(hash);
        }
        let broken = verify(chain.begins(), &all, chain.head(), chain.sealed(), &[]).expect_err("changed");
        prop_assert_eq!(broken.sequence(), entry as u64 + 1);
        // The same with a hash that was made to fit: the next entry, or the head, does not name it.
        all[entry].hash = encoding::hash(&all[entry].canonical);
        if all[entry] != recorded(&entries[entry]) {
            let broken = verify(chain.begins(), &all, chain.head(), chain.sealed(), &[]).expect_err("changed");
            prop_assert!(broken.sequence() <= entry as u64 + 2, "{}", broken);
        }
    }

    #[test]
    fn an_entry_has_one_form(n in 1..1_000u64, sequence in 1..u64::MAX, cut in any::<prop::sample::Index>()) {
        let entry = Entry { sequence, previous: Digest::of("p", &[]), record: record(n) };
        let canonical = encoding::encode(&entry);
        prop_assert_eq!(encoding::decode(&canonical), Ok(entry));
        prop_assert!(encoding::decode(&canonical[..cut.index(canonical.len())]).is_err());
        prop_assert!(encoding::decode(&[&canonical[..], &[0]].concat()).is_err());
    }

    #[test]
    fn whatever_decodes_encodes_the_same(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        if let Ok(entry) = encoding::decode(&bytes) {
            prop_assert_eq!(encoding::encode(&entry), bytes.clone());
        }
        let _ = segment::scan(&bytes);
    }
}

/// What stands in ledgers on disk: a change here makes them unreadable, and is another version.
#[test]
fn the_canonical_form_does_not_change() {
    let (_, entries) = chain_of(3);
    let shown: Vec<String> = entries.iter().map(|entry| entry.hash().to_string()).collect();
    assert_eq!(
        shown,
        [
            "244e2eda4fa7dc75eae5b3bd8aa4c1a788c7e310abc58d245fc795bcc3b135fc",
            "554c8377a5a1d914a094e6d70cfd2f9e65f1a257f0ff91fa38ebd4110e4192f6",
            "9c8a8e2274aecd9ceffb3f73ee5b218a3a21a42c482064ec810f9b05141118ef"
        ]
    );
    assert_eq!(encoding::encode(&entries[0]).len(), 243);
}
