//! What an operator asks about the law.

use platform_model::Generation;
use platform_model::matrix::LawVersion;
use platform_runtime::tls::Signed;

use super::{Accepted, AdminClient, client};
use crate::controllers::{CallError, REPORT};
use crate::frame::FRAME_VERSION;
use crate::law::{InvalidLaw, LawView, SignedResidency};
use crate::pb;

impl AdminClient {
    /// Puts a law up for approval by somebody else. `expected` is the generation of [`LawView`] that the author has
    /// seen; `matrix` what his own tool compiled from `text`.
    ///
    /// # Errors
    /// `law` with what is wrong with it; `generation-mismatch` if another was proposed since.
    pub async fn propose_law(
        &self,
        text: &str,
        matrix: &[u8],
        expected: Generation,
        reason: &str,
    ) -> Result<Accepted, CallError> {
        let request = pb::ProposeLawRequest {
            version: FRAME_VERSION,
            world: self.world(),
            text: text.to_owned(),
            matrix: matrix.to_vec(),
            expected: expected.0,
            reason: reason.to_owned(),
        };
        self.command(request, async |channel, request| {
            client(channel).propose_law(request).await
        })
        .await
    }

    /// Approves what is proposed: `digest` is of the matrix that the approver's own tool compiled, `signature` over
    /// [`approval_statement`](crate::law::approval_statement).
    ///
    /// # Errors
    /// `law` when it is not proposed, by the same person, or of another digest; `not-authorised` for a signature that
    /// is not the caller's.
    pub async fn approve_law(
        &self,
        version: LawVersion,
        digest: [u8; 32],
        signature: Signed,
        reason: &str,
    ) -> Result<Accepted, CallError> {
        let request = pb::ApproveLawRequest {
            version: FRAME_VERSION,
            world: self.world(),
            law_version: version.0,
            digest: digest.to_vec(),
            signature: Some(signature.into()),
            reason: reason.to_owned(),
        };
        self.command(request, async |channel, request| {
            client(channel).approve_law(request).await
        })
        .await
    }

    /// Takes back a law that does not hold yet.
    ///
    /// # Errors
    /// `law` when there is none such.
    pub async fn withdraw_law(&self, version: LawVersion, reason: &str) -> Result<Accepted, CallError> {
        let request = pb::WithdrawLawRequest {
            version: FRAME_VERSION,
            world: self.world(),
            law_version: version.0,
            reason: reason.to_owned(),
        };
        self.command(request, async |channel, request| {
            client(channel).withdraw_law(request).await
        })
        .await
    }

    /// How old a table may be under which something new is kept or crosses.
    ///
    /// # Errors
    /// `invalid` for less than a second and more than a day.
    pub async fn set_matrix_age_max(
        &self,
        matrix_age_max_ms: u64,
        reason: &str,
    ) -> Result<Accepted, CallError> {
        let request = pb::SetMatrixAgeMaxRequest {
            version: FRAME_VERSION,
            world: self.world(),
            matrix_age_max_ms,
            reason: reason.to_owned(),
        };
        let send = async |channel, request| client(channel).set_matrix_age_max(request).await;
        self.command(request, send).await
    }

    /// The law as the controllers know it.
    ///
    /// # Errors
    /// When no controller answers, or not understandably.
    pub async fn law(&self) -> Result<LawView, CallError> {
        let request = pb::ReadLawRequest {
            version: FRAME_VERSION,
            world: self.world(),
        };
        let send = |channel| {
            let request = request.clone();
            async move { client(channel).read_law(request).await }
        };
        let reply = self.controllers.call(REPORT, send).await?;
        reply.try_into().map_err(|error| self.unreadable(&error))
    }

    /// Where every copy is, as the leader hears it from the nodes.
    ///
    /// # Errors
    /// When no leader answers.
    pub async fn residency(&self) -> Result<SignedResidency, CallError> {
        let request = pb::ResidencyRequest {
            version: FRAME_VERSION,
            world: self.world(),
        };
        let send = |channel| {
            let request = request.clone();
            async move { client(channel).residency(request).await }
        };
        let reply = self.controllers.call(REPORT, send).await?;
        reply.try_into().map_err(|error| self.unreadable(&error))
    }

    fn unreadable(&self, error: &InvalidLaw) -> CallError {
        CallError::InvalidAnswer {
            address: "a controller".to_owned(),
            cause: error.to_string(),
        }
    }
}
