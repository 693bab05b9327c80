//! The state of a world's controllers, kept where no controller is: sealed parts in a folder of its own and, written last, a
//! manifest; without a manifest there is no backup. Everything is sealed under one key that whoever keeps it keeps elsewhere.
//!
//! A part opens at its place, in its backup and under its key, and nowhere else. Nothing here asks a controller.

mod seal;
#[cfg(test)]
mod tests;

use std::fs;
use std::path::{Path, PathBuf};

use platform_runtime::random;
use platform_wire::recovery::{WORLD_BYTES_MAX, WorldState, digest};
use serde::{Deserialize, Serialize};

pub use seal::{KeptKey, KeyError};

/// Bytes of one part before it is sealed.
const PART_BYTES: usize = 4 << 20;
/// Version of the format that this build writes, and the highest that it reads.
const VERSION: u32 = 1;
const MANIFEST: &str = "manifest";
const MANIFEST_BYTES_MAX: u64 = 1 << 20;

/// What a backup says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    pub name: String,
    pub world: String,
    /// Of the stored form of the state.
    pub state_version: u32,
    /// Of the last decision in it, in milliseconds since 1970.
    pub time_ms: u64,
    pub parts: u64,
    pub bytes: u64,
    /// SHA-256 of all of it.
    digest: [u8; 32],
}

/// In the open: how the rest is read.
#[derive(Debug, Serialize, Deserialize)]
struct Outer {
    version: u32,
    /// Which key it is, not the key.
    key: String,
    sealed: Vec<u8>,
}

/// Why nothing was kept, or what is kept is not read.
#[derive(Debug, thiserror::Error)]
pub enum KeptError {
    #[error("there is no backup of a world in {0}")]
    NoSuchBackup(String),
    #[error("part {part} of backup {name} is missing")]
    MissingPart { name: String, part: u64 },
    /// Flipped, cut short, of another place or of another backup.
    #[error("part {part} of backup {name} is damaged")]
    DamagedPart { name: String, part: u64 },
    #[error("the manifest of backup {0} is damaged")]
    DamagedManifest(String),
    #[error("backup {name} has format {found}, this build reads up to {VERSION}")]
    TooNew { name: String, found: u32 },
    #[error("backup {0} was sealed under another key")]
    ForeignKey(String),
    #[error("backup {name} is of world {found}, not of {ours}")]
    OtherWorld {
        name: String,
        found: String,
        ours: String,
    },
    #[error("what was read of backup {0} is not what was written: its digest differs")]
    Digest(String),
    #[error("{path} cannot be read or written")]
    Disk {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
}

impl KeptError {
    /// The same in a word that stays the same.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoSuchBackup(_) => "no-such-backup",
            Self::MissingPart { .. } => "missing-part",
            Self::DamagedPart { .. } => "damaged-part",
            Self::DamagedManifest(_) => "damaged-manifest",
            Self::TooNew { .. } => "too-new",
            Self::ForeignKey(_) => "foreign-key",
            Self::OtherWorld { .. } => "other-world",
            Self::Digest(_) => "digest",
            Self::Disk { .. } => "disk",
        }
    }
}

/// Writes a state into a new folder of `into`; answers what it says of itself. Durable on return.
///
/// # Errors
/// [`KeptError::Disk`]: then there is no manifest.
pub fn keep(into: &Path, world: &str, state: &WorldState, key: &KeptKey) -> Result<Kept, KeptError> {
    let random: String = random::bytes::<4>().iter().map(|b| format!("{b:02x}")).collect();
    let name = format!("world.{}.{random}", state.time_ms);
    let folder = into.join(&name);
    at(&folder, fs::create_dir_all(&folder))?;
    let mut parts = 0;
    for part in state.bytes.chunks(PART_BYTES) {
        let sealed = key.seal(&place(&name, Some(parts)), part);
        write(&folder.join(part_name(parts)), &sealed)?;
        parts += 1;
    }
    let kept = Kept {
        name: name.clone(),
        world: world.to_owned(),
        state_version: state.version,
        time_ms: state.time_ms,
        parts,
        bytes: state.bytes.len() as u64,
        digest: digest(&state.bytes),
    };
    let inner = serde_json::to_vec(&kept).expect("numbers and texts always write");
    let outer = Outer {
        version: VERSION,
        key: key.id(),
        sealed: key.seal(&place(&name, None), &inner),
    };
    let outer = serde_json::to_vec(&outer).expect("numbers and bytes always write");
    write(&folder.join(MANIFEST), &outer)?;
    // The folder itself, too.
    at(into, fs::File::open(into).and_then(|into| into.sync_all()))?;
    Ok(kept)
}

