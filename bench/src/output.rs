//! The one place that writes: the document to stdout, progress to stderr, kept results to files.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::ValueEnum;
use platform_report::{Document, Verdict};

/// How a document is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people
    Table,
    /// One JSON document
    Json,
}

/// 0 every goal met, 3 one missed, 1 the run failed.
pub fn exit_code(outcome: &Result<Verdict>) -> u8 {
    outcome.as_ref().map_or(1, |verdict| verdict.exit_code())
}

/// A line about what goes on. A closed stderr is no failure of the run.
pub fn progress(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

/// # Errors
/// Stdout cannot be written.
pub fn print(document: &Document, format: Format) -> Result<()> {
    let text = match format {
        Format::Table => document.to_string(),
        Format::Json => json(document)?,
    };
    std::io::stdout()
        .lock()
        .write_all(text.as_bytes())
        .context("cannot write the result")
}

/// Writes `SUITE.json` in `folder`, which is made if absent; answers its path.
///
/// # Errors
/// The file cannot be written.
pub fn save(document: &Document, folder: &Path) -> Result<PathBuf> {
    let path = folder.join(format!("{}.json", document.suite));
    std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    std::fs::write(&path, json(document)?).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(path)
}

fn json(document: &Document) -> Result<String> {
    Ok(serde_json::to_string_pretty(document).context("the document is no JSON")? + "\n")
}

#[cfg(test)]
mod tests {
    use anyhow::anyhow;
    use serde_json::Value;

    use super::*;

    #[test]
    fn every_outcome_has_its_exit_code() {
        assert_eq!(exit_code(&Ok(Verdict::Met)), 0);
        assert_eq!(exit_code(&Ok(Verdict::Missed)), 3);
        assert_eq!(exit_code(&Err(anyhow!("the disk is full"))), 1);
    }

    #[test]
    fn a_kept_result_reads_back() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = save(&Document::new("route"), &folder.path().join("results")).expect("kept");
        assert!(path.ends_with("results/route.json"));
        let text = std::fs::read_to_string(path).expect("readable");
        assert_eq!(
            serde_json::from_str::<Value>(&text).expect("JSON")["suite"],
            "route"
        );
    }
}
