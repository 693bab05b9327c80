//! What a node lends its domains.

use std::sync::Arc;

use async_trait::async_trait;
use cell_layers::keys::UserKey;
use cell_shard::Shard;
use platform_model::{Code, HomeId, Problem, RegionId, RoutingTable, UserId, WorldId};
use platform_runtime::clock::Clock;
use platform_token::Claims;

use crate::context::RootCtx;
use crate::directory::Directory;
use crate::export::{ExportCursor, ExportPage};

/// The state of every domain's routes.
pub type Lent = Arc<dyn Services>;

/// A person's shard, served here, with the person's key opened.
#[derive(Clone)]
pub struct OpenUser {
    pub shard: Shard,
    pub key: UserKey,
}

/// How a person's relocation stands.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RelocationState {
    /// `at-home`, `copying`, `fenced`, `erasing`, `gone`.
    pub phase: String,
    /// Where to, or where he came from.
    pub other: Option<String>,
    pub since_ms: u64,
    /// How the last one ended; empty while one is under way.
    pub outcome: String,
}

/// A person was erased.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Erased {
    /// Number of the decision in the ledger; none: it was on record already.
    pub certificate: Option<u64>,
}

/// Implemented by the node. Errors are problems that an app may see as they are.
#[async_trait]
pub trait Services: Send + Sync + 'static {
    fn clock(&self) -> &Clock;
    fn world(&self) -> &WorldId;
    /// Where this node stands.
    fn region(&self) -> &RegionId;
    fn table(&self) -> Arc<RoutingTable>;
    fn directory(&self) -> &dyn Directory;

    /// The shard of a person of `home`, and the person's key.
    ///
    /// # Errors
    /// `moved` when the shard is served elsewhere, `not-found` when the person has no key.
    async fn open_user(&self, home: &HomeId, user: UserId) -> Result<OpenUser, Problem>;

    /// As [`Services::open_user`], of one whose token is of the home where he lived before he came to `home`.
    ///
    /// # Errors
    /// `invalid-token` when he did not come from there; as [`Services::open_user`].
    async fn open_arrived(&self, home: &HomeId, from: &HomeId, user: UserId) -> Result<OpenUser, Problem> {
        let _ = (home, from, user);
        Err(Code::InvalidToken.into())
    }

    /// A person asks to live in another home, and consents to it. Asked again for the same home it changes nothing.
    ///
    /// # Errors
    /// `law-forbids` with the rule, `unknown-home`, `conflict` when he moves elsewhere already.
    async fn relocate(&self, home: &HomeId, user: UserId, to: &HomeId) -> Result<RelocationState, Problem> {
        let _ = (home, user, to);
        Err(Code::Unavailable.into())
    }

    /// How his relocation stands, or how the last one ended.
    async fn relocation(&self, home: &HomeId, user: UserId) -> Result<RelocationState, Problem> {
        let _ = (home, user);
        Err(Code::Unavailable.into())
    }

    /// He wants it no more: possible up to the commit in the directory.
    ///
    /// # Errors
    /// `conflict` when none is under way, or it is past that.
    async fn withdraw_relocation(&self, home: &HomeId, user: UserId) -> Result<RelocationState, Problem> {
        let _ = (home, user);
        Err(Code::Unavailable.into())
    }

    /// A page of everything that all domains hold of a person.
    ///
    /// # Errors
    /// `invalid-cursor`; as [`RootCtx::read`].
    async fn export(&self, root: &RootCtx, from: &ExportCursor) -> Result<ExportPage, Problem> {
        let _ = (root, from);
        Err(Code::Unavailable.into())
    }

    /// Erases a person who asked for it himself: addresses, key, rows, for ever. Idempotent; what broke off is taken to its end.
    ///
    /// # Errors
    /// `conflict` when he moves at this moment; `unavailable`: it may have begun.
    async fn erase(&self, home: &HomeId, user: UserId) -> Result<Erased, Problem> {
        let _ = (home, user);
        Err(Code::Unavailable.into())
    }

    /// Makes the person's key in the home's key shard, durably; one that exists stays as it is.
    async fn create_user_key(&self, home: &HomeId, user: UserId) -> Result<(), Problem>;

    /// Signs an access token under the home's key.
    async fn sign_token(&self, claims: &Claims) -> Result<String, Problem>;

    /// Checks signature, world, home and time of an access token; not whether its session still lives.
    fn verify_token(&self, token: &str) -> Result<Arc<Claims>, Problem>;

    /// Whether the session that a token names still lives, as the person's own rows say.
    ///
    /// # Errors
    /// `revoked-token` when it was ended.
    async fn check_session(&self, open: &OpenUser, claims: &Claims) -> Result<(), Problem>;
}
