//! A version as it is typed: `v3`, or `3`.

use std::path::PathBuf;
use std::str::FromStr;

use platform_model::matrix::LawVersion;

/// Reads a version.
///
/// # Errors
/// For anything else, with the form.
pub fn version(text: &str) -> Result<LawVersion, String> {
    let number = text.strip_prefix('v').unwrap_or(text).parse::<u64>();
    match number {
        Ok(number) if number > 0 => Ok(LawVersion(number)),
        _ => Err(format!("`{text}` is no version of a law: `v3`")),
    }
}

/// A law that is named: a version that the controllers keep, or a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Named {
    Version(LawVersion),
    Folder(PathBuf),
}

impl FromStr for Named {
    type Err = String;

    /// A folder that is called `v3` is written `./v3`.
    fn from_str(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Err("a folder with a law, or a version such as `v3`".to_owned());
        }
        let is_version = text.starts_with('v') && version(text).is_ok();
        Ok(if is_version {
            Self::Version(version(text)?)
        } else {
            Self::Folder(text.into())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_and_folders_are_told_apart() {
        assert_eq!(version("v3"), Ok(LawVersion(3)));
        assert_eq!(version("3"), Ok(LawVersion(3)));
        for text in ["", "v", "v0", "three", "v-1"] {
            assert!(version(text).is_err(), "{text}");
        }
        assert_eq!("v3".parse(), Ok(Named::Version(LawVersion(3))));
        for folder in ["law", "./v3", "3", "versions"] {
            assert_eq!(folder.parse(), Ok(Named::Folder(folder.into())));
        }
    }
}
