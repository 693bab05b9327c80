//! Accepts apps' connections, as many as the bound allows, and ends TLS (1.2 and 1.3, h2 and http/1.1).

use std::io;
use std::sync::Arc;
use std::time::Duration;

use platform_runtime::TaskGroup;
use platform_runtime::tls::PublicIdentity;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;

use super::connection::{self, ConnectionLimits};
use crate::meters;
use crate::service::Door;

/// Pause after `accept` failed, as it does when the process is out of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Bounds of the listener.
#[derive(Debug, Clone, Copy)]
pub struct ListenerLimits {
    pub connections_max: usize,
    /// From the connection to the end of the TLS handshake.
    pub handshake: Duration,
    pub connection: ConnectionLimits,
}

/// Serves until the group ends; then lets requests under way finish, as long as the group's shutdown waits.
pub fn serve(
    listener: TcpListener,
    certificate: PublicIdentity,
    limits: ListenerLimits,
    door: Arc<Door>,
    tasks: &TaskGroup,
) {
    let group = tasks.clone();
    tasks.spawn("accept-apps", async move {
        let permits = Arc::new(Semaphore::new(limits.connections_max));
        let token = group.token();
        while let Some(accepted) = token.run_until_cancelled(listener.accept()).await {
            let stream = match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            };
            let Ok(permit) = Arc::clone(&permits).try_acquire_owned() else {
                meters::connection_refused("limit");
                continue;
            };
            meters::connections(limits.connections_max - permits.available_permits());
            let (door, tasks, acceptor) = (
                Arc::clone(&door),
                group.clone(),
                TlsAcceptor::from(certificate.server_config()),
            );
            let counted = Arc::clone(&permits);
            group.spawn("app", async move {
                welcome(stream, acceptor, limits, door, &tasks).await;
                drop(permit);
                meters::connections(limits.connections_max - counted.available_permits());
            });
        }
    });
}

async fn welcome(
    stream: TcpStream,
    acceptor: TlsAcceptor,
    limits: ListenerLimits,
    door: Arc<Door>,
    tasks: &TaskGroup,
) {
    // Small answers should not wait for more; a socket that cannot do this works all the same.
    let _ = stream.set_nodelay(true);
    let shaken = tokio::time::timeout(limits.handshake, acceptor.accept(stream)).await;
    match shaken.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())) {
        Ok(stream) if stream.get_ref().1.alpn_protocol() == Some(b"h2") => {
            connection::http2(stream, limits.connection, door, tasks).await;
        }
        Ok(stream) => connection::http1(stream, limits.connection, door, tasks).await,
        Err(error) if error.kind() == io::ErrorKind::TimedOut => meters::connection_refused("timeout"),
        Err(error) => {
            tracing::debug!(%error, "a TLS handshake failed");
            meters::connection_refused("tls");
        }
    }
}
