//! Whether what people's roots are told goes to a broker outside too, and where that is.

use std::path::PathBuf;
use std::time::Duration;

use cell_bridge_nats::{InvalidSettings, Settings, Tls};
use platform_model::DataClass;
use platform_model::matrix::Purpose;
use platform_runtime::config::HumanDuration;
use serde::{Deserialize, Serialize};

use super::InvalidConfig;

/// A NATS JetStream. Off while no server is named. The nodes that may ever serve a shard take the same: what is told while
/// one serves that has no bridge is in no stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Bridge {
    /// `host:port` of each server.
    pub servers: Vec<String>,
    /// What the law calls it: a sink of the kind `stream`.
    pub sink: String,
    /// What it is for, as the law is asked for each field.
    pub purpose: Purpose,
    /// Fields of these classes may go, if the law lets them. A broker forgets nobody whose key is destroyed: what could say
    /// more of a person than the ids do is asked for by name, and some classes never go.
    pub classes: Vec<DataClass>,
    /// What the names of streams and subjects begin with.
    pub prefix: String,
    /// Certificates of the broker's authority, in PEM; no other is believed.
    pub ca: PathBuf,
    /// This node's certificate for the broker, in PEM, if it asks for one.
    pub cert: PathBuf,
    /// Its private key, in PEM.
    pub key: PathBuf,
    /// No TLS, for a server on this machine alone.
    pub plaintext: bool,
    /// A NATS credentials file.
    pub credentials_file: PathBuf,
    /// Copies of a stream that is made.
    pub replicas: usize,
    /// How long a stream that is made keeps a message: an erased person's too.
    pub keep: HumanDuration,
    /// For one answer of the broker.
    pub answer_within: HumanDuration,
}

impl Default for Bridge {
    fn default() -> Self {
        Self {
            servers: Vec::new(),
            sink: String::new(),
            purpose: Purpose::Analytics,
            classes: vec![DataClass::Operational],
            prefix: "meridian".into(),
            ca: PathBuf::new(),
            cert: PathBuf::new(),
            key: PathBuf::new(),
            plaintext: false,
            credentials_file: PathBuf::new(),
            replicas: 1,
            keep: HumanDuration(Duration::from_secs(30 * 86_400)),
            answer_within: HumanDuration(Duration::from_secs(5)),
        }
    }
}

impl Bridge {
    pub fn is_set(&self) -> bool {
        !self.servers.is_empty()
    }

    /// # Errors
    /// The first setting that is missing or wrong.
    pub fn check(&self) -> Result<(), InvalidConfig> {
        let rule = |key, rule| Err(InvalidConfig::Rule { key, rule });
        if !self.is_set() {
            return if *self == Self::default() {
                Ok(())
            } else {
                rule(
                    "bridge.servers",
                    "name at least one server of the broker, `host:port`",
                )
            };
        }
        if self.sink.is_empty() {
            return rule("bridge.sink", "the name of the sink that it is in the law");
        }
        if !self.classes.contains(&DataClass::Operational) || self.classes.iter().any(never_goes) {
            return rule(
                "bridge.classes",
                "`operational`, and of `public-profile`, `social`, `behaviour` what may go too",
            );
        }
        self.check_trust()?;
        if self.keep.0.is_zero() || self.answer_within.0.is_zero() {
            return rule("bridge.keep", "more than nothing, as `bridge.answer_within`");
        }
        match self.of_broker().check() {
            Ok(()) => Ok(()),
            Err(InvalidSettings::NoServer) => rule("bridge.servers", "name at least one"),
            Err(InvalidSettings::Prefix) => rule("bridge.prefix", "1 to 32 letters, digits, `-` or `_`"),
            Err(InvalidSettings::Replicas) => rule("bridge.replicas", "1 to 5"),
        }
    }

    fn check_trust(&self) -> Result<(), InvalidConfig> {
        let rule = |key, rule| Err(InvalidConfig::Rule { key, rule });
        let set = |path: &PathBuf| !path.as_os_str().is_empty();
        if set(&self.ca) == self.plaintext {
            return rule(
                "bridge.ca",
                "either the certificates of the broker's authority, or `plaintext`",
            );
        }
        if set(&self.cert) != set(&self.key) || (set(&self.cert) && self.plaintext) {
            return rule("bridge.cert", "certificate and key go together, and with TLS");
        }
        Ok(())
    }

    /// As the broker's client takes them.
    pub fn of_broker(&self) -> Settings {
        let file = |path: &PathBuf| (!path.as_os_str().is_empty()).then(|| path.clone());
        let tls = (!self.plaintext).then(|| Tls {
            ca: self.ca.clone(),
            own: file(&self.cert).zip(file(&self.key)),
        });
        Settings {
            servers: self.servers.clone(),
            tls,
            credentials_file: file(&self.credentials_file),
            prefix: self.prefix.clone(),
            replicas: self.replicas,
            keep: self.keep.0,
            answer_within: self.answer_within.0,
        }
    }
}

fn never_goes(class: &DataClass) -> bool {
    use DataClass::{Contact, Credential, Health, Location, Payment};
    [Contact, Credential, Health, Location, Payment].contains(class)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_off_or_whole() {
        assert_eq!(Bridge::default().check(), Ok(()));
        let good = || Bridge {
            servers: vec!["nats-0:4222".into()],
            sink: "nats-eu".into(),
            ca: "ca.pem".into(),
            ..Bridge::default()
        };
        assert_eq!(good().check(), Ok(()));
        assert!(good().of_broker().tls.is_some());
        type Broken = (fn(&mut Bridge), &'static str);
        let broken: [Broken; 10] = [
            (|b| b.servers.clear(), "bridge.servers"),
            (|b| b.sink.clear(), "bridge.sink"),
            (|b| b.classes.clear(), "bridge.classes"),
            (|b| b.classes.push(DataClass::Health), "bridge.classes"),
            (|b| b.ca = PathBuf::new(), "bridge.ca"),
            (|b| b.plaintext = true, "bridge.ca"),
            (|b| b.cert = "cert.pem".into(), "bridge.cert"),
            (|b| b.prefix = "a.b".into(), "bridge.prefix"),
            (|b| b.replicas = 0, "bridge.replicas"),
            (|b| b.keep = HumanDuration(Duration::ZERO), "bridge.keep"),
        ];
        for (breaks, expected) in broken {
            let mut bridge = good();
            breaks(&mut bridge);
            let error = bridge.check().expect_err(expected).to_string();
            assert!(error.contains(expected), "{error}");
        }
        let plain = Bridge {
            ca: PathBuf::new(),
            plaintext: true,
            ..good()
        };
        assert_eq!((plain.check(), plain.of_broker().tls), (Ok(()), None));
    }
}
