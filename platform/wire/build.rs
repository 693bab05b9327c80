//! Generates the messages and services of `proto/`, without `protoc`: protox is a compiler in Rust.

use std::error::Error;
use std::path::PathBuf;

const ROOT: &str = "proto";
const PACKAGES: [&str; 2] = ["proto/meridian/wire/v1", "proto/meridian/raft/v1"];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed={ROOT}");
    let mut files: Vec<PathBuf> = Vec::new();
    for package in PACKAGES {
        for entry in std::fs::read_dir(package)? {
            files.push(entry?.path());
        }
    }
    files.sort();
    let descriptors = protox::compile(&files, [ROOT])?;
    tonic_prost_build::configure().compile_fds(descriptors)?;
    Ok(())
}
