//! Opaque page cursors: a position in a list, with a seal that only its own root's key makes.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cell_layers::keys::UserKey;
use platform_model::{Code, Problem};

/// Longest cursor that is looked at, in characters.
const TEXT_MAX: usize = 512;
/// Bytes of the seal.
const SEAL_BYTES: usize = 16;

/// A place in a list. Another person's cursor, or a changed one, is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor(pub Vec<u8>);

impl Cursor {
    /// As text for the app, bound to the person and to the list's name.
    pub fn to_text(&self, key: &UserKey, list: &'static str) -> String {
        let mut bytes = seal(key, list, &self.0).to_vec();
        bytes.extend_from_slice(&self.0);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// # Errors
    /// `invalid-cursor` for anything that [`Cursor::to_text`] did not make for this person and list.
    pub fn from_text(text: &str, key: &UserKey, list: &'static str) -> Result<Self, Problem> {
        let invalid = || Problem::new(Code::InvalidCursor);
        if text.len() > TEXT_MAX {
            return Err(invalid());
        }
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| invalid())?;
        let (given, place) = bytes.split_at_checked(SEAL_BYTES).ok_or_else(invalid)?;
        if given == seal(key, list, place) {
            Ok(Self(place.to_vec()))
        } else {
            Err(invalid())
        }
    }
}

fn seal(key: &UserKey, list: &'static str, place: &[u8]) -> [u8; SEAL_BYTES] {
    let digest = key.digest(&format!("cursor/{list}"), place);
    std::array::from_fn(|i| digest[i])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_good_only_for_its_person_and_list() {
        let (mine, other) = (UserKey::generate(), UserKey::generate());
        let text = Cursor(vec![1, 2, 3]).to_text(&mine, "activities");
        assert_eq!(
            Cursor::from_text(&text, &mine, "activities"),
            Ok(Cursor(vec![1, 2, 3]))
        );
        for (key, list, text) in [
            (&other, "activities", text.as_str()),
            (&mine, "sessions", &text),
            (&mine, "activities", "AAAA"),
            (&mine, "activities", "no cursor"),
        ] {
            let refused = Cursor::from_text(text, key, list).expect_err("not ours");
            assert_eq!(refused.code, Code::InvalidCursor);
        }
    }
}
