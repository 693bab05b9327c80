//! An e-mail address: kept as the person writes it, looked up in one form.

use std::fmt;

use platform_model::{Code, Problem};

/// Longest address, in bytes (RFC 5321, 4.5.3.1.3, less the angle brackets).
const BYTES_MAX: usize = 254;

/// An address that mail could be sent to, as far as its form tells.
#[derive(Clone, PartialEq, Eq)]
pub struct Address {
    written: String,
    looked_up: String,
}

impl Address {
    /// Takes away space around it and writes the domain in lower case.
    ///
    /// # Errors
    /// `invalid-address`, saying which rule is broken.
    pub fn parse(text: &str) -> Result<Self, Problem> {
        let text = text.trim();
        if text.len() > BYTES_MAX {
            return Err(invalid("it is longer than 254 bytes"));
        }
        if text.chars().any(|c| c.is_control() || c.is_whitespace()) {
            return Err(invalid("it has a space or a control character"));
        }
        let Some((local, domain)) = text.split_once('@').filter(|(_, domain)| !domain.contains('@')) else {
            return Err(invalid("it does not have exactly one @"));
        };
        if local.is_empty() || domain.is_empty() {
            return Err(invalid("nothing stands before or after the @"));
        }
        let domain = domain.to_lowercase();
        let address = Self {
            looked_up: format!("{}@{domain}", local.to_lowercase()),
            written: format!("{local}@{domain}"),
        };
        // Some letters take more bytes in lower case: an address that grew past the bound could not be read again.
        if address.written.len().max(address.looked_up.len()) > BYTES_MAX {
            return Err(invalid("it is longer than 254 bytes"));
        }
        Ok(address)
    }

    /// As the person writes it.
    pub fn written(&self) -> &str {
        &self.written
    }

    /// The one form in which addresses are compared: all in lower case.
    pub fn looked_up(&self) -> &str {
        &self.looked_up
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Address(..)")
    }
}

fn invalid(rule: &'static str) -> Problem {
    Problem::new(Code::InvalidAddress).detail(rule)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_has_one_look_up_form() {
        let address = Address::parse("  Anna.Maier@Example.COM ").expect("an address");
        assert_eq!(address.written(), "Anna.Maier@example.com");
        assert_eq!(address.looked_up(), "anna.maier@example.com");
        assert_eq!(format!("{address:?}"), "Address(..)");
    }

    /// `İ` is two bytes and three in lower case: such an address was taken, and refused when it was shown again.
    #[test]
    fn an_address_that_grows_in_lower_case_is_refused_at_once() {
        let address = Address::parse("\u{130}@\u{130}.example").expect("short enough in either case");
        assert!(Address::parse(address.written()).is_ok() && Address::parse(address.looked_up()).is_ok());
        for text in [
            format!("a@{}", "\u{130}".repeat(126)),
            format!("{}@a", "\u{130}".repeat(126)),
        ] {
            assert_eq!(text.len(), 254);
            let problem = Address::parse(&text).expect_err("longer in lower case");
            assert_eq!(problem.code, Code::InvalidAddress);
        }
    }

    #[test]
    fn anything_else_is_refused_without_repeating_it() {
        let long = format!("secret@{}.com", "x".repeat(250));
        for text in [
            "",
            "secret",
            "@secret",
            "secret@",
            "secret@a@b",
            "sec ret@a",
            "secret\u{0}@a",
            "secret@a\u{2003}b",
            &long,
        ] {
            let problem = Address::parse(text).expect_err(text);
            assert_eq!(problem.code, Code::InvalidAddress, "{text}");
            assert!(!problem.to_json().contains("secret"), "{text}");
        }
        assert!(
            Address::parse(&format!("a@{}.com", "x".repeat(248))).is_ok(),
            "254 bytes"
        );
    }
}
