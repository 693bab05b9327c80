use proptest::prelude::*;
use uuid::Uuid;

use super::{Element, KeyError, Tuple, strinc, unpack};
use crate::KeyRange;

fn pack(elements: &[Element]) -> bytes::Bytes {
    elements
        .iter()
        .fold(Tuple::new(), |tuple, element| tuple.element(element))
        .pack()
}

fn any_element() -> impl Strategy<Value = Element> {
    let bytes = || {
        prop::collection::vec(
            prop_oneof![Just(0u8), Just(1), Just(0xfe), Just(0xff), any::<u8>()],
            0..6,
        )
    };
    prop_oneof![
        bytes().prop_map(Element::Bytes),
        "[\u{0}a-c\u{e9}\u{10ffff}]{0,4}".prop_map(Element::Str),
        any::<i64>().prop_map(|n| Element::Int(n.into())),
        any::<u64>().prop_map(|n| Element::Int(n.into())),
        any::<u64>().prop_map(|n| Element::Int(-i128::from(n))),
        (-300i128..300).prop_map(Element::Int),
        any::<[u8; 16]>().prop_map(|b| Element::Uuid(Uuid::from_bytes(b))),
        any::<[u8; 12]>().prop_map(Element::Version),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn order_is_kept_and_unpacking_gives_it_back(
        a in prop::collection::vec(any_element(), 1..4),
        b in prop::collection::vec(any_element(), 1..4),
    ) {
        prop_assert_eq!(pack(&a).cmp(&pack(&b)), a.cmp(&b));
        prop_assert_eq!(unpack(&pack(&a)).unwrap(), a);
    }

    #[test]
    fn unpacking_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
        if let Ok(elements) = unpack(&bytes) {
            prop_assert_eq!(&pack(&elements)[..], &bytes[..]);
        }
    }

    #[test]
    fn a_prefix_range_holds_exactly_the_keys_with_that_prefix(
        prefix in prop::collection::vec(0xfdu8..=0xff, 0..4),
        key in prop::collection::vec(0xfdu8..=0xff, 0..5),
    ) {
        let range = KeyRange::prefix(prefix.clone());
        let exists = crate::Limits::PORTABLE.is_possible_key(&key);
        prop_assert!(!exists || range.contains(&key) == key.starts_with(&prefix));
    }
}

/// Values of the specification of the FoundationDB tuple layer and of its Python binding.
#[test]
fn the_bytes_are_those_of_foundationdb() {
    let uuid = Uuid::from_u128(0x0011_2233_4455_6677_8899_aabb_ccdd_eeff);
    let cases: Vec<(Tuple, &[u8])> = vec![
        (Tuple::new().bytes(b"foo\x00bar"), b"\x01foo\x00\xffbar\x00"),
        (
            Tuple::new().str("F\u{d4}O\u{0}bar"),
            b"\x02F\xc3\x94O\x00\xffbar\x00",
        ),
        (Tuple::new().i64(-5_551_212), b"\x11\xabK\x93"),
        (Tuple::new().u64(0), b"\x14"),
        (Tuple::new().u64(255), b"\x15\xff"),
        (Tuple::new().u64(256), b"\x16\x01\x00"),
        (Tuple::new().i64(-1), b"\x13\xfe"),
        (
            Tuple::new().u64(u64::MAX),
            b"\x1c\xff\xff\xff\xff\xff\xff\xff\xff",
        ),
        (
            Tuple::new().i64(i64::MIN),
            b"\x0c\x7f\xff\xff\xff\xff\xff\xff\xff",
        ),
        (
            Tuple::new().uuid(uuid),
            b"\x30\x00\x11\x22\x33\x44\x55\x66\x77\x88\x99\xaa\xbb\xcc\xdd\xee\xff",
        ),
        (Tuple::new().version(*b"0123456789ab"), b"\x330123456789ab"),
    ];
    for (tuple, bytes) in cases {
        assert_eq!(&tuple.pack()[..], bytes);
    }
}

#[test]
fn damage_is_told() {
    assert_eq!(unpack(b"\x01abc"), Err(KeyError::Truncated));
    assert_eq!(unpack(b"\x15"), Err(KeyError::Truncated));
    assert_eq!(unpack(b"\x16\x00\x01"), Err(KeyError::NotShortest));
    assert_eq!(unpack(b"\x02\xff\x00"), Err(KeyError::NotText));
    assert_eq!(
        unpack(b"\x14\x77"),
        Err(KeyError::UnknownType { code: 0x77, at: 1 })
    );
}

#[test]
fn strinc_carries() {
    assert_eq!(strinc(b"a\xff\xff").as_deref(), Some(&b"b"[..]));
    assert_eq!(strinc(b"\xff\xff"), None);
    assert_eq!(strinc(b""), None);
}
