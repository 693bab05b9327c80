//! How far a sink was served, on disk: a small file that is replaced whole.

use std::io;
use std::path::PathBuf;

use platform_runtime::files;
use serde::{Deserialize, Serialize};

const VERSION: u16 = 1;

/// The cursor of one sink.
#[derive(Debug)]
pub struct Cursor {
    path: PathBuf,
    world: String,
    delivered: u64,
}

#[derive(Debug, Serialize, Deserialize)]
struct Stored {
    version: u16,
    world: String,
    delivered: u64,
}

impl Cursor {
    /// Reads the file. One that is damaged or of another world begins anew: everything is sent again, nothing left out.
    pub fn open(path: PathBuf, world: &str) -> Self {
        let delivered = match read(&path, world) {
            Ok(delivered) => delivered,
            Err(error) => {
                tracing::error!(%error, file = %path.display(), "a SIEM's cursor is not used: everything is sent again");
                0
            }
        };
        Self {
            path,
            world: world.to_owned(),
            delivered,
        }
    }

    /// Sequence of the last entry that was delivered.
    pub fn delivered(&self) -> u64 {
        self.delivered
    }

    /// Everything up to there is delivered. Durable when it returns. Blocks.
    pub fn move_to(&mut self, sequence: u64) -> io::Result<()> {
        let stored = Stored {
            version: VERSION,
            world: self.world.clone(),
            delivered: sequence,
        };
        let bytes = serde_json::to_vec(&stored).map_err(io::Error::other)?;
        files::write_atomic(&self.path, &bytes, files::PUBLIC)?;
        self.delivered = sequence;
        Ok(())
    }
}

fn read(path: &PathBuf, world: &str) -> io::Result<u64> {
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
        Err(error) => return Err(error),
    };
    let stored: Stored = serde_json::from_slice(&bytes).map_err(io::Error::other)?;
    if stored.version != VERSION || stored.world != world {
        return Err(io::Error::other(format!(
            "version {}, world {}",
            stored.version, stored.world
        )));
    }
    Ok(stored.delivered)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_goes_on_after_a_restart_and_one_that_is_not_ours_begins_anew() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("siem-file.cursor");
        let mut cursor = Cursor::open(path.clone(), "w");
        assert_eq!(cursor.delivered(), 0);
        cursor.move_to(7).expect("written");
        assert_eq!(Cursor::open(path.clone(), "w").delivered(), 7);
        assert_eq!(Cursor::open(path.clone(), "v").delivered(), 0);
        std::fs::write(&path, "{").expect("written");
        assert_eq!(Cursor::open(path, "w").delivered(), 0);
    }
}
