//! A world on real processes for commands to be run against: one at a time on a machine, gone when it is dropped.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use platform_runtime::data_dir::{self, Lock};

use crate::normal::normal;

/// How long another test may have the machine.
const TURN_WITHIN: Duration = Duration::from_secs(900);
const LOOK_EVERY: Duration = Duration::from_millis(200);
const SERVERS: [&str; 3] = ["controld", "celld", "routerd"];

pub struct World {
    root: tempfile::TempDir,
    _turn: Lock,
}

impl World {
    /// None, and says so, where the servers are not built.
    #[expect(clippy::print_stdout, reason = "what is skipped is printed and counted")]
    pub fn new() -> Option<Self> {
        let beside = Path::new(env!("CARGO_BIN_EXE_cellctl"))
            .parent()
            .expect("a folder");
        if let Some(missing) = SERVERS.iter().find(|name| !beside.join(name).exists()) {
            println!("skipped: {missing} is not built: cargo build --workspace");
            return None;
        }
        let world = Self {
            root: tempfile::tempdir().expect("a folder"),
            _turn: turn(),
        };
        world.write_shim();
        Some(world)
    }

    /// Starts the world.
    pub fn up(&self) {
        let printed = self.run("cellctl dev up");
        assert!(
            !printed.iter().any(|line| line.starts_with("[exit")),
            "{}",
            printed.join("\n")
        );
    }

    /// Runs a line in a shell, in an empty folder; gives what it printed, as every world does, and its exit code.
    pub fn run(&self, line: &str) -> Vec<String> {
        let path = self.root.path().join("printed");
        let out = File::create(&path).expect("created");
        let err = out.try_clone().expect("a second handle");
        let ended = self
            .shell(line)
            .stdout(Stdio::from(out))
            .stderr(Stdio::from(err))
            .status();
        let code = ended.expect("a shell").code();
        let text = fs::read_to_string(&path).expect("text");
        let (dir, root, id) = (self.dir(), self.root.path(), self.id());
        let (dir, root) = (dir.display().to_string(), root.display().to_string());
        let lines = text.lines().map(|line| normal(line, &dir, &root, id.as_deref()));
        let mut lines: Vec<String> = lines.collect();
        while lines.last().is_some_and(String::is_empty) {
            lines.pop();
        }
        match code {
            Some(0) => {}
            Some(code) => lines.push(format!("[exit {code}]")),
            None => lines.push("[killed]".to_owned()),
        }
        lines
    }

    fn shell(&self, line: &str) -> Command {
        let own = self.root.path().join("bin");
        let path = std::env::var("PATH").unwrap_or_default();
        let work = self.root.path().join("work");
        fs::create_dir_all(&work).expect("made");
        let mut shell = Command::new("sh");
        shell.arg("-c").arg(line).current_dir(work).stdin(Stdio::null());
        shell
            .env("PATH", format!("{}:{path}", own.display()))
            .env("MERIDIAN_DIR", self.dir());
        shell
            .env("XDG_CONFIG_HOME", self.root.path().join("config"))
            .env("COLUMNS", "100");
        for name in ["CELLCTL_CONTEXT", "CELLCTL_CONTEXTS", "RUST_LOG"] {
            shell.env_remove(name);
        }
        shell
    }

    fn dir(&self) -> PathBuf {
        self.root.path().join("world")
    }

    fn id(&self) -> Option<String> {
        let label = fs::read_to_string(self.dir().join("world.json")).ok()?;
        let id = label.split('"').find(|word| word.len() == 64)?;
        Some(id.to_owned())
    }

    /// `cellctl` as people type it: a world comes up on the servers that are there, without building.
    fn write_shim(&self) {
        let folder = self.root.path().join("bin");
        fs::create_dir_all(&folder).expect("made");
        let path = folder.join("cellctl");
        let real = env!("CARGO_BIN_EXE_cellctl");
        let mut file = File::create(&path).expect("created");
        let text = format!(
            "#!/bin/sh\ncase \"$1 $2\" in \"dev up\") exec {real} \"$@\" --no-build;; *) exec {real} \"$@\";; esac\n"
        );
        file.write_all(text.as_bytes()).expect("written");
        drop(file);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("set");
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let ended = self
            .shell("cellctl dev down --destroy")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        drop(ended);
    }
}

/// Waits for the machine: tests on real processes run one world at a time.
fn turn() -> Lock {
    let folder = std::env::temp_dir().join("meridian-one-world");
    fs::create_dir_all(&folder).expect("made");
    let mut waited = Duration::ZERO;
    loop {
        match data_dir::lock(&folder) {
            Ok(lock) => return lock,
            Err(error) => assert!(waited < TURN_WITHIN, "no turn in time: {error}"),
        }
        std::thread::sleep(LOOK_EVERY);
        waited += LOOK_EVERY;
    }
}
