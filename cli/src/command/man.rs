//! `man`: the manual pages, one for each command, made of what the help pages say.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::{Args, CommandFactory};
use platform_runtime::files;

use super::Cli;
use crate::exit::{CODES, Ended};
use crate::printer::{Printer, counted};

/// Writes the manual pages, one for each command.
#[derive(Debug, Args)]
#[command(after_help = "Example: cellctl man ~/.local/share/man/man1")]
pub struct Man {
    /// The folder; made if it is not there.
    dir: PathBuf,
}

impl Man {
    pub fn run(&self, printer: &Printer) -> Result<Ended> {
        fs::create_dir_all(&self.dir).with_context(|| format!("cannot make {}", self.dir.display()))?;
        let pages = pages()?;
        for (name, text) in &pages {
            write(&self.dir, name, text)?;
        }
        let names: Vec<&String> = pages.iter().map(|(name, _)| name).collect();
        let count = counted(pages.len(), "page is", "pages are");
        printer.say(&format!("{count} in {}", self.dir.display()));
        printer.data(&names, &names);
        Ok(Ended::Ok)
    }
}

fn write(dir: &Path, name: &str, text: &[u8]) -> Result<()> {
    let path = dir.join(name);
    files::write_atomic(&path, text, files::PUBLIC)
        .with_context(|| format!("cannot write {}", path.display()))
}

/// Name of the file and its text, for every command.
fn pages() -> Result<Vec<(String, Vec<u8>)>> {
    let mut root = Cli::command();
    root.build();
    let mut pages = Vec::new();
    collect(&root, "cellctl", &mut pages)?;
    Ok(pages)
}

fn collect(command: &clap::Command, name: &str, pages: &mut Vec<(String, Vec<u8>)>) -> Result<()> {
    pages.push((format!("{name}.1"), page(command, name)?));
    for below in command
        .get_subcommands()
        .filter(|below| below.get_name() != "help")
    {
        collect(below, &format!("{name}-{}", below.get_name()), pages)?;
    }
    Ok(())
}

/// The help page says its examples last; here they stand under a title of their own, before the exit codes.
fn page(command: &clap::Command, name: &str) -> Result<Vec<u8>> {
    let after = command
        .get_after_help()
        .map(ToString::to_string)
        .unwrap_or_default();
    let examples = after.split("\n\n").next().unwrap_or_default();
    let examples = ["Examples:\n", "Example: "]
        .into_iter()
        .find_map(|title| examples.strip_prefix(title))
        .unwrap_or(examples);
    let man = clap_mangen::Man::new(command.clone().after_help("")).title(name);
    let mut text = Vec::new();
    man.render_title(&mut text)?;
    man.render_name_section(&mut text)?;
    man.render_synopsis_section(&mut text)?;
    man.render_description_section(&mut text)?;
    man.render_options_section(&mut text)?;
    if command.has_subcommands() {
        man.render_subcommands_section(&mut text)?;
    }
    text.extend_from_slice(section("EXAMPLES", examples).as_bytes());
    text.extend_from_slice(section("EXIT STATUS", CODES.trim_start_matches("Exit codes:\n")).as_bytes());
    Ok(text)
}

/// A section whose lines stay as they are.
fn section(title: &str, text: &str) -> String {
    let line = |line: &str| {
        format!(
            "{}\n",
            line.trim_start().replace('\\', "\\\\").replace('-', "\\-")
        )
    };
    let lines: String = text.lines().map(line).collect();
    format!(".SH {title}\n.nf\n{lines}.fi\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_has_a_page_with_an_example_of_its_own() {
        let pages = pages().expect("rendered");
        assert!(pages.len() > 30, "{}", pages.len());
        for (name, text) in &pages {
            let text = String::from_utf8_lossy(text);
            let example = text.split(".SH EXAMPLES\n.nf\n").nth(1).unwrap_or_default();
            assert!(example.starts_with("cellctl"), "{name}: {example}");
            assert!(text.contains(".SH EXIT STATUS"), "{name}");
        }
        assert!(pages.iter().any(|(name, _)| name == "cellctl-cell-cordon.1"));
    }

    #[test]
    fn pages_are_written_under_their_names() {
        let dir = tempfile::tempdir().expect("a folder");
        let man = Man {
            dir: dir.path().join("man1"),
        };
        let printer = Printer::new(crate::printer::Format::Table);
        man.run(&printer).expect("written");
        let text = fs::read_to_string(man.dir.join("cellctl-shard-place.1")).expect("there");
        assert!(text.contains(".TH cellctl"), "{text}");
    }
}
