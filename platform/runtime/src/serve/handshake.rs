//! The two halves of a TLS handshake on a socket, each with a deadline and a typed reason when it fails.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ServerConfig};
use tokio::net::TcpStream;
use tokio_rustls::{TlsAcceptor, TlsConnector, client, server};

use super::ServeError;
use crate::tls::{Identity, PeerIdentity, Refused};

/// How long [`connect_mtls`] waits for the connection, and then for the handshake.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// The server's half of an mTLS handshake: who the client is, or why it was refused.
///
/// # Errors
/// [`ServeError::Refused`] with the reason; [`ServeError::HandshakeTimeout`] after `within`.
pub async fn accept_mtls(
    stream: TcpStream,
    identity: &Identity,
    within: Duration,
) -> Result<(server::TlsStream<TcpStream>, PeerIdentity), ServeError> {
    let address = peer_text(&stream);
    let stream = handshake(stream, identity.server_config(), within).await?;
    match identity.peer(stream.get_ref().1.peer_certificates()) {
        Ok(id) => Ok((stream, PeerIdentity(id))),
        Err(source) => Err(ServeError::Refused { address, source }),
    }
}

/// Connects to `address` (`host:port`) and proves both ends. Under TLS 1.3 a server that refuses our certificate
/// says so only at the first read.
///
/// # Errors
/// [`ServeError::Refused`] when the server is not whom `config` expects.
pub async fn connect_mtls(
    address: &str,
    config: Arc<ClientConfig>,
) -> Result<client::TlsStream<TcpStream>, ServeError> {
    let name = server_name(address)?;
    let owned = || address.to_owned();
    let stream = tokio::time::timeout(CONNECT_TIMEOUT, TcpStream::connect(address))
        .await
        .map_err(|_| ServeError::ConnectTimeout { address: owned() })?
        .map_err(|source| ServeError::Connect {
            address: owned(),
            source,
        })?;
    set_nodelay(&stream);
    tokio::time::timeout(CONNECT_TIMEOUT, TlsConnector::from(config).connect(name, stream))
        .await
        .map_err(|_| ServeError::HandshakeTimeout {
            address: owned(),
            within: CONNECT_TIMEOUT,
        })?
        .map_err(|error| broken(owned(), error))
}

/// The host part of an address, as TLS wants it. It selects nothing: peers are known by identity.
fn server_name(address: &str) -> Result<ServerName<'static>, ServeError> {
    let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
    let host = host.trim_start_matches('[').trim_end_matches(']');
    ServerName::try_from(host.to_owned()).map_err(|error| ServeError::Connect {
        address: address.to_owned(),
        source: io::Error::new(io::ErrorKind::InvalidInput, error),
    })
}

pub(super) async fn handshake(
    stream: TcpStream,
    config: Arc<ServerConfig>,
    within: Duration,
) -> Result<server::TlsStream<TcpStream>, ServeError> {
    let address = peer_text(&stream);
    set_nodelay(&stream);
    match tokio::time::timeout(within, TlsAcceptor::from(config).accept(stream)).await {
        Ok(Ok(stream)) => Ok(stream),
        Ok(Err(error)) => Err(broken(address, error)),
        Err(_) => Err(ServeError::HandshakeTimeout { address, within }),
    }
}

pub(super) fn broken(address: String, source: io::Error) -> ServeError {
    match Refused::in_io(&source) {
        Some(source) => ServeError::Refused { address, source },
        None => ServeError::Broken { address, source },
    }
}

fn peer_text(stream: &TcpStream) -> String {
    stream
        .peer_addr()
        .map_or_else(|_| "a client".to_owned(), |address| address.to_string())
}

/// Small answers should not wait for more; a socket that cannot do this works all the same.
fn set_nodelay(stream: &TcpStream) {
    let _ = stream.set_nodelay(true);
}
