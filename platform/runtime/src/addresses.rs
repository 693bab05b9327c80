//! The addresses that a process bound, kept in its data directory: a port given by the system stays the same over a
//! restart, and others on the machine can look it up.
//!
//! Not a registry: across machines, addresses travel in the routing table.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::Path;

use tokio::net::TcpListener;

use crate::files;
use crate::serve::{self, ServeError};

/// Name of the file inside the data directory.
pub const FILE: &str = "addresses.json";

/// Notes that listener `name` is bound to `address`. One process writes in one data directory (see
/// [`crate::data_dir`]).
///
/// # Errors
/// What the file system says.
pub fn remember(data_dir: &Path, name: &str, address: SocketAddr) -> io::Result<()> {
    let mut known = recall_all(data_dir);
    if known.insert(name.to_owned(), address) == Some(address) {
        return Ok(());
    }
    let text = serde_json::to_vec_pretty(&known).map_err(io::Error::other)?;
    files::write_atomic(&data_dir.join(FILE), &text, files::PUBLIC)
}

/// The address that listener `name` had last.
pub fn recall(data_dir: &Path, name: &str) -> Option<SocketAddr> {
    recall_all(data_dir).remove(name)
}

/// Every address of the directory; none if the file is missing or damaged, since all of them can be had anew.
pub fn recall_all(data_dir: &Path) -> BTreeMap<String, SocketAddr> {
    let text = fs::read(data_dir.join(FILE)).unwrap_or_default();
    serde_json::from_slice(&text).unwrap_or_default()
}

/// Binds `address` and remembers it as `name`. With port 0 the port of the last time is tried first; if another
/// process has it now, the system gives a new one.
///
/// # Errors
/// As [`serve::bind`]; [`ServeError::Bind`] also when the address cannot be remembered.
pub async fn bind(data_dir: &Path, name: &str, address: &str) -> Result<TcpListener, ServeError> {
    let listener = match recalled(data_dir, name, address) {
        Some(again) => match serve::bind(&again.to_string()).await {
            Ok(listener) => listener,
            Err(_) => serve::bind(address).await?,
        },
        None => serve::bind(address).await?,
    };
    let failed = |source| ServeError::Bind {
        address: address.to_owned(),
        source,
    };
    let bound = listener.local_addr().map_err(failed)?;
    remember(data_dir, name, bound).map_err(failed)?;
    Ok(listener)
}

/// The remembered address, if `address` asks for port 0 of the same host.
fn recalled(data_dir: &Path, name: &str, address: &str) -> Option<SocketAddr> {
    let wanted: SocketAddr = address.parse().ok()?;
    let again = recall(data_dir, name)?;
    (wanted.port() == 0 && wanted.ip() == again.ip()).then_some(again)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_restart_takes_the_same_port_and_yields_when_it_is_taken() {
        let dir = tempfile::tempdir().expect("a folder");
        let first = bind(dir.path(), "mtls", "127.0.0.1:0").await.expect("bound");
        let address = first.local_addr().expect("bound");
        let other = bind(dir.path(), "mtls", "127.0.0.1:0")
            .await
            .expect("another port");
        assert_ne!(other.local_addr().expect("bound"), address);
        drop((first, other));
        remember(dir.path(), "mtls", address).expect("written");
        let again = bind(dir.path(), "mtls", "127.0.0.1:0").await.expect("bound");
        assert_eq!(again.local_addr().expect("bound"), address);
    }

    #[test]
    fn names_stand_beside_each_other_and_damage_is_no_error() {
        let dir = tempfile::tempdir().expect("a folder");
        let address = "127.0.0.1:1".parse().expect("an address");
        remember(dir.path(), "raft", address).expect("written");
        remember(dir.path(), "mtls", address).expect("written");
        assert_eq!(recall_all(dir.path()).len(), 2);
        fs::write(dir.path().join(FILE), "{").expect("written");
        assert_eq!(recall(dir.path(), "raft"), None);
    }
}
