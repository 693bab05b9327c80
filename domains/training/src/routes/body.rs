//! The bytes of a file on their way in and out, counted against the memory that files may take of this node.

use axum::body::Body;
use axum::extract::Request;
use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt, Full};
use platform_model::{Code, Problem};

use crate::gate::{Gate, Room};
use crate::import::FILE_BYTES_MAX;

/// A file that has come, with the room that it takes.
pub struct Arrived {
    pub bytes: Bytes,
    _room: Room,
}

/// Reads a body whole, taking room for each piece before it is kept.
///
/// # Errors
/// `body-too-large` past [`FILE_BYTES_MAX`], `overloaded` when there is no room, `bad-request` when the body breaks off.
pub async fn read(gate: &Gate, request: Request) -> Result<Arrived, Problem> {
    let mut body = request.into_body();
    let (mut bytes, mut room) = (BytesMut::new(), gate.room(0)?);
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Problem::new(Code::BadRequest).detail("the body broke off"))?;
        let Ok(piece) = frame.into_data() else { continue };
        if bytes.len() + piece.len() > FILE_BYTES_MAX {
            return Err(Problem::new(Code::BodyTooLarge).with("bytes_max", FILE_BYTES_MAX));
        }
        room.grow(piece.len())?;
        bytes.extend_from_slice(&piece);
    }
    Ok(Arrived {
        bytes: bytes.freeze(),
        _room: room,
    })
}

/// A body that keeps its room until it is sent or given up.
pub fn leaving(bytes: Vec<u8>, room: Room) -> Body {
    let keep = move |frame| {
        let _kept = &room;
        frame
    };
    Body::new(Full::new(Bytes::from(bytes)).map_frame(keep))
}
