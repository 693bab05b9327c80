//! Where the broker is and how it is spoken to. Secrets stand in files, never here.

use std::path::PathBuf;
use std::time::Duration;

/// How a broker is reached, and what its streams are like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// `host:port` of each server of the cluster.
    pub servers: Vec<String>,
    /// None: plain text, for a server on this machine.
    pub tls: Option<Tls>,
    /// A NATS credentials file: who this node is to the broker.
    pub credentials_file: Option<PathBuf>,
    /// What the names of streams and subjects begin with.
    pub prefix: String,
    /// Copies of a stream that is made.
    pub replicas: usize,
    /// How long a stream that is made keeps a message.
    pub keep: Duration,
    /// For one answer of the broker.
    pub answer_within: Duration,
}

/// Certificates in PEM files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tls {
    /// Of the broker's authority: no other is believed.
    pub ca: PathBuf,
    /// This node's own certificate and key, if the broker asks for one.
    pub own: Option<(PathBuf, PathBuf)>,
}

/// Settings that cannot be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSettings {
    #[error("name at least one server, `host:port`")]
    NoServer,
    #[error("a prefix is 1 to 32 letters, digits, `-` or `_`")]
    Prefix,
    #[error("1 to 5 replicas")]
    Replicas,
}

impl Settings {
    /// # Errors
    /// [`InvalidSettings`].
    pub fn check(&self) -> Result<(), InvalidSettings> {
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if self.servers.is_empty() {
            Err(InvalidSettings::NoServer)
        } else if !(1..=32).contains(&self.prefix.len()) || !self.prefix.chars().all(plain) {
            Err(InvalidSettings::Prefix)
        } else if !(1..=5).contains(&self.replicas) {
            Err(InvalidSettings::Replicas)
        } else {
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_is_named() {
        let good = Settings {
            servers: vec!["nats-0:4222".into()],
            tls: None,
            credentials_file: None,
            prefix: "meridian".into(),
            replicas: 1,
            keep: Duration::from_secs(60),
            answer_within: Duration::from_secs(5),
        };
        assert_eq!(good.check(), Ok(()));
        let with = |change: fn(&mut Settings)| {
            let mut settings = good.clone();
            change(&mut settings);
            settings.check()
        };
        assert_eq!(with(|s| s.servers.clear()), Err(InvalidSettings::NoServer));
        assert_eq!(with(|s| s.prefix = "a.b".into()), Err(InvalidSettings::Prefix));
        assert_eq!(with(|s| s.prefix.clear()), Err(InvalidSettings::Prefix));
        assert_eq!(with(|s| s.replicas = 6), Err(InvalidSettings::Replicas));
    }
}
