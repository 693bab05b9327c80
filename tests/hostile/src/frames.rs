//! What copies of a shard say to each other, and the files of entries that a rewind cut off.

use bytes::Bytes;
use cell_shard::{FRAME_BYTES_MAX, frame_of_record, read_cut_off, read_frame};

/// A frame as it comes in, and the same bytes as what stands behind the checksum of one.
pub fn frame(bytes: &[u8]) {
    // What a checksum is right for by chance is judged like any other.
    let _ = read_frame(Bytes::copy_from_slice(bytes));
    let whole = frame_of_record(bytes);
    let read = read_frame(whole.clone());
    assert_eq!(
        read_frame(whole.clone()),
        read,
        "the same frame is read in two ways"
    );
    assert!(
        read.is_err() || whole.len() <= FRAME_BYTES_MAX,
        "longer than a frame may be"
    );
    if let Some(last) = whole.last() {
        let mut flipped = whole.to_vec();
        let end = flipped.len() - 1;
        flipped[end] = last ^ 1;
        assert!(read_frame(flipped.into()).is_err(), "a flipped bit was taken");
    }
}

/// One record of each kind, with every field that some kind has: those that a kind does not have are not looked at.
pub fn frame_seeds() -> Vec<Vec<u8>> {
    (1..=15).map(record).collect()
}

fn record(kind: u8) -> Vec<u8> {
    let mut record = vec![9, 1, 0, 0, 0, 0, 0, 0, 0, 17, 2, 0, 0, 0, 0, 0, 0, 0];
    let term = [8, 3, 16, 1];
    let head = [&[8, 9, 18, 4][..], &term[..], &[25, 1, 2, 3, 4, 5, 6, 7, 8]].concat();
    let name = [&[16][..], &[7; 16]].concat();
    let node = b"eu-central-1/0";
    let from = [&[10, node.len() as u8][..], node, &[18], &name].concat();
    part(&mut record, 3, &term);
    part(&mut record, 4, &from);
    part(&mut record, 5, &[7; 16]);
    record.extend([48, kind]);
    part(&mut record, 7, &[8, 1, 16, 2, 24, 3]);
    part(&mut record, 8, &[8, 1, 16, 2]);
    part(&mut record, 9, &head);
    part(&mut record, 9, &head);
    let sealed = [9, 0, 0, 0, 0, 0, 0, 0, 0, 18, 8, 8, 1, 16, 3, 24, 1, 32, 1];
    part(&mut record, 11, &sealed);
    part(
        &mut record,
        13,
        &[10, 3, 10, 1, b'a', 18, 1, b'k', 26, 6, 10, 1, b'k', 18, 1, b'v'],
    );
    record.extend([112, 4, 120, 5]);
    long_part(&mut record, 17, &[8, 0]);
    long_part(&mut record, 18, &[8, 1, 16, 9]);
    long_part(&mut record, 21, &[8, 9, 48, 4, 56, 2]);
    record
}

/// A field of bytes with a number below 16.
fn part(record: &mut Vec<u8>, number: u8, bytes: &[u8]) {
    record.extend([number << 3 | 2, bytes.len() as u8]);
    record.extend(bytes);
}

/// One with a number from 16 on.
fn long_part(record: &mut Vec<u8>, number: u16, bytes: &[u8]) {
    let key = number << 3 | 2;
    record.extend([key as u8 & 127 | 128, (key >> 7) as u8, bytes.len() as u8]);
    record.extend(bytes);
}

/// A file of cut-off entries.
pub fn cut_off(bytes: &[u8]) {
    if let Some(entries) = read_cut_off(Bytes::copy_from_slice(bytes)) {
        assert!(
            entries.len() * 4 <= bytes.len(),
            "more entries than the file can hold"
        );
    }
}

pub fn cut_off_seeds() -> Vec<Vec<u8>> {
    let entry = [9, 0, 0, 0, 0, 0, 0, 0, 0, 18, 8, 8, 1, 16, 3, 24, 1, 32, 1];
    let line = b"meridian cut-off entries 1\n";
    let one = [&[0, 0, 0, entry.len() as u8][..], &entry].concat();
    vec![
        line.to_vec(),
        [&line[..], &one, &one].concat(),
        [&line[..], &one[..10]].concat(),
    ]
}
