//! Passes bytes on, in both directions, each under the condition of its own link.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use platform_runtime::clock::Clock;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;

use super::links::Links;

/// Bytes that are read at once.
const CHUNK_BYTES: usize = 32 * 1024;
/// Chunks under way on one link; a reader of a full one waits, as TCP would.
const CHUNKS_MAX: usize = 64;

/// Until both directions have ended. `ends`: who began the connection, and who took it.
pub async fn both(outer: TcpStream, inner: TcpStream, links: &Links, ends: (&str, &str)) {
    // Small frames are the point of a protocol with leases.
    let _ = (outer.set_nodelay(true), inner.set_nodelay(true));
    let (from, to) = ends;
    let (outer_read, outer_write) = outer.into_split();
    let (inner_read, inner_write) = inner.into_split();
    tokio::join!(
        one(outer_read, inner_write, links, (from, to)),
        one(inner_read, outer_write, links, (to, from)),
    );
}

async fn one(
    mut read: impl AsyncRead + Unpin,
    mut write: impl AsyncWrite + Unpin,
    links: &Links,
    (from, to): (&str, &str),
) {
    let clock = Clock::system();
    let (sender, mut receiver) = mpsc::channel::<(Duration, Bytes)>(CHUNKS_MAX);
    let reading = async {
        let sender = sender;
        loop {
            let mut chunk = BytesMut::with_capacity(CHUNK_BYTES);
            match read.read_buf(&mut chunk).await {
                Ok(0) | Err(_) => return,
                Ok(_) => {}
            }
            let due = clock.monotonic() + links.condition(from, to).delay;
            if sender.send((due, chunk.freeze())).await.is_err() {
                return;
            }
        }
    };
    let writing = async {
        while let Some((due, chunk)) = receiver.recv().await {
            clock.sleep(due.saturating_sub(clock.monotonic())).await;
            links.whole(from, to).await;
            if let Some(rate) = links.condition(from, to).bytes_per_second {
                let took = chunk.len() as f64 / f64::from(rate.max(1));
                clock.sleep(Duration::from_secs_f64(took)).await;
            }
            if write.write_all(&chunk).await.is_err() {
                break;
            }
        }
        // An end is news, too: it does not pass through a cut.
        links.whole(from, to).await;
        let _ = write.shutdown().await;
        // Whoever still sends is told that nobody reads any more.
        receiver.close();
    };
    tokio::join!(reading, writing);
}
