//! A report of residency whose signature is proved, and the file in which it is kept for whoever asks later.
//!
//! The file is JSON: the signed bytes as they were signed, the signature, and the chain of the controller that made
//! it. What it says for people is read from the bytes each time, so that nothing beside them can be believed.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use platform_model::WorldId;
use platform_runtime::files;
use platform_runtime::tls::{BadSignature, Identity, Signed, SpiffeId, SpiffeKind};
use platform_wire::law::{InvalidLaw, REPORT_PURPOSE, Residency, SignedResidency};
use serde::{Deserialize, Serialize};

use crate::exit::Hinted;

/// What stands in the file's `format`.
const FORMAT: &str = "meridian residency report, format 1";
/// Largest file that is read, in bytes.
const FILE_BYTES_MAX: u64 = 64 << 20;

/// A report and who made it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proved {
    pub report: Residency,
    pub signer: SpiffeId,
}

/// A report that proves nothing.
#[derive(Debug, thiserror::Error)]
pub enum NotProved {
    #[error("it cannot be read")]
    Unreadable(#[from] InvalidLaw),
    #[error("its signature is none")]
    Signature(#[from] BadSignature),
    #[error("{0} signed it, which is no controller")]
    NoController(SpiffeId),
    #[error("it says that {said} made it; it is signed by {signer}")]
    OtherController { said: String, signer: SpiffeId },
    #[error("it is of world {0}")]
    OtherWorld(String),
}

/// The file.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    format: String,
    world: String,
    /// Base64.
    report: String,
    /// TLS `SignatureScheme`, RFC 8446.
    scheme: u16,
    signature: String,
    /// X.509, DER, base64: the signer's own first.
    chain: Vec<String>,
}

/// Proves who made a report. Its certificate must have been good when the report was made.
///
/// # Errors
/// [`NotProved`].
pub fn prove(identity: &Identity, world: &WorldId, signed: &SignedResidency) -> Result<Proved, NotProved> {
    let report = signed.read()?;
    let at_s = report.time_ms / 1_000;
    let signer = identity.signer(REPORT_PURPOSE, &signed.bytes, &signed.signature, at_s)?;
    if !matches!(signer.kind, SpiffeKind::Controller(_)) {
        return Err(NotProved::NoController(signer));
    }
    if signer.to_string() != report.controller {
        let said = report.controller;
        return Err(NotProved::OtherController { said, signer });
    }
    if report.world != world.as_str() {
        return Err(NotProved::OtherWorld(report.world));
    }
    Ok(Proved { report, signer })
}

/// As [`prove`], with what to do about it.
///
/// # Errors
/// A report that proves nothing, as an alarm.
pub fn proved(identity: &Identity, world: &WorldId, signed: &SignedResidency) -> Result<Proved> {
    prove(identity, world, signed).map_err(|why| {
        let message =
            "the report proves nothing: it was changed, or was not made by a controller of this world";
        let hints = [
            "ask the controllers again: cellctl residency report",
            "cellctl audit verify",
        ];
        anyhow::Error::new(why).context(Hinted::new(message, &hints))
    })
}

/// Writes the file, whole or not at all.
///
/// # Errors
/// What the file system says.
pub fn keep(file: &Path, world: &WorldId, signed: &SignedResidency) -> Result<()> {
    let kept = Kept {
        format: FORMAT.to_owned(),
        world: world.to_string(),
        report: STANDARD.encode(&signed.bytes),
        scheme: signed.signature.scheme,
        signature: STANDARD.encode(&signed.signature.signature),
        chain: signed
            .signature
            .chain
            .iter()
            .map(|der| STANDARD.encode(der))
            .collect(),
    };
    let text = serde_json::to_string_pretty(&kept).context("texts and numbers always write")?;
    files::write_atomic(file, format!("{text}\n").as_bytes(), files::PUBLIC)
        .with_context(|| format!("cannot write {}", file.display()))
}

/// What a file keeps; whether it proves anything is for [`proved`].
///
/// # Errors
/// For a file that is no kept report.
pub fn kept(file: &Path) -> Result<SignedResidency> {
    let size = fs::metadata(file)
        .with_context(|| format!("cannot read {}", file.display()))?
        .len();
    let none = || {
        let message = format!(
            "{} is no report that `cellctl residency report --out` kept",
            file.display()
        );
        Hinted::new(message, &["cellctl residency report --out FILE   keeps one"])
    };
    if size > FILE_BYTES_MAX {
        return Err(none().into());
    }
    let text = fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    let kept: Kept = serde_json::from_slice(&text).with_context(none)?;
    if kept.format != FORMAT {
        return Err(none().into());
    }
    let decoded = |text: &str| STANDARD.decode(text).with_context(none);
    Ok(SignedResidency {
        bytes: decoded(&kept.report)?,
        signature: Signed {
            chain: kept.chain.iter().map(|der| decoded(der)).collect::<Result<_>>()?,
            scheme: kept.scheme,
            signature: decoded(&kept.signature)?,
        },
    })
}

#[cfg(test)]
mod tests {
    use platform_model::Role;
    use platform_runtime::clock::Clock;
    use platform_runtime::tls::authority::Authority;
    use platform_wire::pb;
    use prost::Message;

