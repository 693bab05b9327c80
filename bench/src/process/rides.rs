//! Rides of somebody who has ridden a lot: a real file, on as many days as there are to be rides, packed as devices send it.

use std::fs;
use std::io::Write;

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use cargo_metadata::MetadataCommand;
use flate2::Compression;
use flate2::write::GzEncoder;

/// A ride of 24 minutes with position, heart rate, cadence and power, one record a second; the package carries it.
const PACKAGE: &str = "tcx";
const FILE: &str = "tests/20210308_virtual_ride_with_power.tcx";
/// The day of that ride, which stands in each of its records.
const DAY: &str = "2021-03-08";

/// The text of the ride.
pub struct Ride(String);

impl Ride {
    /// # Errors
    /// When cargo cannot say where the package lies.
    pub fn find() -> Result<Self> {
        let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
        let metadata = MetadataCommand::new()
            .manifest_path(manifest)
            .exec()
            .context("cargo cannot say where packages lie")?;
        let package = metadata
            .packages
            .iter()
            .find(|package| package.name.as_str() == PACKAGE);
        let package = package.with_context(|| format!("no package `{PACKAGE}` is locked"))?;
        let folder = package.manifest_path.parent().context("a package has a folder")?;
        let path = folder.join(FILE);
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
        ensure!(text.contains(DAY), "{path} is another ride");
        Ok(Self(text))
    }

    /// The same ride on its `number`th day.
    ///
    /// # Errors
    /// None in practice: it is packed in memory.
    pub fn on_day(&self, number: usize) -> Result<Bytes> {
        let text = self.0.replace(DAY, &day(number));
        let mut packed = GzEncoder::new(Vec::new(), Compression::default());
        packed.write_all(text.as_bytes())?;
        Ok(packed.finish()?.into())
    }
}

/// Days of months that all have 28, so that each of them is one.
fn day(number: usize) -> String {
    let (year, month, day) = (2015 + number / 336, number / 28 % 12 + 1, number % 28 + 1);
    format!("{year:04}-{month:02}-{day:02}")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_two_rides_are_the_same_and_each_is_a_whole_file() {
        let ride = Ride::find().expect("the package is there");
        let rides: BTreeSet<Bytes> = (0..5)
            .map(|number| ride.on_day(number).expect("packed"))
            .collect();
        assert_eq!(rides.len(), 5);
        assert!(
            rides
                .iter()
                .all(|ride| ride.starts_with(&[0x1f, 0x8b]) && ride.len() > 10_000)
        );
    }

    #[test]
    fn every_ride_has_a_day_of_its_own() {
        let days: BTreeSet<String> = (0..1_000).map(day).collect();
        assert_eq!(days.len(), 1_000);
        assert_eq!(
            (day(0).as_str(), day(336 + 28 + 2).as_str()),
            ("2015-01-01", "2016-02-03")
        );
    }
}
