//! How a value could be written: as it is, and in every coding that logs, stores and protocols use.
//!
//! Letters are compared without their case, so no form is here twice for it. A compressed or encrypted value is not
//! recognised: what is compressed is looked at after it was unpacked, what is encrypted is no leak.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};

/// One way to write a value.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Form {
    pub name: &'static str,
    pub bytes: Vec<u8>,
}

fn form(name: &'static str, bytes: impl Into<Vec<u8>>) -> Form {
    Form {
        name,
        bytes: bytes.into(),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Every form of some bytes, without doubles.
pub fn of_bytes(bytes: &[u8]) -> Vec<Form> {
    let list = |between: &str| {
        let numbers: Vec<String> = bytes.iter().map(u8::to_string).collect();
        numbers.join(between)
    };
    let each = |write: fn(u8) -> String| bytes.iter().map(|byte| write(*byte)).collect::<String>();
    let mut forms = vec![
        form("plain", bytes),
        form("hex", hex(bytes)),
        form("percent-encoded", each(|byte| format!("%{byte:02x}"))),
        form("escaped as \\u", each(|byte| format!("\\u{byte:04x}"))),
        form("escaped as \\x", each(|byte| format!("\\x{byte:02x}"))),
        form("a list of numbers", list(", ")),
        form("a list of numbers, close", list(",")),
        form("UTF-16", utf16(bytes)),
    ];
    for before in 0..3 {
        forms.push(form("base64", base64(bytes, before, &STANDARD_NO_PAD)));
        forms.push(form("base64url", base64(bytes, before, &URL_SAFE_NO_PAD)));
    }
    without_doubles(forms)
}

/// A digest that anyone can compute tells a value to whoever guesses it.
pub fn of_digest(value: &[u8]) -> Vec<Form> {
    let digest = Sha256::digest(value);
    let forms = [
        form("SHA-256", digest.to_vec()),
        form("SHA-256 in hex", hex(&digest)),
        form("SHA-256 in base64", STANDARD_NO_PAD.encode(digest)),
        form("SHA-256 in base64url", URL_SAFE_NO_PAD.encode(digest)),
    ];
    without_doubles(forms.to_vec())
}

/// A number of a position: as text, and as the doubles and semicircles of machines.
pub fn of_degrees(degrees: f64) -> Vec<Form> {
    let mut forms = of_bytes(&degrees.to_le_bytes());
    forms.extend(of_bytes(&degrees.to_be_bytes()));
    // Cut, not rounded: a shorter print of the same number begins alike.
    let text = format!("{degrees:.9}");
    let shown = &text[..text.find('.').map_or(text.len(), |dot| dot + 6)];
    forms.extend(of_bytes(shown.as_bytes()));
    without_doubles(forms)
}

/// The sixteen-bit text without the first or last zero, so that it is found in either byte order.
fn utf16(bytes: &[u8]) -> Vec<u8> {
    let mut wide: Vec<u8> = bytes.iter().flat_map(|byte| [*byte, 0]).collect();
    wide.pop();
    wide
}

/// The letters that depend on `bytes` alone where `before` bytes stand before them.
fn base64(bytes: &[u8], before: usize, engine: &impl Engine) -> String {
    let text = engine.encode([&vec![0; before][..], bytes].concat());
    let (first, end) = ((before * 8).div_ceil(6), (before + bytes.len()) * 8 / 6);
    text[first..end].to_owned()
}

fn without_doubles(mut forms: Vec<Form>) -> Vec<Form> {
    forms.sort_by(|a, b| a.bytes.cmp(&b.bytes));
    forms.dedup_by(|a, b| a.bytes == b.bytes);
    forms
}
