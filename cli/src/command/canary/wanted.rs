//! What is looked for, read from files: values of a person never stand in a command line, which others can see.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use platform_canary::{Canary, FORM_BYTES_MIN, forms};
use platform_model::UserId;

use crate::exit::Hinted;

/// A file of values is a short list.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// Values, one a line: a name, a blank, the value; every coding of it is looked for, and its digest. Empty lines and those
/// that begin with `#` say nothing.
///
/// # Errors
/// Says the line that cannot be looked for; never its value.
pub fn values(file: &Path) -> Result<Vec<Canary>> {
    let text = String::from_utf8(read(file)?).with_context(|| format!("{} is no text", file.display()))?;
    let mut wanted = Vec::new();
    for (line, number) in text.lines().zip(1_usize..) {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let parts = line.split_once(char::is_whitespace);
        let (name, value) = parts
            .map(|(name, value)| (name, value.trim()))
            .unwrap_or_default();
        if value.len() < FORM_BYTES_MIN {
            let message = format!(
                "line {number} of {} has no value of {FORM_BYTES_MIN} bytes at least: shorter ones occur by chance",
                file.display()
            );
            return Err(Hinted::new(message, &["one a line: NAME VALUE"]).into());
        }
        let mut all = forms::of_bytes(value.as_bytes());
        all.extend(forms::of_digest(value.as_bytes()));
        wanted.push(Canary::new(name, all));
    }
    Ok(wanted)
}

/// The bytes of a file as they are, such as a key or a sealed value.
///
/// # Errors
/// Too few to be nobody else's, or more than a value has.
pub fn bytes(file: &Path) -> Result<Canary> {
    let bytes = read(file)?;
    let name = file
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    if bytes.len() < FORM_BYTES_MIN {
        let message = format!("{} has less than {FORM_BYTES_MIN} bytes", file.display());
        return Err(Hinted::new(message, &["shorter ones occur by chance"]).into());
    }
    Ok(Canary::new(name, forms::of_bytes(&bytes)))
}

/// A person's id: under it lie the keys of his rows, and so his sealed values.
pub fn user(user: UserId) -> Canary {
    let mut all = forms::of_bytes(user.as_bytes());
    all.extend(forms::of_bytes(user.to_string().as_bytes()));
    Canary::new("id", all)
}

fn read(file: &Path) -> Result<Vec<u8>> {
    let read = || format!("cannot read {}", file.display());
    let length = fs::metadata(file).with_context(read)?.len();
    if length > FILE_BYTES_MAX {
        let message = format!("{} has {length} bytes, at most {FILE_BYTES_MAX}", file.display());
        return Err(Hinted::new(message, &["cellctl canary search --help"]).into());
    }
    fs::read(file).with_context(read)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_lines_and_a_bad_one_is_told_without_its_value() {
        let dir = tempfile::tempdir().expect("a folder");
        let file = dir.path().join("values");
        fs::write(
            &file,
            "# a person\nemail ada@example.org\n\nname  Ada  Lovelace\n",
        )
        .expect("written");
        let wanted = values(&file).expect("readable");
        let names: Vec<&str> = wanted.iter().map(|canary| &*canary.name).collect();
        assert_eq!(names, ["email", "name"]);
        assert!(wanted[1].forms.iter().any(|form| form.bytes == b"Ada  Lovelace"));
        for bad in ["email", "email secret"] {
            fs::write(&file, bad).expect("written");
            let error = format!("{:#}", values(&file).expect_err("too short"));
            assert!(error.contains("line 1") && !error.contains("secret"), "{error}");
        }
        fs::write(&file, [7; 5]).expect("written");
        assert!(bytes(&file).is_err());
    }
}
