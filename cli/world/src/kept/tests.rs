//! Broken in every way that a store can break them.

use super::*;

const WORLD: &str = "a world";

struct Bench {
    dir: tempfile::TempDir,
    key: KeptKey,
    state: WorldState,
    kept: Kept,
}

impl Bench {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        let key = KeptKey::create(&dir.path().join("key")).expect("made");
        let state = WorldState {
            version: 6,
            // Three parts.
            bytes: (0..2 * PART_BYTES + 10).map(|n| (n % 251) as u8).collect(),
            time_ms: 1_800_000_000_000,
        };
        let kept = keep(dir.path(), WORLD, &state, &key).expect("kept");
        Self {
            dir,
            key,
            state,
            kept,
        }
    }

    fn folder(&self) -> PathBuf {
        self.dir.path().join(&self.kept.name)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder().join(name)
    }

    fn read(&self) -> Result<(Kept, WorldState), KeptError> {
        read(&self.folder(), WORLD, &self.key)
    }

    fn refused(&self) -> &'static str {
        self.read().expect_err("it is broken").code()
    }
}

fn flip(file: &Path, at: usize) {
    let mut bytes = fs::read(file).expect("there");
    let at = at.min(bytes.len() - 1);
    bytes[at] ^= 1;
    fs::write(file, bytes).expect("written");
}

#[test]
fn what_is_read_is_what_was_kept() {
    let bench = Bench::new();
    assert_eq!(bench.kept.parts, 3);
    let (kept, state) = bench.read().expect("whole");
    assert_eq!((kept, state), (bench.kept.clone(), bench.state.clone()));
    for file in ["part-00000000", MANIFEST] {
        use std::os::unix::fs::PermissionsExt;
        let mode = fs::metadata(bench.file(file))
            .expect("there")
            .permissions()
            .mode();
        assert_eq!(mode & 0o077, 0, "{file}");
    }
}

#[test]
fn a_flipped_byte_a_missing_part_and_one_of_another_place_are_named() {
    for at in [0, 100, usize::MAX] {
        let bench = Bench::new();
        flip(&bench.file("part-00000001"), at);
        assert_eq!(bench.refused(), "damaged-part");
    }
    let bench = Bench::new();
    fs::copy(bench.file("part-00000000"), bench.file("part-00000001")).expect("copied");
    assert_eq!(bench.refused(), "damaged-part");
    let other = Bench::new();
    fs::copy(other.file("part-00000001"), bench.file("part-00000001")).expect("copied");
    assert_eq!(bench.refused(), "damaged-part");
    fs::remove_file(bench.file("part-00000001")).expect("there");
    assert_eq!(bench.refused(), "missing-part");
    fs::remove_file(bench.file(MANIFEST)).expect("there");
    assert_eq!(bench.refused(), "no-such-backup");
}

#[test]
fn a_manifest_that_was_touched_or_renamed_does_not_open() {
    let bench = Bench::new();
    let whole = fs::read(bench.file(MANIFEST)).expect("there");
    let outer: Outer = serde_json::from_slice(&whole).expect("ours");
    let mut broken = outer.sealed.clone();
    broken[40] ^= 1;
    let put = |version: u32, sealed: Vec<u8>| {
        let outer = Outer {
            version,
            key: outer.key.clone(),
            sealed,
        };
        fs::write(bench.file(MANIFEST), serde_json::to_vec(&outer).expect("writes")).expect("written");
    };
    put(VERSION, broken);
    assert_eq!(bench.refused(), "damaged-manifest");
    put(VERSION + 1, outer.sealed.clone());
    assert_eq!(bench.refused(), "too-new");
    fs::write(bench.file(MANIFEST), b"{").expect("written");
    assert_eq!(bench.refused(), "damaged-manifest");
    fs::write(bench.file(MANIFEST), whole).expect("written");
    let renamed = bench.dir.path().join("world.9.00000000");
    fs::rename(bench.folder(), &renamed).expect("renamed");
    let error = look(&renamed, &bench.key).expect_err("another name");
    assert_eq!(error.code(), "damaged-manifest");
}

#[test]
fn a_foreign_key_and_another_world_are_refused_by_name() {
    let bench = Bench::new();
    let foreign = KeptKey::create(&bench.dir.path().join("other")).expect("made");
    let error = read(&bench.folder(), WORLD, &foreign).expect_err("another key");
    assert_eq!(error.code(), "foreign-key");
    let error = read(&bench.folder(), "another", &bench.key).expect_err("another world");
    assert_eq!(error.code(), "other-world");
}

#[test]
fn a_key_is_made_once_and_read_by_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("key");
    assert!(matches!(KeptKey::load(&path), Err(KeyError::NoSuchKey(_))));
    let key = KeptKey::create(&path).expect("made");
    assert_eq!(KeptKey::load(&path).expect("read").id(), key.id());
    assert!(matches!(KeptKey::create(&path), Err(KeyError::Exists(_))));
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).expect("set");
    assert!(matches!(
        KeptKey::load(&path),
        Err(KeyError::Exposed { mode: 0o640, .. })
    ));
    fs::write(&path, b"short").expect("written");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("set");
    assert!(matches!(
        KeptKey::load(&path),
        Err(KeyError::Length { found: 5, .. })
    ));
}
