//! A password as it was typed.

use std::fmt;

use platform_model::{Code, Problem};

/// Fewest and most characters.
const CHARS_MIN: usize = 8;
const CHARS_MAX: usize = 256;
/// Most bytes.
const BYTES_MAX: usize = 1_024;

/// Never printed, never stored but as a hash.
#[derive(Clone)]
pub struct Password(String);

impl Password {
    /// A new password: 8 to 256 characters of any kind.
    ///
    /// # Errors
    /// `weak-password`.
    pub fn chosen(text: &str) -> Result<Self, Problem> {
        let chars = text.chars().count();
        if (CHARS_MIN..=CHARS_MAX).contains(&chars) && text.len() <= BYTES_MAX {
            Ok(Self(text.to_owned()))
        } else {
            Err(Problem::new(Code::WeakPassword)
                .detail("8 to 256 characters, at most 1024 bytes")
                .with("chars_min", CHARS_MIN)
                .with("chars_max", CHARS_MAX))
        }
    }

    /// A password that somebody tries. Whether it is one that could be chosen does not matter, only that it is bounded.
    ///
    /// # Errors
    /// `invalid-credentials` past every password's length.
    pub fn tried(text: &str) -> Result<Self, Problem> {
        if text.len() > BYTES_MAX {
            Err(Code::InvalidCredentials.into())
        } else {
            Ok(Self(text.to_owned()))
        }
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn length_is_counted_in_characters_and_bounded_in_bytes() {
        for good in ["12345678", "ääääääää", &"x".repeat(256), &"😀".repeat(256)] {
            assert!(Password::chosen(good).is_ok(), "{good}");
        }
        for weak in ["", "1234567", "äääääää", &"x".repeat(257)] {
            assert_eq!(Password::chosen(weak).expect_err(weak).code, Code::WeakPassword);
        }
        assert!(Password::tried("short").is_ok());
        let refused = Password::tried(&"x".repeat(1_025)).expect_err("too long");
        assert_eq!(refused.code, Code::InvalidCredentials);
    }

    #[test]
    fn it_is_not_printed() {
        let password = Password::chosen("correct horse").expect("long enough");
        assert_eq!(format!("{password:?}"), "Password(..)");
    }
}
