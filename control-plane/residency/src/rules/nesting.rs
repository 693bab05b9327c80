//! Bounds what a parser has to nest, before it is given the text: Cedar's, like most, recurses.

/// Deepest brackets within brackets; rules of real laws have four or five.
const DEPTH_MAX: usize = 40;
/// Most parts of one rule: joins, attributes, conditionals.
const PARTS_MAX: usize = 500;

/// Where a rule goes beyond the bounds, if one does. Texts and comments do not count.
pub(super) fn too_much(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let (mut depth, mut parts, mut at) = (0_usize, 0_usize, 0_usize);
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => at = end_of_text(bytes, at),
            b'/' if bytes.get(at + 1) == Some(&b'/') => at = end_of_line(bytes, at),
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => depth = depth.saturating_sub(1),
            b';' => (depth, parts) = (0, 0),
            b'.' | b'&' | b'|' | b'!' | b'-' | b'+' | b'*' | b'<' | b'>' | b'=' => parts += 1,
            b'i' | b'h' | b'l' if is_word(bytes, at) => parts += 1,
            _ => {}
        }
        if depth > DEPTH_MAX || parts > PARTS_MAX {
            return Some(at);
        }
        at += 1;
    }
    None
}

/// Whether a word begins here that opens a deeper level: `if`, `in`, `is`, `has`, `like`.
fn is_word(bytes: &[u8], at: usize) -> bool {
    let letter = |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
    let word = bytes[at..].iter().take_while(|byte| letter(Some(byte))).count();
    let begins = at == 0 || !letter(bytes.get(at - 1));
    begins && matches!(&bytes[at..at + word], b"if" | b"in" | b"is" | b"has" | b"like")
}

/// The closing quote, or the end of the text.
fn end_of_text(bytes: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while let Some(byte) = bytes.get(at).filter(|byte| **byte != b'"') {
        at += if *byte == b'\\' { 2 } else { 1 };
    }
    at
}

fn end_of_line(bytes: &[u8], start: usize) -> usize {
    bytes[start..]
        .iter()
        .position(|byte| *byte == b'\n')
        .map_or(bytes.len(), |length| start + length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_as_people_write_them_are_within_the_bounds() {
        let chain = vec!["context.class == DataClass::\"health\""; 100].join(" || ");
        for text in [
            chain.as_str(),
            "permit (principal, action, resource) when { [[{}]] };",
            "",
            "\"(((((\" // ((((",
            "\"a",
        ] {
            assert_eq!(too_much(text), None, "{text}");
        }
        let many = format!("permit ({});", "a && ".repeat(200)).repeat(50);
        assert_eq!(too_much(&many), None, "each rule counts for itself");
        assert_eq!(
            too_much(&format!("\"{}\" // {}", "(".repeat(99), "(".repeat(99))),
            None
        );
        assert_eq!(
            too_much(&"\"\\\"((((\"".repeat(20)),
            None,
            "an escaped quote ends no text"
        );
    }

    #[test]
    fn what_nests_without_end_is_told_where_it_goes_too_far() {
        assert_eq!(too_much(&"(".repeat(100)), Some(DEPTH_MAX));
        for part in [
            "[",
            "{",
            "!",
            "a.",
            "a && ",
            "if a then ",
            "-",
            "a in ",
            "a has b && ",
        ] {
            assert!(too_much(&part.repeat(1_000)).is_some(), "{part}");
        }
    }
}
