//! The controller's own authority in use: certificates for those who join, for those who renew, and for this controller
//! itself. A controller without one issues nothing and says so.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use platform_model::WorldId;
use platform_runtime::clock::Clock;
use platform_runtime::tls::{Certified, Identity, Issuer, Requested, SpiffeId, SpiffeKind, TlsError};
use platform_runtime::{TaskGroup, tls};
use platform_wire::{Refusal, RefusalCode, renew};

use crate::config::Trust;

/// Clone: a shared handle.
#[derive(Clone)]
pub struct Issuing {
    issuer: Option<Arc<Issuer>>,
    /// Of each certificate that it issues.
    life: Duration,
    identity: Identity,
}

/// Why the controller does not start.
#[derive(Debug, thiserror::Error)]
pub enum IssuingError {
    #[error(transparent)]
    Tls(#[from] TlsError),
    #[error("the authority in `trust.issuer_dir` is of controller {found}, this is {own}")]
    OtherController { found: String, own: SpiffeId },
}

impl Issuing {
    /// Reads the authority, if the settings name one.
    ///
    /// # Errors
    /// For files that cannot be used, or another controller's.
    pub fn open(trust: &Trust, world: &WorldId, identity: &Identity) -> Result<Self, IssuingError> {
        let life = trust.outage_max.0.saturating_mul(2);
        let is_named = !trust.issuer_dir.as_os_str().is_empty();
        let issuer = is_named
            .then(|| open(&trust.issuer_dir, world, identity))
            .transpose()?;
        Ok(Self {
            issuer,
            life,
            identity: identity.clone(),
        })
    }

    /// Renews this controller's own certificate, if it has an authority.
    pub fn keep_own(&self, clock: &Clock, tasks: &TaskGroup) {
        if let Some(issuer) = &self.issuer {
            renew::keep_own(&self.identity, Arc::clone(issuer), self.life, clock, tasks);
        }
    }

    /// A certificate for `id` over the key of a request, which asks for that very id.
    ///
    /// # Errors
    /// `unavailable` at a controller without an authority; `not-authorised` for an id that it may not vouch for, or
    /// that is revoked.
    pub fn certify(&self, requested: &Requested, id: &SpiffeId, now_ms: u64) -> Result<Certified, Refusal> {
        let issuer = self.issuer.as_ref().ok_or_else(nothing)?;
        let credentials = tls::Credentials::named(id.to_string(), requested.key);
        let revoked = self.identity.revocations().check(&credentials, now_ms);
        revoked.map_err(|refused| {
            Refusal::new(RefusalCode::NotAuthorised, refused.to_string())
                .hint("cellctl identity list   shows who is revoked, and until when")
        })?;
        issuer
            .certify(requested, id, self.life)
            .map_err(|error| match error {
                TlsError::BeyondIssuer { .. } => Refusal::new(RefusalCode::NotAuthorised, error.to_string()),
                error => Refusal::new(RefusalCode::Internal, error.to_string()),
            })
    }
}

fn open(dir: &Path, world: &WorldId, identity: &Identity) -> Result<Arc<Issuer>, IssuingError> {
    let issuer = Issuer::open(dir, world)?;
    let own = identity.spiffe_id();
    if own.kind == SpiffeKind::Controller(issuer.name().to_owned()) {
        return Ok(Arc::new(issuer));
    }
    let found = issuer.name().to_owned();
    Err(IssuingError::OtherController { found, own })
}

fn nothing() -> Refusal {
    Refusal::new(
        RefusalCode::Unavailable,
        "this controller has no authority to issue with",
    )
    .hint("ask another controller, or set its `trust.issuer_dir`")
}
