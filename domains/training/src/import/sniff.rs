//! What a file is, from its first bytes. The name and the declared media type of an upload are never asked.

use super::ImportError;
use super::xml;

/// A kind of file that is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Fit,
    Gpx,
    Tcx,
    Gzip,
}

/// # Errors
/// `Empty` for no bytes, `Unsupported` for a kind that is not taken, `Corrupt` for XML that breaks before its root.
pub fn kind(bytes: &[u8]) -> Result<Kind, ImportError> {
    let unsupported = |reason| Err(ImportError::Unsupported { reason });
    match bytes {
        [] => Err(ImportError::Empty {
            reason: "the file has no bytes",
        }),
        [0x1f, 0x8b, ..] => Ok(Kind::Gzip),
        [b'P', b'K', 3, 4, ..] => unsupported("zip archives are not taken: send the file in it, or its gzip"),
        [0xfe, 0xff, ..] | [0xff, 0xfe, ..] => unsupported("XML in UTF-16 is not taken: send it as UTF-8"),
        _ if bytes.get(8..12) == Some(b".FIT") => Ok(Kind::Fit),
        _ if looks_like_xml(bytes) => by_root(bytes),
        _ => unsupported("the bytes are neither FIT, GPX, TCX nor a gzip of one"),
    }
}

fn looks_like_xml(bytes: &[u8]) -> bool {
    let bytes = bytes.strip_prefix(&[0xef, 0xbb, 0xbf]).unwrap_or(bytes);
    bytes.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'<')
}

fn by_root(bytes: &[u8]) -> Result<Kind, ImportError> {
    match xml::root_name(bytes)?.as_deref() {
        Some("gpx") => Ok(Kind::Gpx),
        Some("TrainingCenterDatabase") => Ok(Kind::Tcx),
        Some(_) => Err(ImportError::Unsupported {
            reason: "the XML is neither GPX nor TCX",
        }),
        None => Err(ImportError::Corrupt {
            reason: "the XML breaks off before its first element",
        }),
    }
}
