//! What lies in the folder of a world: nothing, half of one, a whole one, or something that is none of ours.

use std::fs;
use std::io;
use std::path::Path;

use anyhow::{Context, Result};
use platform_model::WorldId;
use platform_runtime::tls::world_of_root;
use serde::{Deserialize, Serialize};

use super::disk;
use super::layout::Layout;
use super::seats::seats;
use crate::exit::Hinted;

/// How the files of a world are laid out; a later layout is another number.
const FORMAT: u32 = 1;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Folder {
    /// There is no such folder, or nothing in it.
    Empty,
    /// Its making was broken off: nothing ever ran there.
    Unfinished,
    World(WorldId),
}

/// `world.json`: written last, so that it stands only in a whole world.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Label {
    format: u32,
    world: WorldId,
}

impl Folder {
    /// Looks, and changes nothing.
    ///
    /// # Errors
    /// For a folder with files that no world of ours has put there, with a layout that is not known here, or with
    /// files of two worlds.
    pub fn look(layout: &Layout) -> Result<Self> {
        if layout.unfinished().exists() {
            return Ok(Self::Unfinished);
        }
        match fs::read(layout.world()) {
            Ok(text) => read_label(layout, &text).map(Self::World),
            Err(_) if is_empty(layout.root())? => Ok(Self::Empty),
            Err(_) => Err(foreign(layout).into()),
        }
    }

    /// The world, or the command that makes one.
    ///
    /// # Errors
    /// When there is none yet.
    pub fn world(self, layout: &Layout) -> Result<WorldId> {
        let dir = layout.root().display();
        match self {
            Self::World(world) => Ok(world),
            Self::Empty => {
                Err(Hinted::new(format!("there is no world in {dir}"), &["cellctl dev up"]).into())
            }
            Self::Unfinished => {
                let message = format!("the world in {dir} is half made: its making was broken off");
                Err(Hinted::new(message, &["cellctl dev up   makes it anew"]).into())
            }
        }
    }
}

/// Says that the folder is a whole world.
///
/// # Errors
/// What the file system says.
pub fn label(layout: &Layout, world: &WorldId) -> Result<()> {
    let text = serde_json::to_vec_pretty(&Label {
        format: FORMAT,
        world: world.clone(),
    })?;
    disk::write(&layout.world(), &text)
}

fn read_label(layout: &Layout, text: &[u8]) -> Result<WorldId> {
    let path = layout.world();
    let label: Label =
        serde_json::from_slice(text).with_context(|| format!("{} is damaged", path.display()))?;
    if label.format != FORMAT {
        let message = format!(
            "{} has layout {}, this cellctl knows {FORMAT}",
            path.display(),
            label.format
        );
        return Err(Hinted::new(message, &["use the cellctl that made it, or another --dir"]).into());
    }
    one_world(layout, &label.world)?;
    Ok(label.world)
}

/// Every certificate folder must be of the one world: files copied from another are found before anything starts.
fn one_world(layout: &Layout, world: &WorldId) -> Result<()> {
    let identities = seats().into_iter().map(|seat| layout.identity(&seat));
    for folder in identities.chain([layout.operator(), layout.authority()]) {
        let path = folder.join("ca.pem");
        let pem = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let found = root_of(&pem).with_context(|| format!("{} is no certificate", path.display()))?;
        if found != *world {
            let message = format!(
                "{} is of world {}, this folder is world {}",
                path.display(),
                short(&found),
                short(world)
            );
            let hints = [
                "put the right files back",
                "cellctl dev down --destroy   gives it up",
            ];
            return Err(Hinted::new(message, &hints).into());
        }
    }
    Ok(())
}

/// The world whose root this is (PEM).
fn root_of(pem: &str) -> Option<WorldId> {
    use base64::Engine;
    let body = pem
        .split("-----BEGIN CERTIFICATE-----")
        .nth(1)?
        .split("-----END")
        .next()?;
    let compact: String = body.split_whitespace().collect();
    let der = base64::engine::general_purpose::STANDARD.decode(compact).ok()?;
    Some(world_of_root(&der))
}

/// Enough digits to tell worlds apart by eye.
pub fn short(world: &WorldId) -> &str {
    &world.as_str()[..16]
}

/// A lock file alone is nothing: it is taken before anything is looked at.
fn is_empty(root: &Path) -> Result<bool> {
    let entries = match fs::read_dir(root) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(true),
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", root.display())),
    };
    let lock = std::ffi::OsStr::new(platform_runtime::data_dir::LOCK_FILE);
    Ok(entries
        .filter_map(Result::ok)
        .all(|entry| entry.file_name() == lock))
}

fn foreign(layout: &Layout) -> Hinted {
    let message = format!(
        "{} holds files that are no world's: nothing was changed",
        layout.root().display()
    );
    Hinted::new(
        message,
        &["name another folder with --dir; an empty one, or one that is not there yet"],
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::make;

    fn made() -> (tempfile::TempDir, Layout, WorldId) {
        let dir = tempfile::tempdir().expect("a folder");
        let layout = Layout::new(dir.path().join("world"));
        let world = make::make(&layout, None).expect("made");
        (dir, layout, world)
    }

    #[test]
    fn a_world_is_known_by_its_label() {
        let (_dir, layout, world) = made();
        assert_eq!(Folder::look(&layout).expect("a world"), Folder::World(world));
    }

    #[test]
    fn a_folder_that_is_not_there_or_has_only_a_lock_is_empty() {
        let dir = tempfile::tempdir().expect("a folder");
        assert_eq!(
            Folder::look(&Layout::new(dir.path().join("no"))).expect("nothing"),
            Folder::Empty
        );
        fs::write(dir.path().join("LOCK"), "1").expect("written");
        assert_eq!(
            Folder::look(&Layout::new(dir.path())).expect("nothing"),
            Folder::Empty
        );
    }

    #[test]
    fn files_of_others_are_left_alone() {
        let dir = tempfile::tempdir().expect("a folder");
        fs::write(dir.path().join("thesis.txt"), "x").expect("written");
        let error = Folder::look(&Layout::new(dir.path())).expect_err("foreign");
        assert!(
            error.to_string().contains("holds files that are no world's"),
            "{error}"
        );
    }

    #[test]
    fn a_world_that_was_half_made_is_known_as_one() {
        let dir = tempfile::tempdir().expect("a folder");
        let layout = Layout::new(dir.path());
        fs::write(layout.unfinished(), "").expect("written");
        let found = Folder::look(&layout).expect("half a world");
        assert_eq!(found, Folder::Unfinished);
        let error = found.world(&layout).expect_err("no world");
        assert!(error.to_string().contains("half made"), "{error}");
    }

    #[test]
    fn files_of_another_world_are_named() {
        let (_dir, layout, _) = made();
        let (_other_dir, other, _) = made();
        let seat = &seats()[3];
        fs::copy(
            other.identity(seat).join("ca.pem"),
            layout.identity(seat).join("ca.pem"),
        )
        .expect("copied");
        let error = Folder::look(&layout).expect_err("two worlds").to_string();
        assert!(
            error.contains("celld-eu-central-1/identity/ca.pem is of world"),
            "{error}"
        );
    }

    #[test]
    fn a_later_layout_is_refused() {
        let (_dir, layout, world) = made();
        let text = format!(r#"{{"format": 2, "world": "{world}"}}"#);
        fs::write(layout.world(), text).expect("written");
        let error = Folder::look(&layout).expect_err("unknown layout").to_string();
        assert!(error.contains("has layout 2, this cellctl knows 1"), "{error}");
    }
}
