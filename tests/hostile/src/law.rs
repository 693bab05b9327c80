//! The law: its text as authors write it, and the matrix as everyone else has it.

use control_plane_residency::{Bundle, Digest, Law, SourceError, example, sample};
use platform_model::matrix::Matrix;

use crate::words::one_form;

/// A matrix has one form.
pub fn matrix(bytes: &[u8]) {
    if let Ok(matrix) = Matrix::from_bytes(bytes) {
        assert_eq!(matrix.to_bytes(), bytes);
    }
    // As it stands in JSON: hex digits.
    if let Ok(text) = std::str::from_utf8(bytes)
        && let Ok(matrix) = serde_json::from_value::<Matrix>(text.into())
    {
        let hex: String = matrix
            .to_bytes()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        assert_eq!(hex, text.to_lowercase());
    }
}

pub fn matrix_seeds() -> Vec<Vec<u8>> {
    let law = Law::read(&sample::bundle(1, 2)).expect("a law of the form that the laws have");
    let compiled = law.compile().expect("a small law compiles");
    vec![compiled.matrix.to_bytes()]
}

/// The one text of a law: it has one form, and reading it ends, with faults that have places.
pub fn text(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    one_form::<Digest>(text);
    match Bundle::from_text(text) {
        Ok(bundle) => {
            assert_eq!(bundle.text(), text);
            if let Err(faults) = Law::read(&bundle) {
                assert!(!faults.0.is_empty(), "refused without a fault");
            }
        }
        Err(SourceError::NotCanonical | SourceError::Head) => {}
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

pub fn text_seeds() -> Vec<Vec<u8>> {
    let small = example::FILES
        .iter()
        .filter(|(name, _)| !name.ends_with(".cases.toml"));
    let small = Bundle::from_files(small.map(|(name, text)| (*name, *text)));
    let laws = small.into_iter().chain([sample::bundle(1, 2)]);
    laws.map(|bundle| bundle.text().into_bytes()).collect()
}
