//! A document as text for people: figures first, then tables, then notes.

use std::fmt;

use serde_json::Value;

use crate::document::Document;
use crate::figure::Figure;

impl fmt::Display for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}: {}", self.suite, self.command)?;
        let mut rows = vec![
            ["figure", "value", "unit", "goal", ""]
                .map(str::to_owned)
                .to_vec(),
        ];
        rows.extend(self.figures.iter().map(figure_row));
        grid(f, &rows)?;
        for (name, table) in &self.tables {
            writeln!(f, "\n{name}")?;
            grid(f, &table_rows(table))?;
        }
        if !self.notes.is_empty() {
            writeln!(f)?;
        }
        self.notes.iter().try_for_each(|note| writeln!(f, "note: {note}"))
    }
}

fn figure_row(figure: &Figure) -> Vec<String> {
    let met = match figure.met {
        Some(true) => "met",
        Some(false) => "MISSED",
        None => "",
    };
    vec![
        figure.name.clone(),
        number(figure.value),
        figure.unit.clone(),
        figure.goal.clone().unwrap_or_default(),
        met.to_owned(),
    ]
}

/// Heads from the first row's members, then the rows; a value that is no array of objects stands as it is.
fn table_rows(table: &Value) -> Vec<Vec<String>> {
    let objects: Vec<_> = table
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_object)
        .collect();
    let Some(first) = objects.first() else {
        return vec![vec![table.to_string()]];
    };
    let heads: Vec<&String> = first.keys().collect();
    let mut rows = vec![heads.iter().map(|head| (*head).clone()).collect()];
    rows.extend(
        objects
            .iter()
            .map(|row| heads.iter().map(|head| cell(row.get(*head))).collect()),
    );
    rows
}

fn cell(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => "-".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(found)) if found.is_f64() => number(found.as_f64().unwrap_or(f64::NAN)),
        Some(other) => other.to_string(),
    }
}

/// Three or four digits that matter: a measurement has no more.
fn number(value: f64) -> String {
    match value.abs() {
        size if size.is_nan() => "-".to_owned(),
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        size if size >= 1.0 || size == 0.0 => format!("{value:.2}"),
        _ => format!("{value:.4}"),
    }
}

fn grid(f: &mut fmt::Formatter<'_>, rows: &[Vec<String>]) -> fmt::Result {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        rows.iter()
            .filter_map(|row| row.get(column))
            .map(|text| text.chars().count())
            .max()
    };
    let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
    for row in rows {
        let cells = row
            .iter()
            .zip(&widths)
            .map(|(text, width)| format!("{text:<width$}"));
        writeln!(f, "  {}", cells.collect::<Vec<_>>().join("  ").trim_end())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn people_see_each_figure_table_and_note() {
        let mut document = Document::new("test");
        document.command = "bench test".into();
        document.figures = vec![
            Figure::at_most("a-ns", 250.0, "ns", 200.0),
            Figure::info("share", 0.05, "1"),
        ];
        document.tables.insert(
            "runs".into(),
            json!([{ "clients": 64, "p50": 1.5, "who": "ours" }]),
        );
        document.notes = vec!["shared machine".into()];
        let text = document.to_string();
        for line in [
            "test: bench test",
            "  figure  value   unit  goal",
            "  a-ns    250     ns    <= 200  MISSED",
            "  share   0.0500  1",
            "runs",
            "  clients  p50   who",
            "  64       1.50  ours",
            "note: shared machine",
        ] {
            assert!(
                text.lines().any(|found| found == line),
                "no line {line:?} in\n{text}"
            );
        }
    }

    #[test]
    fn a_number_that_is_none_is_a_dash() {
        assert_eq!(number(f64::NAN), "-");
        assert_eq!(cell(None), "-");
        assert_eq!(table_rows(&json!("odd")), [["\"odd\""]]);
    }
}
