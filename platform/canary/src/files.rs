//! Searches files, however long they are, in windows that overlap by more than what is looked for, and folders of them.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::blocks::{self, At, BLOCK_BYTES_MAX};
use crate::search::{Found, Searcher};

/// Bytes of a file that are held at once.
const WINDOW_BYTES: usize = 16 << 20;

/// What was looked through.
#[derive(Debug, Default)]
pub struct Looked {
    pub found: Vec<Found>,
    pub files: usize,
    pub bytes: u64,
    /// Blocks that had to be unpacked.
    pub blocks: u64,
    /// What was not looked at, by its path: folders that are skipped, links.
    pub skipped: Vec<String>,
}

/// Why a search ended early. What is not looked at is not clean.
#[derive(Debug, thiserror::Error)]
pub enum SearchError {
    #[error("cannot list {folder}")]
    List {
        folder: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("cannot read {file}")]
    Read {
        file: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("a block of {file} at {offset} cannot be unpacked")]
    Block { file: PathBuf, offset: u64 },
}

/// What one file held so far.
struct OneFile<'a> {
    path: &'a Path,
    place: String,
    /// Bytes before the window.
    before: u64,
    seen: BTreeSet<(String, &'static str, bool)>,
    blocks: u64,
    found: Vec<Found>,
}

impl Searcher {
    /// Every file below `root`, and its path, but those in the folders of the paths `skipped` right below it. Links are not
    /// followed; what is not looked at is told.
    ///
    /// # Errors
    /// [`SearchError`]; a file that went away meanwhile (a table that was merged into another) is none.
    pub fn folder(&self, root: &Path, skipped: &[&str]) -> Result<Looked, SearchError> {
        let (mut looked, mut waiting) = (Looked::default(), vec![root.to_owned()]);
        while let Some(folder) = waiting.pop() {
            let list = |source| SearchError::List {
                folder: folder.clone(),
                source,
            };
            for entry in fs::read_dir(&folder).map_err(list)? {
                let entry = entry.map_err(list)?;
                let (kind, path) = (entry.file_type().map_err(list)?, entry.path());
                let passed_over = skipped.iter().any(|skipped| path == root.join(skipped));
                if passed_over || kind.is_symlink() {
                    looked.skipped.push(place_of(root, &path));
                } else if kind.is_dir() {
                    waiting.push(path);
                } else if kind.is_file() {
                    self.file(root, &path, &mut looked)?;
                }
            }
        }
        let place = |found: &Found| (found.place.clone(), found.canary.clone(), found.form);
        looked.found.sort_by_key(place);
        looked.skipped.sort();
        Ok(looked)
    }

    /// Bytes that are held whole, as [`Searcher::file`] looks at a file.
    ///
    /// # Errors
    /// [`SearchError::Block`].
    pub fn bytes(&self, place: &str, bytes: &[u8]) -> Result<Vec<Found>, SearchError> {
        let mut one = OneFile::new(Path::new(place), place.to_owned());
        one.window(self, bytes, bytes.len())?;
        Ok(one.found)
    }

    /// One file, named by its path below `root`.
    ///
    /// # Errors
    /// [`SearchError`].
    pub fn file(&self, root: &Path, path: &Path, looked: &mut Looked) -> Result<(), SearchError> {
        let read = |source| SearchError::Read {
            file: path.to_owned(),
            source,
        };
        let mut file = match File::open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            opened => opened.map_err(read)?,
        };
        let place = place_of(root, path);
        let mut one = OneFile::new(path, place.clone());
        one.note(self.look(&place, place.as_bytes()), false);
        // A block, and what is looked for, lies whole in one window at least.
        let overlap = self.longest().max(BLOCK_BYTES_MAX + 64);
        let mut window = Vec::new();
        loop {
            let wanted = (WINDOW_BYTES - window.len()) as u64;
            let got = (&mut file).take(wanted).read_to_end(&mut window).map_err(read)?;
            let last = (got as u64) < wanted;
            looked.bytes += got as u64;
            one.window(
                self,
                &window,
                if last {
                    window.len()
                } else {
                    window.len() - overlap
                },
            )?;
            if last {
                break;
            }
            let gone = window.len() - overlap;
            one.before += gone as u64;
            window.drain(..gone);
        }
        looked.files += 1;
        looked.blocks += one.blocks;
        looked.found.append(&mut one.found);
        Ok(())
    }
}

