//! Reads a checkout: manifests through `cargo metadata`, the lock file, the text files. Needs no network.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package};

use super::files::{SourceFile, code_lines};
use super::graph::{Edge, EdgeKind, Graph, Member};

/// Folders that hold no source: what git, cargo and running worlds keep.
const SKIPPED: &[&str] = &[".git", ".meridian", "target"];
/// A larger file is data.
const FILE_BYTES_MOST: u64 = 2_000_000;

/// The root of the repository that this crate was built from.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the crate lies in a folder of the workspace")
}

/// The workspace of the repository at `root`, whose text files are `files`.
///
/// # Errors
/// Cargo cannot read the manifests, or there is no lock file.
pub fn graph(root: &Path, files: &[SourceFile]) -> Result<Graph> {
    let mut command = MetadataCommand::new();
    // Only what the manifests say: nothing is resolved, nothing fetched.
    let metadata = command.manifest_path(root.join("Cargo.toml")).no_deps().exec()?;
    let members = metadata
        .workspace_packages()
        .into_iter()
        .map(|package| member(&metadata, package, files));
    Ok(Graph {
        members: members.collect::<Result<_>>()?,
        locked: locked(root)?,
    })
}

fn member(metadata: &Metadata, package: &Package, files: &[SourceFile]) -> Result<Member> {
    let folder = package
        .manifest_path
        .parent()
        .context("a manifest lies in a folder")?;
    let folder = folder
        .strip_prefix(&metadata.workspace_root)
        .context("a crate lies in the workspace")?;
    let (folder, sources) = (folder.to_string(), format!("{folder}/src/"));
    let code = files
        .iter()
        .filter(|file| file.path.starts_with(&sources) && file.path.ends_with(".rs"));
    Ok(Member {
        name: package.name.to_string(),
        lints_of_workspace: takes_lints(package.manifest_path.as_std_path())?,
        has_target: package
            .targets
            .iter()
            .any(|target| target.is_lib() || target.is_bin()),
        code_lines: code.map(|file| code_lines(&file.text)).sum(),
        edges: edges(package),
        folder,
    })
}

fn edges(package: &Package) -> Vec<Edge> {
    let edge = |dependency: &cargo_metadata::Dependency| Edge {
        to: dependency.name.clone(),
        kind: match dependency.kind {
            DependencyKind::Development => EdgeKind::Dev,
            DependencyKind::Build => EdgeKind::Build,
            _ => EdgeKind::Normal,
        },
    };
    package.dependencies.iter().map(edge).collect()
}

fn takes_lints(manifest: &Path) -> Result<bool> {
    let manifest: toml::Table = text(manifest)?
        .parse()
        .with_context(|| format!("{} is no TOML", manifest.display()))?;
    let of_workspace = manifest.get("lints").and_then(|lints| lints.get("workspace"));
    Ok(of_workspace.and_then(toml::Value::as_bool) == Some(true))
}

fn locked(root: &Path) -> Result<BTreeSet<String>> {
    let lock: toml::Table = text(&root.join("Cargo.lock"))?
        .parse()
        .context("Cargo.lock is no TOML")?;
    let packages = lock
        .get("package")
        .and_then(toml::Value::as_array)
        .context("Cargo.lock names no package")?;
    let name = |package: &toml::Value| {
        package
            .get("name")
            .and_then(toml::Value::as_str)
            .map(str::to_owned)
    };
    Ok(packages.iter().filter_map(name).collect())
}

fn text(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

/// The text files under `root`, in order of their paths.
///
/// # Errors
/// A folder cannot be listed.
pub fn files(root: &Path) -> Result<Vec<SourceFile>> {
    let (mut files, mut waiting) = (Vec::new(), vec![root.to_owned()]);
    while let Some(folder) = waiting.pop() {
        let entries =
            std::fs::read_dir(&folder).with_context(|| format!("cannot list {}", folder.display()))?;
        for entry in entries {
            let entry = entry?;
            let kind = entry.file_type()?;
            if kind.is_dir() && !SKIPPED.iter().any(|name| entry.file_name() == *name) {
                waiting.push(entry.path());
            } else if kind.is_file() {
                files.extend(source_file(root, entry.path()));
            }
        }
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(files)
}

/// `None` for data, and for what went away meanwhile (another test's temporary file).
fn source_file(root: &Path, path: PathBuf) -> Option<SourceFile> {
    if std::fs::metadata(&path).ok()?.len() > FILE_BYTES_MOST {
        return None;
    }
    let text = String::from_utf8(std::fs::read(&path).ok()?).ok()?;
    Some(SourceFile {
        path: path.strip_prefix(root).ok()?.to_str()?.replace('\\', "/"),
        text,
    })
}
