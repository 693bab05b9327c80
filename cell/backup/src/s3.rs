//! A bucket of an object store that speaks S3, as a place for backups. What is put there is sealed before; whoever runs the
//! store sees names, sizes and times.
//!
//! Secrets come from a file that only its owner may read, or else from the process's environment (`AWS_ACCESS_KEY_ID`,
//! `AWS_SECRET_ACCESS_KEY`, `AWS_SESSION_TOKEN`), never from a flag.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use object_store::aws::AmazonS3Builder;
use object_store::{BackoffConfig, Certificate, ClientOptions, RetryConfig};
use zeroize::Zeroizing;

use crate::error::BackupError;
use crate::store::BackupStore;

/// A call that fails is tried again by the client for so long at most; what fails then is the backup's to judge.
const TRIED_FOR: Duration = Duration::from_secs(30);
const TRIES_MAX: usize = 5;
/// For one object to be sent or read.
const ANSWER_WITHIN: Duration = Duration::from_secs(60);
const CONNECT_WITHIN: Duration = Duration::from_secs(5);

/// Which bucket, and how it is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bucket {
    pub name: String,
    /// The store's own name of its region, by which requests are signed: `eu-central-1`.
    pub region: String,
    /// `https://host:port` of a store that is not Amazon's; none: Amazon's of that region.
    pub endpoint: Option<String>,
    /// Certificates of the store's authority in PEM, beside those that the machine believes.
    pub ca: Option<PathBuf>,
    /// Lines `aws_access_key_id = ID` and `aws_secret_access_key = SECRET`; none: the environment has them.
    pub credentials_file: Option<PathBuf>,
    /// No TLS, for a store on this machine alone.
    pub plaintext: bool,
}

/// Why no bucket can be used.
#[derive(Debug, thiserror::Error)]
pub enum InvalidBucket {
    #[error("{} cannot be read", path.display())]
    File { path: PathBuf, source: std::io::Error },
    #[error("{} may be read by others than its owner (mode {mode:o})", path.display())]
    Mode { path: PathBuf, mode: u32 },
    #[error("{} has no line `{key} = ...`", path.display())]
    Missing { path: PathBuf, key: &'static str },
    #[error("{} has more than one section: it is not said whose secrets are meant", path.display())]
    Sections { path: PathBuf },
    #[error("the endpoint is no address with TLS, and plain text was not asked for")]
    Plaintext,
    #[error("the endpoint has a `@`: secrets stand in a file")]
    SecretInAddress,
    #[error("there are no credentials: no file is named, and the environment has no `{0}`")]
    NoCredentials(&'static str),
    #[error("the bucket cannot be used")]
    Store(#[from] object_store::Error),
}

/// A key and its secret.
struct Credentials {
    id: String,
    secret: Zeroizing<String>,
    token: Option<Zeroizing<String>>,
}

impl BackupStore {
    /// A bucket; nothing is asked of it here.
    ///
    /// # Errors
    /// [`InvalidBucket`].
    pub fn bucket(bucket: &Bucket) -> Result<Self, BackupError> {
        Ok(opened(bucket)?)
    }
}

fn opened(bucket: &Bucket) -> Result<BackupStore, InvalidBucket> {
    if let Some(endpoint) = &bucket.endpoint {
        if endpoint.contains('@') {
            return Err(InvalidBucket::SecretInAddress);
        }
        if !endpoint.starts_with("https://") && !bucket.plaintext {
            return Err(InvalidBucket::Plaintext);
        }
    }
    let Credentials { id, secret, token } = match &bucket.credentials_file {
        Some(file) => of_file(file)?,
        None => of_environment(|name| std::env::var(name).ok())?,
    };
    let mut client = ClientOptions::new()
        .with_allow_http(bucket.plaintext)
        .with_timeout(ANSWER_WITHIN)
        .with_connect_timeout(CONNECT_WITHIN);
    if let Some(file) = &bucket.ca {
        for certificate in Certificate::from_pem_bundle(&read(file)?)? {
            client = client.with_root_certificate(certificate);
        }
    }
    let mut builder = AmazonS3Builder::new()
        .with_bucket_name(&bucket.name)
        .with_region(&bucket.region)
        .with_access_key_id(id)
        .with_secret_access_key(secret.as_str())
        .with_client_options(client)
        .with_retry(RetryConfig {
            max_retries: TRIES_MAX,
            retry_timeout: TRIED_FOR,
            backoff: BackoffConfig::default(),
        });
    if let Some(token) = &token {
        builder = builder.with_token(token.as_str());
    }
    if let Some(endpoint) = &bucket.endpoint {
        builder = builder.with_endpoint(endpoint);
    }
    Ok(BackupStore::new(Arc::new(builder.build()?)))
}

fn read(path: &Path) -> Result<Vec<u8>, InvalidBucket> {
    std::fs::read(path).map_err(|source| InvalidBucket::File {
        path: path.to_owned(),
        source,
    })
}

fn of_file(path: &Path) -> Result<Credentials, InvalidBucket> {
    let of = std::fs::metadata(path).map_err(|source| InvalidBucket::File {
        path: path.to_owned(),
        source,
    })?;
    let mode = of.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        let path = path.to_owned();
        return Err(InvalidBucket::Mode { path, mode });
    }
    let text = Zeroizing::new(String::from_utf8_lossy(&read(path)?).into_owned());
    if text
        .lines()
        .filter(|line| line.trim_start().starts_with('['))
        .count()
        > 1
    {
        return Err(InvalidBucket::Sections {
            path: path.to_owned(),
        });
    }
    let line = |key: &'static str| {
        text.lines().find_map(|line| {
            let (name, value) = line.split_once('=')?;
            (name.trim() == key).then(|| value.trim().to_owned())
        })
    };
    let needed = |key: &'static str| {
        line(key).ok_or_else(|| InvalidBucket::Missing {
            path: path.to_owned(),
            key,
        })
    };
    Ok(Credentials {
        id: needed("aws_access_key_id")?,
        secret: needed("aws_secret_access_key")?.into(),
        token: line("aws_session_token").map(Into::into),
    })
}

