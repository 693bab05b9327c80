//! The one place that writes to the terminal: data on stdout, everything else on stderr.

use std::io::{IsTerminal, Write};

use comfy_table::{ContentArrangement, Table, presets};
use serde::Serialize;

/// How data is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    Table,
    Json,
}

/// Decides all output of a command.
#[derive(Debug, Clone)]
pub struct Printer {
    pub format: Format,
}

impl Printer {
    pub fn new(format: Format) -> Self {
        Self { format }
    }

    /// A step of long work, on stderr.
    pub fn progress(&self, text: &str) {
        let mut stderr = std::io::stderr().lock();
        let mark = if stderr.is_terminal() && std::env::var_os("NO_COLOR").is_none() {
            "\u{1b}[2m·\u{1b}[0m"
        } else {
            "·"
        };
        let _ = writeln!(stderr, "{mark} {text}");
    }

    /// A command that helps, on stderr.
    pub fn hint(&self, text: &str) {
        let _ = writeln!(std::io::stderr().lock(), "hint: {text}");
    }

    /// Text for people, on stdout; nothing under `-o json`, where the document says it all.
    pub fn say(&self, text: &str) {
        if self.format == Format::Table {
            self.write(text);
        }
    }

    /// A table for people, on stdout; nothing under `-o json`.
    pub fn table(&self, header: &[&str], rows: &[Vec<String>]) {
        if self.format == Format::Table {
            self.write(&render(header, rows));
        }
    }

    /// The one document of `-o json`; nothing otherwise.
    pub fn document(&self, document: &impl Serialize) {
        if self.format == Format::Json {
            let text = serde_json::to_string_pretty(document).expect("documents have text keys");
            self.write(&text);
        }
    }

    /// Text that is the data itself, whatever the format.
    pub fn script(&self, text: &str) {
        self.write(text.trim_end());
    }

    /// A closed pipe is no failure of the command.
    fn write(&self, text: &str) {
        let _ = writeln!(std::io::stdout().lock(), "{text}");
    }
}

/// `1 process`, `2 processes`.
pub fn counted(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

/// A table without lines: header, rows, columns aligned.
fn render(header: &[&str], rows: &[Vec<String>]) -> String {
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(header.iter().map(|name| name.to_uppercase()));
    table.add_rows(rows);
    table
        .lines()
        .map(|line| format!("  {}\n", line.trim_end()))
        .collect::<String>()
        .trim_end()
        .to_owned()
}
