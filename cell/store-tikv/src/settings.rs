//! Where the cluster is, how it is reached and whose data it must hold. Checked before anything is connected.

use std::collections::HashSet;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use platform_model::{CellId, WorldId};

use crate::InvalidSettings;

/// Most addresses of placement drivers.
const PD_MAX: usize = 16;
/// A certificate or key of more bytes is not one.
const PEM_BYTES_MAX: u64 = 1 << 20;

/// How the cluster is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tls {
    /// Mutual TLS.
    Files {
        /// Certificates of the cluster's authority.
        ca: PathBuf,
        /// This node's certificate.
        cert: PathBuf,
        /// Its private key.
        key: PathBuf,
    },
    /// Nothing is encrypted and nobody is known: for a cluster on this machine alone.
    Plaintext,
}

impl Tls {
    /// From the paths of the configuration; an empty one is missing. tikv-client connects in plain text as soon as
    /// one of the three is missing, so that is refused here.
    ///
    /// # Errors
    /// Some of the three, or none without `plaintext`, or both.
    pub fn from_paths(ca: &Path, cert: &Path, key: &Path, plaintext: bool) -> Result<Self, InvalidSettings> {
        let named = [("ca", ca), ("cert", cert), ("key", key)];
        let missing = named.iter().find(|(_, path)| path.as_os_str().is_empty());
        let given = named.iter().find(|(_, path)| !path.as_os_str().is_empty());
        match (missing, given, plaintext) {
            (None, _, false) => Ok(Self::Files {
                ca: ca.into(),
                cert: cert.into(),
                key: key.into(),
            }),
            (_, None, true) => Ok(Self::Plaintext),
            (_, Some(_), true) => Err(InvalidSettings::TlsAndPlaintext),
            (Some((missing, _)), Some(_), false) => Err(InvalidSettings::HalfTls { missing }),
            (Some(_), None, false) => Err(InvalidSettings::NoTls),
        }
    }
}

/// The settings of the engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Addresses of placement drivers, `host:port`; name all of them.
    pub pd: Vec<String>,
    /// How they are reached.
    pub tls: Tls,
    /// The world whose data the cluster holds; it refuses any other.
    pub world: WorldId,
    /// The cell whose rows these are. Its nodes share them.
    pub cell: CellId,
    /// How long [`crate::Tikv::open`] waits for the cluster to answer.
    pub ready_within: Duration,
    /// Longest answer to one request, after which it is tried again or given up.
    pub request_within: Duration,
    /// How long a snapshot can be read. The same on every node of the cell: the cluster may collect what is twice
    /// as old.
    pub snapshot_life: Duration,
    /// Whether this node lets the cluster collect versions that no snapshot can show. Without anybody who does, the
    /// cluster grows for ever; with TiDB on the same cluster, TiDB does.
    pub collect_garbage: bool,
    /// Whether an empty cluster becomes this world's. Without it an open changes nothing.
    pub claims: bool,
}

impl Settings {
    /// For a cluster whose defaults are good.
    pub fn new(pd: Vec<String>, tls: Tls, world: WorldId, cell: CellId) -> Self {
        Self {
            pd,
            tls,
            world,
            cell,
            ready_within: Duration::from_secs(30),
            request_within: Duration::from_secs(2),
            snapshot_life: Duration::from_secs(300),
            collect_garbage: true,
            claims: true,
        }
    }

    /// Checks everything that can be known without a connection, the files of TLS included.
    ///
    /// # Errors
    /// Names the first setting that is wrong.
    pub fn check(&self) -> Result<(), InvalidSettings> {
        self.check_addresses()?;
        let durations = [
            ("ready_within", self.ready_within),
            ("request_within", self.request_within),
            ("snapshot_life", self.snapshot_life),
        ];
        if let Some((setting, _)) = durations.into_iter().find(|(_, time)| time.is_zero()) {
            return Err(InvalidSettings::Zero { setting });
        }
        match &self.tls {
            Tls::Files { ca, cert, key } => {
                check_pem("ca", ca, "CERTIFICATE")?;
                check_pem("cert", cert, "CERTIFICATE")?;
                check_pem("key", key, "PRIVATE KEY")
            }
            Tls::Plaintext => match self.pd.iter().find(|address| !is_loopback(address)) {
                Some(address) => Err(InvalidSettings::PlaintextAbroad {
                    address: address.clone(),
                }),
                None => Ok(()),
            },
        }
    }

    fn check_addresses(&self) -> Result<(), InvalidSettings> {
        if self.pd.is_empty() || self.pd.len() > PD_MAX {
            return Err(InvalidSettings::PdCount { max: PD_MAX });
        }
        let mut seen = HashSet::new();
        for address in &self.pd {
            let parts = address.rsplit_once(':').filter(|(host, port)| {
                let host_ok = !host.is_empty() && !host.contains('/') && !host.contains(char::is_whitespace);
                host_ok && port.parse::<u16>().is_ok_and(|port| port > 0)
            });
            if parts.is_none() || !seen.insert(address) {
                return Err(InvalidSettings::PdAddress {
                    address: address.clone(),
                });
            }
        }
        Ok(())
    }
}

/// An empty file of authorities would make the client connect in plain text, so the files are looked into.
fn check_pem(setting: &'static str, path: &Path, wanted: &'static str) -> Result<(), InvalidSettings> {
    let unreadable = |source: std::io::Error| InvalidSettings::TlsFile {
        setting,
        path: path.into(),
        reason: source.to_string(),
    };
    let size = std::fs::metadata(path).map_err(unreadable)?.len();
    let text = if size > PEM_BYTES_MAX {
        String::new()
    } else {
        String::from_utf8_lossy(&std::fs::read(path).map_err(unreadable)?).into_owned()
    };
    let has = |end: &str| {
        let mut lines = text.lines();
        lines.any(|line| {
            line.starts_with(&format!("-----{end} ")) && line.trim_end().ends_with(&format!("{wanted}-----"))
        })
    };
    if has("BEGIN") && has("END") {
        Ok(())
    } else {
        Err(InvalidSettings::TlsFile {
            setting,
            path: path.into(),
            reason: format!("it holds no {wanted} in PEM"),
        })
    }
}

fn is_loopback(address: &str) -> bool {
    let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}
