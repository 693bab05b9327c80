//! The one place that writes to the terminal: data on stdout, everything else on stderr.
//!
//! Data is a view: a struct that serialises (so that its fields have one order for ever), has a name, and, where it
//! is a row of a list, cells. Which of these is written is decided here, by `-o`.

use std::fmt::Display;
use std::io::{IsTerminal, Write};

use comfy_table::{ContentArrangement, Table, presets};
use serde::Serialize;

/// How data is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// For people.
    Table,
    /// For people with wide terminals: more columns.
    Wide,
    /// One JSON document; its fields and their order are stable.
    Json,
    /// The same document as YAML.
    Yaml,
    /// The names alone, one a line, for the next command.
    Name,
}

/// A column of a list; those that are wide are left out of a plain table.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    title: &'static str,
    wide: bool,
}

impl Column {
    pub const fn new(title: &'static str) -> Self {
        Self { title, wide: false }
    }

    pub fn title(&self) -> &'static str {
        self.title
    }

    /// Shown with `-o wide` only.
    pub const fn wide(title: &'static str) -> Self {
        Self { title, wide: true }
    }
}

/// A row of a list.
pub trait Listed: Serialize {
    const COLUMNS: &'static [Column];

    /// One for each column, wide ones included.
    fn cells(&self) -> Vec<String>;

    /// What other commands call it.
    fn name(&self) -> String;
}

/// Decides all output of a command.
#[derive(Debug, Clone)]
pub struct Printer {
    pub format: Format,
    /// Whether stderr may have colour.
    colour: bool,
}

impl cli_world::Progress for Printer {
    fn progress(&self, text: &str) {
        Self::progress(self, text);
    }
}

impl Printer {
    /// Colour is for terminals, and for those who have not asked for none (`NO_COLOR`, `TERM=dumb`).
    pub fn new(format: Format) -> Self {
        let unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
            || std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        Self {
            format,
            colour: !unwanted && std::io::stderr().is_terminal(),
        }
    }

    /// A step of long work, on stderr.
    pub fn progress(&self, text: &str) {
        let mark = if self.colour { "\u{1b}[2m·\u{1b}[0m" } else { "·" };
        self.aside(&format!("{mark} {text}"));
    }

    /// A command that helps, on stderr.
    pub fn hint(&self, text: &str) {
        self.aside(&format!("hint: {text}"));
    }

    /// A line on a terminal's stderr, in the place of the one before.
    pub fn bar(&self, text: &str) {
        let mut stderr = std::io::stderr().lock();
        let _ = write!(stderr, "\r{text}\u{1b}[K");
        let _ = stderr.flush();
    }

    /// Takes that line away.
    pub fn bar_over(&self) {
        self.bar("");
    }

    /// A line on stderr as it is.
    pub fn aside(&self, text: &str) {
        let _ = writeln!(std::io::stderr().lock(), "{text}");
    }

    /// Whether output is for people.
    pub fn is_for_people(&self) -> bool {
        matches!(self.format, Format::Table | Format::Wide)
    }

    /// Text for people, on stdout; nothing in other formats, where the document says it all.
    pub fn say(&self, text: &str) {
        if self.is_for_people() {
            self.write(text);
        }
    }

    /// A table for people, on stdout; nothing in other formats.
    pub fn table(&self, header: &[&str], rows: &[Vec<String>]) {
        if self.is_for_people() {
            self.write(&render(header, rows));
        }
    }

    /// A list, in whatever format.
    pub fn list<R: Listed>(&self, rows: &[R]) {
        self.rows(rows);
        self.data(&rows, rows.iter().map(R::name));
    }

    /// The table of a list and nothing else: for commands whose document says more than the list.
    pub fn rows<R: Listed>(&self, rows: &[R]) {
        let shown = |column: &Column| self.format == Format::Wide || !column.wide;
        let kept = |cells: Vec<String>| {
            let pairs = R::COLUMNS.iter().zip(cells);
            pairs
                .filter(|(column, _)| shown(column))
                .map(|(_, cell)| cell)
                .collect()
        };
        let header: Vec<&str> = R::COLUMNS.iter().filter(|c| shown(c)).map(|c| c.title).collect();
        let cells: Vec<Vec<String>> = rows.iter().map(|row| kept(row.cells())).collect();
        self.table(&header, &cells);
    }

    /// The document and the names, for the formats that are no table.
    pub fn data<N: Display>(&self, document: &impl Serialize, names: impl IntoIterator<Item = N>) {
        if self.format == Format::Name {
            for name in names {
                self.write(&name.to_string());
            }
        } else {
            self.document(document);
        }
    }

    /// The one document of `-o json` and `-o yaml`; nothing otherwise.
    pub fn document(&self, document: &impl Serialize) {
        match self.format {
            Format::Json => self.write(&json(document)),
            Format::Yaml => self.write(yaml(document).trim_end()),
            Format::Table | Format::Wide | Format::Name => {}
        }
    }

    /// Text that is the data itself, whatever the format.
    pub fn script(&self, text: &str) {
        self.write(text.trim_end());
    }

    /// Bytes of a screen that is drawn over and over.
    pub fn draw(&self, text: &str) {
        let mut stdout = std::io::stdout().lock();
        let _ = stdout.write_all(text.as_bytes());
        let _ = stdout.flush();
    }

    /// A closed pipe is no failure of the command.
    fn write(&self, text: &str) {
        let _ = writeln!(std::io::stdout().lock(), "{text}");
    }
}

fn json(document: &impl Serialize) -> String {
    serde_json::to_string_pretty(document).expect("documents have text keys")
}

fn yaml(document: &impl Serialize) -> String {
    serde_yaml_ng::to_string(document).expect("documents have text keys")
}

/// `1 process`, `2 processes`.
pub fn counted(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

/// A table without lines: header, rows, columns aligned.
pub fn render(header: &[&str], rows: &[Vec<String>]) -> String {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Serialize)]
    struct Shoe {
        name: &'static str,
        worn_km: Option<u32>,
        tags: Vec<&'static str>,
    }

    #[test]
    fn documents_keep_the_order_of_their_fields() {
        let shoes = [
            Shoe {
                name: "z: 1",
                worn_km: Some(7),
                tags: vec!["a", "b"],
            },
            Shoe {
                name: "a",
                worn_km: None,
                tags: vec![],
            },
        ];
        insta::assert_snapshot!(format!("{}\n---\n{}", json(&shoes), yaml(&shoes)));
    }

    #[test]
    fn a_yaml_document_reads_back_as_the_json_document() {
        let shoe = Shoe {
            name: "yes: no",
            worn_km: None,
            tags: vec!["1", "null", "#"],
        };
        let from_yaml: serde_json::Value = serde_yaml_ng::from_str(&yaml(&shoe)).expect("YAML");
        let from_json: serde_json::Value = serde_json::from_str(&json(&shoe)).expect("JSON");
        assert_eq!(from_yaml, from_json);
    }

    #[test]
    fn a_table_is_aligned_and_ends_without_spaces() {
        let rows = [
            vec!["a".to_owned(), String::new()],
            vec!["long".to_owned(), "x".to_owned()],
        ];
        assert_eq!(
            render(&["one", "two"], &rows),
            "   ONE   TWO\n   a\n   long  x".trim_end()
        );
    }
}
