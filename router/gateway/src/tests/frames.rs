//! HTTP/2 frame by frame (RFC 9113), for clients that no library would be.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use super::world::{COMMON, SOON, World};

pub const HEADERS: u8 = 1;
pub const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
pub const GOAWAY: u8 = 7;
pub const CONTINUATION: u8 = 9;
pub const END_STREAM: u8 = 1;
pub const END_HEADERS: u8 = 4;
/// Code of an error: the peer asks for too much.
pub const ENHANCE_YOUR_CALM: u32 = 0xb;
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// One frame.
pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("short").to_be_bytes();
    let mut bytes = length[1..].to_vec();
    bytes.extend([kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}

/// `GET https://COMMON/v1/profile` in HPACK, without a table.
pub fn get() -> Vec<u8> {
    // The static table has `:method: GET` at 2, `:scheme: https` at 7, `:path` at 4 and `:authority` at 1.
    let mut block = vec![0x82, 0x87];
    for (index, value) in [(4, "/v1/profile"), (1, COMMON)] {
        block.extend([index, u8::try_from(value.len()).expect("short")]);
        block.extend(value.as_bytes());
    }
    block
}

/// A connection that has said its preface.
pub async fn begin(world: &World) -> TlsStream<TcpStream> {
    let mut stream = world.connect("h2").await;
    let hello = [PREFACE, &frame(SETTINGS, 0, 0, &[])].concat();
    stream.write_all(&hello).await.expect("written");
    stream.flush().await.expect("sent");
    stream
}

/// The code of the router's GOAWAY, once it has closed the connection. A cut connection has none.
pub async fn goodbye(stream: &mut TlsStream<TcpStream>) -> Option<u32> {
    let mut bytes = Vec::new();
    // A close without close_notify would be an error here; what came before it counts.
    let _ = tokio::time::timeout(SOON, stream.read_to_end(&mut bytes))
        .await
        .expect("closed in time");
    let (mut rest, mut code) = (bytes.as_slice(), None);
    while rest.len() >= 9 {
        let length = u32::from_be_bytes([0, rest[0], rest[1], rest[2]]) as usize;
        let end = (9 + length).min(rest.len());
        if rest[3] == GOAWAY && end >= 17 {
            code = Some(u32::from_be_bytes(rest[13..17].try_into().expect("four")));
        }
        rest = &rest[end..];
    }
    code
}
