//! Which engine holds the rows, and its settings. Which of the other settings count is the engine's matter: one that
//! has no effect on the engine chosen is refused, for whoever wrote it expects one.

use std::path::PathBuf;
use std::time::Duration;

use platform_runtime::config::{HumanDuration, HumanSize};
use serde::{Deserialize, Serialize};

use super::InvalidConfig;

/// An engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EngineName {
    /// In this process, on the disk of its data directory: one node per cell.
    Embedded,
    /// A TiKV cluster that the nodes of the cell share.
    Tikv,
    /// A FoundationDB cluster that the nodes of the cell share.
    Fdb,
}

/// The engine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Store {
    pub engine: EngineName,
    /// Embedded: memory for blocks of tables.
    pub cache: HumanSize,
    /// Embedded: threads that flush and compact.
    pub worker_threads: usize,
    /// TiKV: client addresses of all placement drivers, `host:port`.
    pub pd: Vec<String>,
    /// TiKV: certificates of the cluster's authority, in PEM.
    pub ca: PathBuf,
    /// TiKV: this node's certificate, in PEM.
    pub cert: PathBuf,
    /// TiKV: its private key, in PEM.
    pub key: PathBuf,
    /// TiKV: no TLS, for a cluster on this machine alone.
    pub plaintext: bool,
    /// TiKV: how long a snapshot can be read; the same on all nodes of the cell.
    pub snapshot_life: HumanDuration,
    /// TiKV: whether this node lets the cluster collect old versions; not beside TiDB, which does.
    pub collect_garbage: bool,
    /// FoundationDB: the cluster file.
    pub cluster_file: PathBuf,
    /// TiKV, FoundationDB: how long a start waits for the cluster.
    pub ready_within: HumanDuration,
}

impl Default for Store {
    fn default() -> Self {
        Self {
            engine: EngineName::Embedded,
            cache: HumanSize(64 << 20),
            worker_threads: 1,
            pd: Vec::new(),
            ca: PathBuf::new(),
            cert: PathBuf::new(),
            key: PathBuf::new(),
            plaintext: false,
            snapshot_life: HumanDuration(Duration::from_secs(300)),
            collect_garbage: true,
            cluster_file: PathBuf::new(),
            ready_within: HumanDuration(Duration::from_secs(30)),
        }
    }
}

impl Store {
    /// # Errors
    /// A setting of another engine, or one that the engine needs.
    pub fn check(&self) -> Result<(), InvalidConfig> {
        let set = |path: &PathBuf| !path.as_os_str().is_empty();
        let of_tikv = [
            ("store.pd", !self.pd.is_empty()),
            ("store.ca", set(&self.ca)),
            ("store.cert", set(&self.cert)),
            ("store.key", set(&self.key)),
            ("store.plaintext", self.plaintext),
        ];
        let of_fdb = [("store.cluster_file", set(&self.cluster_file))];
        let rule = |key, rule| Err(InvalidConfig::Rule { key, rule });
        if self.engine != EngineName::Tikv
            && let Some((key, _)) = of_tikv.into_iter().find(|(_, set)| *set)
        {
            return rule(
                key,
                "is a setting of the engine `tikv`: set `store.engine = \"tikv\"`, or remove it",
            );
        }
        if self.engine != EngineName::Fdb
            && let Some((key, _)) = of_fdb.into_iter().find(|(_, set)| *set)
        {
            return rule(
                key,
                "is a setting of the engine `fdb`: set `store.engine = \"fdb\"`, or remove it",
            );
        }
        match self.engine {
            EngineName::Tikv if self.pd.is_empty() => rule(
                "store.pd",
                "name the placement drivers of the TiKV cluster, `host:port`",
            ),
            EngineName::Fdb if !set(&self.cluster_file) => rule(
                "store.cluster_file",
                "name the cluster file of the FoundationDB cluster",
            ),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loaded(text: &str) -> Result<Store, String> {
        let dir = tempfile::tempdir().expect("a folder");
        let file = dir.path().join("celld.toml");
        std::fs::write(&file, text).expect("written");
        let loaded = platform_runtime::config::load::<super::super::Config>(Some(&file), "CELLD_NONE", &[]);
        loaded
            .map(|config| config.store)
            .map_err(|error| format!("{error:?}"))
    }

    #[test]
    fn an_engine_is_chosen_in_one_line() {
        let store = loaded(
            "store = { engine = \"tikv\", pd = [\"pd-0:2379\"], ca = \"a\", cert = \"b\", key = \"c\" }",
        );
        let store = store.expect("reads");
        assert_eq!((store.engine, store.check()), (EngineName::Tikv, Ok(())));
        assert_eq!(loaded("").expect("reads").engine, EngineName::Embedded);
        let unknown = loaded("store = { engine = \"rocks\" }").expect_err("unknown");
        assert!(
            unknown.contains("rocks") || unknown.contains("engine"),
            "{unknown}"
        );
    }

    #[test]
    fn a_setting_of_another_engine_is_refused_by_name() {
        for (text, key) in [
            ("store = { pd = [\"pd-0:2379\"] }", "store.pd"),
            ("store = { key = \"x\" }", "store.key"),
            ("store = { plaintext = true }", "store.plaintext"),
            (
                "store = { engine = \"tikv\", pd = [\"a:1\"], cluster_file = \"x\" }",
                "store.cluster_file",
            ),
            ("store = { engine = \"tikv\" }", "store.pd"),
            ("store = { engine = \"fdb\" }", "store.cluster_file"),
            (
                "store = { engine = \"fdb\", cluster_file = \"x\", ca = \"y\" }",
                "store.ca",
            ),
        ] {
            let refused = loaded(text).expect("reads").check();
            assert!(
                matches!(refused, Err(InvalidConfig::Rule { key: found, .. }) if found == key),
                "{text}: {refused:?}"
            );
        }
    }

    #[test]
    fn the_worked_configurations_can_be_used() {
        for (text, engine) in [
            (
                include_str!("../../../../deploy/tikv/celld.toml"),
                EngineName::Tikv,
            ),
            (include_str!("../../../../deploy/fdb/celld.toml"), EngineName::Fdb),
        ] {
            let store = loaded(text).expect("reads");
            assert_eq!((store.engine, store.check()), (engine, Ok(())));
        }
    }

    #[test]
    fn every_setting_that_the_pages_of_the_engines_name_is_there() {
        let known = serde_json::to_value(Store::default()).expect("a table");
        let mut looked_at = 0;
        for page in [
            include_str!("../../../../deploy/README.md"),
            include_str!("../../../../deploy/tikv/README.md"),
            include_str!("../../../../deploy/fdb/README.md"),
        ] {
            for named in page.split("`store.").skip(1) {
                let end = named.find(|at: char| !at.is_ascii_lowercase() && at != '_');
                let key = &named[..end.unwrap_or(named.len())];
                assert!(known.get(key).is_some(), "there is no `store.{key}`");
                looked_at += 1;
            }
        }
        assert!(looked_at >= 5, "{looked_at}");
    }
}
