//! The outer form of a token and its header, read more strictly than the standard asks: exactly `alg`, `typ` and
//! `kid`, once each, and nothing else (RFC 8725, 3.1, 3.10 and 3.11).
//!
//! No signature is looked at here.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;

use crate::error::TokenError;
use crate::verify::TOKEN_BYTES_MAX;

/// The type of our access tokens (RFC 9068).
pub(crate) const TYPE: &str = "at+jwt";
/// The one algorithm.
pub(crate) const ALGORITHM: &str = "EdDSA";

/// The parts of a token that are looked at one by one, still in base64url.
#[derive(Clone, Copy)]
pub(crate) struct Parts<'a> {
    pub(crate) header: &'a str,
    pub(crate) payload: &'a str,
}

/// Three parts, none empty, within the size limit.
pub(crate) fn split(token: &str) -> Result<Parts<'_>, TokenError> {
    if token.len() > TOKEN_BYTES_MAX {
        return Err(TokenError::TooLarge);
    }
    let mut parts = token.split('.');
    match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some(header), Some(payload), Some(_signature), None)
            if !header.is_empty() && !payload.is_empty() =>
        {
            Ok(Parts { header, payload })
        }
        _ => Err(TokenError::Malformed),
    }
}

pub(crate) fn decode(part: &str) -> Result<Vec<u8>, TokenError> {
    URL_SAFE_NO_PAD.decode(part).map_err(|_| TokenError::Malformed)
}

/// Checks the header and gives its key id.
pub(crate) fn key_id(header: &str) -> Result<String, TokenError> {
    #[derive(Deserialize)]
    struct Algorithm {
        alg: String,
    }
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Header {
        #[serde(rename = "alg")]
        _alg: String,
        typ: String,
        kid: String,
    }
    let json = decode(header)?;
    // First the algorithm alone, so that an attack on it is called by its name.
    let algorithm: Algorithm = serde_json::from_slice(&json).map_err(|_| TokenError::Malformed)?;
    if algorithm.alg != ALGORITHM {
        return Err(TokenError::WrongAlgorithm);
    }
    let header: Header = serde_json::from_slice(&json).map_err(|_| TokenError::UnknownHeader)?;
    if header.typ.eq_ignore_ascii_case(TYPE) {
        Ok(header.kid)
    } else {
        Err(TokenError::WrongType)
    }
}
