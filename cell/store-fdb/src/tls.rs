//! Whether what leaves this machine is encrypted. The library asks nobody: it connects in plain text to every address of
//! the cluster file that does not end in `:tls`, and takes its certificates from the environment. So both are looked at
//! before it is started.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use thiserror::Error;

/// Where the library takes its files from, and what each holds.
const FILES: [(&str, &str); 3] = [
    ("FDB_TLS_CA_FILE", "CERTIFICATE"),
    ("FDB_TLS_CERTIFICATE_FILE", "CERTIFICATE"),
    ("FDB_TLS_KEY_FILE", "PRIVATE KEY"),
];
/// What it asks of the certificate of whoever it speaks to.
const VERIFY: &str = "FDB_TLS_VERIFY_PEERS";
/// In [`VERIFY`]: nothing.
const UNVERIFIED: &str = "Check.Valid=0";
/// Behind an address that is spoken to by TLS.
const TLS: &str = ":tls";
/// A certificate or key of more bytes is not one.
const PEM_BYTES_MAX: u64 = 1 << 20;

/// TLS that is not whole, or not there where it must be.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum InvalidTls {
    /// Plain text that would leave this machine.
    #[error("the cluster file names {address} without `:tls`: plain text would leave this machine")]
    PlaintextAbroad {
        /// The first such.
        address: String,
    },
    /// Some addresses with TLS, some without.
    #[error("TLS is half given: {address} of the cluster file is without `:tls`, others are with it")]
    Mixed {
        /// The first without.
        address: String,
    },
    /// Addresses with TLS, and a file for it is not named.
    #[error("TLS is half given: the cluster file says `:tls`, and {missing} is not set")]
    HalfTls {
        /// The first variable that is not set.
        missing: &'static str,
    },
    /// Files for TLS, and no address with it.
    #[error("TLS is half given: {variable} is set, and the cluster file names no address with `:tls`")]
    Unused {
        /// The first variable that is set.
        variable: &'static str,
    },
    /// Anybody's certificate would be taken.
    #[error("{VERIFY} asks for no valid certificate: anybody could be the cluster")]
    Unverified,
    /// A file that cannot be used.
    #[error("{variable} ({}) cannot be used: {reason}", path.display())]
    File {
        /// Which.
        variable: &'static str,
        /// Where it was looked for.
        path: PathBuf,
        /// For people.
        reason: String,
    },
}

impl InvalidTls {
    /// What to do.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::PlaintextAbroad { .. } | Self::Mixed { .. } => {
                "run the cluster with TLS and end every address of the cluster file in `:tls`; without it, it must be on this machine"
            }
            Self::HalfTls { .. } => {
                "set FDB_TLS_CA_FILE, FDB_TLS_CERTIFICATE_FILE and FDB_TLS_KEY_FILE in the environment of celld"
            }
            Self::Unused { .. } => "end the addresses of the cluster file in `:tls`, or unset FDB_TLS_*",
            Self::Unverified => {
                "unset FDB_TLS_VERIFY_PEERS, or name in it whom the cluster's certificates are for"
            }
            Self::File { .. } => {
                "the CA and the certificate are PEM certificates, the key is a PEM private key; celld must be able to read them"
            }
        }
    }
}

/// Judges the addresses of a cluster file together with the environment.
///
/// # Errors
/// The first thing that is wrong.
pub(crate) fn check(addresses: &[&str], variable: impl Fn(&str) -> Option<String>) -> Result<(), InvalidTls> {
    let named = |name: &str| variable(name).filter(|value| !value.is_empty());
    let plain = addresses.iter().find(|address| !address.ends_with(TLS));
    let is_any_encrypted = addresses.iter().any(|address| address.ends_with(TLS));
    match plain {
        Some(address) if is_any_encrypted => Err(InvalidTls::Mixed {
            address: (*address).to_owned(),
        }),
        Some(_) => check_plain(addresses, named),
        None => check_encrypted(named),
    }
}

fn check_plain(addresses: &[&str], named: impl Fn(&str) -> Option<String>) -> Result<(), InvalidTls> {
    if let Some(address) = addresses.iter().find(|address| !is_loopback(address)) {
        return Err(InvalidTls::PlaintextAbroad {
            address: (*address).to_owned(),
        });
    }
    let set = FILES.into_iter().find(|(name, _)| named(name).is_some());
    set.map_or(Ok(()), |(variable, _)| Err(InvalidTls::Unused { variable }))
}

fn check_encrypted(named: impl Fn(&str) -> Option<String>) -> Result<(), InvalidTls> {
    if let Some((missing, _)) = FILES.into_iter().find(|(name, _)| named(name).is_none()) {
        return Err(InvalidTls::HalfTls { missing });
    }
    if named(VERIFY).is_some_and(|asked| asked.replace(' ', "").contains(UNVERIFIED)) {
        return Err(InvalidTls::Unverified);
    }
    for (variable, wanted) in FILES {
        let path = PathBuf::from(named(variable).unwrap_or_default());
        check_pem(&path, wanted).map_err(|reason| InvalidTls::File {
            variable,
            path,
            reason,
        })?;
    }
    Ok(())
}