/// What a backup says of itself, whose name is that of its folder.
///
/// # Errors
/// Of the manifest.
pub fn look(folder: &Path, key: &KeptKey) -> Result<Kept, KeptError> {
    let name = folder
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    let path = folder.join(MANIFEST);
    let damaged = || KeptError::DamagedManifest(name.clone());
    match fs::metadata(&path) {
        Ok(about) if about.len() > MANIFEST_BYTES_MAX => return Err(damaged()),
        Ok(_) => {}
        Err(_) => return Err(KeptError::NoSuchBackup(folder.display().to_string())),
    }
    let outer: Outer = serde_json::from_slice(&at(&path, fs::read(&path))?).map_err(|_| damaged())?;
    if outer.version > VERSION {
        let found = outer.version;
        return Err(KeptError::TooNew { name, found });
    }
    if outer.key != key.id() {
        return Err(KeptError::ForeignKey(name));
    }
    let inner = key.open(&place(&name, None), &outer.sealed);
    let inner = inner.ok_or_else(damaged)?;
    let kept: Kept = serde_json::from_slice(&inner).map_err(|_| damaged())?;
    if kept.name == name && kept.bytes <= WORLD_BYTES_MAX {
        Ok(kept)
    } else {
        Err(damaged())
    }
}

/// Reads a backup whole.
///
/// # Errors
/// [`KeptError`]: the first thing that is not as it was written.
pub fn read(folder: &Path, ours: &str, key: &KeptKey) -> Result<(Kept, WorldState), KeptError> {
    let kept = look(folder, key)?;
    if kept.world != ours {
        let (name, found, ours) = (kept.name, kept.world, ours.to_owned());
        return Err(KeptError::OtherWorld { name, found, ours });
    }
    let mut bytes = Vec::new();
    for part in 0..kept.parts {
        let path = folder.join(part_name(part));
        let name = || kept.name.clone();
        let sealed = match fs::read(&path) {
            Ok(sealed) => sealed,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(KeptError::MissingPart { name: name(), part });
            }
            Err(source) => return Err(KeptError::Disk { path, source }),
        };
        let opened = key.open(&place(&kept.name, Some(part)), &sealed);
        let opened = opened.ok_or_else(|| KeptError::DamagedPart { name: name(), part })?;
        bytes.extend_from_slice(&opened);
        if bytes.len() as u64 > kept.bytes {
            return Err(KeptError::Digest(name()));
        }
    }
    if digest(&bytes) != kept.digest {
        return Err(KeptError::Digest(kept.name));
    }
    let state = WorldState {
        version: kept.state_version,
        bytes,
        time_ms: kept.time_ms,
    };
    Ok((kept, state))
}

/// Where something sealed belongs.
fn place(name: &str, part: Option<u64>) -> Vec<u8> {
    let part = part.map_or_else(|| MANIFEST.to_owned(), part_name);
    format!("meridian world\n{name}\n{part}").into_bytes()
}

fn part_name(part: u64) -> String {
    format!("part-{part:08}")
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), KeptError> {
    let written = platform_runtime::files::write_atomic(path, bytes, platform_runtime::files::PRIVATE);
    at(path, written)
}

fn at<T>(path: &Path, outcome: std::io::Result<T>) -> Result<T, KeptError> {
    outcome.map_err(|source| KeptError::Disk {
        path: path.to_owned(),
        source,
    })
}
