//! A controller's own authority, one step below the world's root: vouches for nodes, for routers, and for that very
//! controller. Never for a person or for another controller: [`vouched_for`] refuses such a certificate, whoever signed it.
//!
//! Its certificate excludes every DNS name and every address, which each TLS library enforces. The SPIFFE domain stands
//! in it as its own id, `spiffe://DOMAIN`, and is enforced here: webpki refuses every certificate with a URI under an
//! issuer with a name constraint for URIs, ours included.

use std::path::Path;
use std::time::Duration;

use platform_model::WorldId;
use rcgen::{CertificateSigningRequestParams, Issuer as Signer, KeyPair};
use rustls::pki_types::CertificateDer;

use super::authority::{lasting, leaf_params, read_text, write};
use super::error::{Refused, TlsError};
use super::key_files::{self, CA_FILE, CERT_FILE, KEY_FILE};
use super::request::{KeyRequest, Requested};
use super::spiffe::{SpiffeId, SpiffeKind};
use super::verify::{common_name, uri_names};
use super::{Leaf, world_of_root};
use crate::files::{PRIVATE, PUBLIC};

/// What the common name of an issuer begins with; the controller's name follows.
pub(super) const NAME_PREFIX: &str = "issuer ";

/// Signs in the name of one controller.
pub struct Issuer {
    world: WorldId,
    name: String,
    root_pem: String,
    /// Its own certificate, which goes with each that it signs.
    own_pem: String,
    signer: Signer<'static, KeyPair>,
}

/// A new certificate with all that its holder needs beside the key, PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certified {
    /// The certificate, then its issuer's.
    pub chain_pem: String,
    pub root_pem: String,
}

impl Issuer {
    /// Reads `ca.pem`, `cert.pem` and `key.pem` of the issuer's folder.
    ///
    /// # Errors
    /// [`TlsError::WrongWorld`]; [`TlsError::NotAnIssuer`] when the certificate is not one of a controller's authority.
    pub fn open(dir: &Path, world: &WorldId) -> Result<Self, TlsError> {
        let (ca_path, cert_path) = (dir.join(CA_FILE), dir.join(CERT_FILE));
        let root_pem = read_text(&ca_path)?;
        let root = key_files::certificates(&ca_path, root_pem.as_bytes())?.swap_remove(0);
        let found = world_of_root(&root);
        if found != *world {
            let expected = world.clone();
            return Err(TlsError::WrongWorld {
                path: ca_path,
                expected,
                found,
            });
        }
        let own_pem = read_text(&cert_path)?;
        let own = key_files::certificates(&cert_path, own_pem.as_bytes())?.swap_remove(0);
        let name = issuer_name(&own, world).map_err(|source| TlsError::NotAnIssuer {
            path: cert_path.clone(),
            source,
        })?;
        let key = KeyPair::from_pem(&read_text(&dir.join(KEY_FILE))?).map_err(|e| TlsError::Pem {
            path: dir.join(KEY_FILE),
            detail: e.to_string(),
        })?;
        let signer = Signer::from_ca_cert_der(&own, key).map_err(issue)?;
        Ok(Self {
            world: world.clone(),
            name,
            root_pem,
            own_pem,
            signer,
        })
    }

    /// The controller in whose name it signs.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Certifies the key of a request for `id`, whatever else the request says.
    ///
    /// # Errors
    /// [`TlsError::BeyondIssuer`] for an id that it may not vouch for.
    pub fn certify(
        &self,
        requested: &Requested,
        id: &SpiffeId,
        life: Duration,
    ) -> Result<Certified, TlsError> {
        let is_ours = id.trust_domain == self.world.trust_domain();
        if !is_ours || !vouches(&self.name, &id.kind) {
            return Err(TlsError::BeyondIssuer {
                issuer: self.name.clone(),
                id: Box::new(id.clone()),
            });
        }
        let leaf = Leaf {
            uris: vec![id.to_string()],
            client: true,
            server: true,
            ..lasting(life)
        };
        let request = CertificateSigningRequestParams {
            params: leaf_params(&leaf)?,
            public_key: requested.public.clone(),
        };
        let certificate = request.signed_by(&self.signer).map_err(issue)?;
        Ok(Certified {
            chain_pem: certificate.pem() + &self.own_pem,
            root_pem: self.root_pem.clone(),
        })
    }

    /// Makes a key and its certificate, and writes the three files of an identity into `into`.
    ///
    /// # Errors
    /// As [`Self::certify`], and what the file system says.
    pub fn issue(&self, id: &SpiffeId, life: Duration, into: &Path) -> Result<(), TlsError> {
        let made = KeyRequest::new(id)?;
        let requested = Requested::read(&made.request).map_err(|e| TlsError::Issue(e.to_string()))?;
        let certified = self.certify(&requested, id, life)?;
        install(into, &made.key_pem, &certified)
    }
}

/// Writes the three files of an identity; an older one is replaced so that a crash leaves the old one or the new.
///
/// # Errors
/// What the file system says.
pub fn install(into: &Path, key_pem: &str, certified: &Certified) -> Result<(), TlsError> {
    std::fs::create_dir_all(into).map_err(|source| TlsError::File {
        path: into.to_owned(),
        source,
    })?;
    if !into.join(CA_FILE).exists() {
        write(&into.join(CA_FILE), certified.root_pem.as_bytes(), PUBLIC)?;
    }
    let next = into.join(key_files::NEXT_KEY_FILE);
    write(&next, key_pem.as_bytes(), PRIVATE)?;
    write(&into.join(CERT_FILE), certified.chain_pem.as_bytes(), PUBLIC)?;
    std::fs::rename(&next, into.join(KEY_FILE)).map_err(|source| TlsError::File { path: next, source })
}

/// Whether whoever stands between the root and a leaf may vouch for it: nobody does, or one issuer of this world that
/// may. Signatures and times were checked before.
pub(super) fn vouched_for(
    above: &[CertificateDer<'_>],
    id: &SpiffeId,
    world: &WorldId,
) -> Result<(), Refused> {
    match above {
        [] => Ok(()),
        [issuer] => {
            let name = issuer_name(issuer, world)?;
            if vouches(&name, &id.kind) {
                return Ok(());
            }
            Err(Refused::BeyondIssuer {
                issuer: name,
                id: id.to_string(),
            })
        }
        _ => Err(Refused::LongChain {
            certificates: above.len() + 1,
        }),
    }
}

fn vouches(issuer: &str, kind: &SpiffeKind) -> bool {
    match kind {
        SpiffeKind::Node(_) | SpiffeKind::Router(_) => true,
        SpiffeKind::Controller(name) => name == issuer,
        SpiffeKind::Operator { .. } => false,
    }
}

/// The controller whose authority this is, if it is one of `world`.
fn issuer_name(certificate: &CertificateDer<'_>, world: &WorldId) -> Result<String, Refused> {
    let domain = format!("spiffe://{}", world.trust_domain());
    let names = uri_names(certificate);
    if names != [domain] {
        return Err(Refused::ForeignIssuer {
            found: names.join(" ").chars().take(160).collect(),
        });
    }
    let name = common_name(certificate).unwrap_or_default();
    match name.strip_prefix(NAME_PREFIX) {
        Some(name) => Ok(name.to_owned()),
        None => Err(Refused::ForeignIssuer {
            found: name.chars().take(160).collect(),
        }),
    }
}

fn issue(error: rcgen::Error) -> TlsError {
    TlsError::Issue(error.to_string())
}
