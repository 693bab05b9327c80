//! Configuration in layers: defaults < TOML file < environment < flags, into one typed struct.
//!
//! A key that the struct does not have is refused by name, wherever it comes from. Secrets are files that a
//! configuration names, never values in it. Each component declares its own struct; nothing here knows any.
//!
//! Every field needs a default (`T: Default`), which [`print`] shows; a field without a sensible one is an `Option`
//! or an empty text that the component refuses after loading.

mod human;
mod layered;

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;
use toml::{Table, Value};

pub use human::{HumanDuration, HumanSize, InvalidQuantity};
use layered::{Fault, Layers};

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    Default,
    File(PathBuf),
    /// The environment variable.
    Environment(String),
    /// The flag's key, as given to [`load`].
    Flag(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("the defaults"),
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Environment(name) => write!(f, "the environment variable {name}"),
            Self::Flag(key) => write!(f, "the setting {key} of the command line"),
        }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("the configuration file {path} cannot be read")]
    File {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("the configuration file {path} is not TOML")]
    Syntax {
        path: PathBuf,
        #[source]
        source: Box<toml::de::Error>,
    },
    #[error("unknown key `{key}` in {origin}; known here: {}", known.join(", "))]
    UnknownKey {
        key: String,
        origin: Origin,
        known: Vec<&'static str>,
    },
    #[error("`{key}` in {origin}: {detail}")]
    Value {
        key: String,
        origin: Origin,
        detail: String,
    },
    #[error("the defaults cannot be written as TOML: {0}")]
    Defaults(String),
}

/// Reads a configuration. `env_prefix` `CELLD` makes `CELLD_LIMITS__CONNECTIONS=5` set `limits.connections`;
/// `overrides` are `("limits.connections", "5")`. Texts of the environment and of flags are read as the field's type;
/// lists are separated by commas.
///
/// # Errors
/// Names the key, where it came from and, for an unknown one, those that are known there.
pub fn load<T>(
    file: Option<&Path>,
    env_prefix: &str,
    overrides: &[(String, String)],
) -> Result<T, ConfigError>
where
    T: DeserializeOwned + Serialize + Default,
{
    let file = file.map(read_file).transpose()?;
    let environment =
        std::env::vars_os().filter_map(|(k, v)| Some((k.into_string().ok()?, v.into_string().ok()?)));
    assemble(file, environment, env_prefix, overrides)
}

/// The configuration as TOML, for `--print-config`.
///
/// # Panics
/// If `T` cannot be TOML (a map with keys that are no text, a table before a plain value in a tuple).
pub fn print<T: Serialize>(config: &T) -> String {
    toml::to_string_pretty(config).expect("a configuration is made of what TOML can say")
}

fn read_file(path: &Path) -> Result<(PathBuf, Table), ConfigError> {
    let text = fs::read_to_string(path).map_err(|source| ConfigError::File {
        path: path.to_owned(),
        source,
    })?;
    let table = text.parse().map_err(|source| ConfigError::Syntax {
        path: path.to_owned(),
        source: Box::new(source),
    })?;
    Ok((path.to_owned(), table))
}

fn assemble<T>(
    file: Option<(PathBuf, Table)>,
    environment: impl Iterator<Item = (String, String)>,
    env_prefix: &str,
    overrides: &[(String, String)],
) -> Result<T, ConfigError>
where
    T: DeserializeOwned + Serialize + Default,
{
    let defaults = Table::try_from(T::default()).map_err(|e| ConfigError::Defaults(e.to_string()))?;
    let mut layers = Layers::new(defaults);
    if let Some((path, table)) = file {
        layers.lay(table, &Origin::File(path));
    }
    let prefix = format!("{env_prefix}_");
    let mut variables: Vec<_> = environment
        .filter(|(name, _)| name.starts_with(&prefix))
        .collect();
    variables.sort();
    for (name, text) in variables {
        let key = name[prefix.len()..].to_lowercase().replace("__", ".");
        layers.lay(nested(&key, text), &Origin::Environment(name));
    }
    for (key, text) in overrides {
        layers.lay(nested(key, text.clone()), &Origin::Flag(key.clone()));
    }
    layers.read().map_err(|(origin, fault)| match fault {
        Fault::Unknown { key, known } => ConfigError::UnknownKey { key, origin, known },
        Fault::Value { key, detail } => ConfigError::Value { key, origin, detail },
    })
}

/// `a.b.c` and a text as a table in a table.
fn nested(key: &str, text: String) -> Table {
    let (first, rest) = key.split_once('.').unwrap_or((key, ""));
    let value = if rest.is_empty() {
        Value::String(text)
    } else {
        Value::Table(nested(rest, text))
    };
    Table::from_iter([(first.to_owned(), value)])
}

#[cfg(test)]
mod tests;
