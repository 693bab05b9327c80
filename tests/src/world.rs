//! A development world of real processes for one test: up with `cellctl`, gone when it is dropped.
//!
//! One world at a time on a machine: a lock file says whose turn it is. The binaries are those that cargo built beside
//! the test; where one is missing there is no world, and the test says so.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use anyhow::{Context, Result, bail};
use platform_model::WorldId;
use serde_json::Value;
use tempfile::TempDir;

/// The processes of a world and the program that starts them.
const BINARIES: [&str; 4] = ["cellctl", "celld", "controld", "routerd"];

/// Where cargo put the binaries, or which of them is missing.
///
/// # Errors
/// Names the one that is missing.
pub fn binaries() -> Result<PathBuf> {
    let test = std::env::current_exe().context("cannot tell where this test is")?;
    let folder = test
        .ancestors()
        .nth(2)
        .context("a test lies in `deps` of a profile")?;
    for name in BINARIES {
        if !folder.join(name).exists() {
            bail!("{} is not built", folder.join(name).display());
        }
    }
    Ok(folder.to_owned())
}

/// The processes of one folder.
pub struct World {
    cellctl: PathBuf,
    folder: TempDir,
    environment: Vec<(String, String)>,
    ports: BTreeMap<String, u16>,
    /// Held while the world is there.
    _turn: File,
}

impl World {
    /// Makes a world and waits until it serves. `environment` is given to every process; `{dir}` in a value stands for
    /// the world's folder.
    ///
    /// # Errors
    /// What `cellctl` says.
    pub fn up(binaries: &Path, environment: &[(&str, &str)]) -> Result<Self> {
        let turn = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(std::env::temp_dir().join("meridian-one-world.lock"))?;
        turn.lock()?;
        let folder = tempfile::Builder::new().prefix("meridian-test-").tempdir()?;
        let dir = folder.path().join("world").display().to_string();
        let environment = environment
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.replace("{dir}", &dir)));
        let mut world = Self {
            cellctl: binaries.join("cellctl"),
            environment: environment.collect(),
            folder,
            ports: BTreeMap::new(),
            _turn: turn,
        };
        world.cellctl(&["dev", "up", "--no-build"])?;
        world.ports = serde_json::from_slice(&fs::read(world.root().join("ports.json"))?)?;
        Ok(world)
    }

    /// The folder of the world.
    pub fn root(&self) -> PathBuf {
        self.folder.path().join("world")
    }

    /// What every process is given.
    pub fn environment(&self) -> &[(String, String)] {
        &self.environment
    }

    /// The port of a listener, `celld-eu-central-1`.
    ///
    /// # Panics
    /// If there is none of that name.
    pub fn port(&self, listener: &str) -> u16 {
        self.ports[listener]
    }

    /// Names of all listeners.
    pub fn listeners(&self) -> impl Iterator<Item = &str> {
        self.ports.keys().map(String::as_str)
    }

    /// # Errors
    /// The label cannot be read.
    pub fn id(&self) -> Result<WorldId> {
        let label: Value = serde_json::from_slice(&fs::read(self.root().join("world.json"))?)?;
        let world = label["world"].as_str().context("the label names the world")?;
        Ok(world.parse()?)
    }

    /// Runs `cellctl` on this world and gives its output.
    ///
    /// # Errors
    /// It did not end well: what it said.
    pub fn cellctl(&self, arguments: &[&str]) -> Result<Output> {
        let output = self.run(arguments)?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr) + String::from_utf8_lossy(&output.stdout);
            bail!("cellctl {}: {}\n{said}", arguments.join(" "), output.status);
        }
        Ok(output)
    }

    /// As [`Self::cellctl`], however it ends.
    ///
    /// # Errors
    /// It cannot be run.
    pub fn try_cellctl(&self, arguments: &[&str]) -> Result<Output> {
        self.run(arguments)
    }

    fn run(&self, arguments: &[&str]) -> Result<Output> {
        let mut command = Command::new(&self.cellctl);
        command
            .args(arguments)
            .env("MERIDIAN_DIR", self.root())
            .envs(self.environment.iter().cloned());
        command
            .output()
            .with_context(|| format!("cannot run {}", self.cellctl.display()))
    }
}

impl Drop for World {
    fn drop(&mut self) {
        // A test that failed has said why: nothing is added here.
        let _ = self.run(&["dev", "down", "--destroy"]);
    }
}
