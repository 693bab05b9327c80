//! Whoever was erased is in no file of the world: stores, journals, logs, backups, ledgers, what processes left. Looked for
//! with `cellctl canary search`, as an officer does; that the search sees what it looks for is shown in the same run, with a
//! value that was put into a file of the world.

use std::fs;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use cli_world::World;
use cli_world::app::Person;
use serde_json::Value;

use super::restore::done;

/// A file of the world that holds one of the values in the clear.
const CONTROL: &str = "canary-control";

/// What a search said.
#[derive(Debug, Default)]
pub struct Searched {
    pub files: u64,
    /// Codings that were looked for.
    pub patterns: u64,
    /// Where a value is, each by its name.
    pub found: Vec<String>,
}

/// Looks for what the world was told of these people.
///
/// # Errors
/// When the search could not be made, or does not find what is there.
pub async fn search<'a>(world: &World, people: impl Iterator<Item = &'a Person>) -> Result<Searched> {
    let root = world.layout.root();
    let mut lines = String::new();
    let mut value = String::new();
    for (number, person) in people.enumerate() {
        for (what, text) in [
            ("name", &person.name),
            ("address", &person.email),
            ("password", &person.password),
            ("token", &person.access),
            ("refresh-token", &person.refresh),
        ] {
            lines.push_str(&format!("{what}-{number} {text}\n"));
            value.clone_from(text);
        }
    }
    let values = Removed(root.with_extension("canaries"));
    write(&values.0, &lines)?;
    let searched = look(world, &values.0).await?;
    let control = Removed(root.join(CONTROL));
    write(&control.0, &value)?;
    let shown = look(world, &values.0).await?;
    let seen = shown.found.len() > searched.found.len();
    ensure!(
        seen && shown.found.iter().any(|found| found.contains(CONTROL)),
        "the search does not find a value that lies there"
    );
    Ok(searched)
}

async fn look(world: &World, values: &Path) -> Result<Searched> {
    let values = values.to_str().context("a path that is text")?;
    let said = done(world, &["canary", "search", "--values", values]).await?;
    let text = |found: &Value, name: &str| found[name].as_str().unwrap_or_default().to_owned();
    let found = said["found"].as_array().context("a list")?;
    let number = |name: &str| said[name].as_u64().unwrap_or_default();
    Ok(Searched {
        files: number("files"),
        patterns: number("patterns"),
        found: found
            .iter()
            .map(|found| format!("{} in {}", text(found, "value"), text(found, "file")))
            .collect(),
    })
}

fn write(path: &Path, text: &str) -> Result<()> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    let mut file = options.open(path)?;
    std::io::Write::write_all(&mut file, text.as_bytes())?;
    Ok(())
}

/// A file that goes when this does: it holds values in the clear.
struct Removed(PathBuf);

impl Drop for Removed {
    fn drop(&mut self) {
        let _gone = fs::remove_file(&self.0);
    }
}
