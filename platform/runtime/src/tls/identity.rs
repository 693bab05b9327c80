//! The identity of this process: its certificate under the world's root, and the TLS settings that follow from it.
//!
//! Files are read again on [`Identity::reload`] or by [`Identity::watch`]; settings handed out before then use the
//! new certificate from their next handshake on. The SPIFFE id and the world never change while a process runs.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use platform_model::WorldId;
use rustls::client::Resumption;
use rustls::server::NoServerSessionStorage;
use rustls::{ClientConfig, RootCertStore, ServerConfig};

use super::error::{Refused, TlsError};
use super::key_files::{self, CA_FILE, CERT_FILE, Pair, Slot};
use super::revoked::Revocations;
use super::spiffe::SpiffeId;
use super::verify::{Expect, ExpectedPeer, PeersOfWorld, spiffe_id};
use crate::clock::Clock;
use crate::tasks::TaskGroup;

/// How often [`Identity::watch`] looks for new files unless told otherwise.
pub const RELOAD_EVERY: Duration = Duration::from_secs(30);

/// A handle on this process's identity; clones share it.
#[derive(Clone)]
pub struct Identity {
    shared: Arc<Shared>,
}

struct Shared {
    world: WorldId,
    id: SpiffeId,
    roots: Arc<RootCertStore>,
    root: rustls::pki_types::CertificateDer<'static>,
    slot: Arc<Slot>,
    server: Arc<ServerConfig>,
    revocations: Revocations,
}

impl Identity {
    /// Reads `ca.pem`, `cert.pem` and `key.pem` of `dir` and checks them as a peer would.
    ///
    /// # Errors
    /// [`TlsError::WrongWorld`] when `ca.pem` is not the root of `world`; [`TlsError::OwnCertificate`] when the
    /// certificate carries no id of this world. A certificate that has expired loads: it may be renewed in place.
    pub fn load(dir: &Path, world: &WorldId) -> Result<Self, TlsError> {
        let root = read_root(dir, world)?;
        let mut roots = RootCertStore::empty();
        roots.add(root.clone())?;
        let pair = Pair::read(dir)?;
        let id = own_id(dir, &pair, world)?;
        let slot = Slot::new(dir, pair);
        let revocations = Revocations::default();
        let server = server_config(world, roots.clone(), Arc::clone(&slot), revocations.clone())?;
        let shared = Shared {
            world: world.clone(),
            id,
            roots: Arc::new(roots),
            root,
            slot,
            server,
            revocations,
        };
        let identity = Self {
            shared: Arc::new(shared),
        };
        identity.record_expiry();
        Ok(identity)
    }

    pub fn spiffe_id(&self) -> SpiffeId {
        self.shared.id.clone()
    }

    pub fn world(&self) -> &WorldId {
        &self.shared.world
    }

    /// Seconds since 1970 at which the certificate in use ends.
    pub fn expires_s(&self) -> u64 {
        super::certificate_ends_s(self.shared.slot.held().end_entity()).unwrap_or(0)
    }

    /// Seconds since 1970 from and to which the certificate in use is good.
    pub fn good_s(&self) -> (u64, u64) {
        super::verify::good_s(self.shared.slot.held().end_entity()).unwrap_or_default()
    }

    /// Whom this process no longer believes, in handshakes and on open connections. Shared by all clones.
    pub fn revocations(&self) -> &Revocations {
        &self.shared.revocations
    }

    /// The folder of the files.
    pub fn dir(&self) -> &Path {
        &self.shared.slot.dir
    }

    /// Takes new files into use, if they have changed. `true` says that they had.
    ///
    /// # Errors
    /// As [`Self::load`], and [`TlsError::IdentityChanged`] when they are someone else's; the old ones stay in use.
    pub fn reload(&self) -> Result<bool, TlsError> {
        let slot = &self.shared.slot;
        let Some(pair) = slot.changed()? else {
            return Ok(false);
        };
        let found = own_id(&slot.dir, &pair, &self.shared.world)?;
        if found != self.shared.id {
            let (held, found) = (Box::new(self.shared.id.clone()), Box::new(found));
            return Err(TlsError::IdentityChanged {
                path: slot.dir.join(CERT_FILE),
                held,
                found,
            });
        }
        slot.swap(pair);
        self.record_expiry();
        Ok(true)
    }

