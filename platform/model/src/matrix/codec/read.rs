//! From bytes to a matrix. Whatever the bytes say, nothing is taken that the limits of a matrix forbid.

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;

use xxhash_rust::xxh3::xxh3_64;

use super::{CHECKSUM_BYTES, FORMAT, InvalidMatrix, MAGIC, MATRIX_BYTES_MAX, PURPOSES_BEFORE};
use crate::class::DataClass;
use crate::id::InvalidId;
use crate::matrix::{
    Action, Block, CELLS, JURISDICTIONS_MAX, LawDate, LawVersion, Matrix, MatrixBuilder, Purpose,
    REGIONS_MAX, RuleName, Sink, SinkKind, Stamp,
};

type Result<T> = std::result::Result<T, InvalidMatrix>;

pub(super) fn matrix(bytes: &[u8]) -> Result<Matrix> {
    let (body, purposes) = checked(bytes)?;
    let mut from = Reader(body);
    let stamp = stamp(&mut from)?;
    let builder = names(&mut from, stamp)?;
    builder.check()?;
    let blocks = blocks(&mut from, builder.rules.len(), purposes)?;
    let places = from.runs(builder.jurisdictions.len() * builder.regions.len(), "the places")?;
    if !from.0.is_empty() {
        return Err(InvalidMatrix::NotCanonical);
    }
    if places.iter().any(|block| usize::from(*block) >= blocks.len()) {
        return Err(InvalidMatrix::OutOfRange("a place"));
    }
    let mut next = places.into_iter();
    let block_of = |_: &_, _: &_| {
        let block = next.next().expect("as many places as jurisdiction x region");
        blocks[usize::from(block)].clone()
    };
    let mut matrix = builder.build(block_of)?;
    matrix.purposes = purposes;
    Ok(matrix)
}

/// What stands between the front and the checksum, both checked; and how many purposes it is of.
fn checked(bytes: &[u8]) -> Result<(&[u8], usize)> {
    let size = bytes.len();
    if size > MATRIX_BYTES_MAX {
        return Err(InvalidMatrix::TooLarge {
            bytes: size,
            max: MATRIX_BYTES_MAX,
        });
    }
    let mut from = Reader(bytes);
    if from.array("the front").ok() != Some(MAGIC) {
        return Err(InvalidMatrix::NotAMatrix);
    }
    let format = from.u16("the format")?;
    if format != FORMAT {
        return Err(InvalidMatrix::Format(format));
    }
    let end = size
        .checked_sub(CHECKSUM_BYTES)
        .ok_or(InvalidMatrix::Truncated("the checksum"))?;
    let (body, checksum) = bytes.split_at(end);
    if xxh3_64(body).to_le_bytes() != checksum {
        return Err(InvalidMatrix::Checksum);
    }
    let lengths: [u8; 3] = from.array("the lists")?;
    let [actions, classes, purposes] = lengths.map(usize::from);
    let known = [Purpose::ALL.len(), PURPOSES_BEFORE].contains(&purposes);
    if [actions, classes] != [Action::ALL.len(), DataClass::ALL.len()] || !known {
        return Err(InvalidMatrix::Lists);
    }
    let body = body.get(size - from.0.len()..);
    Ok((body.ok_or(InvalidMatrix::Truncated("the front"))?, purposes))
}

fn stamp(from: &mut Reader<'_>) -> Result<Stamp> {
    let version = LawVersion(u64::from_le_bytes(from.array("the version")?));
    let date = u32::from_le_bytes(from.array("the date")?);
    let date = LawDate::from_number(date).ok_or(InvalidMatrix::OutOfRange("the date"))?;
    let document = from.array("the digest of the text")?;
    let compiler = from.u16("the compiler")?;
    let catalogues = from.list("the catalogues", |from| from.array("a catalogue"))?;
    Ok(Stamp {
        version,
        date,
        document,
        compiler,
        catalogues,
    })
}

