//! A TLS connection to a receiver outside of the world: its certificate chains to a root that the settings name.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use serde::{Deserialize, Serialize};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// For the connection, and again for the handshake.
const WITHIN: Duration = Duration::from_secs(5);

/// Where a receiver is and how it is known.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Receiver {
    /// `host:port`; empty: none.
    pub address: String,
    /// The name in its certificate; empty: the host of the address.
    pub server_name: String,
    /// PEM file of the roots that its certificate may chain to.
    pub ca_file: PathBuf,
    /// Folder with `cert.pem` and `key.pem`, if it asks for a client's certificate; empty: none.
    pub certificate_dir: PathBuf,
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    #[error("{path} cannot be used: {why}")]
    Certificate { path: PathBuf, why: String },
    #[error("`{name}` is no server name")]
    Name { name: String },
    #[error("no TLS connection to {address}")]
    Failed {
        address: String,
        #[source]
        source: io::Error,
    },
    #[error("no TLS connection to {address} within {WITHIN:?}")]
    Timeout { address: String },
}

/// Connects to one receiver. Clone: cheap.
#[derive(Clone)]
pub struct Connector {
    address: String,
    name: ServerName<'static>,
    config: Arc<ClientConfig>,
}

impl Connector {
    /// # Errors
    /// When the certificates or the name cannot be used.
    pub fn new(receiver: &Receiver) -> Result<Self, ConnectError> {
        let host = receiver.address.rsplit_once(':').map_or("", |(host, _)| host);
        let name = match receiver.server_name.as_str() {
            "" => host.trim_start_matches('[').trim_end_matches(']'),
            name => name,
        };
        let name = ServerName::try_from(name.to_owned()).map_err(|_| ConnectError::Name {
            name: name.to_owned(),
        })?;
        Ok(Self {
            address: receiver.address.clone(),
            name,
            config: Arc::new(config(receiver)?),
        })
    }

    pub fn address(&self) -> &str {
        &self.address
    }

    /// # Errors
    /// When the receiver is not there or not who it should be.
    pub async fn connect(&self) -> Result<TlsStream<TcpStream>, ConnectError> {
        let failed = |source| ConnectError::Failed {
            address: self.address.clone(),
            source,
        };
        let connecting = async {
            let stream = TcpStream::connect(&self.address).await?;
            let connector = TlsConnector::from(Arc::clone(&self.config));
            connector.connect(self.name.clone(), stream).await
        };
        match tokio::time::timeout(WITHIN, connecting).await {
            Ok(connected) => connected.map_err(failed),
            Err(_) => Err(ConnectError::Timeout {
                address: self.address.clone(),
            }),
        }
    }
}

fn config(receiver: &Receiver) -> Result<ClientConfig, ConnectError> {
    let mut roots = RootCertStore::empty();
    for root in certificates(&receiver.ca_file)? {
        roots.add(root).map_err(|e| unusable(&receiver.ca_file, e))?;
    }
    let builder = ClientConfig::builder().with_root_certificates(roots);
    if receiver.certificate_dir.as_os_str().is_empty() {
        return Ok(builder.with_no_client_auth());
    }
    let key_file = receiver.certificate_dir.join("key.pem");
    let chain = certificates(&receiver.certificate_dir.join("cert.pem"))?;
    let key = PrivateKeyDer::from_pem_file(&key_file).map_err(|e| unusable(&key_file, e))?;
    builder
        .with_client_auth_cert(chain, key)
        .map_err(|e| unusable(&key_file, e))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, ConnectError> {
    let read = CertificateDer::pem_file_iter(path).map_err(|e| unusable(path, e))?;
    let all: Vec<_> = read.collect::<Result<_, _>>().map_err(|e| unusable(path, e))?;
    if all.is_empty() {
        return Err(unusable(path, "it holds no certificate"));
    }
    Ok(all)
}

fn unusable(path: &Path, why: impl std::fmt::Display) -> ConnectError {
    ConnectError::Certificate {
        path: path.to_owned(),
        why: why.to_string(),
    }
}
