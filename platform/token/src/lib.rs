//! Tokens: the short-lived access token that every request carries (a JWT signed with Ed25519 under the key of the
//! user's home), and the refresh token that buys the next one.
//!
//! The only crate that touches JWTs. It keeps no sessions and knows no passwords; where keys come from is the
//! caller's affair. Start with [`Verifier`] for the reading side and [`SigningKey`] for the writing one.

mod cache;
mod claims;
mod error;
mod header;
mod refresh;
mod signing;
mod verify;

pub use claims::{Claims, peek};
pub use error::TokenError;
pub use refresh::{InvalidRefreshToken, RefreshToken};
pub use signing::{InvalidKey, SigningKey};
pub use verify::{CLOCK_SKEW_S, LIFE_S_MAX, TOKEN_BYTES_MAX, Verifier};
