//! The file of contexts: `$XDG_CONFIG_HOME/cellctl/contexts.toml`. It never holds a secret: of a certificate it names
//! the folder.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use platform_model::WorldId;
use platform_runtime::files;
use serde::{Deserialize, Serialize};

use crate::exit::Hinted;

/// Longest name of a context, in bytes.
const NAME_BYTES_MAX: usize = 63;

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Contexts {
    /// The one that is meant where none is named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub current: Option<String>,
    #[serde(default)]
    pub contexts: BTreeMap<String, Context>,
}

/// How to reach one world.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Context {
    pub world: WorldId,
    /// The folder with `ca.pem`, `cert.pem` and `key.pem`; from the folder of this file, if it is relative.
    pub identity: PathBuf,
    /// Name -> `host:port`.
    pub controllers: BTreeMap<String, String>,
    /// Name -> `host:port` of a router's inner listener: witnesses of the ledger.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub routers: BTreeMap<String, String>,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no name of a context: 1 to {NAME_BYTES_MAX} lower-case letters, digits and hyphens")]
pub struct InvalidName(String);

/// A name as a context may have it.
///
/// # Errors
/// For any other.
pub fn check_name(name: &str) -> Result<String, InvalidName> {
    let is_good = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if (1..=NAME_BYTES_MAX).contains(&name.len()) && name.bytes().all(is_good) {
        Ok(name.to_owned())
    } else {
        Err(InvalidName(name.to_owned()))
    }
}

/// Where the file lies unless one says otherwise; none where the machine names no home of a user.
pub fn usual_file(environment: impl Fn(&str) -> Option<String>) -> Option<PathBuf> {
    let set = |name| {
        environment(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    let folder = set("XDG_CONFIG_HOME").or_else(|| set("HOME").map(|home| home.join(".config")))?;
    Some(folder.join("cellctl").join("contexts.toml"))
}

impl Contexts {
    /// What the file says; nothing where there is none.
    ///
    /// # Errors
    /// For a file that cannot be read or understood.
    pub fn load(file: &Path) -> Result<Self> {
        let text = match fs::read_to_string(file) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(error).with_context(|| format!("cannot read {}", file.display())),
        };
        toml::from_str(&text).map_err(|error| {
            let message = format!("{} is no file of contexts: {}", file.display(), error.message());
            Hinted::new(
                message,
                &["cellctl context add --help   shows what a context has"],
            )
            .into()
        })
    }

    /// Writes the file, whole or not at all.
    ///
    /// # Errors
    /// What the file system says.
    pub fn save(&self, file: &Path) -> Result<()> {
        let text = toml::to_string_pretty(self).context("a context cannot be written as TOML")?;
        if let Some(folder) = file.parent() {
            fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        }
        files::write_atomic(file, text.as_bytes(), files::PUBLIC)
            .with_context(|| format!("cannot write {}", file.display()))
    }

    /// The context with this name.
    ///
    /// # Errors
    /// Names those that there are.
    pub fn get(&self, name: &str) -> Result<&Context> {
        self.contexts.get(name).ok_or_else(|| {
            let names: Vec<&str> = self.contexts.keys().map(String::as_str).collect();
            let known = match names.as_slice() {
                [] => "cellctl context add --help   shows how one is made; there is none yet".to_owned(),
                names => format!("cellctl context list   known: {}", names.join(", ")),
            };
            Hinted::new(format!("there is no context {name}"), &[&known]).into()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn context() -> Context {
        Context {
            world: "a".repeat(64).parse().expect("an id"),
            identity: "operator".into(),
            controllers: [("controld-1".to_owned(), "127.0.0.1:7101".to_owned())].into(),
            routers: BTreeMap::new(),
        }
    }

    #[test]
    fn the_file_is_this_and_reads_back() {
        let dir = tempfile::tempdir().expect("a folder");
        let file = dir.path().join("new").join("contexts.toml");
        assert_eq!(Contexts::load(&file).expect("none"), Contexts::default());
        let mut routed = context();
        routed.routers.insert("routerd-1".into(), "127.0.0.1:7201".into());
        let contexts = Contexts {
            current: Some("prod".into()),
            contexts: [("dev".to_owned(), context()), ("prod".to_owned(), routed)].into(),
        };
        contexts.save(&file).expect("written");
        assert_eq!(Contexts::load(&file).expect("reads"), contexts);
        insta::assert_snapshot!(fs::read_to_string(&file).expect("there"));
    }

    #[test]
    fn a_file_with_an_unknown_word_is_refused_and_named() {
        let dir = tempfile::tempdir().expect("a folder");
        let file = dir.path().join("contexts.toml");
        for text in ["colour = 1", "[contexts.dev]\nworld = \"x\"", "current = "] {
            fs::write(&file, text).expect("written");
            let error = Contexts::load(&file).expect_err(text).to_string();
            assert!(error.contains("is no file of contexts"), "{error}");
        }
    }

    #[test]
    fn an_unknown_name_is_told_which_there_are() {
        let contexts = Contexts {
            current: None,
            contexts: [("dev".to_owned(), context())].into(),
        };
        let text = crate::exit::text(&contexts.get("prod").expect_err("unknown"), "");
        assert!(
            text.contains("there is no context prod") && text.ends_with("known: dev"),
            "{text}"
        );
        assert!(check_name("prod-1").is_ok());
        for name in ["", "Prod", "a/b", &"a".repeat(64)] {
            assert!(check_name(name).is_err(), "{name}");
        }
    }

    #[test]
    fn the_usual_file_is_in_the_users_folder_of_settings() {
        let with = |pairs: &'static [(&str, &str)]| {
            usual_file(|name| {
                pairs
                    .iter()
                    .find(|(key, _)| *key == name)
                    .map(|(_, value)| (*value).to_owned())
            })
        };
        assert_eq!(
            with(&[("XDG_CONFIG_HOME", "/c"), ("HOME", "/h")]),
            Some("/c/cellctl/contexts.toml".into())
        );
        assert_eq!(
            with(&[("XDG_CONFIG_HOME", ""), ("HOME", "/h")]),
            Some("/h/.config/cellctl/contexts.toml".into())
        );
        assert_eq!(with(&[]), None);
    }
}
