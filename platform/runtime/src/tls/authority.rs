//! The world's root: makes the controllers' own authorities, and certificates for people, controllers and the door.
//!
//! Nothing that serves requests holds it: whoever reads its folder is the world, so that the folder of a world that
//! matters lies offline. It keeps no list of what it has issued. What nodes and routers get, a controller's
//! [`Issuer`](super::Issuer) gives them.

use std::path::{Path, PathBuf};
use std::time::Duration;

use platform_model::WorldId;
use rcgen::{
    BasicConstraints, CertificateParams, CidrSubnet, DnType, ExtendedKeyUsagePurpose, GeneralSubtree, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, NameConstraints, SanType,
};

use super::error::TlsError;
use super::issuer::NAME_PREFIX;
use super::key_files::{self, CA_FILE, CERT_FILE, KEY_FILE};
use super::spiffe::SpiffeId;
use crate::clock::Clock;
use crate::files::{self, PRIVATE, PUBLIC};
use crate::random;

/// The authority's own key, beside `ca.pem` in its folder.
pub const CA_KEY_FILE: &str = "ca-key.pem";

/// How far back a certificate begins, for clocks that run behind.
const BACKDATED: Duration = Duration::from_secs(300);
/// Life of the world's root.
const ROOT_DAYS: u32 = 3_650;

/// Signs under one world's root.
pub struct Authority {
    world: WorldId,
    root_pem: String,
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate and its key, PEM.
pub struct Issued {
    pub cert_pem: String,
    pub key_pem: String,
}

/// What goes into a certificate. [`Authority::issue`] fills it rightly; tests fill it wrongly.
#[derive(Debug, Clone, Default)]
pub struct Leaf {
    pub uris: Vec<String>,
    pub dns: Vec<String>,
    /// Seconds since 1970.
    pub not_before_s: u64,
    /// Seconds since 1970.
    pub not_after_s: u64,
    pub client: bool,
    pub server: bool,
}

impl Authority {
    /// Makes the root of a new world in `dir`.
    ///
    /// # Errors
    /// [`TlsError::AuthorityExists`] when there is one already.
    pub fn create(dir: &Path) -> Result<Self, TlsError> {
        let (ca_path, key_path) = (dir.join(CA_FILE), dir.join(CA_KEY_FILE));
        if ca_path.exists() || key_path.exists() {
            return Err(TlsError::AuthorityExists { path: ca_path });
        }
        std::fs::create_dir_all(dir).map_err(|source| TlsError::File {
            path: dir.to_owned(),
            source,
        })?;
        let key = KeyPair::generate().map_err(issue)?;
        let root = root_params().self_signed(&key).map_err(issue)?;
        write(&key_path, key.serialize_pem().as_bytes(), PRIVATE)?;
        write(&ca_path, root.pem().as_bytes(), PUBLIC)?;
        Self::open(dir)
    }

    /// # Errors
    /// When the files are not there or are damaged.
    pub fn open(dir: &Path) -> Result<Self, TlsError> {
        let (ca_path, key_path) = (dir.join(CA_FILE), dir.join(CA_KEY_FILE));
        let root_pem = read_text(&ca_path)?;
        let root = key_files::certificates(&ca_path, root_pem.as_bytes())?.swap_remove(0);
        let key = KeyPair::from_pem(&read_text(&key_path)?).map_err(|e| TlsError::Pem {
            path: key_path,
            detail: e.to_string(),
        })?;
        let issuer = Issuer::from_ca_cert_der(&root, key).map_err(issue)?;
        Ok(Self {
            world: super::world_of_root(&root),
            root_pem,
            issuer,
        })
    }

    /// The fingerprint of the root.
    pub fn world(&self) -> WorldId {
        self.world.clone()
    }

    /// The root certificate, which clients of the door trust too.
    pub fn root_pem(&self) -> &str {
        &self.root_pem
    }

    /// Issues a certificate for `id`, good at both ends of a connection, and writes `ca.pem`, `cert.pem` and
    /// `key.pem` into folder `into`. Over an older one this is a renewal: the process takes it into use by itself.
    ///
    /// # Errors
    /// When a file cannot be written; older files may then stand beside newer ones and the call is to be repeated.
    pub fn issue(&self, id: &SpiffeId, dns: &[String], days: u32, into: &Path) -> Result<(), TlsError> {
        let uris = vec![id.to_string()];
        self.issue_into(
            into,
            &Leaf {
                uris,
                dns: dns.to_vec(),
                client: true,
                server: true,
                ..lifetime(days)
            },
        )
    }

    /// Issues a server certificate for the router's door, by DNS names or IP addresses.
    ///
    /// # Errors
    /// As [`Self::issue`].
    pub fn issue_public(&self, dns: &[String], days: u32, into: &Path) -> Result<(), TlsError> {
        self.issue_into(
            into,
            &Leaf {
                dns: dns.to_vec(),
                server: true,
                ..lifetime(days)
            },
        )
    }

    /// Makes the authority of controller `name` in folder `into`: `ca.pem`, `cert.pem`, `key.pem`. Over an older one it
    /// is a new authority with a new key; what the older one signed stays good until it ends.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn make_issuer(&self, name: &str, days: u32, into: &Path) -> Result<(), TlsError> {
        let domain = format!("spiffe://{}", self.world.trust_domain());
        let issued = self.sign_issuer(name, &domain, days)?;
        self.write_into(into, &issued)
    }

