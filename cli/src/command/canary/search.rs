//! `canary search`: looks through every file of a world on this machine, or of any folder, for values of a person.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use platform_canary::{Found, Looked, Searcher};
use platform_model::UserId;
use serde::Serialize;

use super::{place, wanted};
use crate::command::WorldFolder;
use crate::exit::{Ended, Hinted};
use crate::printer::{Column, Listed, Printer, counted};

/// Copies of the binaries, which no process writes.
const SKIPPED: &[&str] = &["bin"];

/// Looks for a person's values in every file of a world: in each coding that logs, stores and protocols use, and in the
/// engine's packed blocks. Shows the names of what was found, never the values. What is encrypted is found by the bytes of
/// the sealed value or of the key (`--bytes`), or by the rows of the person (`--user`).
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  cellctl canary search --values values.txt\n  cellctl canary search --values values.txt --bytes user.key --none -o json\n  cellctl canary search --values values.txt --in /mnt/bucket"
)]
#[group(id = "wanted", required = true, multiple = true, args = ["values", "bytes", "user"])]
pub struct Search {
    /// A file with what to look for, one a line: a name, a blank, the value.
    #[arg(long, value_name = "FILE")]
    values: Option<PathBuf>,
    /// A file whose very bytes are looked for, such as a key or a sealed value.
    #[arg(long, value_name = "FILE")]
    bytes: Vec<PathBuf>,
    /// The id of a person.
    #[arg(long, value_name = "UUID")]
    user: Option<UserId>,
    /// Looks in this folder instead of a world's.
    #[arg(long = "in", value_name = "FOLDER")]
    folder: Option<PathBuf>,
    /// Ends with exit code 3 if anything is found.
    #[arg(long)]
    none: bool,
    #[command(flatten)]
    pub(super) world: WorldFolder,
}

#[derive(Debug, Serialize)]
struct SearchView {
    folder: String,
    files: usize,
    bytes: u64,
    /// Blocks of tables that had to be unpacked.
    unpacked_blocks: u64,
    /// Codings of all values.
    patterns: usize,
    /// What was not looked at: copies of the binaries, links.
    skipped: Vec<String>,
    found: Vec<FoundView>,
}

#[derive(Debug, Serialize)]
struct FoundView {
    value: String,
    form: &'static str,
    process: String,
    kind: &'static str,
    file: String,
    packed: bool,
}

impl Search {
    pub async fn run(&self, printer: &Printer) -> Result<Ended> {
        let searcher = self.searcher()?;
        let folder = self.folder.clone().unwrap_or_else(|| self.world.dir.clone());
        if !folder.is_dir() {
            let message = format!("there is no folder {}", folder.display());
            return Err(
                Hinted::new(message, &["cellctl dev up", "cellctl canary search --in FOLDER"]).into(),
            );
        }
        printer.progress(&format!(
            "looking for {} in {}",
            counted(searcher.len(), "coding", "codings"),
            folder.display()
        ));
        let patterns = searcher.len();
        let root = folder.clone();
        let looked = tokio::task::spawn_blocking(move || searcher.folder(&root, SKIPPED)).await??;
        let view = SearchView::of(folder.display().to_string(), patterns, looked);
        Ok(self.show(&view, printer))
    }

    fn searcher(&self) -> Result<Searcher> {
        let mut canaries = match &self.values {
            Some(file) => wanted::values(file)?,
            None => Vec::new(),
        };
        for file in &self.bytes {
            canaries.push(wanted::bytes(file)?);
        }
        canaries.extend(self.user.map(wanted::user));
        let searcher = Searcher::new(&canaries);
        if searcher.is_empty() {
            return Err(Hinted::new("there is nothing to look for", &["one a line: NAME VALUE"]).into());
        }
        Ok(searcher)
    }

