//! The workout files of the demo: one's own, or those that come with the parsers' packages.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use cargo_metadata::MetadataCommand;

use crate::exit::Hinted;
use crate::world::binaries::source_tree;

/// Packages that carry real files, and where.
const PACKAGES: [(&str, &str); 3] = [
    ("fitparser", "tests/fixtures"),
    ("gpx", "tests/fixtures"),
    ("tcx", "tests"),
];
const EXTENSIONS: [&str; 4] = ["fit", "gpx", "tcx", "gz"];
/// At most so many files are taken from a folder.
const FILES_MAX: usize = 500;

/// A file as it lies on the disk.
#[derive(Debug, Clone)]
pub struct WorkoutFile {
    pub name: String,
    pub bytes: Vec<u8>,
}

/// All files, in order of name.
#[derive(Debug)]
pub struct Files {
    pub all: Vec<WorkoutFile>,
    /// Whether they are the packages' own, of which some are known to be workouts.
    pub of_packages: bool,
}

/// The files of `dir`, or without one those of the packages.
///
/// # Errors
/// When there is none.
pub async fn find(dir: Option<&Path>) -> Result<Files> {
    let folders = match dir {
        Some(dir) => vec![dir.to_owned()],
        // cargo may have to look at the network; the runtime goes on meanwhile.
        None => tokio::task::spawn_blocking(package_folders)
            .await
            .context("cargo metadata was not run")??,
    };
    let mut all = Vec::new();
    for folder in &folders {
        all.extend(files_of(folder)?);
    }
    all.sort_by(|a, b| a.name.cmp(&b.name));
    if all.is_empty() {
        let names: Vec<String> = folders
            .iter()
            .map(|folder| folder.display().to_string())
            .collect();
        let message = format!("no .fit, .gpx, .tcx or .gz file in {}", names.join(", "));
        return Err(Hinted::new(
            message,
            &["cellctl demo --files DIR   takes the files of a folder"],
        )
        .into());
    }
    Ok(Files {
        all,
        of_packages: dir.is_none(),
    })
}

fn package_folders() -> Result<Vec<PathBuf>> {
    let mut command = MetadataCommand::new();
    command.manifest_path(source_tree().join("Cargo.toml"));
    if let Some(host) = host() {
        // Else cargo fetches packages that only other systems use.
        command.other_options(["--filter-platform".to_owned(), host]);
    }
    let metadata = command.exec().context(Hinted::new(
        "cargo cannot say where the parsers' packages lie",
        &["cellctl demo --files DIR   takes the files of a folder"],
    ))?;
    let folder = |(name, inside): (&str, &str)| {
        let package = metadata
            .packages
            .iter()
            .find(|package| package.name.as_str() == name)?;
        Some(package.manifest_path.parent()?.join(inside).into_std_path_buf())
    };
    Ok(PACKAGES.into_iter().filter_map(folder).collect())
}

/// The system for which cargo builds here, as rustc names it.
fn host() -> Option<String> {
    let output = Command::new("rustc").arg("-vV").output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    text.lines()
        .find_map(|line| line.strip_prefix("host: "))
        .map(str::to_owned)
}

fn files_of(folder: &Path) -> Result<Vec<WorkoutFile>> {
    let entries = fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let mut paths: Vec<PathBuf> = entries
        .filter_map(Result::ok)
        .map(|entry| entry.path())
        .filter(|path| is_workout(path))
        .collect();
    paths.sort();
    paths.truncate(FILES_MAX);
    let read = |path: PathBuf| {
        let bytes = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        Ok(WorkoutFile { name, bytes })
    };
    paths.into_iter().map(read).collect()
}

fn is_workout(path: &Path) -> bool {
    let extension = path
        .extension()
        .and_then(|extension| extension.to_str())
        .map(str::to_lowercase);
    path.is_file() && extension.is_some_and(|extension| EXTENSIONS.contains(&extension.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_folder_gives_its_workout_files_by_extension() {
        let dir = tempfile::tempdir().expect("a folder");
        for name in ["b.GPX", "a.fit", "c.tcx.gz", "notes.txt", "d"] {
            fs::write(dir.path().join(name), name).expect("written");
        }
        fs::create_dir(dir.path().join("folder.fit")).expect("made");
        let files = find(Some(dir.path())).await.expect("files");
        let names: Vec<&str> = files.all.iter().map(|file| file.name.as_str()).collect();
        assert_eq!(names, ["a.fit", "b.GPX", "c.tcx.gz"]);
        assert!(!files.of_packages);
    }

    #[tokio::test]
    async fn a_folder_without_any_is_named() {
        let dir = tempfile::tempdir().expect("a folder");
        let error = find(Some(dir.path())).await.expect_err("empty").to_string();
        assert!(error.contains("no .fit, .gpx, .tcx or .gz file in"), "{error}");
    }

    #[tokio::test]
    async fn the_packages_carry_files_of_each_format() {
        let files = find(None).await.expect("cargo metadata");
        for extension in ["fit", "gpx", "tcx"] {
            assert!(
                files.all.iter().any(|file| file.name.ends_with(extension)),
                "{extension}"
            );
        }
    }
}
