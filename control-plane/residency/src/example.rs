//! The shipped example: laws of six jurisdictions, with the articles that they model and cases. No legal advice.

use crate::source::{Bundle, Digest};

macro_rules! files {
    ($($name:literal),* $(,)?) => {
        &[$(($name, include_str!(concat!("../laws/example/", $name)))),*]
    };
}

/// Name and text of each file, as an author would keep them.
pub const FILES: &[(&str, &str)] = files![
    "law.toml",
    "common.cedar",
    "common.cases.toml",
    "eu.cedar",
    "eu.cases.toml",
    "uk.cedar",
    "uk.cases.toml",
    "us.cedar",
    "us.cases.toml",
    "ru.cedar",
    "ru.cases.toml",
    "in.cedar",
    "in.cases.toml",
    "br.cedar",
    "br.cases.toml",
];

/// What stands in the example where the digest of a catalogue belongs.
const NO_CATALOGUE: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// Name and text of each file of the example, written for a catalogue of data classes; none: as it is shipped, under
/// which no node opens a shard.
pub fn files(catalogue: Option<Digest>) -> impl Iterator<Item = (&'static str, String)> {
    let catalogue = catalogue.map_or_else(|| NO_CATALOGUE.to_owned(), |digest| digest.to_string());
    FILES
        .iter()
        .map(move |(name, text)| (*name, text.replace(NO_CATALOGUE, &catalogue)))
}

/// The example as one law; see [`files`].
pub fn bundle(catalogue: Option<Digest>) -> Bundle {
    Bundle::from_files(files(catalogue)).expect("the shipped example is a law; a test reads it")
}
