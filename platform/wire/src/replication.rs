//! Frames between the copies of shards, several to a message. What is in a frame is cell/shard's business.
//!
//! A message longer than [`PACK_BYTES_MIN`] is sent as one LZ4 block if that makes it shorter by an eighth at least:
//! values are sealed and hardly do, keys do.

use bytes::Bytes;
use platform_model::{ShardId, WorldId};
use prost::Message;
use tonic::Status;

use crate::frame::{self, FRAME_VERSION, MESSAGE_BYTES_MAX};
use crate::pb;
use crate::refusal::Refusal;

/// Longest frame, in bytes.
pub const FRAME_BYTES_MAX: usize = 8 << 20;
/// Most frames of one message.
pub const FRAMES_MAX: usize = 4_096;
/// Shortest message that is worth packing, in bytes.
pub const PACK_BYTES_MIN: usize = 2 << 10;

/// A frame and the shard that it is about.
pub type Parcel = (ShardId, Bytes);

/// The message that carries these frames. Within the bounds if each frame is and they are few enough together: the
/// sender sees to that.
pub fn message(world: &WorldId, parcels: Vec<Parcel>) -> pb::ReplicationFrames {
    let to_wire = |(shard, frame): Parcel| pb::ReplicationFrame {
        shard: shard.to_string(),
        frame,
    };
    let batch = pb::ReplicationBatch {
        frames: parcels.into_iter().map(to_wire).collect(),
    };
    let (version, world) = (FRAME_VERSION, world.to_string());
    match packed(&batch) {
        Some((packed, unpacked_bytes)) => pb::ReplicationFrames {
            version,
            world,
            frames: Vec::new(),
            packed,
            unpacked_bytes,
        },
        None => pb::ReplicationFrames {
            version,
            world,
            frames: batch.frames,
            packed: Bytes::new(),
            unpacked_bytes: 0,
        },
    }
}

/// The batch as one block and its length before, if packing gains anything.
fn packed(batch: &pb::ReplicationBatch) -> Option<(Bytes, u32)> {
    let plain_bytes = batch.encoded_len();
    if plain_bytes < PACK_BYTES_MIN {
        return None;
    }
    let packed = lz4_flex::block::compress(&batch.encode_to_vec());
    let gains = packed.len() + plain_bytes / 8 <= plain_bytes;
    gains.then_some((packed.into(), u32::try_from(plain_bytes).ok()?))
}

/// The frames of a message, in order.
///
/// # Errors
/// A refusal as a status: another world, another version, a frame or message past its bound, a block that is none.
pub fn read_frames(message: pb::ReplicationFrames, ours: &WorldId) -> Result<Vec<Parcel>, Status> {
    frame::check(message.version, &message.world, ours)?;
    let frames = if message.packed.is_empty() {
        message.frames
    } else {
        unpacked(&message.packed, message.unpacked_bytes)?.frames
    };
    if frames.len() > FRAMES_MAX {
        return Err(
            Refusal::invalid(format!("{} frames, at most {FRAMES_MAX} are read", frames.len())).into(),
        );
    }
    frames.into_iter().map(parcel).collect()
}

fn unpacked(packed: &[u8], unpacked_bytes: u32) -> Result<pb::ReplicationBatch, Refusal> {
    let bytes = usize::try_from(unpacked_bytes).unwrap_or(usize::MAX);
    if bytes > MESSAGE_BYTES_MAX {
        let message = format!("a message of {bytes} bytes, at most {MESSAGE_BYTES_MAX} are read");
        return Err(Refusal::invalid(message));
    }
    let mut plain = vec![0; bytes];
    let written = lz4_flex::block::decompress_into(packed, &mut plain).map_err(Refusal::invalid)?;
    if written != bytes {
        return Err(Refusal::invalid(format!(
            "{written} bytes, not the {bytes} that were named"
        )));
    }
    // From `Bytes` the frames are cut out, not copied.
    pb::ReplicationBatch::decode(Bytes::from(plain)).map_err(Refusal::invalid)
}

fn parcel(wire: pb::ReplicationFrame) -> Result<Parcel, Status> {
    let shard: ShardId = wire.shard.parse().map_err(Refusal::invalid)?;
    let bytes = wire.frame.len();
    if bytes > FRAME_BYTES_MAX {
        let message = format!("a frame of {bytes} bytes about {shard}, at most {FRAME_BYTES_MAX} are read");
        return Err(Refusal::invalid(message).into());
    }
    Ok((shard, wire.frame))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::refusal::RefusalCode;

    fn world() -> WorldId {
        WorldId::new(&"a".repeat(64)).expect("an id")
    }

    fn parcel(index: usize, frame: Vec<u8>) -> Parcel {
        (
            format!("eu/eu-central/{index:03}").parse().expect("a shard"),
            frame.into(),
        )
    }

    #[test]
    fn frames_are_read_in_the_order_in_which_they_were_sent() {
        let few = vec![parcel(1, vec![1]), parcel(0, Vec::new()), parcel(1, vec![2, 3])];
        let sent = message(&world(), few.clone());
        assert!(sent.packed.is_empty() && sent.frames.len() == 3);
        assert_eq!(read_frames(sent, &world()).expect("our own"), few);
    }

    #[test]
    fn a_long_message_is_packed_if_that_gains() {
        let plain: Vec<Parcel> = (0..8).map(|n| parcel(n, vec![7; 1_000])).collect();
        let sent = message(&world(), plain.clone());
        assert!(
            sent.frames.is_empty() && sent.packed.len() < 1_000,
            "{}",
            sent.packed.len()
        );
        assert_eq!(read_frames(sent, &world()).expect("our own"), plain);
        // What is sealed looks like this: every byte new.
        let sealed: Vec<u8> = (0..1_000)
            .flat_map(|_| platform_runtime::random::bytes::<8>())
            .collect();
        let sent = message(&world(), vec![parcel(0, sealed)]);
        assert!(sent.packed.is_empty() && sent.frames.len() == 1);
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let good = || message(&world(), (0..8).map(|n| parcel(n, vec![7; 1_000])).collect());
        let broken: [fn(&mut pb::ReplicationFrames); 7] = [
            |m| m.version += 1,
            |m| m.world = "b".repeat(64),
            |m| m.unpacked_bytes += 1,
            |m| m.unpacked_bytes = u32::MAX,
            |m| m.packed = Bytes::from_static(&[0xff; 9]),
            |m| {
                m.packed = Bytes::new();
                m.frames = vec![pb::ReplicationFrame::default()];
            },
            |m| {
                m.packed = Bytes::new();
                m.frames = vec![pb::ReplicationFrame {
                    shard: "eu/eu-central/000".into(),
                    frame: vec![0; FRAME_BYTES_MAX + 1].into(),
                }];
            },
        ];
        for (at, breaks) in broken.into_iter().enumerate() {
            let mut message = good();
            breaks(&mut message);
            let status = read_frames(message, &world()).expect_err("broken");
            assert!(Refusal::from_status(&status).is_some(), "{at}: {status:?}");
        }
        let many = message(
            &world(),
            (0..=FRAMES_MAX).map(|_| parcel(0, Vec::new())).collect(),
        );
        let status = read_frames(many, &world()).expect_err("too many");
        assert_eq!(
            Refusal::from_status(&status).map(|r| r.code),
            Some(RefusalCode::Invalid)
        );
    }
}
