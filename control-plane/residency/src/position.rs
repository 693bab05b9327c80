//! Where in the law something stands.

use std::fmt;

/// File, line and column, both from 1; the column counts characters.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Position {
    pub file: String,
    pub line: usize,
    pub column: usize,
}

impl Position {
    /// The place of a byte of `text`; one past the end is the end.
    pub(crate) fn of(file: &str, text: &str, offset: usize) -> Self {
        let before = &text.as_bytes()[..offset.min(text.len())];
        let line_start = before
            .iter()
            .rposition(|byte| *byte == b'\n')
            .map_or(0, |end| end + 1);
        let column = String::from_utf8_lossy(&before[line_start..]).chars().count() + 1;
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        Self {
            file: file.to_owned(),
            line,
            column,
        }
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_columns_count_from_one_and_in_characters() {
        let text = "é = 1\nü = 2\n";
        for (offset, expected) in [
            (0, "f:1:1"),
            (3, "f:1:3"),
            (7, "f:2:1"),
            (9, "f:2:2"),
            (99, "f:3:1"),
        ] {
            assert_eq!(Position::of("f", text, offset).to_string(), expected, "{offset}");
        }
    }
}
