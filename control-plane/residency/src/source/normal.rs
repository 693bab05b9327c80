//! Makes a text alike on all machines, and refuses what hides in it.

use super::{MARK, SourceError};

/// Line ends are `\n`, no trailing blanks, one line end at the end of a text that is not empty, no byte order mark.
pub(super) fn text(file: &str, text: &str) -> Result<String, SourceError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut normal = String::with_capacity(text.len() + 1);
    for (index, line) in text.lines().enumerate() {
        let (line, number) = (line.trim_end(), index + 1);
        if line.starts_with(MARK) {
            return Err(SourceError::Mark {
                file: file.to_owned(),
                line: number,
            });
        }
        if let Some((column, hidden)) = line.chars().enumerate().find(|(_, c)| hides(*c)) {
            let (file, code) = (file.to_owned(), u32::from(hidden));
            return Err(SourceError::Hidden {
                file,
                line: number,
                column: column + 1,
                code,
            });
        }
        normal.push_str(line);
        normal.push('\n');
    }
    normal.truncate(normal.trim_end().len());
    if !normal.is_empty() {
        normal.push('\n');
    }
    Ok(normal)
}

/// Control characters but the tab; marks of no width; what turns the direction of writing (CVE-2021-42574).
fn hides(c: char) -> bool {
    let invisible =
        matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
    invisible || (c.is_control() && c != '\t')
}
