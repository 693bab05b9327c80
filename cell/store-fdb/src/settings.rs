//! Which cluster, and whose data it must hold.

use std::path::PathBuf;
use std::time::Duration;

use platform_model::{CellId, WorldId};

use crate::{OpenError, tls};

/// A cluster file of more bytes is not one.
const FILE_BYTES_MAX: u64 = 64 << 10;

/// The settings of the engine. TLS is the cluster file's and the library's matter (`FDB_TLS_...`); whether it is whole is
/// looked at here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The cluster file. The library rewrites it when coordinators change.
    pub cluster_file: PathBuf,
    /// The world whose data the cluster holds; it refuses any other.
    pub world: WorldId,
    /// The cell whose rows these are. Its nodes share them.
    pub cell: CellId,
    /// How long an open waits for the cluster to answer.
    pub ready_within: Duration,
    /// Whether an empty cluster becomes this world's. Without it an open changes nothing.
    pub claims: bool,
}

impl Settings {
    /// Checks the cluster file, for the library takes a missing one for the default and waits for ever on a wrong one; and
    /// that nothing would leave this machine in plain text.
    ///
    /// # Errors
    /// [`OpenError::ClusterFile`], [`OpenError::Tls`].
    pub fn check(&self) -> Result<(), OpenError> {
        self.check_in(|name| std::env::var(name).ok())
    }

    /// In an environment where the library would find these variables.
    fn check_in(&self, variable: impl Fn(&str) -> Option<String>) -> Result<(), OpenError> {
        let refused = |reason: String| OpenError::ClusterFile {
            path: self.cluster_file.clone(),
            reason,
        };
        let size = std::fs::metadata(&self.cluster_file).map_err(|error| refused(error.to_string()))?;
        if !size.is_file() || size.len() > FILE_BYTES_MAX {
            return Err(refused("it is not a small file".into()));
        }
        let text = std::fs::read_to_string(&self.cluster_file).map_err(|error| refused(error.to_string()))?;
        let line = text
            .lines()
            .map(str::trim)
            .find(|line| !line.is_empty() && !line.starts_with('#'));
        let addresses = line.and_then(coordinators);
        let addresses =
            addresses.ok_or_else(|| refused("it has no line `description:id@host:port,...`".into()))?;
        Ok(tls::check(&addresses, variable)?)
    }
}

/// The addresses in the line of a cluster file; none if it is not one.
fn coordinators(line: &str) -> Option<Vec<&str>> {
    let (name, addresses) = line.split_once('@')?;
    let (description, id) = name.split_once(':')?;
    let addresses: Vec<&str> = addresses.split(',').map(str::trim).collect();
    let is_one = !description.is_empty() && !id.is_empty();
    (is_one && addresses.iter().all(|address| address.contains(':'))).then_some(addresses)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: Option<&str>) -> Result<(), OpenError> {
        let dir = tempfile::tempdir().expect("a folder");
        let cluster_file = dir.path().join("fdb.cluster");
        if let Some(text) = text {
            std::fs::write(&cluster_file, text).expect("written");
        }
        let settings = Settings {
            cluster_file,
            world: WorldId::new(&"a".repeat(64)).expect("an id"),
            cell: "eu-central-1".parse().expect("a cell"),
            ready_within: Duration::from_secs(1),
            claims: true,
        };
        settings.check_in(|_| None)
    }

    #[test]
    fn the_cluster_file_is_looked_into() {
        let good = "# made by hand\nprod:Ab12@127.0.0.1:4500, localhost:4501\n";
        assert_eq!(check(Some(good)), Ok(()));
        for wrong in [
            None,
            Some(""),
            Some("prod@10.0.0.1:4500"),
            Some("prod:x@"),
            Some("hello"),
        ] {
            let refused = check(wrong).expect_err("refused");
            assert!(
                matches!(refused, OpenError::ClusterFile { .. }) && !refused.hint().is_empty(),
                "{wrong:?}: {refused:?}"
            );
        }
    }

    #[test]
    fn a_cluster_elsewhere_is_spoken_to_by_whole_tls_or_not_at_all() {
        for wrong in [
            "prod:Ab12@10.0.0.1:4500",
            "prod:Ab12@10.0.0.1:4500,10.0.0.2:4500:tls",
            "prod:Ab12@10.0.0.1:4500:tls",
        ] {
            let refused = check(Some(wrong)).expect_err(wrong);
            assert!(matches!(refused, OpenError::Tls(_)), "{refused}");
            assert!(refused.hint().to_lowercase().contains("tls"), "{refused}");
        }
    }
}
