//! The real files that the crates `fitparser`, `gpx` and `tcx` carry, found through `cargo metadata`. Tests only.

use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

use cargo_metadata::MetadataCommand;

/// Where each crate keeps its files.
const FOLDERS: [(&str, &str); 3] = [
    ("fitparser", "tests/fixtures"),
    ("gpx", "tests/fixtures"),
    ("tcx", "tests"),
];

/// `(name of the file, its bytes)`, in order of name.
pub fn all() -> &'static [(String, Vec<u8>)] {
    static FILES: OnceLock<Vec<(String, Vec<u8>)>> = OnceLock::new();
    FILES.get_or_init(|| {
        let mut files: Vec<_> = folders().into_iter().flat_map(files_of).collect();
        files.sort();
        files
    })
}

pub fn get(name: &str) -> &'static [u8] {
    &all()
        .iter()
        .find(|file| file.0 == name)
        .unwrap_or_else(|| panic!("no fixture {name}"))
        .1
}

fn folders() -> Vec<PathBuf> {
    let host = host();
    let mut command = MetadataCommand::new();
    command.manifest_path(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"));
    command.other_options(["--filter-platform".to_owned(), host]);
    let metadata = command.exec().expect("cargo metadata");
    let of = |(name, folder): (&str, &str)| {
        let package = metadata
            .packages
            .iter()
            .find(|package| package.name.as_str() == name)
            .expect(name);
        package
            .manifest_path
            .parent()
            .expect("a manifest lies in a folder")
            .join(folder)
            .into_std_path_buf()
    };
    FOLDERS.into_iter().map(of).collect()
}

fn host() -> String {
    let output = Command::new("rustc").arg("-vV").output().expect("rustc");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    text.lines()
        .find_map(|line| line.strip_prefix("host: "))
        .expect("a host line")
        .to_owned()
}

fn files_of(folder: PathBuf) -> Vec<(String, Vec<u8>)> {
    let entries = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    entries
        .map(|entry| entry.expect("an entry"))
        .filter(|entry| entry.file_type().expect("a type").is_file())
        .map(|entry| {
            let bytes = std::fs::read(entry.path()).expect("readable");
            (entry.file_name().into_string().expect("UTF-8"), bytes)
        })
        .filter(|(name, _)| {
            [".fit", ".gpx", ".tcx", ".xml"]
                .iter()
                .any(|end| name.ends_with(end))
        })
        .collect()
}
