//! From a matrix to bytes. The order of the parts is that of `read`.

use xxhash_rust::xxh3::xxh3_64;

use super::{FORMAT, MAGIC};
use crate::class::DataClass;
use crate::matrix::{Action, Matrix, Purpose};

pub(super) fn matrix(matrix: &Matrix) -> Vec<u8> {
    let mut out = Writer(Vec::new());
    out.0.extend(MAGIC);
    out.u16(FORMAT);
    for length in [Action::ALL.len(), DataClass::ALL.len(), matrix.purposes] {
        out.0.push(u8::try_from(length).expect("short lists"));
    }
    stamp(&mut out, matrix);
    names(&mut out, matrix);
    let is_of_its_time = |(at, _): &(usize, &u16)| at % Purpose::ALL.len() < matrix.purposes;
    for block in &matrix.blocks {
        let cells = block.cells().iter().enumerate().filter(is_of_its_time);
        let cells: Vec<u16> = cells.map(|(_, cell)| *cell).collect();
        out.runs(&cells);
    }
    out.runs(&matrix.places);
    let checksum = xxh3_64(&out.0);
    out.0.extend(checksum.to_le_bytes());
    out.0
}

fn stamp(out: &mut Writer, matrix: &Matrix) {
    let stamp = &matrix.stamp;
    out.0.extend(stamp.version.0.to_le_bytes());
    out.0.extend(stamp.date.number().to_le_bytes());
    out.0.extend(stamp.document);
    out.u16(stamp.compiler);
    out.count(stamp.catalogues.len());
    for digest in &stamp.catalogues {
        out.0.extend(digest);
    }
}

fn names(out: &mut Writer, matrix: &Matrix) {
    out.count(matrix.jurisdictions.len());
    for jurisdiction in matrix.jurisdictions.all() {
        out.text(jurisdiction.as_str());
    }
    out.count(matrix.regions.len());
    for (region, country) in matrix.regions.all().iter().zip(&matrix.region_countries) {
        out.text(region.as_str());
        out.text(&country.to_string());
    }
    out.count(matrix.countries.len());
    for (country, jurisdiction) in &matrix.countries {
        out.text(&country.to_string());
        out.text(jurisdiction.as_str());
    }
    out.count(matrix.sinks.len());
    for (name, sink) in &matrix.sinks {
        out.text(name);
        out.0.push(sink.kind as u8);
        out.text(sink.region.as_str());
    }
    out.count(matrix.rules.len());
    for rule in &matrix.rules {
        out.text(&rule.id);
        out.text(&rule.article);
    }
    out.count(matrix.blocks.len());
}

struct Writer(Vec<u8>);

impl Writer {
    fn u16(&mut self, number: u16) {
        self.0.extend(number.to_le_bytes());
    }

    fn count(&mut self, count: usize) {
        self.u16(u16::try_from(count).expect("within the limits of a matrix"));
    }

    fn text(&mut self, text: &str) {
        self.count(text.len());
        self.0.extend(text.as_bytes());
    }

    /// Pairs of length and value; the reader knows how many values there are.
    fn runs(&mut self, values: &[u16]) {
        for run in values.chunk_by(|a, b| a == b) {
            self.count(run.len());
            self.u16(run[0]);
        }
    }
}
