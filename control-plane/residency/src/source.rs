//! The files of a law and the one text that they make.
//!
//! Author and approver compile on machines of their own and must agree to the byte. So line ends, trailing blanks and
//! the order of files are made alike, characters that hide what a text says are refused, and the digest covers what is
//! left, comments included: they are part of what was approved.

mod digest;
mod normal;

use std::collections::BTreeMap;

pub use digest::Digest;

/// The file that every law has.
pub const LAW_FILE: &str = "law.toml";
/// Files with rules end so.
pub const RULES_SUFFIX: &str = ".cedar";
/// Files with cases end so.
pub const CASES_SUFFIX: &str = "cases.toml";

/// Most files of one law.
pub const FILES_MAX: usize = 64;
/// Most bytes of one law.
pub const BYTES_MAX: usize = 1 << 20;
/// Longest name of a file, in bytes.
pub const NAME_BYTES_MAX: usize = 64;

const HEAD: &str = "A law of Meridian, format 1";
const MARK: &str = "=== ";

/// The files of a law, made alike. Whether they say anything sensible is for [`Law::read`](crate::Law::read).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bundle(BTreeMap<String, String>);

/// Files that are no law at first sight.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SourceError {
    #[error("there is no {LAW_FILE}")]
    NoLaw,
    #[error(
        "`{0}` is no file of a law: {LAW_FILE}, *{RULES_SUFFIX} or *{CASES_SUFFIX}, in lower-case letters, digits, hyphens and dots"
    )]
    Name(String),
    #[error("`{0}` stands twice")]
    Twice(String),
    #[error("a law has at most {FILES_MAX} files, not {0}")]
    TooMany(usize),
    #[error("a law has at most {BYTES_MAX} bytes, not {0}")]
    TooLarge(usize),
    #[error("{file}:{line}:{column}: the character U+{code:04X} hides what the text says")]
    Hidden {
        file: String,
        line: usize,
        column: usize,
        code: u32,
    },
    #[error("{file}:{line}: a line may not begin with `{MARK}`: it parts the files of a law")]
    Mark { file: String, line: usize },
    #[error("this text does not begin with `{HEAD}`")]
    Head,
    #[error("this text is not in the one form in which a law is kept")]
    NotCanonical,
}

impl Bundle {
    /// From files as an author keeps them: name and text.
    ///
    /// # Errors
    /// [`SourceError`] for the first thing that is wrong.
    pub fn from_files<N, T>(files: impl IntoIterator<Item = (N, T)>) -> Result<Self, SourceError>
    where
        N: Into<String>,
        T: AsRef<str>,
    {
        let mut bundle = BTreeMap::new();
        let mut bytes = 0;
        for (name, text) in files {
            let (name, text) = (name.into(), text.as_ref());
            bytes += text.len();
            if bytes > BYTES_MAX {
                return Err(SourceError::TooLarge(bytes));
            }
            if !is_file_of_a_law(&name) {
                return Err(SourceError::Name(name));
            }
            let text = normal::text(&name, text)?;
            if bundle.insert(name.clone(), text).is_some() {
                return Err(SourceError::Twice(name));
            }
        }
        if bundle.len() > FILES_MAX {
            return Err(SourceError::TooMany(bundle.len()));
        }
        if bundle.contains_key(LAW_FILE) {
            Ok(Self(bundle))
        } else {
            Err(SourceError::NoLaw)
        }
    }

    /// From the one text, as [`text`](Self::text) makes it: how a law travels and is kept.
    ///
    /// # Errors
    /// [`SourceError`], also if the text was changed in a way that would otherwise not matter.
    pub fn from_text(text: &str) -> Result<Self, SourceError> {
        let rest = text
            .strip_prefix(HEAD)
            .and_then(|rest| rest.strip_prefix('\n'))
            .ok_or(SourceError::Head)?;
        let mut files: Vec<(&str, String)> = Vec::new();
        for line in rest.split_inclusive('\n') {
            match (line.strip_prefix(MARK), files.last_mut()) {
                (Some(name), _) => files.push((name.trim_end(), String::new())),
                (None, Some((_, file))) => file.push_str(line),
                (None, None) => return Err(SourceError::NotCanonical),
            }
        }
        let bundle = Self::from_files(files)?;
        if bundle.text() == text {
            Ok(bundle)
        } else {
            Err(SourceError::NotCanonical)
        }
    }

    /// The one text of the law: its files by name, each under its mark.
    pub fn text(&self) -> String {
        let mut text = format!("{HEAD}\n");
        for (name, file) in &self.0 {
            text.extend([MARK, name, "\n", file]);
        }
        text
    }