    fn show(&self, view: &SearchView, printer: &Printer) -> Ended {
        printer.rows(&view.found);
        printer.progress(&format!(
            "{}, {} MiB, {}: {}",
            counted(view.files, "file", "files"),
            view.bytes >> 20,
            counted(
                usize::try_from(view.unpacked_blocks).unwrap_or(usize::MAX),
                "block unpacked",
                "blocks unpacked"
            ),
            counted(view.found.len(), "find", "finds"),
        ));
        if !view.skipped.is_empty() {
            printer.progress(&format!("not looked at: {}", view.skipped.join(", ")));
        }
        printer.data(&view, view.found.iter().map(Listed::name));
        if self.none && !view.found.is_empty() {
            Ended::Differs
        } else {
            Ended::Ok
        }
    }
}

impl SearchView {
    fn of(folder: String, patterns: usize, looked: Looked) -> Self {
        Self {
            folder,
            files: looked.files,
            bytes: looked.bytes,
            unpacked_blocks: looked.blocks,
            patterns,
            skipped: looked.skipped,
            found: looked.found.into_iter().map(FoundView::of).collect(),
        }
    }
}

impl FoundView {
    fn of(found: Found) -> Self {
        let (process, kind) = place::of(&found.place);
        Self {
            value: found.canary,
            form: found.form,
            process: process.to_owned(),
            kind,
            file: found.place.clone(),
            packed: found.packed,
        }
    }
}

impl Listed for FoundView {
    const COLUMNS: &'static [Column] = &[
        Column::new("value"),
        Column::new("form"),
        Column::new("process"),
        Column::new("kind"),
        Column::new("file"),
        Column::wide("packed"),
    ];

    fn cells(&self) -> Vec<String> {
        vec![
            self.value.clone(),
            self.form.to_owned(),
            self.process.clone(),
            self.kind.to_owned(),
            self.file.clone(),
            self.packed.to_string(),
        ]
    }

    fn name(&self) -> String {
        self.file.clone()
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::printer::Format;

    fn planted(dir: &std::path::Path) -> Search {
        let put = |path: &str, text: &[u8]| {
            let path = dir.join("world").join(path);
            fs::create_dir_all(path.parent().expect("a folder")).expect("made");
            fs::write(path, text).expect("written");
        };
        put("celld-eu-west-1/log", b"{\"email\":\"ADA@example.org\"}");
        put("controld-1/data/ledger/000001", b"YWRhQGV4YW1wbGUub3Jn");
        put("routerd-1/data/table.json", b"{}");
        put("bin/celld", b"ada@example.org");
        fs::write(dir.join("values"), "email ada@example.org").expect("written");
        Search {
            values: Some(dir.join("values")),
            bytes: Vec::new(),
            user: None,
            folder: Some(dir.join("world")),
            none: true,
            world: WorldFolder { dir: "x".into() },
        }
    }

    #[test]
    fn the_document_names_what_was_found_and_where_and_never_the_value() {
        let dir = tempfile::tempdir().expect("a folder");
        let search = planted(dir.path());
        let searcher = search.searcher().expect("something");
        let looked = searcher.folder(&dir.path().join("world"), SKIPPED).expect("read");
        let view = SearchView::of("world".into(), searcher.len(), looked);
        let json = serde_json::to_string_pretty(&view).expect("text keys");
        assert!(!json.to_lowercase().contains("ada@"), "{json}");
        insta::assert_snapshot!(json);
    }

    #[tokio::test]
    async fn a_find_where_none_may_be_is_told_by_the_exit_code() {
        let dir = tempfile::tempdir().expect("a folder");
        let mut search = planted(dir.path());
        let printer = Printer::new(Format::Table);
        assert!(matches!(search.run(&printer).await, Ok(Ended::Differs)));
        search.none = false;
        assert!(matches!(search.run(&printer).await, Ok(Ended::Ok)));
        fs::write(dir.path().join("values"), "email nobody@example.org").expect("written");
        search.none = true;
        assert!(matches!(search.run(&printer).await, Ok(Ended::Ok)));
        fs::write(dir.path().join("values"), "# nothing").expect("written");
        assert!(search.run(&printer).await.is_err(), "nothing is never found");
    }
}
