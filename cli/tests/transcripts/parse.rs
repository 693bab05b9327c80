//! A transcript as its parts: text that is left alone, and commands with what they print.

/// Where commands stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Anywhere; lines before the first one, and those that begin with `## `, are text.
    Transcript,
    /// In ```` ```console ```` blocks.
    Page,
}

#[derive(Debug, PartialEq, Eq)]
pub enum Part {
    Text(String),
    Step { command: String, expected: Vec<String> },
}

const OPENS: &str = "```console";
const CLOSES: &str = "```";

pub fn parse(text: &str, kind: Kind) -> Vec<Part> {
    let mut parts: Vec<Part> = Vec::new();
    let mut inside = kind == Kind::Transcript;
    for line in text.lines() {
        let is_fence = kind == Kind::Page && line == if inside { CLOSES } else { OPENS };
        if is_fence {
            inside = !inside;
        }
        let is_text = is_fence || !inside || (kind == Kind::Transcript && line.starts_with("## "));
        match (line.strip_prefix("$ "), parts.last_mut()) {
            _ if is_text => parts.push(Part::Text(line.to_owned())),
            (Some(command), _) => parts.push(Part::Step {
                command: command.to_owned(),
                expected: Vec::new(),
            }),
            (None, Some(Part::Step { expected, .. })) => expected.push(line.to_owned()),
            (None, _) => parts.push(Part::Text(line.to_owned())),
        }
    }
    for part in &mut parts {
        if let Part::Step { expected, .. } = part {
            while expected.last().is_some_and(String::is_empty) {
                expected.pop();
            }
        }
    }
    parts
}

pub fn write(parts: &[Part]) -> String {
    let mut text = String::new();
    let mut parts = parts.iter().peekable();
    while let Some(part) = parts.next() {
        match part {
            Part::Text(line) => text.push_str(&format!("{line}\n")),
            Part::Step { command, expected } => {
                text.push_str(&format!("$ {command}\n"));
                expected
                    .iter()
                    .for_each(|line| text.push_str(&format!("{line}\n")));
                let is_last_of_block = matches!(parts.peek(), Some(Part::Text(line)) if line == CLOSES);
                if parts.peek().is_some() && !is_last_of_block {
                    text.push('\n');
                }
            }
        }
    }
    text
}

#[test]
fn a_transcript_is_written_as_it_was_read() {
    let text = "# Title\n\n$ one 'a b'\nx\n\n  y\n[exit 3]\n\n## Next\n$ two\n";
    let parts = parse(text, Kind::Transcript);
    assert_eq!(parts.len(), 5, "{parts:?}");
    assert_eq!(write(&parts), text);
    let page = "# T\n\n```console\n$ one\nx\n\n$ two\ny\n```\n\n```text\n$ not one\n```\n";
    let parts = parse(page, Kind::Page);
    assert_eq!(
        parts
            .iter()
            .filter(|part| matches!(part, Part::Step { .. }))
            .count(),
        2
    );
    assert_eq!(write(&parts), page);
}
