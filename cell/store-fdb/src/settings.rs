//! Which cluster, and whose data it must hold.

use std::path::PathBuf;
use std::time::Duration;

use platform_model::{CellId, WorldId};

use crate::OpenError;

/// A cluster file of more bytes is not one.
const FILE_BYTES_MAX: u64 = 64 << 10;

/// The settings of the engine. TLS is the cluster file's and the library's matter (`FDB_TLS_...`).
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
}

impl Settings {
    /// Checks the cluster file, for the library takes a missing one for the default and waits for ever on a wrong one.
    ///
    /// # Errors
    /// [`OpenError::ClusterFile`].
    pub fn check(&self) -> Result<(), OpenError> {
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
        if line.is_some_and(names_coordinators) {
            Ok(())
        } else {
            Err(refused("it has no line `description:id@host:port,...`".into()))
        }
    }
}

fn names_coordinators(line: &str) -> bool {
    line.split_once('@').is_some_and(|(name, addresses)| {
        let named = name
            .split_once(':')
            .is_some_and(|(description, id)| !description.is_empty() && !id.is_empty());
        named && addresses.split(',').all(|address| address.contains(':'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cluster_file_is_looked_into() {
        let dir = tempfile::tempdir().expect("a folder");
        let check = |text: Option<&str>| {
            let cluster_file = dir.path().join("fdb.cluster");
            let _ = std::fs::remove_file(&cluster_file);
            if let Some(text) = text {
                std::fs::write(&cluster_file, text).expect("written");
            }
            let settings = Settings {
                cluster_file,
                world: WorldId::new(&"a".repeat(64)).expect("an id"),
                cell: "eu-central-1".parse().expect("a cell"),
                ready_within: Duration::from_secs(1),
            };
            settings.check()
        };
        assert_eq!(
            check(Some(
                "# made by hand\nprod:Ab12@10.0.0.1:4500,10.0.0.2:4500:tls\n"
            )),
            Ok(())
        );
        for wrong in [
            None,
            Some(""),
            Some("prod@10.0.0.1:4500"),
            Some("prod:x@"),
            Some("hello"),
        ] {
            let refused = check(wrong);
            assert!(
                matches!(refused, Err(OpenError::ClusterFile { .. })),
                "{wrong:?}: {refused:?}"
            );
        }
    }
}