    use super::*;

    struct Stage {
        dir: tempfile::TempDir,
        world: WorldId,
        controller: Identity,
        reader: Identity,
    }

    fn identity(authority: &Authority, dir: &Path, kind: SpiffeKind, name: &str) -> Identity {
        let id = SpiffeId {
            trust_domain: authority.world().trust_domain().to_owned(),
            region: "eu-central".parse().expect("a region"),
            kind,
        };
        let into = dir.join(name);
        authority.issue(&id, &[], 7, &into).expect("issued");
        Identity::load(&into, &authority.world()).expect("loads")
    }

    fn stage() -> Stage {
        platform_runtime::tls::install_ring();
        let dir = tempfile::tempdir().expect("a folder");
        let authority = Authority::create(&dir.path().join("ca")).expect("a world");
        let viewer = SpiffeKind::Operator {
            role: Role::Viewer,
            name: "vic".into(),
        };
        Stage {
            controller: identity(&authority, dir.path(), SpiffeKind::Controller("1".into()), "c"),
            reader: identity(&authority, dir.path(), viewer, "v"),
            world: authority.world(),
            dir,
        }
    }

    fn signed(stage: &Stage, by: &Identity, said: &Identity) -> SignedResidency {
        let report = pb::ResidencyReport {
            version: 1,
            world: stage.world.to_string(),
            controller: said.spiffe_id().to_string(),
            time_ms: Clock::system().unix_ms(),
            ..pb::ResidencyReport::default()
        };
        let bytes = report.encode_to_vec();
        let signature = by.sign(REPORT_PURPOSE, &bytes).expect("signs");
        SignedResidency { bytes, signature }
    }

    #[test]
    fn a_report_is_kept_and_proved_from_its_file() {
        let stage = stage();
        let signed = signed(&stage, &stage.controller, &stage.controller);
        let file = stage.dir.path().join("report.json");
        keep(&file, &stage.world, &signed).expect("kept");
        let read = kept(&file).expect("reads");
        assert_eq!(read, signed);
        let proved = proved(&stage.reader, &stage.world, &read).expect("good");
        assert_eq!(proved.signer, stage.controller.spiffe_id());
    }

    #[test]
    fn one_changed_byte_of_the_file_proves_nothing() {
        let stage = stage();
        let mut signed = signed(&stage, &stage.controller, &stage.controller);
        signed.bytes.extend([0x50, 9]); // field 10: the ledger's end
        let error = proved(&stage.reader, &stage.world, &signed).expect_err("changed");
        let text = crate::exit::text(&error, "");
        assert!(text.contains("the report proves nothing"), "{text}");
        assert_eq!(crate::exit::number(&Err(error)), 1);
    }

    #[test]
    fn nobody_but_the_controller_that_it_names_may_sign_it() {
        let stage = stage();
        let by_a_person = signed(&stage, &stage.reader, &stage.reader);
        let found = prove(&stage.reader, &stage.world, &by_a_person);
        assert!(matches!(found, Err(NotProved::NoController(_))), "{found:?}");
        let by_another = signed(&stage, &stage.controller, &stage.reader);
        let found = prove(&stage.reader, &stage.world, &by_another);
        assert!(
            matches!(found, Err(NotProved::OtherController { .. })),
            "{found:?}"
        );
    }

    #[test]
    fn a_file_of_something_else_is_told_so() {
        let stage = stage();
        let file = stage.dir.path().join("x.json");
        for text in ["", "{}", "{\"format\": \"x\"}", "not json"] {
            fs::write(&file, text).expect("written");
            let error = kept(&file).expect_err(text);
            assert!(
                crate::exit::text(&error, "").contains("hint: cellctl residency report --out"),
                "{text}"
            );
        }
    }
}
