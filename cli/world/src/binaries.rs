//! The server binaries: built by cargo where they are missing or old, then copied into the world.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, Result, bail};
use tokio::process::Command;

use super::disk;
use super::layout::Layout;
use crate::exit::Hinted;
use crate::progress::Progress;

/// The processes that a world is made of.
const SERVERS: [&str; 3] = ["controld", "celld", "routerd"];
/// Cargo features with which planted faults can be switched on.
const FAILPOINTS: &str = "cell-node/failpoints,router-gateway/failpoints,control-plane-server/failpoints";

/// Which binaries a world runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Binaries {
    Normal,
    /// Those that lie beside this binary, as they are.
    AsTheyAre,
    /// With the cargo feature `failpoints`: planted faults can be switched on.
    Failpoints,
}

impl Binaries {
    /// Builds the servers in the profile of this very binary and copies them into the world.
    ///
    /// # Errors
    /// Fails with cargo's own message when the build does.
    pub async fn install(self, layout: &Layout, progress: &dyn Progress) -> Result<()> {
        let target = self.folder()?;
        if self == Self::AsTheyAre || !source_tree().join("Cargo.toml").exists() {
            return copy(&target, layout);
        }
        // Binaries with planted faults do not stay where others look for binaries without.
        let aside = match self {
            Self::Normal | Self::AsTheyAre => None,
            Self::Failpoints => Some(SetAside::new(&target)?),
        };
        self.build(&target, progress).await?;
        let copied = copy(&target, layout);
        drop(aside);
        copied
    }

    /// Where the servers are built. Planted faults do not compile in a release build: theirs is the dev profile's.
    fn folder(self) -> Result<PathBuf> {
        let own = profile_folder()?;
        match self {
            Self::Failpoints => Ok(own.with_file_name("debug")),
            Self::Normal | Self::AsTheyAre => Ok(own),
        }
    }

    async fn build(self, target: &Path, progress: &dyn Progress) -> Result<()> {
        progress
            .progress("building controld, celld and routerd (about ten minutes when nothing is built yet)");
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo
            .current_dir(source_tree())
            .arg("build")
            .arg("--workspace")
            .kill_on_drop(true);
        for name in std::env::vars_os()
            .map(|(name, _)| name)
            .filter(|name| is_of_this_package(name))
        {
            cargo.env_remove(name);
        }
        for name in SERVERS {
            cargo.args(["--bin", name]);
        }
        if target.file_name().is_some_and(|name| name == "release") {
            cargo.arg("--release");
        }
        if let Some(folder) = target.parent() {
            cargo.arg("--target-dir").arg(folder);
        }
        if self == Self::Failpoints {
            cargo.args(["--features", FAILPOINTS]);
        }
        let status = cargo
            .stdout(Stdio::null())
            .status()
            .await
            .context("cannot run cargo")?;
        if status.success() {
            Ok(())
        } else {
            bail!("cargo could not build the servers: see its message above")
        }
    }
}

/// What `cargo run` tells a program of its own package. Build scripts (ring's) take a change of it for a reason to
/// build everything above them anew.
fn is_of_this_package(name: &OsStr) -> bool {
    let name = name.to_string_lossy();
    ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CRATE_"]
        .iter()
        .any(|prefix| name.starts_with(prefix))
}

fn copy(target: &Path, layout: &Layout) -> Result<()> {
    disk::create_folder(&layout.binaries())?;
    for name in SERVERS {
        let (from, to) = (target.join(name), layout.binaries().join(name));
        if !from.exists() {
            let message = format!(
                "there is no {}, and it is not to be built or has no source here",
                from.display()
            );
            return Err(Hinted::new(message, &["put controld, celld and routerd beside cellctl"]).into());
        }
        // A running copy cannot be written over, but it can be replaced.
        match fs::remove_file(&to) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return disk::at(&to, Err(error)),
            _ => disk::at(&to, fs::copy(&from, &to))?,
        };
    }
    Ok(())
}

/// The servers of the target folder under other names; dropped, they have their own again.
struct SetAside {
    target: PathBuf,
}

impl SetAside {
    fn new(target: &Path) -> Result<Self> {
        let aside = Self {
            target: target.to_owned(),
        };
        for name in SERVERS {
            let (own, other) = aside.names(name);
            match fs::rename(&own, &other) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return disk::at(&own, Err(error)),
                _ => {}
            }
        }
        Ok(aside)
    }

    fn names(&self, server: &str) -> (PathBuf, PathBuf) {
        (
            self.target.join(server),
            self.target.join(format!(".{server}.without-faults")),
        )
    }
}

impl Drop for SetAside {
    fn drop(&mut self) {
        for name in SERVERS {
            let (own, other) = self.names(name);
            // Cargo makes what is missing anew with the next build.
            let _ = fs::remove_file(&own);
            let _ = fs::rename(&other, &own);
        }
    }
}

/// Where cargo put this binary: `target/release` or `target/debug`.
fn profile_folder() -> Result<PathBuf> {
    let exe = std::env::current_exe().context("cannot tell where this binary is")?;
    let folder = exe.parent().context("this binary has no folder")?;
    let up = if folder.ends_with("deps") {
        folder.parent().unwrap_or(folder)
    } else {
        folder
    };
    Ok(up.to_owned())
}

/// The checkout that this binary was built from.
pub fn source_tree() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .nth(2)
        .expect("the crate lies two folders below the workspace's")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn binaries_with_planted_faults_do_not_stay_in_the_target_folder() {
        let dir = tempfile::tempdir().expect("a folder");
        let celld = dir.path().join("celld");
        fs::write(&celld, "without").expect("written");
        let aside = SetAside::new(dir.path()).expect("set aside");
        assert!(!celld.exists());
        for name in SERVERS {
            fs::write(dir.path().join(name), "planted").expect("written");
        }
        drop(aside);
        assert_eq!(fs::read_to_string(&celld).expect("back"), "without");
        assert!(!dir.path().join("routerd").exists(), "there was none before");
    }

    #[test]
    fn the_inner_build_is_told_nothing_of_this_package_and_everything_else() {
        let kept = |name: &str| !is_of_this_package(OsStr::new(name));
        assert!(
            ["CARGO_HOME", "CARGO_INCREMENTAL", "CARGO_TARGET_DIR", "PATH"]
                .into_iter()
                .all(kept)
        );
        assert!(
            !["CARGO_PKG_VERSION", "CARGO_MANIFEST_DIR", "CARGO_CRATE_NAME"]
                .into_iter()
                .any(kept)
        );
    }

    #[test]
    fn without_servers_the_answer_says_where_they_belong() {
        let dir = tempfile::tempdir().expect("a folder");
        let error = copy(dir.path(), &Layout::new(dir.path().join("world"))).expect_err("none there");
        assert!(error.to_string().contains("has no source here"), "{error}");
    }
}
