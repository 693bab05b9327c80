//! Who approved a law: not what the controllers say, but whose signature stands under its digest.

use platform_model::WorldId;
use platform_runtime::tls::{BadSignature, Identity, SpiffeId};
use platform_wire::law::{APPROVAL_PURPOSE, Approved, LawRecord, approval_statement};

/// What is wrong with an approval.
#[derive(Debug, thiserror::Error)]
pub enum NotProved {
    #[error("its signature is none")]
    Signature(#[from] BadSignature),
    #[error("the controllers say that {said} approved it; it is signed by {signer}")]
    OtherPerson { said: String, signer: SpiffeId },
    #[error("{0} is author and approver")]
    SamePerson(String),
}

/// The approver, proved by his signature; as of the moment of the approval, since certificates end.
///
/// # Errors
/// [`NotProved`].
pub fn approver(
    identity: &Identity,
    world: &WorldId,
    law: &LawRecord,
    approved: &Approved,
) -> Result<SpiffeId, NotProved> {
    let statement = approval_statement(world, law.version, &law.digest);
    let at_s = approved.approved_ms / 1_000;
    let signer = identity.signer(APPROVAL_PURPOSE, &statement, &approved.signature, at_s)?;
    if signer.to_string() != approved.approver {
        let said = approved.approver.clone();
        return Err(NotProved::OtherPerson { said, signer });
    }
    if law.author == approved.approver {
        return Err(NotProved::SamePerson(law.author.clone()));
    }
    Ok(signer)
}
