//! The other end of a sink: a TLS listener of a test.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use platform_runtime::tls::authority::Authority;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::siem::Receiver;

/// A receiver with a certificate of its own, and what the sinks are told of it.
pub struct Receiving {
    listener: TcpListener,
    acceptor: TlsAcceptor,
    address: SocketAddr,
}

impl Receiving {
    pub async fn new(dir: &Path) -> Self {
        let authority = Authority::create(&dir.join("siem-authority")).expect("a root");
        let id = format!(
            "spiffe://{}/region/eu-central/router/siem",
            authority.world().trust_domain()
        );
        let id = id.parse().expect("an id");
        authority
            .issue(&id, &["siem.test".to_owned()], 1, &dir.join("siem"))
            .expect("issued");
        let chain = CertificateDer::pem_file_iter(dir.join("siem/cert.pem")).expect("there");
        let chain = chain.collect::<Result<_, _>>().expect("certificates");
        let key = PrivateKeyDer::from_pem_file(dir.join("siem/key.pem")).expect("a key");
        let config = ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .expect("usable");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("bound");
        Self {
            listener,
            acceptor: TlsAcceptor::from(Arc::new(config)),
            address,
        }
    }

    pub fn receiver(&self, dir: &Path) -> Receiver {
        Receiver {
            address: self.address.to_string(),
            server_name: "siem.test".into(),
            ca_file: dir.join("siem/ca.pem"),
            certificate_dir: PathBuf::new(),
        }
    }

    pub async fn accept(&self) -> Option<TlsStream<TcpStream>> {
        let (stream, _) = self.listener.accept().await.expect("accepts");
        self.acceptor.accept(stream).await.ok()
    }
}