fn check_pem(path: &Path, wanted: &str) -> Result<(), String> {
    let size = std::fs::metadata(path).map_err(|error| error.to_string())?.len();
    if size > PEM_BYTES_MAX {
        return Err(format!("it has more than {PEM_BYTES_MAX} bytes"));
    }
    let text = std::fs::read(path).map_err(|error| error.to_string())?;
    let text = String::from_utf8_lossy(&text);
    let has = |end: &str| {
        let mut lines = text.lines().map(str::trim_end);
        lines.any(|line| {
            line.starts_with(&format!("-----{end} ")) && line.ends_with(&format!("{wanted}-----"))
        })
    };
    if has("BEGIN") && has("END") {
        Ok(())
    } else {
        Err(format!("it holds no {wanted} in PEM"))
    }
}

fn is_loopback(address: &str) -> bool {
    let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: &str = "127.0.0.1:4500";
    const ABROAD: &str = "10.0.0.1:4500";
    const SAFE: &str = "10.0.0.1:4500:tls";

    struct Files {
        dir: tempfile::TempDir,
    }

    impl Files {
        fn new() -> Self {
            let files = Self {
                dir: tempfile::tempdir().expect("a folder"),
            };
            for (name, holds) in FILES {
                let text = format!("-----BEGIN {holds}-----\nAAAA\n-----END {holds}-----\n");
                std::fs::write(files.dir.path().join(name), text).expect("written");
            }
            files
        }

        /// As if all were set, but for `without`.
        fn named(&self, name: &str, without: &str) -> Option<String> {
            let path = self.dir.path().join(name);
            (name != without && path.exists()).then(|| path.display().to_string())
        }

        fn check(&self, addresses: &[&str]) -> Result<(), InvalidTls> {
            check(addresses, |name| self.named(name, ""))
        }
    }

    fn unset(_: &str) -> Option<String> {
        None
    }

    #[test]
    fn plain_text_stays_on_this_machine() {
        assert_eq!(check(&[HERE, "localhost:1", "[::1]:4500"], unset), Ok(()));
        for abroad in [ABROAD, "fdb-0.example:4500", "[2001:db8::1]:4500"] {
            let refused = check(&[HERE, abroad], unset).expect_err(abroad);
            let address = abroad.to_owned();
            assert_eq!(refused, InvalidTls::PlaintextAbroad { address });
        }
    }

    #[test]
    fn tls_is_whole_or_refused() {
        let files = Files::new();
        assert_eq!(files.check(&[SAFE, "127.0.0.1:4500:tls"]), Ok(()));
        let mixed = files.check(&[SAFE, HERE]);
        assert!(matches!(mixed, Err(InvalidTls::Mixed { .. })), "{mixed:?}");
        for (missing, _) in FILES {
            let half = check(&[SAFE], |name| files.named(name, missing));
            assert_eq!(half, Err(InvalidTls::HalfTls { missing }));
            let empty = check(&[SAFE], |name| match name == missing {
                true => Some(String::new()),
                false => files.named(name, ""),
            });
            assert_eq!(empty, Err(InvalidTls::HalfTls { missing }));
        }
        let unused = files.check(&[HERE]);
        assert!(matches!(unused, Err(InvalidTls::Unused { .. })), "{unused:?}");
    }

    #[test]
    fn whoever_takes_anybodys_certificate_is_refused() {
        let files = Files::new();
        let with = |asked: &'static str| {
            check(&[SAFE], |name| match name {
                VERIFY => Some(asked.to_owned()),
                name => files.named(name, ""),
            })
        };
        assert_eq!(with("S.CN=cluster,Check.Valid=1"), Ok(()));
        assert_eq!(with("Check.Valid=0"), Err(InvalidTls::Unverified));
        assert_eq!(with("S.CN=x, Check.Valid = 0"), Err(InvalidTls::Unverified));
    }

    #[test]
    fn files_of_tls_are_looked_into() {
        for (broken, _) in FILES {
            let files = Files::new();
            std::fs::write(files.dir.path().join(broken), "hello").expect("written");
            let refused = files.check(&[SAFE]).expect_err(broken);
            assert!(
                matches!(refused, InvalidTls::File { variable, .. } if variable == broken),
                "{refused:?}"
            );
        }
        let absent = check(&[SAFE], |name| {
            (name != VERIFY).then(|| "/nowhere/x.pem".to_owned())
        });
        assert!(matches!(absent, Err(InvalidTls::File { .. })), "{absent:?}");
    }

    #[test]
    fn every_refusal_says_what_to_do() {
        let files = Files::new();
        let refused = [
            check(&[ABROAD], unset),
            check(&[SAFE, ABROAD], unset),
            check(&[SAFE], unset),
            files.check(&[HERE]),
        ];
        for error in refused.map(|refused| refused.expect_err("refused")) {
            assert!(!error.hint().is_empty(), "{error}");
        }
    }
}
