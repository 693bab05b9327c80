//! The mark in the cluster that says whose data it holds: written once, into an empty cluster, never changed. Pure: who
//! reads and writes it is `open`.

use platform_model::WorldId;

use crate::OpenError;

/// Format of the rows below the mark.
const FORMAT: u8 = 1;

/// The mark of a world.
pub(crate) fn encode(world: &WorldId) -> Vec<u8> {
    [&[FORMAT], world.as_str().as_bytes()].concat()
}

/// Whether the mark that was found is this world's.
///
/// # Errors
/// Another world's, another format's, or none.
pub(crate) fn judge(stored: &[u8], world: &WorldId) -> Result<(), OpenError> {
    let (format, found) = stored.split_first().ok_or(OpenError::Damaged)?;
    if *format != FORMAT {
        return Err(OpenError::OtherFormat {
            found: *format,
            known: FORMAT,
        });
    }
    let found = std::str::from_utf8(found)
        .ok()
        .and_then(|text| WorldId::new(text).ok());
    let found = found.ok_or(OpenError::Damaged)?;
    if found == *world {
        Ok(())
    } else {
        Err(OpenError::OtherWorld {
            found: found.to_string(),
            ours: world.to_string(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn world(digit: &str) -> WorldId {
        WorldId::new(&digit.repeat(64)).expect("an id")
    }

    #[test]
    fn the_mark_is_of_one_world_and_one_format() {
        let ours = world("a");
        assert_eq!(judge(&encode(&ours), &ours), Ok(()));
        let foreign = judge(&encode(&world("b")), &ours);
        assert!(
            matches!(foreign, Err(OpenError::OtherWorld { .. })),
            "{foreign:?}"
        );
        let newer = judge(&[9, 1, 2], &ours);
        assert_eq!(newer, Err(OpenError::OtherFormat { found: 9, known: 1 }));
        for damaged in [&b""[..], b"\x01", b"\x01abc", b"\x01\xff\xfe"] {
            assert_eq!(judge(damaged, &ours), Err(OpenError::Damaged), "{damaged:?}");
        }
    }

    #[test]
    fn every_refusal_says_what_to_do() {
        let ours = world("a");
        for stored in [&encode(&world("b"))[..], b"\x09", b""] {
            let refused = judge(stored, &ours).expect_err("refused");
            assert!(!refused.hint().is_empty(), "{refused}");
        }
        let hint = OpenError::NotOurs.hint();
        assert!(hint.contains("a cluster of its own"), "{hint}");
    }
}
