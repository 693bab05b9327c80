//! All that stands before a law is applied or approved. Author and approver call this, each on a machine of their own,
//! and must come to the same digest.

use crate::cases::CaseFailure;
use crate::compile::Compiled;
use crate::fault::{Fault, Faults};
use crate::law::Law;
use crate::source::{Bundle, Digest};

/// A law that is fit, with its matrix.
#[derive(Debug, Clone)]
pub struct Ready {
    pub law: Law,
    pub compiled: Compiled,
    /// SHA-256 of the canonical text.
    pub document: Digest,
    /// SHA-256 of the bytes of the matrix: covers the text's digest and the compiler's version.
    pub digest: Digest,
}

/// Why a law may not be applied.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotReady {
    /// It does not read, or is unfit.
    #[error(transparent)]
    Faults(#[from] Faults),
    /// It reads and is fit, but does not answer as its own cases say.
    #[error("{} of the law's cases fail; the first: {}", .0.len(), .0.first().map(ToString::to_string).unwrap_or_default())]
    Cases(Vec<CaseFailure>),
    #[error("the law has no cases: nobody could see what a change of a rule changes")]
    NoCases,
}

/// Reads, compiles, lints and tests.
///
/// # Errors
/// [`NotReady`], with everything that is wrong at the first stage that finds something.
pub fn ready(bundle: &Bundle) -> Result<Ready, NotReady> {
    let law = Law::read(bundle)?;
    let compiled = law.compile()?;
    let faults: Vec<Fault> = law.lint(&compiled);
    if !faults.is_empty() {
        return Err(Faults(faults).into());
    }
    let report = law.test(&compiled.matrix);
    if report.cases == 0 {
        return Err(NotReady::NoCases);
    }
    if !report.passed() {
        return Err(NotReady::Cases(report.failures));
    }
    let (document, digest) = (bundle.digest(), compiled.digest());
    Ok(Ready {
        law,
        compiled,
        document,
        digest,
    })
}