    /// SHA-256 of [`text`](Self::text).
    pub fn digest(&self) -> Digest {
        Digest::of(self.text().as_bytes())
    }

    /// Name and text of each file, by name.
    pub fn files(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, text)| (name.as_str(), text.as_str()))
    }

    pub(crate) fn file(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }
}

fn is_file_of_a_law(name: &str) -> bool {
    let letters = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'.');
    let known = name == LAW_FILE || name.ends_with(RULES_SUFFIX) || name.ends_with(CASES_SUFFIX);
    known && name.len() <= NAME_BYTES_MAX && !name.starts_with('.') && name.bytes().all(letters)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bundle(files: &[(&str, &str)]) -> Result<Bundle, SourceError> {
        Bundle::from_files(files.iter().copied())
    }

    #[test]
    fn the_same_law_has_the_same_digest_however_its_files_were_saved() {
        let one = bundle(&[("law.toml", "version = 1\n"), ("eu.cedar", "// §\nforbid;\n")]).expect("a law");
        let other = bundle(&[
            ("eu.cedar", "\u{feff}// §  \r\nforbid;\r\n\r\n"),
            ("law.toml", "version = 1"),
        ]);
        assert_eq!(one.digest(), other.expect("a law").digest());
        let changed =
            bundle(&[("law.toml", "version = 1\n"), ("eu.cedar", "// $\nforbid;\n")]).expect("a law");
        assert_ne!(one.digest(), changed.digest(), "a comment is part of the law");
    }

    #[test]
    fn the_one_text_reads_back_and_in_no_other_form() {
        let bundle = bundle(&[
            ("law.toml", "version = 1"),
            ("cases.toml", ""),
            ("a.cedar", "x\n\n  y"),
        ]);
        let bundle = bundle.expect("a law");
        let text = bundle.text();
        let expected =
            "A law of Meridian, format 1\n=== a.cedar\nx\n\n  y\n=== cases.toml\n=== law.toml\nversion = 1\n";
        assert_eq!(text, expected);
        assert_eq!(Bundle::from_text(&text), Ok(bundle));
        assert_eq!(Bundle::from_text("version = 1"), Err(SourceError::Head));
        for changed in [
            format!("{text}\n"),
            text.replace("y\n", "y \n"),
            text.replace("1\n===", "1\nx\n==="),
        ] {
            assert_eq!(
                Bundle::from_text(&changed),
                Err(SourceError::NotCanonical),
                "{changed}"
            );
        }
    }

    #[test]
    fn what_is_no_file_of_a_law_is_refused() {
        let law = ("law.toml", "version = 1\n");
        assert_eq!(bundle(&[("a.cedar", "")]), Err(SourceError::NoLaw));
        for name in [
            "README.md",
            "../a.cedar",
            "sub/a.cedar",
            "A.cedar",
            ".cedar",
            "a b.cedar",
            "",
        ] {
            assert_eq!(
                bundle(&[law, (name, "")]),
                Err(SourceError::Name(name.to_owned()))
            );
        }
        assert_eq!(
            bundle(&[law, law]),
            Err(SourceError::Twice("law.toml".to_owned()))
        );
        let many: Vec<_> = (0..FILES_MAX)
            .map(|n| (format!("{n}.cedar"), ""))
            .chain([("law.toml".into(), "")])
            .collect();
        assert_eq!(Bundle::from_files(many), Err(SourceError::TooMany(FILES_MAX + 1)));
        let large = "#".repeat(BYTES_MAX + 1);
        assert!(matches!(
            bundle(&[("law.toml", &large)]),
            Err(SourceError::TooLarge(_))
        ));
    }

    #[test]
    fn a_text_that_hides_what_it_says_is_refused() {
        // Right-to-left override, zero-width space, escape.
        for hidden in ['\u{202e}', '\u{200b}', '\u{1b}', '\u{2066}'] {
            let text = format!("a\nb{hidden}");
            let found = bundle(&[("law.toml", &text)]).expect_err("hidden");
            let code = u32::from(hidden);
            assert_eq!(
                found,
                SourceError::Hidden {
                    file: "law.toml".into(),
                    line: 2,
                    column: 2,
                    code
                }
            );
        }
        let marked = bundle(&[("law.toml", "a = '''\n=== b.cedar\n'''")]).expect_err("a mark");
        assert_eq!(
            marked,
            SourceError::Mark {
                file: "law.toml".into(),
                line: 2
            }
        );
    }
}
