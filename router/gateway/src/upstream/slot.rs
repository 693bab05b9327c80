//! One connection to a node: made when needed, made anew when lost, and no longer used once the certificate that the
//! node showed has ended.

use std::time::Duration;

use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::{TokioIo, TokioTimer};
use parking_lot::Mutex;
use platform_model::NodeId;
use platform_runtime::TaskGroup;
use platform_runtime::clock::Clock;
use platform_runtime::serve::Guarded;
use platform_runtime::tls::peer_certificate_left;
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use super::pool::PoolSettings;
use crate::request::body::RequestBody;
use crate::spawner::Spawner;

/// HTTP/2 pings on connections to nodes: a node that does not answer one in this time is gone.
const PING_EVERY: Duration = Duration::from_secs(5);
/// Flow-control window of a stream: what one slow app can make the router hold for it.
const STREAM_WINDOW_BYTES: u32 = 256 * 1024;
/// RFC 9113, 6.9.1.
const WINDOW_BYTES_MAX: u32 = (1 << 31) - 1;
/// Bytes of request bodies waiting to be written, for one connection's stream.
const SEND_BUFFER_BYTES: usize = 256 * 1024;
/// What running requests have left once the node's certificate has ended.
const CERTIFICATE_GRACE: Duration = Duration::from_secs(60);

pub(super) type Sender = SendRequest<RequestBody>;

/// A place for one connection.
#[derive(Default)]
pub(super) struct Slot {
    ready: Mutex<Option<Ready>>,
    pub(super) connecting: tokio::sync::Mutex<()>,
}

/// A connection that takes requests.
pub(super) struct Ready {
    sender: Sender,
    /// Monotonic; `None` for a certificate without an end, which TLS refuses.
    good_until: Option<Duration>,
}

impl Slot {
    pub(super) fn open(&self, clock: &Clock) -> Option<Sender> {
        let ready = self.ready.lock();
        let ready = ready.as_ref().filter(|ready| !ready.sender.is_closed())?;
        let good = ready.good_until.is_none_or(|until| clock.monotonic() < until);
        good.then(|| ready.sender.clone())
    }

    pub(super) fn put(&self, ready: Ready) -> Sender {
        let sender = ready.sender.clone();
        *self.ready.lock() = Some(ready);
        sender
    }
}

/// Speaks HTTP/2 over a stream to `node`, in a task that ends with the connection.
pub(super) async fn begin(
    stream: Guarded<TlsStream<TcpStream>>,
    node: &NodeId,
    settings: &PoolSettings,
) -> hyper::Result<Ready> {
    let (clock, tasks) = (settings.clock.clone(), &settings.tasks);
    let left = peer_certificate_left(stream.get_ref().get_ref().1, &clock);
    let good_until = left.map(|left| clock.monotonic() + left);
    let (sender, connection) = http2::Builder::new(Spawner(tasks.clone()))
        .timer(TokioTimer::new())
        .keep_alive_interval(PING_EVERY)
        .keep_alive_timeout(PING_EVERY)
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(connection_window(settings.in_flight_per_cell_max))
        .max_send_buf_size(SEND_BUFFER_BYTES)
        .handshake(TokioIo::new(stream))
        .await?;
    keep(connection, node.clone(), left, clock, tasks);
    Ok(Ready { sender, good_until })
}

/// Room for every stream's own window, so that apps that do not read hold up nobody but themselves. Memory is bounded
/// by the cell's places, not here.
fn connection_window(streams_max: usize) -> u32 {
    let streams = u32::try_from(streams_max).unwrap_or(u32::MAX);
    STREAM_WINDOW_BYTES.saturating_mul(streams).min(WINDOW_BYTES_MAX)
}

fn keep(
    connection: impl Future<Output = hyper::Result<()>> + Send + 'static,
    node: NodeId,
    certificate_left: Option<Duration>,
    clock: Clock,
    tasks: &TaskGroup,
) {
    let token = tasks.token();
    tasks.spawn("node-connection", async move {
        let certificate_ended = async {
            match certificate_left {
                Some(left) => clock.sleep(left + CERTIFICATE_GRACE).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            ended = connection => if let Err(error) = ended {
                tracing::debug!(%node, %error, "a connection to a node ended");
            },
            () = certificate_ended => tracing::info!(%node, "the certificate of a connected node has ended"),
            () = token.cancelled() => {}
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_has_room_for_the_windows_of_all_its_streams() {
        assert_eq!(connection_window(1_024), 1_024 * STREAM_WINDOW_BYTES);
        assert_eq!(connection_window(1_000_000), WINDOW_BYTES_MAX);
    }
}
