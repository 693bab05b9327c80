//! FIT: activity files, chained ones and those that break off. Framing and field decoding are the crate `fitparser`'s;
//! what a message means is in [`messages`].
//!
//! The crate is fed message by message, so that what stands before a break is kept. What it does not guard itself (header
//! sizes, fields whose size does not fit their type) is looked at in [`frame`] before it sees the bytes.

mod frame;
mod messages;
mod profile;

use std::panic::{AssertUnwindSafe, catch_unwind};

use fitparser::ErrorKind;
use fitparser::de::{FitObject, FitStreamProcessor};

use super::ImportError;
use crate::model::Workout;
use messages::Collector;

/// # Errors
/// `Empty` for a FIT file of another kind (settings, courses, weights), `Corrupt` if it broke before the first record,
/// `TooLarge` past the records that are taken.
pub fn read(bytes: &[u8]) -> Result<Workout, ImportError> {
    let mut collector = Collector::default();
    let mut guard = frame::Guard::default();
    let mut rest = bytes;
    while !rest.is_empty() {
        match read_one(rest, &mut collector, &mut guard)? {
            Some(next) => rest = next,
            None => {
                collector.quality().truncated = true;
                break;
            }
        }
    }
    collector.workout()
}

/// Reads one file of a chain; the bytes after it, or `None` where it broke off.
fn read_one<'a>(
    bytes: &'a [u8],
    collector: &mut Collector,
    guard: &mut frame::Guard,
) -> Result<Option<&'a [u8]>, ImportError> {
    let Some(header) = frame::header(bytes) else {
        return Ok(None);
    };
    let mut processor = FitStreamProcessor::new();
    if next(&mut processor, &header.normal).is_none() {
        return Ok(None);
    }
    collector.begin_file();
    let (mut rest, after) = bytes[header.size..].split_at(header.data_size);
    while !rest.is_empty() {
        guard.admit(rest)?;
        let Some((left, object)) = next(&mut processor, rest) else {
            return Ok(None);
        };
        rest = left;
        if let FitObject::DataMessage(message) = object {
            collector.take(&message)?;
            if message.global_message_number() == profile::FIELD_DESCRIPTION
                && !describe(&mut processor, message)
            {
                return Ok(None);
            }
        }
    }
    if header.data_cut {
        return Ok(None);
    }
    Ok(Some(frame::check_crc(bytes, &header, after, collector.quality())))
}

/// One object of the stream. A panic of the parser over hostile bytes counts as a break.
fn next<'a>(processor: &mut FitStreamProcessor, bytes: &'a [u8]) -> Option<(&'a [u8], FitObject)> {
    let step = catch_unwind(AssertUnwindSafe(|| match processor.deserialize_next(bytes) {
        Ok(step) => Some(step),
        Err(error) => {
            debug_assert!(
                !matches!(*error, ErrorKind::InvalidCrc(_)),
                "the checksum is ours"
            );
            None
        }
    }));
    step.ok().flatten().filter(|(left, _)| left.len() < bytes.len())
}

/// Tells the parser the type of a developer field.
fn describe(processor: &mut FitStreamProcessor, message: fitparser::de::FitDataMessage) -> bool {
    catch_unwind(AssertUnwindSafe(|| processor.decode_message(message).is_ok())).unwrap_or(false)
}
