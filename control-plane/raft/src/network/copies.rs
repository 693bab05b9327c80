//! Which copy of its data each controller has, so that one that lost its disk is not taken for the one it was: it
//! would have forgotten what it voted and what it acknowledged.
//!
//! A copy gets a random name when it is made. The first name that is heard of a peer is kept on disk and no other is
//! believed after it. The way back for such a controller is a new id.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;

use parking_lot::Mutex;
use platform_runtime::files::{self, PRIVATE};
use serde::{Deserialize, Serialize};

const VERSION: u16 = 1;
/// Peers that are remembered: far more than a world ever has.
const PEERS_MAX: usize = 1_024;

/// The names of all copies that were ever met.
#[derive(Debug)]
pub struct Copies {
    path: PathBuf,
    mine: u64,
    peers: Mutex<BTreeMap<u64, u64>>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Stored {
    version: u16,
    copies: BTreeMap<u64, u64>,
}

/// A controller has come back with other data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("controller {node_id} has lost its data: remove it from the members and add it under a new id")]
pub struct OtherCopy {
    pub node_id: u64,
}

impl Copies {
    /// Reads what was met before; nothing if `path` does not exist. Blocks.
    ///
    /// # Errors
    /// `InvalidData` for a file that is not ours.
    pub fn open(path: PathBuf, mine: u64) -> io::Result<Self> {
        let invalid = |what: String| io::Error::new(io::ErrorKind::InvalidData, what);
        let peers = match std::fs::read(&path) {
            Ok(bytes) => {
                let stored: Stored = serde_json::from_slice(&bytes).map_err(|e| invalid(e.to_string()))?;
                if stored.version != VERSION {
                    return Err(invalid(format!(
                        "version {}, this build reads version {VERSION}",
                        stored.version
                    )));
                }
                stored.copies
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => BTreeMap::new(),
            Err(error) => return Err(error),
        };
        Ok(Self {
            path,
            mine,
            peers: Mutex::new(peers),
        })
    }

    /// The name of our own.
    pub fn mine(&self) -> u64 {
        self.mine
    }

    /// What a peer is known by.
    pub fn of(&self, node_id: u64) -> Option<u64> {
        self.peers.lock().get(&node_id).copied()
    }

    /// Takes note of a peer's copy, or compares.
    pub fn meet(&self, node_id: u64, copy: u64) -> Result<(), OtherCopy> {
        let mut peers = self.peers.lock();
        match peers.get(&node_id) {
            Some(known) if *known == copy => return Ok(()),
            Some(_) => return Err(OtherCopy { node_id }),
            None if peers.len() >= PEERS_MAX => return Ok(()),
            None => peers.insert(node_id, copy),
        };
        let stored = Stored {
            version: VERSION,
            copies: peers.clone(),
        };
        // Once in the life of a peer, so the wait for the disk does no harm here.
        let written = serde_json::to_vec(&stored)
            .map_err(io::Error::other)
            .and_then(|bytes| files::write_atomic(&self.path, &bytes, PRIVATE));
        if let Err(error) = written {
            tracing::warn!(%error, node_id, "a peer's copy is remembered only until the restart");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_copy_of_a_peer_is_the_only_one_even_after_a_restart() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("copies.json");
        let copies = Copies::open(path.clone(), 1).unwrap();
        assert_eq!((copies.of(2), copies.meet(2, 20)), (None, Ok(())));
        let copies = Copies::open(path.clone(), 1).unwrap();
        assert_eq!(copies.meet(2, 20), Ok(()));
        assert_eq!(copies.meet(2, 21), Err(OtherCopy { node_id: 2 }));
        std::fs::write(&path, "{").unwrap();
        assert_eq!(
            Copies::open(path, 1).unwrap_err().kind(),
            io::ErrorKind::InvalidData
        );
    }
}