fn names(from: &mut Reader<'_>, stamp: Stamp) -> Result<MatrixBuilder> {
    let jurisdictions: BTreeSet<_> = from
        .list("the jurisdictions", |from| from.name("a jurisdiction"))?
        .into_iter()
        .collect();
    let regions: BTreeMap<_, _> = from
        .list("the regions", |from| {
            Ok((from.name("a region")?, from.name("a country")?))
        })?
        .into_iter()
        .collect();
    let countries = from.list("the countries", |from| {
        Ok((from.name("a country")?, from.name("a jurisdiction")?))
    })?;
    let sinks = from.list("the sinks", |from| {
        Ok((from.text("a sink")?.to_owned(), sink(from)?))
    })?;
    let rules = from.list("the rules", |from| {
        let id = from.text("a rule")?.to_owned();
        Ok(RuleName {
            id,
            article: from.text("an article")?.to_owned(),
        })
    })?;
    Ok(MatrixBuilder {
        stamp,
        jurisdictions,
        regions,
        countries: countries.into_iter().collect(),
        sinks: sinks.into_iter().collect(),
        rules,
    })
}

fn sink(from: &mut Reader<'_>) -> Result<Sink> {
    let [kind] = from.array("a kind of sink")?;
    let kind = SinkKind::ALL
        .get(usize::from(kind))
        .ok_or(InvalidMatrix::OutOfRange("a kind of sink"))?;
    Ok(Sink {
        kind: *kind,
        region: from.name("a region")?,
    })
}

fn blocks(from: &mut Reader<'_>, rules: usize, purposes: usize) -> Result<Vec<Block>> {
    let count = usize::from(from.u16("the blocks")?);
    if count > JURISDICTIONS_MAX * REGIONS_MAX {
        return Err(InvalidMatrix::OutOfRange("the number of blocks"));
    }
    let mut blocks = Vec::new();
    for _ in 0..count {
        let told = from.runs(CELLS / Purpose::ALL.len() * purposes, "a block")?;
        let mut cells = [0; CELLS];
        // Of a purpose that it does not know it says nothing, which is denied.
        for (cells, told) in cells.chunks_mut(Purpose::ALL.len()).zip(told.chunks(purposes)) {
            cells[..purposes].copy_from_slice(told);
        }
        blocks.push(Block::from_cells(cells, rules).ok_or(InvalidMatrix::OutOfRange("an answer"))?);
    }
    Ok(blocks)
}

/// What was not read yet.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, bytes: usize, what: &'static str) -> Result<&'a [u8]> {
        let (taken, rest) = self
            .0
            .split_at_checked(bytes)
            .ok_or(InvalidMatrix::Truncated(what))?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self, what: &'static str) -> Result<[u8; N]> {
        Ok(self
            .take(N, what)?
            .try_into()
            .expect("as many bytes as were asked for"))
    }

    fn u16(&mut self, what: &'static str) -> Result<u16> {
        Ok(u16::from_le_bytes(self.array(what)?))
    }

    fn text(&mut self, what: &'static str) -> Result<&'a str> {
        let bytes = usize::from(self.u16(what)?);
        std::str::from_utf8(self.take(bytes, what)?).map_err(|_| InvalidMatrix::NotText(what))
    }

    fn name<T: FromStr<Err = InvalidId>>(&mut self, what: &'static str) -> Result<T> {
        Ok(self.text(what)?.parse()?)
    }

    /// Counted, at most 65,535; every item takes bytes, so that the input bounds the memory.
    fn list<T>(
        &mut self,
        what: &'static str,
        mut item: impl FnMut(&mut Self) -> Result<T>,
    ) -> Result<Vec<T>> {
        let count = self.u16(what)?;
        (0..count).map(|_| item(self)).collect()
    }

    /// Runs that give exactly `count` values.
    fn runs(&mut self, count: usize, what: &'static str) -> Result<Vec<u16>> {
        let mut values = Vec::with_capacity(count);
        while values.len() < count {
            let length = usize::from(self.u16(what)?);
            let value = self.u16(what)?;
            if length == 0 || length > count - values.len() {
                return Err(InvalidMatrix::OutOfRange(what));
            }
            values.resize(values.len() + length, value);
        }
        Ok(values)
    }
}
