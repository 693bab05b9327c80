//! From names in a schema to names in Rust, as prost writes them. Only names for which the two agree are allowed.

use prost_reflect::MessageDescriptor;

/// Rule of field, table and index names.
pub(crate) const LOWER_SNAKE: &str = "in lower snake case, such as `started_at_ms`";
/// Rule of message names.
pub(crate) const UPPER_CAMEL: &str = "in upper camel case without two capitals in a row, such as `GpsPoint`";

pub(crate) fn is_lower_snake(name: &str) -> bool {
    let letters = name
        .bytes()
        .all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_'));
    letters
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && !name.ends_with('_')
        && name
            .split('_')
            .all(|word| word.starts_with(|c: char| c.is_ascii_alphanumeric()))
}

pub(crate) fn is_upper_camel(name: &str) -> bool {
    let capitals_apart = name
        .as_bytes()
        .windows(2)
        .all(|w| !(w[0].is_ascii_uppercase() && w[1].is_ascii_uppercase()));
    name.starts_with(|c: char| c.is_ascii_uppercase())
        && name.bytes().all(|b| b.is_ascii_alphanumeric())
        && capitals_apart
}

/// `started_at` -> `StartedAt`.
pub(crate) fn upper_camel(name: &str) -> String {
    let word = |word: &str| {
        let (head, tail) = word.split_at(word.len().min(1));
        head.to_ascii_uppercase() + tail
    };
    name.split('_').map(word).collect()
}

/// `GpsPoint` -> `gps_point`.
pub(crate) fn lower_snake(name: &str) -> String {
    let mut snake = String::new();
    for (at, letter) in name.chars().enumerate() {
        if letter.is_ascii_uppercase() && at > 0 {
            snake.push('_');
        }
        snake.push(letter.to_ascii_lowercase());
    }
    snake
}

/// The member as prost names it: a Rust keyword is written raw.
pub(crate) fn member(field: &str) -> String {
    const KEYWORDS: [&str; 33] = [
        "as", "break", "const", "continue", "else", "enum", "false", "fn", "for", "if", "impl", "in", "let",
        "loop", "match", "mod", "move", "mut", "pub", "ref", "return", "static", "struct", "trait", "true",
        "type", "unsafe", "use", "where", "while", "dyn", "async", "await",
    ];
    const RESERVED: [&str; 13] = [
        "abstract", "become", "box", "do", "final", "macro", "override", "priv", "typeof", "unsized",
        "virtual", "yield", "try",
    ];
    let raw = KEYWORDS.contains(&field) || RESERVED.contains(&field) || field == "gen";
    if raw {
        format!("r#{field}")
    } else {
        field.to_owned()
    }
}

/// The modules that a nested message lies in: `activity::lap::` for `Activity.Lap.Split`.
pub(crate) fn modules_of(message: &MessageDescriptor) -> String {
    match message.parent_message() {
        Some(parent) => format!("{}{}::", modules_of(&parent), member(&lower_snake(parent.name()))),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_prost() {
        assert_eq!(upper_camel("started_at_2"), "StartedAt2");
        assert_eq!(lower_snake("GpsPoint"), "gps_point");
        assert_eq!(member("type"), "r#type");
    }

    #[test]
    fn names_that_prost_would_bend_are_not_allowed() {
        assert!(is_lower_snake("heart_rate_bpm") && is_lower_snake("np2"));
        for name in ["HeartRate", "_a", "a__b", "a_", "2a", ""] {
            assert!(!is_lower_snake(name), "{name}");
        }
        assert!(is_upper_camel("GpsPoint") && !is_upper_camel("GPSPoint") && !is_upper_camel("gps"));
    }
}
