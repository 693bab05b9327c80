//! Keeps the certificate of a process good: from a third of its life on, a new one over a new key is asked for, written
//! and taken into use, without a restart. The old one serves until then, and while no controller answers.

use std::sync::Arc;
use std::time::Duration;

use platform_runtime::TaskGroup;
use platform_runtime::clock::Clock;
use platform_runtime::tls::{Certified, Identity, Issuer, KeyRequest, Requested, TlsError, install};

use crate::channel::InvalidAddress;
use crate::controllers::{CallError, Controllers, REPORT};
use crate::frame::FRAME_VERSION;
use crate::pb;
use crate::pb::trust_client::TrustClient as Client;

/// Longest sleep before the certificate is looked at again: files and clocks change under a process.
const LOOK_EVERY: Duration = Duration::from_secs(60);
/// Shortest pause between two attempts.
const PAUSE_MIN: Duration = Duration::from_millis(500);
/// A renewal is tried about so often in what is left of a certificate's life.
const TRIES: u32 = 100;

/// Why there is no new certificate. The old one is still in use.
#[derive(Debug, thiserror::Error)]
pub enum RenewError {
    #[error(transparent)]
    Call(#[from] CallError),
    #[error(transparent)]
    Tls(#[from] TlsError),
}

/// Renews the certificate of `identity` until the group ends.
///
/// # Errors
/// For a list of controllers that cannot be used.
pub fn keep(
    identity: &Identity,
    controllers: Vec<String>,
    clock: &Clock,
    tasks: &TaskGroup,
) -> Result<(), InvalidAddress> {
    let controllers = Controllers::new(controllers, identity.clone(), clock.clone())?;
    spawn(identity, Source::Controllers(controllers), clock, tasks);
    Ok(())
}

/// As [`keep`], for a controller, which certifies itself.
pub fn keep_own(identity: &Identity, issuer: Arc<Issuer>, life: Duration, clock: &Clock, tasks: &TaskGroup) {
    spawn(identity, Source::Own(issuer, life), clock, tasks);
}

/// Who certifies.
enum Source {
    Controllers(Controllers),
    Own(Arc<Issuer>, Duration),
}

fn spawn(identity: &Identity, source: Source, clock: &Clock, tasks: &TaskGroup) {
    let (identity, clock, token) = (identity.clone(), clock.clone(), tasks.token());
    tasks.spawn("identity-renew", async move {
        let renewing = async {
            loop {
                clock.sleep(pause(&identity, &clock)).await;
                if !is_due(identity.good_s(), clock.unix_s()) {
                    continue;
                }
                match renew(&identity, &source).await {
                    Ok(()) => tracing::info!(id = %identity.spiffe_id(), "the certificate is renewed"),
                    Err(error) => note(&error),
                }
            }
        };
        token.run_until_cancelled(renewing).await;
    });
}

/// Whether a third of a certificate's life is over.
pub fn is_due((from_s, to_s): (u64, u64), now_s: u64) -> bool {
    now_s >= from_s.saturating_add(to_s.saturating_sub(from_s) / 3)
}

/// Until it is due; once it is, a small part of what is left, with jitter, so that a world does not renew at once.
fn pause(identity: &Identity, clock: &Clock) -> Duration {
    let (from_s, to_s) = identity.good_s();
    let (now_s, due_s) = (
        clock.unix_s(),
        from_s.saturating_add(to_s.saturating_sub(from_s) / 3),
    );
    if now_s < due_s {
        return Duration::from_secs(due_s - now_s).min(LOOK_EVERY);
    }
    let share = Duration::from_secs(to_s.saturating_sub(now_s)) / TRIES;
    let bound = share.clamp(PAUSE_MIN, LOOK_EVERY);
    let bound_ms = u64::try_from(bound.as_millis()).unwrap_or(u64::MAX);
    Duration::from_millis(bound_ms / 2 + platform_runtime::random::u64() % (bound_ms / 2 + 1))
}

async fn renew(identity: &Identity, source: &Source) -> Result<(), RenewError> {
    let id = identity.spiffe_id();
    let made = KeyRequest::new(&id)?;
    let certified = match source {
        Source::Controllers(controllers) => ask(controllers, made.request).await?,
        Source::Own(issuer, life) => {
            let requested = Requested::read(&made.request).map_err(|e| TlsError::Issue(e.to_string()))?;
            issuer.certify(&requested, &id, *life)?
        }
    };
    install(identity.dir(), &made.key_pem, &certified)?;
    identity.reload()?;
    Ok(())
}

async fn ask(controllers: &Controllers, request: Vec<u8>) -> Result<Certified, CallError> {
    let request = pb::RenewRequest {
        version: FRAME_VERSION,
        world: controllers.world().to_string(),
        request,
    };
    let send = |channel| {
        let request = request.clone();
        async move { Client::new(channel).renew(request).await }
    };
    let reply = controllers.call(REPORT, send).await?;
    Ok(Certified {
        chain_pem: reply.chain,
        root_pem: reply.root,
    })
}

fn note(error: &RenewError) {
    metrics::counter!("tls_renewal_failures_total").increment(1);
    tracing::warn!(
        error = error as &dyn std::error::Error,
        "the certificate is not renewed yet"
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_third_of_a_life_is_when_it_is_due() {
        assert!(!is_due((1_000, 4_000), 1_999));
        assert!(is_due((1_000, 4_000), 2_000));
        assert!(is_due((0, 0), 1), "one that cannot be read");
    }
}
