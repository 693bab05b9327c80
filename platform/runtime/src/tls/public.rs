//! The certificate that apps see at the door: an ordinary server certificate, without a SPIFFE id, reloaded like the
//! process's own.
//!
//! Says nothing about who the client is; that is what tokens are for.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustls::ServerConfig;

use super::error::TlsError;
use super::key_files::{Pair, Slot};
use crate::clock::Clock;
use crate::tasks::TaskGroup;

/// A handle on a public certificate; clones share it.
#[derive(Clone, Debug)]
pub struct PublicIdentity {
    slot: Arc<Slot>,
    server: Arc<ServerConfig>,
}

impl PublicIdentity {
    /// Reads `cert.pem` and `key.pem` of `dir`.
    ///
    /// # Errors
    /// When they cannot be read or do not go together.
    pub fn load(dir: &Path) -> Result<Self, TlsError> {
        let slot = Slot::new(dir, Pair::read(dir)?);
        let mut config = ServerConfig::builder_with_provider(super::provider())
            .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])?
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(&slot) as _);
        config.alpn_protocols = super::ALPN.map(<[u8]>::to_vec).into();
        Ok(Self {
            slot,
            server: Arc::new(config),
        })
    }

    /// Settings of a listener for apps: TLS 1.3 and 1.2, h2 and http/1.1.
    pub fn server_config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.server)
    }

    /// Takes new files into use, if they have changed. `true` says that they had.
    ///
    /// # Errors
    /// As [`Self::load`]; the old ones stay in use.
    pub fn reload(&self) -> Result<bool, TlsError> {
        let Some(pair) = self.slot.changed()? else {
            return Ok(false);
        };
        self.slot.swap(pair);
        Ok(true)
    }

    /// Reloads every `every` until the group ends.
    pub fn watch(&self, every: Duration, clock: Clock, tasks: &TaskGroup) {
        let (identity, token) = (self.clone(), tasks.token());
        tasks.spawn("public-identity-reload", async move {
            while token.run_until_cancelled(clock.sleep(every)).await.is_some() {
                match identity.reload() {
                    Ok(true) => tracing::info!("took a new public certificate into use"),
                    Ok(false) => {}
                    Err(error) => {
                        metrics::counter!("tls_reload_failures_total").increment(1);
                        tracing::warn!(
                            error = &error as &dyn std::error::Error,
                            "kept the old public certificate"
                        );
                    }
                }
            }
        });
    }
}
