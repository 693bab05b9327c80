//! Generates the messages and services of `proto/`, without `protoc`: protox is a compiler in Rust.

use std::error::Error;
use std::path::PathBuf;

const ROOT: &str = "proto";
/// Not copied when they are read: they are handed on as they came.
const AS_BYTES: [&str; 2] = [
    ".meridian.wire.v1.ReplicationFrame.frame",
    ".meridian.wire.v1.ReplicationFrames.packed",
];
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
    let generator = tonic_prost_build::configure();
    let generator = AS_BYTES
        .iter()
        .fold(generator, |generator, field| generator.bytes(field));
    generator.compile_fds(descriptors)?;
    Ok(())
}
