//! `Join`: the first certificate of a process, on a listener for callers without one. Who shows no good token is refused
//! here, noted, and never reaches Raft.
//!
//! Bounded in connections, in requests at once and in requests a second.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use control_plane_state::trust::TrustCommand;
use control_plane_state::trust::TrustRefusal;
use control_plane_state::trust::join_token::Joiner;
use control_plane_state::{Author, Command};
use parking_lot::Mutex;
use platform_model::KeyDigest;
use platform_runtime::TaskGroup;
use platform_runtime::serve::{self, Limits, PeerAddress};
use platform_runtime::tls::{Identity, Requested, join_server_config};
use platform_wire::join::JoinToken;
use platform_wire::pb::join_server::{Join, JoinServer};
use platform_wire::{FRAME_VERSION, Refusal, RefusalCode, frame, pb};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tonic::{Request, Response, Status};

use super::Parts;
use crate::{refuse, translate};

/// Requests at once.
const AT_ONCE_MAX: usize = 8;
/// Requests a second, over all callers, and how many may come in a burst.
const PER_SECOND: u64 = 10;
const BURST: u64 = 50;
/// Largest request, in bytes.
const REQUEST_BYTES_MAX: usize = 16 * 1_024;
/// How long a controller that lags waits to hear of a token that was made a moment ago.
const HEAR_WITHIN: Duration = Duration::from_secs(1);

struct Service {
    parts: Parts,
    room: Arc<Semaphore>,
    rate: Mutex<Rate>,
}

/// Serves until the group ends.
pub fn serve(listener: TcpListener, identity: &Identity, parts: &Parts, tasks: &TaskGroup) {
    let limits = Limits {
        connections: 64,
        h2_streams: 4,
        header_bytes: 16 * 1_024,
        idle: Duration::from_secs(10),
        ..Limits::default()
    };
    let config = join_server_config(identity);
    serve::serve_tls(listener, config, limits, routes(parts), tasks);
}

fn routes(parts: &Parts) -> Router {
    let service = Service {
        room: Arc::new(Semaphore::new(AT_ONCE_MAX)),
        rate: Mutex::new(Rate::full()),
        parts: parts.clone(),
    };
    let service = JoinServer::new(service).max_decoding_message_size(REQUEST_BYTES_MAX);
    tonic::service::Routes::new(service)
        .into_axum_router()
        .reset_fallback()
}

#[tonic::async_trait]
impl Join for Service {
    async fn join(
        &self,
        request: Request<pb::JoinRequest>,
    ) -> Result<Response<pb::CertificateReply>, Status> {
        let from = request
            .extensions()
            .get::<PeerAddress>()
            .map(|peer| peer.0.to_string());
        let _room = self.admit()?;
        let outcome = self.certify(request.get_ref()).await;
        outcome.map(Response::new).map_err(|refusal| {
            let who = from.unwrap_or_else(|| "a caller".to_owned());
            self.parts
                .security
                .refused("join-refused", refusal.code.as_str(), &who);
            tracing::warn!(%refusal, who, "may not join");
            refusal.into()
        })
    }
}

impl Service {
    fn admit(&self) -> Result<tokio::sync::OwnedSemaphorePermit, Refusal> {
        let now = self.parts.clock.monotonic();
        let room = Arc::clone(&self.room).try_acquire_owned().ok();
        let room = room.filter(|_| self.rate.lock().take(now));
        room.ok_or_else(|| {
            metrics::counter!("controld_join_overloaded_total").increment(1);
            Refusal::new(RefusalCode::Overloaded, "too many ask to join").hint("ask again in a moment")
        })
    }

    async fn certify(&self, wire: &pb::JoinRequest) -> Result<pb::CertificateReply, Refusal> {
        frame::check(wire.version, &wire.world, &self.parts.world).map_err(|status| {
            let unreadable = || Refusal::new(RefusalCode::Invalid, status.message());
            Refusal::from_status(&status).unwrap_or_else(unreadable)
        })?;
        let token: JoinToken = wire.token.parse().map_err(Refusal::invalid)?;
        let requested = Requested::read(&wire.request).map_err(Refusal::invalid)?;
        let joiner = translate::joiner(&token.id).ok_or_else(|| Refusal::invalid("nobody who joins"))?;
        if token.world != self.parts.world || requested.id != token.id.to_string() {
            let (token_for, asked) = (token.id.to_string(), requested.id);
            return Err(refuse::trust(&TrustRefusal::TokenForeign { token_for, asked }));
        }
        let digest = token.digest();
        self.check(&digest, &joiner, &requested.key).await?;
        let key = requested.key;
        self.bind(TrustCommand::BindJoinToken { digest, joiner, key })
            .await?;
        let now_ms = self.parts.clock.unix_ms();
        let certified = self.parts.issuing.certify(&requested, &token.id, now_ms)?;
        tracing::info!(id = %token.id, %key, "joins");
        Ok(pb::CertificateReply {
            version: FRAME_VERSION,
            chain: certified.chain_pem,
            root: certified.root_pem,
        })
    }

    /// What this controller's state refuses already does not reach Raft.
    async fn check(&self, digest: &KeyDigest, joiner: &Joiner, key: &KeyDigest) -> Result<(), Refusal> {
        let mut state = self.parts.raft.state();
        let heard = state.wait_for(|state| state.trust.join_tokens.contains_key(digest));
        // Time over is no failure here: the look below says what is so.
        let _ = tokio::time::timeout(HEAR_WITHIN, heard).await.map(drop);
        let state = Arc::clone(&self.parts.raft.state().borrow());
        let Some(known) = state.trust.join_tokens.get(digest) else {
            return Err(refuse::trust(&TrustRefusal::TokenUnknown { digest: *digest }));
        };
        let now_ms = self.parts.clock.unix_ms().max(state.time_ms);
        known
            .check(digest, joiner, key, now_ms)
            .map_err(|refusal| refuse::trust(&refusal))
    }

    async fn bind(&self, command: TrustCommand) -> Result<(), Refusal> {
        let id = self.parts.name.to_string();
        let proposer = &self.parts.proposer;
        let bound = proposer.propose(Author::Controller { id }, String::new(), Command::Trust(command));
        bound.await.map(drop)
    }
}

/// A bucket that fills by [`PER_SECOND`] up to [`BURST`], in thousandths of a request.
struct Rate {
    left: u64,
    at: Duration,
}

impl Rate {
    fn full() -> Self {
        Self {
            left: BURST * 1_000,
            at: Duration::ZERO,
        }
    }

    fn take(&mut self, now: Duration) -> bool {
        let passed_ms = u64::try_from(now.saturating_sub(self.at).as_millis()).unwrap_or(u64::MAX);
        let filled = passed_ms.saturating_mul(PER_SECOND);
        self.left = self.left.saturating_add(filled).min(BURST * 1_000);
        self.at = now.max(self.at);
        let taken = self.left >= 1_000;
        self.left -= if taken { 1_000 } else { 0 };
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_let_through_and_then_so_many_a_second() {
        let mut rate = Rate::full();
        let taken = |rate: &mut Rate, at: u64, times: u64| {
            (0..times)
                .filter(|_| rate.take(Duration::from_millis(at)))
                .count() as u64
        };
        assert_eq!(taken(&mut rate, 1_000, 1_000), BURST);
        assert_eq!(taken(&mut rate, 2_000, 1_000), PER_SECOND);
        assert_eq!(taken(&mut rate, 2_050, 1_000), 0);
        assert_eq!(taken(&mut rate, 60_000, 1_000), BURST);
    }
}
