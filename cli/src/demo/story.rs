//! What the demo finds: figures, tables, and what is not so. One document for machines, text for people.

use platform_report::{Document, Figure};
use serde_json::Value;

use crate::printer::{Format, Printer};

/// Collects while the steps run.
pub struct Story<'a> {
    printer: &'a Printer,
    document: Document,
    /// What was checked and found so.
    held: usize,
    /// What was checked and is not so.
    failed: Vec<String>,
    steps: usize,
}

/// A row as people read it and as machines do.
pub struct Row {
    pub text: Vec<String>,
    pub json: Value,
}

impl<'a> Story<'a> {
    pub fn new(printer: &'a Printer) -> Self {
        Self {
            printer,
            document: Document::new("demo"),
            held: 0,
            failed: Vec::new(),
            steps: 0,
        }
    }

    pub fn printer(&self) -> &'a Printer {
        self.printer
    }

    /// Says on stderr what comes now.
    pub fn step(&mut self, text: &str) {
        self.steps += 1;
        self.printer.progress(&format!("[{}] {text}", self.steps));
    }

    /// Something that must be so; `otherwise` says what is found instead. Gives whether it is so.
    pub fn check(&mut self, so: bool, what: &str, otherwise: impl FnOnce() -> String) -> bool {
        if so {
            self.held += 1;
        } else {
            let text = format!("{what}: {}", otherwise());
            self.printer.progress(&format!("NOT SO  {text}"));
            self.failed.push(text);
        }
        so
    }

    /// A number; one that misses its goal is not so.
    pub fn figure(&mut self, figure: Figure) {
        if let (Some(goal), Some(met)) = (&figure.goal, figure.met) {
            let (name, value, goal) = (figure.name.clone(), figure.value, goal.clone());
            self.check(met, &name, || format!("{value} (goal {goal})"));
        }
        self.document.figures.push(figure);
    }

    /// A table under a title for people and a name for machines.
    pub fn table(&mut self, name: &str, title: &str, header: &[&str], rows: Vec<Row>) {
        self.printer.say(&format!("\n{title}\n"));
        let (text, json): (Vec<_>, Vec<_>) = rows.into_iter().map(|row| (row.text, row.json)).unzip();
        self.printer.table(header, &text);
        self.document.tables.insert(name.to_owned(), Value::Array(json));
    }

    pub fn note(&mut self, text: impl Into<String>) {
        self.document.notes.push(text.into());
    }

    /// A step could not go on.
    pub fn broke_off(&mut self, error: &anyhow::Error) {
        self.failed.push(format!("broke off: {error:#}"));
    }

    /// Prints the summary, or the one document; gives whether everything is so.
    pub fn end(mut self) -> bool {
        let so = self.close();
        match self.printer.format {
            Format::Table | Format::Wide => self.summary(),
            Format::Json | Format::Yaml => self.printer.document(&self.document),
            Format::Name => {}
        }
        so
    }

    /// Adds what the checks say to the document.
    fn close(&mut self) -> bool {
        self.document
            .figures
            .push(Figure::info("checks-held", count(self.held), "checks"));
        self.document.figures.push(Figure::at_most(
            "checks-failed",
            count(self.failed.len()),
            "checks",
            0.0,
        ));
        let failed = self.failed.iter().map(|text| format!("not so: {text}"));
        self.document.notes.extend(failed);
        self.failed.is_empty()
    }

    fn summary(&self) {
        self.printer.say("\nSummary\n");
        let rows: Vec<Vec<String>> = self.document.figures.iter().map(figure_row).collect();
        self.printer
            .table(&["figure", "value", "unit", "goal", ""], &rows);
        if self.failed.is_empty() {
            self.printer
                .say(&format!("\nEverything is so: {} checks held.", self.held));
            return;
        }
        self.printer.say("\nNot so:");
        for text in &self.failed {
            self.printer.say(&format!("  {text}"));
        }
    }
}

fn figure_row(figure: &Figure) -> Vec<String> {
    let verdict = match figure.met {
        Some(true) => "met",
        Some(false) => "MISSED",
        None => "",
    };
    vec![
        figure.name.clone(),
        number(figure.value),
        figure.unit.clone(),
        figure.goal.clone().unwrap_or_default(),
        verdict.to_owned(),
    ]
}

/// Whole numbers as such, others with the digits that matter.
pub fn number(value: f64) -> String {
    if value.fract() == 0.0 {
        format!("{value:.0}")
    } else if value.abs() >= 100.0 {
        format!("{value:.1}")
    } else {
        format!("{value:.2}")
    }
}

/// A count as a figure's value.
#[expect(clippy::cast_precision_loss, reason = "no count of a demo comes near 2^53")]
pub fn count(number: usize) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_thing_that_is_not_so_decides() {
        let printer = Printer::new(Format::Json);
        let mut story = Story::new(&printer);
        story.check(true, "water is wet", || unreachable!("it is so"));
        story.figure(Figure::at_least("requests", 1_000.0, "requests", 1_000.0));
        assert!(story.failed.is_empty());
        assert_eq!(story.held, 2);
        story.figure(Figure::at_most("failed-requests", 1.0, "requests", 0.0));
        assert_eq!(story.failed, ["failed-requests: 1 (goal <= 0)"]);
        assert!(!story.close());
    }

    #[test]
    fn a_demo_that_broke_off_is_not_so() {
        let printer = Printer::new(Format::Json);
        let mut story = Story::new(&printer);
        story.broke_off(&anyhow::anyhow!("no controller answers"));
        assert!(!story.close());
    }

    #[test]
    fn numbers_have_the_digits_that_matter() {
        assert_eq!([1_000.0, 0.612_3, 123.456].map(number), ["1000", "0.61", "123.5"]);
    }
}
