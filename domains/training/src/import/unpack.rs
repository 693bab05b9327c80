//! gzip, with a bound on what comes out.

use std::io::Read;

use flate2::read::MultiGzDecoder;

use super::ImportError;

/// Read at a time; a bomb is noticed after at most this much past the bound.
const STEP_BYTES: usize = 64 * 1024;

#[derive(Debug)]
pub struct Unpacked {
    pub bytes: Vec<u8>,
    /// The gzip broke off or failed its checksum: `bytes` is what came out before.
    pub truncated: bool,
}

/// # Errors
/// `TooLarge` once more than `bytes_max` came out; `Corrupt` if nothing came out.
pub fn gunzip(packed: &[u8], bytes_max: usize) -> Result<Unpacked, ImportError> {
    let mut decoder = MultiGzDecoder::new(packed);
    let mut bytes = Vec::new();
    let mut step = vec![0; STEP_BYTES];
    let truncated = loop {
        match decoder.read(&mut step) {
            Ok(0) => break false,
            Ok(read) => bytes.extend_from_slice(&step[..read]),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(_) => break true,
        }
        if bytes.len() > bytes_max {
            return Err(ImportError::TooLarge {
                bytes_max,
                when: "once unpacked",
            });
        }
    };
    if bytes.is_empty() {
        return Err(if truncated {
            ImportError::Corrupt {
                reason: "the gzip is damaged from its beginning",
            }
        } else {
            ImportError::Empty {
                reason: "the gzip holds no bytes",
            }
        });
    }
    Ok(Unpacked { bytes, truncated })
}
