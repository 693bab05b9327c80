//! Which code was measured: the versions that this binary was built from, and how.

use anyhow::{Context, Result};
use serde_json::{Value, json};

/// As it was when this binary was built.
const LOCK: &str = include_str!("../../Cargo.lock");

/// Ours, and of each named package the version that is linked in.
///
/// # Errors
/// A package is not in the lock file.
pub fn versions(packages: &[&str]) -> Result<Value> {
    let mut versions = json!({ "meridian": env!("CARGO_PKG_VERSION"), "profile": profile() });
    for package in packages {
        versions[package] = json!(locked(LOCK, package)?);
    }
    Ok(versions)
}

/// What must be said of the numbers if the code was not optimised; nothing in a release build.
pub fn profile_note() -> Option<String> {
    cfg!(debug_assertions).then(|| {
        "built without release optimisation: the numbers say nothing about the goals, build with --release".to_owned()
    })
}

fn profile() -> &'static str {
    if cfg!(debug_assertions) { "dev" } else { "release" }
}

fn locked(lock: &str, name: &str) -> Result<String> {
    let lock: toml::Table = lock.parse().context("Cargo.lock is no TOML")?;
    let packages = lock
        .get("package")
        .and_then(toml::Value::as_array)
        .context("Cargo.lock names no package")?;
    let found = packages
        .iter()
        .find(|package| package.get("name").and_then(toml::Value::as_str) == Some(name));
    let version = found
        .and_then(|package| package.get("version"))
        .and_then(toml::Value::as_str);
    Ok(version
        .with_context(|| format!("Cargo.lock has no package {name}"))?
        .to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_what_the_lock_file_says() {
        let lock = "[[package]]\nname = \"fjall\"\nversion = \"3.9.9\"\n[[package]]\nname = \"x\"\nversion = \"1.0.0\"\n";
        assert_eq!(locked(lock, "fjall").expect("there"), "3.9.9");
        assert!(locked(lock, "absent").is_err());
        assert!(versions(&["fjall"]).expect("linked in")["fjall"].is_string());
    }
}
