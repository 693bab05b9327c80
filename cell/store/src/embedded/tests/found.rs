//! The canary search reads the engine's tables: what is written packed, and a key that a table writes only in part.

use std::fs;

use fjall::config::CompressionPolicy;
use fjall::{CompressionType, Database, KeyspaceCreateOptions, PersistMode};
use platform_canary::{Canary, Looked, Searcher, forms};

/// Occurs in a long value that packs well; its bytes are cut apart by the packing.
const VALUE: &str = "kestrel-4711-kestrel-4711-kestrel-4711-kestrel";
/// Begins every key of a person; the last part is written, the first only once a run of keys.
const PERSON: &[u8] = b"person-0815-of-ours";

/// A table of many rows: of one person in their midst the id is in no key that is written whole.
fn table(dir: &std::path::Path, packed: CompressionType) {
    let database = Database::builder(dir).open().expect("opened");
    let options =
        || KeyspaceCreateOptions::default().data_block_compression_policy(CompressionPolicy::all(packed));
    let rows = database.keyspace("data", options).expect("made");
    for number in 0..40_u32 {
        let key = [b"person-0815-of-ou".as_slice(), b"a", &number.to_be_bytes()].concat();
        rows.insert(key, [7; 20]).expect("put");
    }
    rows.insert([PERSON, b"/row"].concat(), VALUE.repeat(20))
        .expect("put");
    database.persist(PersistMode::SyncAll).expect("durable");
    rows.rotate_memtable_and_wait().expect("flushed");
    drop(rows);
    drop(database);
}

/// Only the tables are looked at: a journal is plain.
fn look(packed: CompressionType) -> Looked {
    let dir = tempfile::tempdir().expect("a folder");
    table(dir.path(), packed);
    let searcher = Searcher::new(&[
        Canary::new("value", forms::of_bytes(VALUE.as_bytes())),
        Canary::new("person", forms::of_bytes(PERSON)),
        Canary::new("nobody", forms::of_bytes(b"person-0816-of-ours")),
    ]);
    let mut looked = Looked::default();
    let mut waiting = vec![dir.path().to_owned()];
    while let Some(folder) = waiting.pop() {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                waiting.push(path);
            } else if path.extension().is_none_or(|kind| kind != "jnl") {
                searcher.file(dir.path(), &path, &mut looked).expect("readable");
            }
        }
    }
    looked
}

#[test]
fn values_in_packed_blocks_and_keys_that_are_cut_short_are_found() {
    let plain = look(CompressionType::None);
    assert_eq!(plain.blocks, 0);
    let packed = look(CompressionType::Lz4);
    assert!(packed.blocks > 0, "nothing was packed: {packed:?}");
    for (looked, is_packed) in [(plain, false), (packed, true)] {
        let mut names: Vec<_> = looked
            .found
            .iter()
            .map(|found| (&*found.canary, found.packed))
            .collect();
        names.sort_unstable();
        names.dedup();
        assert!(names.contains(&("value", is_packed)), "{names:?}");
        assert!(names.contains(&("person", is_packed)), "{names:?}");
        assert!(!names.iter().any(|(name, _)| *name == "nobody"), "{names:?}");
    }
}