fn place_of(root: &Path, path: &Path) -> String {
    path.strip_prefix(root).unwrap_or(path).display().to_string()
}

impl<'a> OneFile<'a> {
    fn new(path: &'a Path, place: String) -> Self {
        Self {
            path,
            place,
            before: 0,
            seen: BTreeSet::new(),
            blocks: 0,
            found: Vec::new(),
        }
    }

    /// Blocks that begin before `end` are read here, later ones in the next window.
    fn window(&mut self, searcher: &Searcher, window: &[u8], end: usize) -> Result<(), SearchError> {
        self.note(searcher.look(&self.place, window), false);
        for at in blocks::candidates(window).take_while(|at| *at < end) {
            match blocks::read(&window[at..]) {
                // A tail that a crash left, or bytes that only begin like a block: looked at as they are.
                At::Nothing | At::Cut => {}
                At::Unreadable => {
                    return Err(SearchError::Block {
                        file: self.path.to_owned(),
                        offset: self.before + at as u64,
                    });
                }
                At::Plain { keys } => self.note(searcher.look(&self.place, &keys), false),
                At::Packed { data, keys } => {
                    self.blocks += 1;
                    self.note(searcher.look(&self.place, &data), true);
                    self.note(searcher.look(&self.place, &keys), true);
                }
            }
        }
        Ok(())
    }

    /// Each canary once in each of its forms, packed and not.
    fn note(&mut self, found: Vec<Found>, packed: bool) {
        for found in found {
            if self.seen.insert((found.canary.clone(), found.form, packed)) {
                self.found.push(Found { packed, ..found });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Canary, forms};

    fn searcher(text: &str) -> Searcher {
        Searcher::new(&[Canary::new("name", forms::of_bytes(text.as_bytes()))])
    }

    #[test]
    fn what_is_planted_is_found_there_and_nowhere_else_even_across_windows() {
        let dir = tempfile::tempdir().expect("a folder");
        fs::create_dir_all(dir.path().join("a/skipped")).expect("made");
        let mut long = vec![b'.'; WINDOW_BYTES - 6];
        long.extend(b"kestrel-4711-xyz");
        long.extend(vec![b'.'; 100]);
        fs::write(dir.path().join("a/long"), &long).expect("written");
        fs::write(dir.path().join("a/clean"), "kestrel-4712-xyz").expect("written");
        fs::write(dir.path().join("hex"), "6b65737472656c2d343731312d78797a").expect("written");
        fs::create_dir(dir.path().join("skipped")).expect("made");
        for folder in ["a/skipped", "skipped"] {
            fs::write(dir.path().join(folder).join("x"), "kestrel-4711-xyz").expect("written");
        }
        fs::write(dir.path().join("a/of kestrel-4711-xyz"), "").expect("written");
        std::os::unix::fs::symlink(dir.path().join("hex"), dir.path().join("link")).expect("made");
        let looked = searcher("kestrel-4711-xyz")
            .folder(dir.path(), &["skipped"])
            .expect("readable");
        let found: Vec<_> = looked
            .found
            .iter()
            .map(|found| (&*found.place, found.form))
            .collect();
        let expected = [
            ("a/long", "plain"),
            ("a/of kestrel-4711-xyz", "plain"),
            ("a/skipped/x", "plain"),
            ("hex", "hex"),
        ];
        assert_eq!(found, expected, "in files and names, skipped right below only");
        assert_eq!((looked.files, looked.blocks), (5, 0));
        assert_eq!(
            looked.skipped,
            ["link", "skipped"],
            "it is told what was not looked at"
        );
    }

    #[test]
    fn a_file_that_cannot_be_read_is_not_clean() {
        let dir = tempfile::tempdir().expect("a folder");
        let gone = dir.path().join("none");
        assert!(matches!(
            searcher("kestrel-4711").folder(&gone, &[]),
            Err(SearchError::List { .. })
        ));
    }
}