    /// An issuer with whatever name and id; [`Self::make_issuer`] fills them rightly, tests wrongly.
    pub(super) fn sign_issuer(&self, name: &str, id: &str, days: u32) -> Result<Issued, TlsError> {
        let key = KeyPair::generate().map_err(issue)?;
        let params = issuer_params(name, id, days)?;
        let cert = params.signed_by(&key, &self.issuer).map_err(issue)?;
        Ok(Issued {
            cert_pem: cert.pem(),
            key_pem: key.serialize_pem(),
        })
    }

    /// Signs whatever `leaf` says.
    ///
    /// # Errors
    /// When a name in it cannot stand in a certificate.
    pub fn sign(&self, leaf: &Leaf) -> Result<Issued, TlsError> {
        let key = KeyPair::generate().map_err(issue)?;
        let cert = leaf_params(leaf)?.signed_by(&key, &self.issuer).map_err(issue)?;
        Ok(Issued {
            cert_pem: cert.pem(),
            key_pem: key.serialize_pem(),
        })
    }

    /// Signs `leaf` and writes the three files into `into`.
    ///
    /// # Errors
    /// As [`Self::issue`] and [`Self::sign`].
    pub fn issue_into(&self, into: &Path, leaf: &Leaf) -> Result<(), TlsError> {
        self.write_into(into, &self.sign(leaf)?)
    }

    fn write_into(&self, into: &Path, issued: &Issued) -> Result<(), TlsError> {
        std::fs::create_dir_all(into).map_err(|source| TlsError::File {
            path: into.to_owned(),
            source,
        })?;
        write(&into.join(CA_FILE), self.root_pem.as_bytes(), PUBLIC)?;
        write(&into.join(KEY_FILE), issued.key_pem.as_bytes(), PRIVATE)?;
        write(&into.join(CERT_FILE), issued.cert_pem.as_bytes(), PUBLIC)
    }
}

/// A leaf that is valid from a little before now for `days`.
pub fn lifetime(days: u32) -> Leaf {
    lasting(Duration::from_secs(u64::from(days) * 86_400))
}

/// As [`lifetime`], to the second.
pub(super) fn lasting(life: Duration) -> Leaf {
    let now_s = Clock::system().unix_s();
    Leaf {
        not_before_s: now_s.saturating_sub(BACKDATED.as_secs()),
        not_after_s: now_s + life.as_secs(),
        ..Leaf::default()
    }
}

fn root_params() -> CertificateParams {
    let mut params = CertificateParams::default();
    // Two worlds have two names, so that a chain of one never looks like a chain of the other.
    let name = format!("meridian world {:016x}", random::u64());
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    set_life(&mut params, &lifetime(ROOT_DAYS));
    params
}

/// A controller's authority: signs leaves only, none with a DNS name or an address in it.
fn issuer_params(name: &str, id: &str, days: u32) -> Result<CertificateParams, TlsError> {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params
        .distinguished_name
        .push(DnType::CommonName, format!("{NAME_PREFIX}{name}"));
    params
        .subject_alt_names
        .push(SanType::URI(id.try_into().map_err(issue)?));
    params.use_authority_key_identifier_extension = true;
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    params.name_constraints = Some(NameConstraints {
        permitted_subtrees: Vec::new(),
        excluded_subtrees: vec![
            GeneralSubtree::DnsName(String::new()),
            GeneralSubtree::IpAddress(CidrSubnet::from_v4_prefix([0; 4], 0)),
            GeneralSubtree::IpAddress(CidrSubnet::from_v6_prefix([0; 16], 0)),
        ],
    });
    set_life(&mut params, &lifetime(days));
    Ok(params)
}

pub(super) fn leaf_params(leaf: &Leaf) -> Result<CertificateParams, TlsError> {
    let mut params = CertificateParams::new(leaf.dns.clone()).map_err(issue)?;
    for uri in &leaf.uris {
        params
            .subject_alt_names
            .push(SanType::URI(uri.as_str().try_into().map_err(issue)?));
    }
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.use_authority_key_identifier_extension = true;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    let purposes = [
        (leaf.client, ExtendedKeyUsagePurpose::ClientAuth),
        (leaf.server, ExtendedKeyUsagePurpose::ServerAuth),
    ];
    params.extended_key_usages = purposes
        .into_iter()
        .filter(|(set, _)| *set)
        .map(|(_, p)| p)
        .collect();
    set_life(&mut params, leaf);
    Ok(params)
}

fn set_life(params: &mut CertificateParams, leaf: &Leaf) {
    let epoch = rcgen::date_time_ymd(1970, 1, 1);
    params.not_before = epoch + Duration::from_secs(leaf.not_before_s);
    params.not_after = epoch + Duration::from_secs(leaf.not_after_s);
}

fn issue(error: rcgen::Error) -> TlsError {
    TlsError::Issue(error.to_string())
}

pub(super) fn read_text(path: &Path) -> Result<String, TlsError> {
    let pem = |_| TlsError::Pem {
        path: PathBuf::from(path),
        detail: "it is not text".into(),
    };
    String::from_utf8(key_files::read(path)?).map_err(pem)
}

pub(super) fn write(path: &Path, content: &[u8], mode: u32) -> Result<(), TlsError> {
    files::write_atomic(path, content, mode).map_err(|source| TlsError::File {
        path: path.to_owned(),
        source,
    })
}
