//! Which code was measured: the versions that this binary was built from, and how.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use cell_store_tikv::{Settings, StoreHealth, Tls};
use platform_model::{CellId, WorldId};
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

/// What serves TiKV's protocol at these placement drivers, in their words: the release of each store, or why none is told.
///
/// # Errors
/// None of the cluster: what it does not tell is said in the text.
pub async fn cluster(pd: &[String]) -> Result<String> {
    // Only asked of its placement drivers: no data is looked at.
    let (world, cell) = (WorldId::new(&"0".repeat(64))?, CellId::new("bench-1")?);
    let settings = Settings::new(pd.to_vec(), Tls::Plaintext, world, cell);
    Ok(releases(cell_store_tikv::stores(&settings).await))
}

fn releases(stores: Result<Vec<StoreHealth>, String>) -> String {
    let stores = match stores {
        Ok(stores) => stores,
        Err(why) => return format!("not told: {why}"),
    };
    let told: BTreeSet<&str> = stores.iter().map(|store| store.version.as_str()).collect();
    let told: Vec<&str> = told.into_iter().filter(|version| !version.is_empty()).collect();
    match told.is_empty() {
        true => "not told: no store says of which release it is".to_owned(),
        false => told.join(", "),
    }
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

    #[test]
    fn a_clusters_releases_are_named_once_each_and_nothing_is_made_up() {
        let store = |version: &str| StoreHealth {
            address: "tikv-0:20160".into(),
            version: version.into(),
            is_up: true,
            room: None,
        };
        let mixed = vec![store("8.1.0"), store("7.5.1"), store(""), store("7.5.1")];
        assert_eq!(releases(Ok(mixed)), "7.5.1, 8.1.0");
        assert!(releases(Ok(vec![store("")])).starts_with("not told"));
        assert_eq!(releases(Err("nobody".into())), "not told: nobody");
    }
}
