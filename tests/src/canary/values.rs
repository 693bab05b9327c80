//! Makes canaries: short texts of chance, and what is built from them. Each is on record before it leaves.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use platform_canary::{Canary, Form, forms};
use platform_runtime::random;
use uuid::Uuid;

/// Letters of a canary: those that need no escape anywhere.
const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
/// 14 letters of 5 bits: nothing that a world writes by chance.
const LENGTH: usize = 14;

/// A place on earth where nobody else is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Position {
    pub latitude: f64,
    pub longitude: f64,
}

/// All that were made.
#[derive(Debug, Default)]
pub struct Canaries {
    all: Vec<Canary>,
}

impl Canaries {
    pub fn all(&self) -> &[Canary] {
        &self.all
    }

    /// A short text, also looked for inside of whatever it is built into.
    pub fn text(&mut self, name: &str) -> String {
        let letter = |_| char::from(LETTERS[usize::from(random::bytes::<1>()[0]) % LETTERS.len()]);
        let text: String = (0..LENGTH).map(letter).collect();
        self.keep(name, forms::of_bytes(text.as_bytes()));
        text
    }

    /// A whole value with a canary inside: its bare digest would be a leak as well.
    pub fn value(&mut self, name: &str, build: impl FnOnce(&str) -> String) -> String {
        let value = build(&self.text(name));
        let lower = value.to_lowercase();
        let mut digests = forms::of_digest(value.as_bytes());
        digests.extend(forms::of_digest(lower.as_bytes()));
        digests.dedup();
        self.keep(&format!("{name}, digest"), digests);
        value
    }

    /// An idempotency key, which a person's app chooses.
    pub fn key(&mut self, name: &str) -> Uuid {
        let key = random::uuid_v7();
        let mut all = forms::of_bytes(key.hyphenated().to_string().as_bytes());
        all.extend(forms::of_bytes(key.as_bytes()));
        all.dedup();
        self.keep(name, all);
        key
    }

    /// Something that the platform made and only the person may hold: what is secret in it, as it is written and as the
    /// bytes that it stands for. Of a refresh token the last part, of an access token all but the header, which is the
    /// same for everyone.
    pub fn token(&mut self, name: &str, token: &str) {
        let secret = match token.rsplit_once('.') {
            Some((_, secret)) if token.starts_with("mrt1.") => vec![secret],
            Some((rest, signature)) => vec![rest.split('.').next_back().unwrap_or_default(), signature],
            None => vec![token],
        };
        for part in secret.into_iter().filter(|part| part.len() >= LENGTH) {
            let mut all = forms::of_bytes(part.as_bytes());
            if let Ok(bytes) = URL_SAFE_NO_PAD.decode(part) {
                all.extend(forms::of_bytes(&bytes));
            }
            self.keep(name, all);
        }
    }

    /// Bytes that are long enough to be nobody else's.
    pub fn bytes(&mut self, name: &str, bytes: &[u8]) {
        assert!(bytes.len() >= 8, "{name}: too short to be found");
        self.keep(name, forms::of_bytes(bytes));
    }

    /// A position with more digits than any other, and with degrees that no second of a clock has.
    pub fn position(&mut self, name: &str) -> Position {
        let fraction = |whole: f64| whole + (random::below(900_000_000) + 100_000_000) as f64 / 1e9;
        let position = Position {
            latitude: fraction(61.0),
            longitude: fraction(101.0),
        };
        let semicircles = [position.latitude, position.longitude].map(semicircles);
        let mut all = forms::of_degrees(position.latitude);
        all.extend(forms::of_degrees(position.longitude));
        all.extend(forms::of_bytes(&semicircles.map(i32::to_le_bytes).concat()));
        all.extend(forms::of_bytes(&semicircles.map(i32::to_be_bytes).concat()));
        self.keep(name, all);
        position
    }

    fn keep(&mut self, name: &str, forms: Vec<Form>) {
        self.all.push(Canary::new(name, forms));
    }
}

/// Degrees as FIT writes them.
#[expect(clippy::cast_possible_truncation, reason = "half a turn is 2^31 semicircles")]
pub fn semicircles(degrees: f64) -> i32 {
    (degrees / 180.0 * 2_147_483_648.0) as i32
}
