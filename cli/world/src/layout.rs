//! Where the files of a world lie on this machine.

use std::path::{Path, PathBuf};

use platform_model::Jurisdiction;

use super::seats::Seat;

/// The folder of one world. Every path below it is made here and nowhere else.
#[derive(Debug, Clone)]
pub struct Layout {
    root: PathBuf,
}

impl Layout {
    /// Name of the look-up key in every folder of secrets.
    pub const LOOKUP_KEY_FILE: &str = "lookup.key";

    /// A relative folder is taken from the current one, once: processes start elsewhere.
    pub fn new(root: impl AsRef<Path>) -> Self {
        let root = root.as_ref();
        Self {
            root: std::path::absolute(root).unwrap_or_else(|_| root.to_owned()),
        }
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The world's certificate authority; an offline place in anything but a development world.
    pub fn authority(&self) -> PathBuf {
        self.root.join("authority")
    }

    /// The certificate of whoever runs `cellctl`.
    pub fn operator(&self) -> PathBuf {
        self.root.join("operator")
    }

    /// The certificates of everybody else.
    pub fn people(&self) -> PathBuf {
        self.root.join("people")
    }

    /// A controller's own authority.
    pub fn issuer(&self, seat: &Seat) -> PathBuf {
        self.seat(seat).join("issuer")
    }

    /// All secrets of the world, from which each node has copies of its own in [`Self::node_secrets`].
    pub fn secrets(&self) -> PathBuf {
        self.root.join("secrets")
    }

    /// The secrets that one node may read.
    pub fn node_secrets(&self, seat: &Seat) -> PathBuf {
        self.seat(seat).join("secrets")
    }

    /// Name of the file with the key under which a jurisdiction's user keys are wrapped.
    pub fn jurisdiction_key_file(jurisdiction: &Jurisdiction) -> String {
        format!("jurisdiction-{jurisdiction}.key")
    }

    /// The root certificate, which clients of the door trust.
    pub fn root_certificate(&self) -> PathBuf {
        self.authority().join("ca.pem")
    }

    /// Copies of the server binaries, so that a build meanwhile changes nothing under a running world.
    pub fn binaries(&self) -> PathBuf {
        self.root.join("bin")
    }

    pub fn seat(&self, seat: &Seat) -> PathBuf {
        self.root.join(seat.to_string())
    }

    pub fn config(&self, seat: &Seat) -> PathBuf {
        self.seat(seat).join("config.toml")
    }

    pub fn identity(&self, seat: &Seat) -> PathBuf {
        self.seat(seat).join("identity")
    }

    /// Where the nodes of a jurisdiction keep backups: the bucket of a development world.
    pub fn backups(&self, jurisdiction: &Jurisdiction) -> PathBuf {
        self.root.join("backups").join(jurisdiction.as_str())
    }

    /// The certificate that apps see at the router.
    pub fn public_identity(&self, seat: &Seat) -> PathBuf {
        self.seat(seat).join("public")
    }

    pub fn data(&self, seat: &Seat) -> PathBuf {
        self.seat(seat).join("data")
    }

    pub fn log(&self, seat: &Seat) -> PathBuf {
        self.seat(seat).join("log")
    }

    pub fn pid(&self, seat: &Seat) -> PathBuf {
        self.seat(seat).join("pid")
    }

    /// Says that the first cell's nodes share a store, and which.
    pub fn sharing(&self) -> PathBuf {
        self.root.join("sharing.json")
    }

    /// Names the cells that were added while the world ran.
    pub fn added(&self) -> PathBuf {
        self.root.join("added-cells.json")
    }

    /// Says that this folder is a whole world, and which.
    pub fn world(&self) -> PathBuf {
        self.root.join("world.json")
    }

    /// Stands in the folder while the world is being made.
    pub fn unfinished(&self) -> PathBuf {
        self.root.join("UNFINISHED")
    }

    /// The world as a context of its own, for `--contexts`.
    pub fn contexts(&self) -> PathBuf {
        self.root.join("contexts.toml")
    }

    /// Ports that the world keeps over restarts.
    pub fn ports(&self) -> PathBuf {
        self.root.join("ports.json")
    }
}
