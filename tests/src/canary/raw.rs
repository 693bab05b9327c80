//! Bytes that are no request, with canaries in them, to every listener of a world: with TLS as an app speaks it, and
//! without.

use std::fs;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::client::COMMON_HOST;
use super::values::Canaries;
use crate::world::World;

/// For an answer to what is no request; a server may rightly wait for more.
const WITHIN: Duration = Duration::from_millis(300);

/// Each with `{}` where its canary stands.
const MALFORMED: &[(&str, &str)] = &[
    ("in no request at all", "{}\r\n\r\n"),
    ("in a request line", "GET /{} HTTP/9.9\r\n\r\n"),
    (
        "in a path with a space",
        "GET /v1/{} {} HTTP/1.1\r\nhost: meridian.localhost\r\n\r\n",
    ),
    (
        "in a header without a colon",
        "GET /v1/profile HTTP/1.1\r\nhost: meridian.localhost\r\n{}\r\n\r\n",
    ),
    (
        "in a folded header",
        "GET /v1/profile HTTP/1.1\r\nhost: meridian.localhost\r\na: b\r\n {}\r\n\r\n",
    ),
    (
        "in a header with a zero",
        "GET /v1/profile HTTP/1.1\r\nhost: meridian.localhost\r\na: \0{}\r\n\r\n",
    ),
    (
        "with two lengths",
        "POST /v1/locate HTTP/1.1\r\nhost: meridian.localhost\r\ncontent-length: 3\r\ncontent-length: 4\r\n\
         x: {}\r\n\r\n{}",
    ),
    (
        "with a length and chunks",
        "POST /v1/locate HTTP/1.1\r\nhost: meridian.localhost\r\ncontent-length: 3\r\n\
         transfer-encoding: chunked\r\n\r\n5;{}\r\n{}\r\n0\r\n\r\n",
    ),
    (
        "in a chunk that is none",
        "POST /v1/locate HTTP/1.1\r\nhost: meridian.localhost\r\ntransfer-encoding: chunked\r\n\r\n{}\r\n",
    ),
    (
        "in a body that breaks off",
        "POST /v1/locate HTTP/1.1\r\nhost: meridian.localhost\r\ncontent-length: 900\r\n\r\n{\"email\":\"{}",
    ),
    ("as another protocol", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n{}"),
];

/// Sends all of it. Gives the number of connections that were made.
///
/// # Errors
/// The router's listener takes no connection.
pub async fn send(world: &World, canaries: &mut Canaries) -> Result<usize> {
    let mut made = 0;
    let router = world.port("routerd-1");
    for (name, text) in MALFORMED {
        let text = text.replace("{}", &canaries.text(name));
        over_tls(world, router, COMMON_HOST, text.as_bytes()).await?;
        made += 1;
    }
    let host = format!("{}.example", canaries.text("name of a host in a TLS handshake"));
    // Whether a handshake for a strange host ends well is not this test's question.
    let _ = over_tls(world, router, &host, b"GET / HTTP/1.1\r\n\r\n").await;
    for listener in world.listeners() {
        let canary = canaries.text("plain text to a TLS port");
        let text = format!("GET /{canary} HTTP/1.1\r\nhost: {canary}\r\n\r\n");
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, world.port(listener))).await?;
        stream.write_all(text.as_bytes()).await?;
        drain(&mut stream).await;
        made += 1;
    }
    Ok(made)
}

async fn over_tls(world: &World, port: u16, host: &str, bytes: &[u8]) -> Result<()> {
    let mut roots = RootCertStore::empty();
    let pem = fs::read(world.root().join("authority/ca.pem"))?;
    roots.add(CertificateDer::from_pem_slice(&pem)?)?;
    let config = ClientConfig::builder()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
    let name = ServerName::try_from(host.to_owned())?;
    let mut tls = TlsConnector::from(Arc::new(config)).connect(name, stream).await?;
    tls.write_all(bytes).await?;
    drain(&mut tls).await;
    Ok(())
}

/// Reads until the other side has said everything, or nothing for a while.
async fn drain(stream: &mut (impl AsyncReadExt + Unpin)) {
    let mut bytes = Vec::new();
    // However it ends: the bytes have been sent, and that is what counts.
    let _ = tokio::time::timeout(WITHIN, stream.read_to_end(&mut bytes)).await;
}
