//! Wall clocks that jump: each node reads its own through a small library that is loaded before all others and adds what
//! stands in a file. Only `CLOCK_REALTIME` moves: leases and timers go by another clock, which no fault can move.
//!
//! The library is C and is made by `cc` when the world comes up. Its calls are two reads of memory more than without it.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use cli_world::seats::seats;
use cli_world::up::SEAT_IN_ENVIRONMENT;
use cli_world::{Layout, Seat};

const SOURCE: &str = include_str!("clock.c");
/// What the library looks for: the file with its offset.
const FILE_VARIABLE: &str = "CHAOS_CLOCK";

/// The clocks of one world.
#[derive(Debug)]
pub struct Clocks {
    folder: PathBuf,
}

impl Clocks {
    /// Makes the library and a file for each process, all of them right.
    ///
    /// # Errors
    /// Where there is no C compiler.
    pub fn make(layout: &Layout) -> Result<Self> {
        let folder = layout.root().join("clocks");
        fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let clocks = Self { folder };
        let source = clocks.folder.join("clock.c");
        fs::write(&source, SOURCE).context("the source of the clock")?;
        let made = Command::new("cc")
            .args(["-O2", "-Wall", "-Werror", "-shared", "-fPIC", "-o"])
            .arg(clocks.library())
            .arg(source)
            .arg("-ldl")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .output()
            .context("no cc here to make the clock")?;
        if !made.status.success() {
            bail!(
                "cc does not make the clock: {}",
                String::from_utf8_lossy(&made.stderr)
            );
        }
        for seat in seats() {
            File::create(clocks.file(&seat))?.write_all_at(&0i64.to_ne_bytes(), 0)?;
        }
        Ok(clocks)
    }

    /// What every process must find in its environment. Each finds its own file.
    pub fn environment(&self) -> Vec<(String, String)> {
        let file = self.folder.join(SEAT_IN_ENVIRONMENT);
        vec![
            ("LD_PRELOAD".to_owned(), self.library().display().to_string()),
            (FILE_VARIABLE.to_owned(), file.display().to_string()),
        ]
    }

    /// From now on the wall clock of this process is wrong by so many seconds.
    ///
    /// # Errors
    /// What the file system says.
    pub fn set(&self, seat: &Seat, seconds: i64) -> Result<()> {
        let file = OpenOptions::new().write(true).open(self.file(seat));
        // In place, at once: the process has the file in its memory.
        file.and_then(|file| file.write_all_at(&seconds.to_ne_bytes(), 0))
            .with_context(|| format!("the clock of {seat}"))
    }

    /// All of them are right again.
    ///
    /// # Errors
    /// What the file system says.
    pub fn heal(&self) -> Result<()> {
        seats().iter().try_for_each(|seat| self.set(seat, 0))
    }

    fn library(&self) -> PathBuf {
        self.folder.join("clock.so")
    }

    fn file(&self, seat: &Seat) -> PathBuf {
        self.folder.join(seat.to_string())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use cli_world::seats::seat_named;

    use super::*;

    /// What the wall clock is wrong by: a minute is more than a slow machine needs between two looks.
    const JUMP_S: i64 = 3_600;
    const NEAR_S: i64 = 60;

    /// Seconds since 1970 as another process sees them.
    fn asked(clocks: &Clocks, seat: &Seat) -> i64 {
        let environment = clocks.environment().into_iter();
        let environment =
            environment.map(|(name, value)| (name, value.replace(SEAT_IN_ENVIRONMENT, &seat.to_string())));
        let said = Command::new("date")
            .arg("+%s")
            .envs(environment)
            .output()
            .expect("it runs");
        let text = String::from_utf8(said.stdout).expect("digits");
        text.trim().parse().expect("a number")
    }

    #[test]
    fn the_wall_clock_of_one_process_jumps_and_comes_back() {
        let dir = tempfile::tempdir().expect("a folder");
        let clocks = match Clocks::make(&Layout::new(dir.path())) {
            Ok(clocks) => clocks,
            Err(why) => {
                // A test that nobody listens to has nobody to tell.
                let _ = std::io::stderr().write_all(format!("skipped: {why:#}\n").as_bytes());
                return;
            }
        };
        let seat = |name| seat_named(name).expect("a seat");
        let (one, other) = (seat("celld-eu-central-1"), seat("celld-eu-west-1"));
        let now =
            || i64::try_from(platform_runtime::clock::Clock::system().unix_s()).expect("in this century");
        let wrong_by = |seat: &Seat| asked(&clocks, seat) - now();
        for jump in [JUMP_S, -JUMP_S] {
            clocks.set(&one, jump).expect("set");
            assert!((wrong_by(&one) - jump).abs() < NEAR_S, "{jump}");
            assert!(wrong_by(&other).abs() < NEAR_S, "another's is right");
        }
        clocks.heal().expect("set");
        assert!(wrong_by(&one).abs() < NEAR_S);
    }
}