    /// Reloads every `every` until the group ends. Files that do not fit are logged and tried again.
    pub fn watch(&self, every: Duration, clock: Clock, tasks: &TaskGroup) {
        let (identity, token) = (self.clone(), tasks.token());
        tasks.spawn("identity-reload", async move {
            while token.run_until_cancelled(clock.sleep(every)).await.is_some() {
                match identity.reload() {
                    Ok(true) => tracing::info!(id = %identity.shared.id, "took a new certificate into use"),
                    Ok(false) => {}
                    Err(error) => {
                        metrics::counter!("tls_reload_failures_total").increment(1);
                        tracing::warn!(
                            error = &error as &dyn std::error::Error,
                            "kept the old certificate"
                        );
                    }
                }
            }
        });
    }

    /// Settings of a listener: a client must show a certificate of this world with an id of the platform.
    pub fn server_config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.shared.server)
    }

    /// Settings of a client that means to reach `expect`. The server's DNS name does not matter.
    pub fn client_config(&self, expect: Expect) -> Arc<ClientConfig> {
        let verifier = ExpectedPeer {
            world: self.shared.world.clone(),
            roots: Arc::clone(&self.shared.roots),
            revocations: self.shared.revocations.clone(),
            expect,
            provider: super::provider(),
        };
        let mut config = ClientConfig::builder_with_provider(super::provider())
            .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
            .expect("ring speaks TLS 1.3 and 1.2")
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_client_cert_resolver(Arc::clone(&self.shared.slot) as _);
        config.alpn_protocols = super::ALPN.map(<[u8]>::to_vec).into();
        config.resumption = Resumption::disabled();
        Arc::new(config)
    }

    /// The world's root, DER.
    pub(super) fn root(&self) -> &rustls::pki_types::CertificateDer<'static> {
        &self.shared.root
    }

    /// The id in a peer's chain, once TLS has checked it.
    pub(crate) fn peer(
        &self,
        chain: Option<&[rustls::pki_types::CertificateDer<'_>]>,
    ) -> Result<SpiffeId, Refused> {
        let end_entity = chain.and_then(<[_]>::first).ok_or(Refused::NoCertificate)?;
        spiffe_id(end_entity, &self.shared.world)
    }

    /// The certificate in use, with its chain and key.
    pub(crate) fn certified(&self) -> Arc<rustls::sign::CertifiedKey> {
        Arc::clone(&self.shared.slot.held().key)
    }

    /// The world's root, as a peer trusts it.
    pub(super) fn roots(&self) -> Arc<RootCertStore> {
        Arc::clone(&self.shared.roots)
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "seconds since 1970 fit a double exactly"
    )]
    fn record_expiry(&self) {
        metrics::gauge!("tls_certificate_expires_seconds").set(self.expires_s() as f64);
    }
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Identity({})", self.shared.id)
    }
}

fn read_root(dir: &Path, world: &WorldId) -> Result<rustls::pki_types::CertificateDer<'static>, TlsError> {
    let path = dir.join(CA_FILE);
    let text = key_files::read(&path)?;
    let root = key_files::certificates(&path, &text)?.swap_remove(0);
    let found = super::world_of_root(&root);
    if found == *world {
        Ok(root)
    } else {
        Err(TlsError::WrongWorld {
            path,
            expected: world.clone(),
            found,
        })
    }
}

fn own_id(dir: &Path, pair: &Pair, world: &WorldId) -> Result<SpiffeId, TlsError> {
    spiffe_id(pair.end_entity(), world).map_err(|source| TlsError::OwnCertificate {
        path: dir.join(CERT_FILE),
        source,
    })
}

fn server_config(
    world: &WorldId,
    roots: RootCertStore,
    slot: Arc<Slot>,
    revocations: Revocations,
) -> Result<Arc<ServerConfig>, TlsError> {
    let mut config = ServerConfig::builder_with_provider(super::provider())
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])?
        .with_client_cert_verifier(PeersOfWorld::new(world.clone(), roots, revocations)?)
        .with_cert_resolver(slot);
    config.alpn_protocols = super::ALPN.map(<[u8]>::to_vec).into();
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(Arc::new(config))
}