fn of_environment(variable: impl Fn(&'static str) -> Option<String>) -> Result<Credentials, InvalidBucket> {
    let needed = |name: &'static str| variable(name).ok_or(InvalidBucket::NoCredentials(name));
    Ok(Credentials {
        id: needed("AWS_ACCESS_KEY_ID")?,
        secret: needed("AWS_SECRET_ACCESS_KEY")?.into(),
        token: variable("AWS_SESSION_TOKEN").map(Into::into),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: &str, mode: u32) -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("credentials");
        std::fs::write(&path, text).expect("written");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).expect("set");
        (dir, path)
    }

    #[test]
    fn secrets_come_from_a_file_of_its_owner_or_from_the_environment() {
        let text = "[default]\naws_access_key_id = ID\n aws_secret_access_key=a=b \n";
        let (_dir, path) = file(text, 0o600);
        let read = of_file(&path).expect("reads");
        assert_eq!((read.id.as_str(), read.secret.as_str()), ("ID", "a=b"));
        assert!(read.token.is_none());
        let (_dir, open) = file(text, 0o644);
        assert!(matches!(
            of_file(&open),
            Err(InvalidBucket::Mode { mode: 0o644, .. })
        ));
        let (_dir, half) = file("aws_access_key_id = ID\n", 0o600);
        let missing = of_file(&half).map(drop).expect_err("half").to_string();
        assert!(missing.contains("aws_secret_access_key"), "{missing}");
        assert!(of_file(Path::new("/nowhere")).is_err());
        let (_dir, two) = file(&format!("{text}[other]\naws_session_token = T\n"), 0o600);
        assert!(matches!(of_file(&two), Err(InvalidBucket::Sections { .. })));
        let set = |name: &'static str| (name != "AWS_SESSION_TOKEN").then(|| name.to_lowercase());
        assert_eq!(of_environment(set).expect("set").id, "aws_access_key_id");
        assert!(matches!(
            of_environment(|_| None),
            Err(InvalidBucket::NoCredentials("AWS_ACCESS_KEY_ID"))
        ));
    }

    #[test]
    fn without_tls_only_a_store_that_was_named_so_is_spoken_to() {
        let (_dir, path) = file("aws_access_key_id = a\naws_secret_access_key = b\n", 0o600);
        let bucket = Bucket {
            name: "backups".into(),
            region: "eu-central-1".into(),
            endpoint: Some("http://127.0.0.1:9".into()),
            ca: None,
            credentials_file: Some(path),
            plaintext: false,
        };
        platform_runtime::tls::install_ring();
        let plain = Bucket {
            plaintext: true,
            ..bucket.clone()
        };
        BackupStore::bucket(&plain).expect("named");
        let refused = BackupStore::bucket(&bucket).map(drop).expect_err("no TLS");
        assert!(
            matches!(refused, BackupError::Bucket(InvalidBucket::Plaintext)),
            "{refused}"
        );
        let secret = Bucket {
            endpoint: Some("https://id:secret@127.0.0.1:9".into()),
            ..bucket
        };
        let refused = BackupStore::bucket(&secret).map(drop).expect_err("a secret");
        assert!(!format!("{refused:?}").contains("secret@"), "{refused:?}");
    }
}
