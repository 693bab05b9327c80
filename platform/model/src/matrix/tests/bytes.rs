//! The stored form: read back whole, refused when it is anything else.

use super::super::sample::matrix;
use super::super::*;

/// Puts the checksum right, so that what follows is judged.
fn sealed(mut bytes: Vec<u8>) -> Vec<u8> {
    let end = bytes.len() - 8;
    let checksum = xxhash_rust::xxh3::xxh3_64(&bytes[..end]);
    bytes[end..].copy_from_slice(&checksum.to_le_bytes());
    bytes
}

fn refusal(bytes: &[u8]) -> InvalidMatrix {
    Matrix::from_bytes(bytes).expect_err("refused")
}

#[test]
fn a_matrix_reads_back_from_its_bytes_and_from_json() {
    let matrix = matrix();
    let bytes = matrix.to_bytes();
    assert!(bytes.len() < 4_000, "{} bytes", bytes.len());
    assert_eq!(Matrix::from_bytes(&bytes), Ok(matrix.clone()));
    let json = serde_json::to_string(&matrix).expect("text");
    assert_eq!(serde_json::from_str::<Matrix>(&json).expect("a matrix"), matrix);
    for text in ["\"\"", "\"4d4c4\"", "\"xy\"", "[77,76]"] {
        assert!(serde_json::from_str::<Matrix>(text).is_err(), "{text}");
    }
}

#[test]
fn every_flipped_byte_and_every_cut_is_noticed() {
    let bytes = matrix().to_bytes();
    for index in 0..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[index] ^= 0x40;
        assert!(Matrix::from_bytes(&damaged).is_err(), "byte {index}");
        assert!(Matrix::from_bytes(&bytes[..index]).is_err(), "cut at {index}");
    }
}

/// With a right checksum, as a hostile writer would give it.
#[test]
fn no_changed_byte_makes_the_reader_panic_or_read_another_form() {
    let bytes = matrix().to_bytes();
    let original = matrix();
    for index in 0..bytes.len() - 8 {
        for bit in [0x01, 0x10, 0x80, 0xff] {
            let mut changed = bytes.clone();
            changed[index] ^= bit;
            let changed = sealed(changed);
            if let Ok(matrix) = Matrix::from_bytes(&changed) {
                assert_ne!(matrix, original, "byte {index}");
                assert_eq!(matrix.to_bytes(), changed);
            }
        }
        assert!(
            Matrix::from_bytes(&sealed(bytes[..index + 8].to_vec())).is_err(),
            "cut at {index}"
        );
    }
}

#[test]
fn what_is_wrong_is_said() {
    let bytes = matrix().to_bytes();
    assert_eq!(refusal(b""), InvalidMatrix::NotAMatrix);
    assert_eq!(refusal(b"{\"version\": 1}"), InvalidMatrix::NotAMatrix);
    let mut later = bytes.clone();
    later[4] = 9;
    assert_eq!(refusal(&later), InvalidMatrix::Format(9));
    let mut lists = bytes.clone();
    lists[7] = 10;
    assert_eq!(refusal(&sealed(lists)), InvalidMatrix::Lists);
    let mut damaged = bytes.clone();
    damaged[20] ^= 1;
    assert_eq!(refusal(&damaged), InvalidMatrix::Checksum);
    let mut longer = bytes.clone();
    longer.extend([0; 8]);
    assert_eq!(refusal(&sealed(longer)), InvalidMatrix::NotCanonical);
    let huge = vec![0; (8 << 20) + 1];
    assert!(matches!(refusal(&huge), InvalidMatrix::TooLarge { .. }));
}

/// As a law lies in worlds that are older than the purpose.
#[test]
fn a_matrix_from_before_people_changed_home_is_read_keeps_its_form_and_permits_no_relocation() {
    let now = matrix();
    let older = Matrix {
        purposes: 6,
        ..now.clone()
    };
    let bytes = older.to_bytes();
    assert_eq!(bytes[6..9], [7, 9, 6], "the lists of then");
    let read = Matrix::from_bytes(&bytes).expect("reads");
    assert_eq!(read.to_bytes(), bytes, "so its digest is that which was approved");
    for point in compare::points() {
        let (action, class, purpose) = point;
        let ask = |matrix: &Matrix| {
            let (home, region) = ("eu".parse().expect("one"), "eu-central".parse().expect("one"));
            matrix.ask(&home, action, &region, class, purpose)
        };
        if purpose == Purpose::Relocation {
            assert_eq!(ask(&read).answer, Answer::Deny, "{point:?}");
            assert_eq!(ask(&now).answer, Answer::Permit, "{point:?}");
        } else {
            assert_eq!(ask(&read), ask(&now), "{point:?}");
        }
    }
    let mut shorter = bytes;
    shorter[8] = 5;
    assert_eq!(refusal(&sealed(shorter)), InvalidMatrix::Lists);
}

#[test]
fn a_run_cut_in_two_is_not_canonical() {
    let bytes = matrix().to_bytes();
    // The last runs are the places: block 0, once, for the first place.
    let body = &bytes[..bytes.len() - 8];
    let (front, last) = body.split_at(body.len() - 4);
    assert_eq!(last[..2], [1, 0], "the last place is a run of one");
    let mut changed = front.to_vec();
    changed.extend([0, 0]);
    changed.extend(&last[2..]);
    changed.extend([0; 8]);
    assert_eq!(refusal(&sealed(changed)), InvalidMatrix::OutOfRange("the places"));
}
