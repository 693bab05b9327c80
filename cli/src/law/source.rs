//! A law in a folder: `law.toml`, `*.cedar`, `*cases.toml`. Other files are left aside and named; folders below it are
//! not read.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use control_plane_residency::source::{BYTES_MAX, CASES_SUFFIX, LAW_FILE, RULES_SUFFIX, SourceError};
use control_plane_residency::{Bundle, NotReady, Ready, ready};

use crate::exit::Hinted;

/// Faults that one error names; the rest is counted.
const FAULTS_NAMED_MAX: usize = 10;

/// The files of a law as they lie in a folder.
#[derive(Debug, Clone)]
pub struct Source {
    pub dir: PathBuf,
    files: Vec<(String, String)>,
    /// Names of files that are no part of a law.
    pub aside: Vec<String>,
}

impl Source {
    /// Reads the folder.
    ///
    /// # Errors
    /// When there is none, or a file cannot be read as text.
    pub fn read(dir: &Path) -> Result<Self> {
        let entries = fs::read_dir(dir).map_err(|error| {
            let example = format!(
                "cellctl policy example {}   writes a law to start from",
                dir.display()
            );
            anyhow::Error::new(error).context(Hinted::new(
                format!("there is no law in {}", dir.display()),
                &[&example],
            ))
        })?;
        let (mut files, mut aside) = (Vec::new(), Vec::new());
        let mut bytes = 0;
        for entry in entries {
            let path = entry
                .with_context(|| format!("cannot read {}", dir.display()))?
                .path();
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
            let Some(name) = name.filter(|_| path.is_file()) else {
                continue;
            };
            if !is_of_a_law(&name) {
                aside.push(name);
                continue;
            }
            bytes += fs::metadata(&path).map_or(0, |meta| meta.len());
            if bytes > BYTES_MAX as u64 {
                return Err(too_large(dir));
            }
            let text =
                fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
            files.push((name, text));
        }
        files.sort();
        aside.sort();
        let dir = dir.to_owned();
        Ok(Self { dir, files, aside })
    }

    /// # Errors
    /// What is wrong with the files before anything is read in them.
    pub fn bundle(&self) -> Result<Bundle, SourceError> {
        Bundle::from_files(self.files.iter().map(|(name, text)| (name.clone(), text)))
    }

    /// The law, fit to be proposed.
    ///
    /// # Errors
    /// Everything that is wrong with it, with the command that shows all.
    pub fn ready(&self) -> Result<Ready> {
        let lint = format!("cellctl policy lint {}", self.dir.display());
        let test = format!("cellctl policy test {}", self.dir.display());
        let bundle = self.bundle();
        let bundle = bundle.map_err(|error| Hinted::new(error.to_string(), &[&lint]))?;
        ready(&bundle).map_err(|why| match why {
            NotReady::Faults(_) => unfit(&why, &lint),
            NotReady::Cases(_) | NotReady::NoCases => unfit(&why, &test),
        })
    }
}

/// A law that may not be applied, as an error.
pub fn unfit(why: &NotReady, hint: &str) -> anyhow::Error {
    let lines: Vec<String> = match why {
        NotReady::Faults(faults) => faults.0.iter().map(ToString::to_string).collect(),
        NotReady::Cases(failures) => failures.iter().map(ToString::to_string).collect(),
        NotReady::NoCases => vec![why.to_string()],
    };
    let mut message = "the law is not fit to hold:".to_owned();
    for line in lines.iter().take(FAULTS_NAMED_MAX) {
        message.push_str("\n  ");
        message.push_str(line);
    }
    if lines.len() > FAULTS_NAMED_MAX {
        message.push_str(&format!("\n  and {} more", lines.len() - FAULTS_NAMED_MAX));
    }
    Hinted::new(message, &[hint]).into()
}

fn too_large(dir: &Path) -> anyhow::Error {
    let message = format!("the law in {} has more than {BYTES_MAX} bytes", dir.display());
    Hinted::new(
        message,
        &["a law is text: look what else lies there under a name of a law"],
    )
    .into()
}

fn is_of_a_law(name: &str) -> bool {
    name == LAW_FILE || name.ends_with(RULES_SUFFIX) || name.ends_with(CASES_SUFFIX)
}

#[cfg(test)]
mod tests {
    use control_plane_residency::example;

    use super::*;

    fn written(files: &[(&str, &str)]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().expect("a folder");
        for (name, text) in files {
            fs::write(dir.path().join(name), text).expect("written");
        }
        dir
    }

    #[test]
    fn the_example_reads_back_whole_and_other_files_are_left_aside() {
        let dir = written(example::FILES);
        fs::write(dir.path().join("README.md"), "notes").expect("written");
        fs::create_dir(dir.path().join("old.cedar")).expect("made");
        let source = Source::read(dir.path()).expect("reads");
        assert_eq!(source.aside, ["README.md"]);
        assert_eq!(source.bundle().expect("a law"), example::bundle(None));
        source.ready().expect("fit");
    }

    #[test]
    fn a_folder_that_is_not_there_says_how_to_begin() {
        let error = Source::read(Path::new("/no/such/law")).expect_err("none");
        let text = crate::exit::text(&error, "");
        assert!(
            text.contains("hint: cellctl policy example /no/such/law"),
            "{text}"
        );
    }

    #[test]
    fn what_is_unfit_is_named_with_the_command_that_shows_all() {
        let mut files = example::FILES.to_vec();
        files.push(("zz.cedar", "permit (principal, action, resource"));
        let dir = written(&files);
        let error = Source::read(dir.path())
            .expect("reads")
            .ready()
            .expect_err("unfit");
        let text = crate::exit::text(&error, "");
        assert!(text.contains("\n  zz.cedar:1:"), "{text}");
        assert!(text.contains("hint: cellctl policy lint"), "{text}");
        assert_eq!(crate::exit::number(&Err(error)), 1);
    }
}
