//! `dev down`: ends the processes of a world; with `--destroy`, removes its files too.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Args;

use super::lock;
use crate::ask::Sure;
use crate::command::WorldFolder;
use crate::exit::{Ended, Hinted};
use crate::printer::{Printer, counted};
use crate::world::{Folder, Layout, Process, State, World, down, seats};

/// For a process to end by itself after SIGTERM.
const STOP_WITHIN: Duration = Duration::from_secs(25);

/// Ends the processes of the world. Its data stays, unless --destroy is given.
#[derive(Debug, Args)]
#[command(after_help = "Example: cellctl dev down --destroy")]
pub struct Down {
    #[command(flatten)]
    world: WorldFolder,
    /// Removes the folder of the world with everything that people stored in it.
    #[arg(long)]
    destroy: bool,
    #[command(flatten)]
    sure: Sure,
}

impl Down {
    pub async fn run(&self, printer: &Printer) -> Result<Ended> {
        let layout = Layout::new(&self.world.dir);
        match self.look(&layout)? {
            Folder::Empty => {
                printer.progress(&format!(
                    "there is no world in {}: nothing was changed",
                    layout.root().display()
                ));
                return Ok(Ended::Ok);
            }
            Folder::Unfinished if !self.destroy => {
                return Err(Hinted::new(
                    "the world is half made: nothing runs",
                    &["cellctl dev down --destroy"],
                )
                .into());
            }
            Folder::Unfinished | Folder::World(_) => {}
        }
        if self.sure.dry_run {
            self.say(&layout, printer);
            return Ok(Ended::Ok);
        }
        if self.destroy {
            self.say(&layout, printer);
            self.sure.ask(printer).await?;
        }
        let held = lock(&layout)?;
        self.stop(&layout, printer).await?;
        if self.destroy {
            drop(held);
            fs::remove_dir_all(layout.root())
                .with_context(|| format!("cannot remove {}", layout.root().display()))?;
            printer.progress(&format!("{} is removed", layout.root().display()));
        }
        Ok(Ended::Ok)
    }

    /// What would be ended and removed.
    fn say(&self, layout: &Layout, printer: &Printer) {
        let running = seats::seats().into_iter();
        let running = running.filter(|seat| matches!(Process::state(layout, seat), State::Running(_)));
        let ended = counted(running.count(), "process is", "processes are");
        let removed = if self.destroy {
            format!(
                "; {} is removed with all that people stored in it",
                layout.root().display()
            )
        } else {
            String::new()
        };
        let undone = if self.sure.dry_run {
            "; nothing was changed: --dry-run"
        } else {
            ""
        };
        printer.progress(&format!("{ended} ended{removed}{undone}"));
    }

    /// A damaged world may be destroyed too, as long as it is one.
    fn look(&self, layout: &Layout) -> Result<Folder> {
        match Folder::look(layout) {
            Err(_) if self.destroy && layout.world().exists() => Ok(Folder::Unfinished),
            other => other,
        }
    }

    async fn stop(&self, layout: &Layout, printer: &Printer) -> Result<()> {
        let states: Vec<State> = seats::seats()
            .iter()
            .map(|seat| Process::state(layout, seat))
            .collect();
        let number = |wanted: fn(&State) -> bool| states.iter().filter(|state| wanted(state)).count();
        let running = number(|state| matches!(state, State::Running(_)));
        let gone = number(|state| matches!(state, State::Stale(_)));
        if gone > 0 {
            let gone = counted(gone, "process was", "processes were");
            printer.progress(&format!("{gone} gone already: pid files are removed"));
        }
        let Ok(world) = World::open(layout) else {
            down::kill_all(layout);
            return Ok(());
        };
        for seat in world.down(STOP_WITHIN).await? {
            printer.progress(&format!(
                "{seat} did not end within {} s and was killed",
                STOP_WITHIN.as_secs()
            ));
        }
        match running {
            0 => printer.progress("nothing ran"),
            _ => printer.progress(&format!("{} ended", counted(running, "process", "processes"))),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::printer::Format;
    use crate::world::make;

    fn down(dir: &std::path::Path, destroy: bool) -> Down {
        Down {
            world: WorldFolder { dir: dir.to_owned() },
            destroy,
            sure: Sure::default(),
        }
    }

    #[tokio::test]
    async fn without_a_world_nothing_is_changed() {
        let dir = tempfile::tempdir().expect("a folder");
        let missing = dir.path().join("no");
        let ended = down(&missing, true)
            .run(&Printer::new(Format::Table))
            .await
            .expect("ok");
        assert_eq!(ended, Ended::Ok);
        assert!(!missing.exists());
    }

    #[tokio::test]
    async fn files_of_others_are_never_destroyed() {
        let dir = tempfile::tempdir().expect("a folder");
        fs::write(dir.path().join("thesis.txt"), "x").expect("written");
        down(dir.path(), true)
            .run(&Printer::new(Format::Table))
            .await
            .expect_err("not a world");
        assert!(dir.path().join("thesis.txt").exists());
    }

    #[tokio::test]
    async fn a_world_is_destroyed_whole_damaged_or_not() {
        for damage in [false, true] {
            let dir = tempfile::tempdir().expect("a folder");
            let layout = Layout::new(dir.path().join("w"));
            make::make(&layout, None).expect("made");
            if damage {
                fs::write(layout.world(), "{").expect("written");
            }
            down(layout.root(), true)
                .run(&Printer::new(Format::Table))
                .await
                .expect("destroyed");
            assert!(!layout.root().exists());
        }
    }

    #[tokio::test]
    async fn a_dry_run_destroys_nothing() {
        let dir = tempfile::tempdir().expect("a folder");
        let layout = Layout::new(dir.path().join("w"));
        let world = make::make(&layout, None).expect("made");
        let mut down = down(layout.root(), true);
        down.sure.dry_run = true;
        down.run(&Printer::new(Format::Table)).await.expect("ok");
        assert_eq!(Folder::look(&layout).expect("a world"), Folder::World(world));
    }

    #[tokio::test]
    async fn data_stays_unless_it_is_to_be_destroyed() {
        let dir = tempfile::tempdir().expect("a folder");
        let layout = Layout::new(dir.path().join("w"));
        let world = make::make(&layout, None).expect("made");
        down(layout.root(), false)
            .run(&Printer::new(Format::Table))
            .await
            .expect("ok");
        assert_eq!(Folder::look(&layout).expect("a world"), Folder::World(world));
    }
}
