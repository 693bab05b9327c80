//! Which release a cluster is of, as its placement driver tells of its stores. Some calls are missing in older ones, and
//! not all of them are met when a node starts. Releases alone are judged: the number of a build before one says nothing of
//! what it knows, nor does a store that names none; what those do not know is found when it is asked for.

use crate::{OpenError, StoreHealth};

/// Which release is needed.
const NEEDED: Version = Version { major: 6, minor: 5 };

/// The first two numbers of a release.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Version {
    major: u64,
    minor: u64,
}

impl Version {
    /// From `7.5.1`, `v6.5.0`, `v6.5.3-20230915-1a2b3c` (a release that was mended). Not from `7.0.0-alpha`, which is none.
    fn of(text: &str) -> Option<Self> {
        let (number, suffix) = text.split_once('-').unwrap_or((text, ""));
        if suffix.starts_with(|first: char| !first.is_ascii_digit()) {
            return None;
        }
        let mut parts = number.trim_start_matches('v').split('.');
        let (major, minor) = (parts.next()?, parts.next()?);
        Some(Self {
            major: major.parse().ok()?,
            minor: minor.parse().ok()?,
        })
    }
}

impl StoreHealth {
    /// The store of the oldest release, and whether that one is new enough; none where no store is of one.
    pub fn oldest<'a>(stores: impl IntoIterator<Item = &'a Self>) -> Option<(&'a Self, bool)> {
        let known = stores
            .into_iter()
            .filter_map(|store| Some((Version::of(&store.version)?, store)));
        let (version, store) = known.min_by_key(|(version, _)| *version)?;
        Some((store, version >= NEEDED))
    }
}

/// Refuses a cluster with a store that is too old.
///
/// # Errors
/// [`OpenError::OldApi`] names it.
pub(crate) fn check(stores: &[StoreHealth]) -> Result<(), OpenError> {
    match StoreHealth::oldest(stores) {
        Some((store, false)) => Err(OpenError::OldApi {
            reason: format!("the store at {} is TiKV {}", store.address, store.version),
        }),
        Some((_, true)) | None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stores(versions: &[&str]) -> Vec<StoreHealth> {
        let store = |version: &&str| StoreHealth {
            address: format!("tikv-{version}:20160"),
            version: (*version).to_owned(),
            is_up: true,
            room: None,
        };
        versions.iter().map(store).collect()
    }

    #[test]
    fn a_cluster_with_one_old_store_is_refused_by_name() {
        for new in [
            &["6.5.0"][..],
            &["v8.5.0-20250101-1a2b3c", "7.1.0"],
            &["10.0.0"],
            &[],
        ] {
            assert_eq!(check(&stores(new)), Ok(()), "{new:?}");
        }
        for old in [
            &["5.4.3"][..],
            &["8.1.0", "6.4.9"],
            &["v4.0.16"],
            &["", "6.1.0"],
            &["v6.1.7-20230915-1a2b3c"],
        ] {
            let refused = check(&stores(old)).expect_err("too old");
            let text = refused.to_string();
            assert!(matches!(refused, OpenError::OldApi { .. }), "{old:?}: {text}");
            assert!(text.contains(old[old.len() - 1]), "{text}");
            assert!(refused.hint().contains("6.5") && !refused.may_pass());
        }
    }

    #[test]
    fn a_store_of_no_release_is_not_judged() {
        for none in ["", "unknown", "7", "nightly.x", "5.0.0-rc.1", "v6.0.0-alpha"] {
            assert_eq!(check(&stores(&[none])), Ok(()), "{none}");
        }
        assert!(check(&stores(&["5.0.0-rc.1", "5.0.0"])).is_err());
    }
}
