//! The name that others see.

use std::fmt;

use platform_model::{Code, Problem};

/// Most characters.
const CHARS_MAX: usize = 64;

#[derive(Clone, PartialEq, Eq)]
pub struct DisplayName(String);

impl DisplayName {
    /// Takes away space around it: 1 to 64 characters are left, none of them a control character.
    ///
    /// # Errors
    /// `invalid-body`.
    pub fn parse(text: &str) -> Result<Self, Problem> {
        let text = text.trim();
        let fits = (1..=CHARS_MAX).contains(&text.chars().count());
        if fits && !text.chars().any(char::is_control) {
            Ok(Self(text.to_owned()))
        } else {
            let rule = "`display_name` takes 1 to 64 characters, no control characters";
            Err(Problem::new(Code::InvalidBody).detail(rule))
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for DisplayName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DisplayName(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_short_and_printable() {
        assert_eq!(DisplayName::parse(" Änna ").expect("a name").as_str(), "Änna");
        assert!(DisplayName::parse(&"ä".repeat(64)).is_ok());
        for bad in ["", "  ", "a\nb", &"a".repeat(65)] {
            assert_eq!(DisplayName::parse(bad).expect_err(bad).code, Code::InvalidBody);
        }
    }
}
