//! What an operator says and reads about trust, at whichever controller takes it.

use platform_model::{
    BreakGlass, CountryCode, Generation, HomeId, InvalidId, KeyDigest, RegionId, RevokedIdentity, UserId,
};
use platform_runtime::clock::Clock;
use platform_runtime::tls::Identity;
use tonic::transport::Channel;
use tonic::{Response, Status};

use crate::admin::Accepted;
use crate::channel::InvalidAddress;
use crate::client_protocol::Speaks;
use crate::controllers::{COMMAND, CallError, Controllers, REPORT};
use crate::convert::read_window;
use crate::frame::FRAME_VERSION;
use crate::join::JoinToken;
use crate::pb;
use crate::pb::trust_client::TrustClient as Client;

/// Clone: a shared handle.
#[derive(Clone)]
pub struct TrustClient {
    controllers: Controllers,
}

/// All that the controllers have on record about trust.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrustRecords {
    pub regions: Vec<AttestedRegion>,
    pub join_tokens: Vec<TokenRecord>,
    pub revocations: Vec<RevocationRecord>,
    /// With their numbers.
    pub break_glass: Vec<(u64, BreakGlass)>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttestedRegion {
    pub region: RegionId,
    pub country: CountryCode,
    pub place: String,
    pub by: String,
    pub attested_ms: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenRecord {
    pub digest: KeyDigest,
    pub joiner: String,
    pub expires_ms: u64,
    pub by: String,
    /// When a key used it.
    pub used_ms: Option<u64>,
    pub revoked: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RevocationRecord {
    pub identity: RevokedIdentity,
    pub until_ms: u64,
    pub by: String,
    pub at_ms: u64,
}

/// A window that is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    pub home: HomeId,
    pub subject: UserId,
    pub purpose: String,
    pub until_ms: u64,
}

impl TrustClient {
    /// # Errors
    /// For an empty list, or an address that is none. Does no I/O.
    pub fn connect(
        controllers: Vec<String>,
        identity: Identity,
        clock: Clock,
    ) -> Result<Self, InvalidAddress> {
        Ok(Self {
            controllers: Controllers::new(controllers, identity, clock)?,
        })
    }

    /// # Errors
    /// When no controller answers.
    pub async fn read(&self) -> Result<TrustRecords, CallError> {
        let request = pb::ReadTrustRequest {
            version: FRAME_VERSION,
            world: self.world(),
            local: false,
        };
        let send = |channel| {
            let request = request.clone();
            async move {
                Client::with_interceptor(channel, Speaks)
                    .read_trust(request)
                    .await
            }
        };
        let reply = self.controllers.call(REPORT, send).await?;
        let address = reply.controller.clone();
        records(reply).map_err(|e| CallError::InvalidAnswer {
            address,
            cause: e.to_string(),
        })
    }

    /// Says where a region stands.
    ///
    /// # Errors
    /// `not-authorised` for anyone but a compliance person.
    pub async fn attest_region(
        &self,
        region: &RegionId,
        country: CountryCode,
        place: &str,
        reason: &str,
    ) -> Result<Accepted, CallError> {
        let request = pb::AttestRegionRequest {
            version: FRAME_VERSION,
            world: self.world(),
            region: region.to_string(),
            country: country.to_string(),
            place: place.to_owned(),
            reason: reason.to_owned(),
        };
        self.command(request, async |channel, request| {
            Client::with_interceptor(channel, Speaks)
                .attest_region(request)
                .await
        })
        .await
    }

    /// Makes a token known, by its digest.
    ///
    /// # Errors
    /// `trust` while nobody attested the region; `unknown-record` for a cell that is not there.
    pub async fn create_join_token(&self, token: &JoinToken, reason: &str) -> Result<Accepted, CallError> {
        let request = pb::CreateJoinTokenRequest {
            version: FRAME_VERSION,
            world: self.world(),
            digest: token.digest().0.to_vec(),
            joiner: token.joiner(),
            expires_ms: token.expires_ms,
            reason: reason.to_owned(),
        };
        self.command(request, async |channel, request| {
            Client::with_interceptor(channel, Speaks)
                .create_join_token(request)
                .await
        })
        .await
    }

    /// # Errors
    /// `unknown-record` if there is no such token.
    pub async fn revoke_join_token(&self, digest: &KeyDigest, reason: &str) -> Result<Accepted, CallError> {
        let request = pb::RevokeJoinTokenRequest {
            version: FRAME_VERSION,
            world: self.world(),
            digest: digest.0.to_vec(),
            reason: reason.to_owned(),
        };
        self.command(request, async |channel, request| {
            Client::with_interceptor(channel, Speaks)
                .revoke_join_token(request)
                .await
        })
        .await
    }

    /// Nobody believes this identity any more, until then.
    ///
    /// # Errors
    /// `trust` for an identity that is none of this world's, or the caller's own.
    pub async fn revoke_identity(
        &self,
        identity: &RevokedIdentity,
        until_ms: u64,
        reason: &str,
    ) -> Result<Accepted, CallError> {
        let revocation = pb::Revocation {
            identity: identity.to_string(),
            until_ms,
        };
        let request = pb::RevokeIdentityRequest {
            version: FRAME_VERSION,
            world: self.world(),
            revocation: Some(revocation),
            reason: reason.to_owned(),
        };
        self.command(request, async |channel, request| {
            Client::with_interceptor(channel, Speaks)
                .revoke_identity(request)
                .await
        })
        .await
    }

    /// Takes a revocation back.
    ///
    /// # Errors
    /// `unknown-record` if it is not revoked.
    pub async fn restore_identity(
        &self,
        identity: &RevokedIdentity,
        reason: &str,
    ) -> Result<Accepted, CallError> {
        let request = pb::RestoreIdentityRequest {
            version: FRAME_VERSION,
            world: self.world(),
            identity: identity.to_string(),
            reason: reason.to_owned(),
        };
        self.command(request, async |channel, request| {
            Client::with_interceptor(channel, Speaks)
                .restore_identity(request)
                .await
        })
        .await
    }

    /// Opens a window for the caller himself.
    ///
    /// # Errors
    /// `trust` for an end that is past or too far.
    pub async fn open_break_glass(&self, window: &Window, reason: &str) -> Result<Accepted, CallError> {
        let request = pb::OpenBreakGlassRequest {
            version: FRAME_VERSION,
            world: self.world(),
            home: window.home.to_string(),
            subject: window.subject.to_string(),
            purpose: window.purpose.clone(),
            until_ms: window.until_ms,
            reason: reason.to_owned(),
        };
        self.command(request, async |channel, request| {
            Client::with_interceptor(channel, Speaks)
                .open_break_glass(request)
                .await
        })
        .await
    }

    /// # Errors
    /// `unknown-record` for a window that is closed or never was.
    pub async fn close_break_glass(&self, number: u64, reason: &str) -> Result<Accepted, CallError> {
        let request = pb::CloseBreakGlassRequest {
            version: FRAME_VERSION,
            world: self.world(),
            number,
            reason: reason.to_owned(),
        };
        self.command(request, async |channel, request| {
            Client::with_interceptor(channel, Speaks)
                .close_break_glass(request)
                .await
        })
        .await
    }

    async fn command<R, F>(&self, request: R, send: F) -> Result<Accepted, CallError>
    where
        R: Clone,
        F: AsyncFn(Channel, R) -> Result<Response<pb::CommandReply>, Status>,
    {
        let call = |channel| send(channel, request.clone());
        let reply = self.controllers.call(COMMAND, call).await?;
        Ok(Accepted {
            sequence: reply.sequence,
            generation: Generation(reply.generation),
        })
    }

    fn world(&self) -> String {
        self.controllers.world().to_string()
    }
}

fn records(reply: pb::TrustReply) -> Result<TrustRecords, InvalidId> {
    let windows = reply.break_glass.into_iter();
    Ok(TrustRecords {
        regions: reply.regions.into_iter().map(region).collect::<Result<_, _>>()?,
        join_tokens: reply
            .join_tokens
            .into_iter()
            .map(token)
            .collect::<Result<_, _>>()?,
        revocations: reply
            .revocations
            .into_iter()
            .map(revocation)
            .collect::<Result<_, _>>()?,
        break_glass: windows.map(read_window).collect::<Result<_, _>>()?,
    })
}

fn region(wire: pb::AttestedRegion) -> Result<AttestedRegion, InvalidId> {
    Ok(AttestedRegion {
        region: wire.region.parse()?,
        country: wire.country.parse()?,
        place: wire.place,
        by: wire.by,
        attested_ms: wire.attested_ms,
    })
}

fn token(wire: pb::JoinToken) -> Result<TokenRecord, InvalidId> {
    Ok(TokenRecord {
        digest: read_digest(&wire.digest)?,
        joiner: wire.joiner,
        expires_ms: wire.expires_ms,
        by: wire.by,
        used_ms: (!wire.bound_key.is_empty()).then_some(wire.bound_ms),
        revoked: wire.revoked,
    })
}

fn revocation(wire: pb::RevocationRecord) -> Result<RevocationRecord, InvalidId> {
    let told = wire.revocation.unwrap_or_default();
    Ok(RevocationRecord {
        identity: told.identity.parse()?,
        until_ms: told.until_ms,
        by: wire.by,
        at_ms: wire.at_ms,
    })
}

/// A digest from the wire.
///
/// # Errors
/// For anything but 32 bytes.
pub fn read_digest(bytes: &[u8]) -> Result<KeyDigest, InvalidId> {
    match bytes.try_into() {
        Ok(bytes) => Ok(KeyDigest(bytes)),
        // In words of the text form, which this cannot have either.
        Err(_) => format!("{} bytes", bytes.len()).parse(),
    }
}
