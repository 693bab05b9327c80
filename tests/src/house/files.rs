//! The rules about files: none too long without a reason, none that points out of the repository.

/// Lines after which a file is split, or named in [`LONG_FILES`].
pub const FILE_LINES_MOST: usize = 400;

/// Files that are longer, and why they stay whole. One that is no longer so long is a fault, too.
pub const LONG_FILES: &[(&str, &str)] = &[];

/// A text file of the repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceFile {
    /// From the root of the repository, with `/`.
    pub path: String,
    pub text: String,
}

impl SourceFile {
    fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }
}

/// Lines of a Rust text that are neither empty nor a comment alone.
pub fn code_lines(text: &str) -> usize {
    let is_code = |line: &&str| !line.trim().is_empty() && !line.trim_start().starts_with("//");
    text.lines().filter(is_code).count()
}

/// A Rust file that is too long and has no reason, a reason without such a file.
pub fn sizes(files: &[SourceFile], long: &[(&str, &str)]) -> Vec<String> {
    let mut faults = Vec::new();
    let is_long = |file: &&SourceFile| file.is_rust() && file.text.lines().count() > FILE_LINES_MOST;
    for file in files.iter().filter(is_long) {
        if !long.iter().any(|(path, _)| *path == file.path) {
            let lines = file.text.lines().count();
            faults.push(format!(
                "{} has {lines} lines, at most {FILE_LINES_MOST}",
                file.path
            ));
        }
    }
    for (path, reason) in long {
        if !files.iter().filter(is_long).any(|file| file.path == *path) {
            faults.push(format!("{path} is listed as long ({reason}) and is not"));
        }
    }
    faults
}

/// A file that names something outside of the repository, which a fresh clone does not have.
pub fn nothing_points_outside(files: &[SourceFile]) -> Vec<String> {
    // In two pieces, or this very file would be a fault.
    let outside = concat!("..", "/shared");
    let mut faults = Vec::new();
    for file in files {
        let lines = file
            .text
            .lines()
            .zip(1..)
            .filter(|(line, _)| line.contains(outside));
        faults.extend(lines.map(|(_, number)| format!("{}:{number} names {outside}", file.path)));
    }
    faults
}
