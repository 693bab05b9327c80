//! What the node lends its domains: its clock, its copy of the table, people's shards and keys, tokens, the directory.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use cell_sdk::{
    Directory, Domain, Erased, ExportCursor, ExportPage, OpenUser, RelocationState, RootCtx, Services,
};
use cell_shard::{KeyRange, Mode, Request, Scope, Shard, Tx, TxError};
use platform_model::{
    Actor, Code, HomeId, Problem, RegionId, RequestId, RootRef, RoutingTable, UserId, WorldId,
};
use platform_runtime::clock::Clock;
use platform_runtime::random;
use platform_token::{Claims as TokenClaims, TokenError, Verifier};
use platform_wire::follow::Followed;

use crate::custody::LentCustody;
use crate::directory::Claims;
use crate::export;
use crate::home_keys::HomeKeys;
use crate::hosted::Hosted;
use crate::problems::{home_moved, not_here, unavailable};
use crate::relocation::{LentRelocations, Relocations, came_from, gone};

const DEADLINE: Duration = Duration::from_secs(3);

/// One for the process.
pub struct NodeServices {
    pub clock: Clock,
    pub world: WorldId,
    pub region: RegionId,
    pub followed: Followed,
    pub hosted: Hosted,
    pub keys: HomeKeys,
    pub claims: Claims,
    pub verifier: Verifier,
    pub domains: Arc<Vec<Box<dyn Domain>>>,
    /// Set once the node's parts are put together.
    pub relocations: OnceLock<LentRelocations>,
    /// The same.
    pub custody: OnceLock<LentCustody>,
}

impl NodeServices {
    fn relocations(&self) -> Result<Relocations, Problem> {
        self.relocations
            .get()
            .and_then(LentRelocations::get)
            .ok_or_else(|| unavailable("the node is starting"))
    }
}

#[async_trait]
impl Services for NodeServices {
    fn clock(&self) -> &Clock {
        &self.clock
    }

    fn world(&self) -> &WorldId {
        &self.world
    }

    fn region(&self) -> &RegionId {
        &self.region
    }

    fn table(&self) -> Arc<RoutingTable> {
        self.followed.current()
    }

    fn directory(&self) -> &dyn Directory {
        &self.claims
    }

    async fn open_user(&self, home: &HomeId, user: UserId) -> Result<OpenUser, Problem> {
        let table = self.followed.current();
        let id = table.shard_of_user(home, user).ok_or(Code::UnknownHome)?;
        let shard = self
            .hosted
            .get(&id)
            .ok_or_else(|| not_here(&table, &self.hosted, &id))?;
        match self.keys.open(&self.followed, home, user).await {
            Ok(key) => Ok(OpenUser { shard, key }),
            // The key of one who has moved is destroyed: he is told of his home, as long as this shard knows it.
            Err(problem) if problem.code == Code::NotFound => Err(match gone(&shard, user).await? {
                Some((home, user_epoch)) => home_moved(&home, user_epoch),
                None => problem,
            }),
            Err(problem) => Err(problem),
        }
    }

    async fn open_arrived(&self, home: &HomeId, from: &HomeId, user: UserId) -> Result<OpenUser, Problem> {
        let open = match self.open_user(home, user).await {
            // Nobody of that id is here: it has come to the wrong shard.
            Err(problem) if problem.code == Code::NotFound => return self.open_user(from, user).await,
            other => other?,
        };
        if came_from(&open.shard, user).await?.as_ref() == Some(from) {
            Ok(open)
        } else {
            Err(Code::InvalidToken.into())
        }
    }

    async fn relocate(&self, home: &HomeId, user: UserId, to: &HomeId) -> Result<RelocationState, Problem> {
        self.relocations()?.ask(home, user, to).await
    }

    async fn relocation(&self, home: &HomeId, user: UserId) -> Result<RelocationState, Problem> {
        self.relocations()?.state(home, user).await
    }

    async fn withdraw_relocation(&self, home: &HomeId, user: UserId) -> Result<RelocationState, Problem> {
        self.relocations()?.withdraw(home, user).await
    }

    async fn erase(&self, home: &HomeId, user: UserId) -> Result<Erased, Problem> {
        let custody = self.custody.get().and_then(LentCustody::get);
        let custody = custody.ok_or_else(|| unavailable("the node is starting"))?;
        custody.erase_himself(home, user).await
    }

    async fn export(&self, root: &RootCtx, from: &ExportCursor) -> Result<ExportPage, Problem> {
        export::page(&self.domains, root, from).await
    }

    async fn create_user_key(&self, home: &HomeId, user: UserId) -> Result<(), Problem> {
        let table = self.followed.current();
        let id = table.shard_of_user(home, user).ok_or(Code::UnknownHome)?;
        let shard = self.hosted.get(&id);
        let shard = shard.ok_or_else(|| not_here(&table, &self.hosted, &id))?;
        if is_empty(&shard, user).await? {
            return self.keys.create(&self.followed, home, user).await;
        }
        // Whose key is gone - destroyed, or lost with a key shard that was restored - gets no other: nothing that lies there
        // would ever open under it.
        self.keys.open(&self.followed, home, user).await.map(drop)
    }

    async fn sign_token(&self, claims: &TokenClaims) -> Result<String, Problem> {
        let key = self.keys.signing(&self.followed.current(), &claims.home)?;
        Ok(key.sign(claims, &self.world))
    }

    fn verify_token(&self, token: &str) -> Result<Arc<TokenClaims>, Problem> {
        let table = self.followed.current();
        let public = |home: &HomeId, kid: &str| {
            let known = table.homes.get(home)?;
            known
                .token_keys
                .iter()
                .find(|key| key.kid == kid)
                .map(|key| key.public)
        };
        self.verifier
            .verify(token, self.clock.unix_s(), public, &self.world)
            .map_err(|error| match error {
                TokenError::Expired => Code::ExpiredToken.into(),
                _ => Code::InvalidToken.into(),
            })
    }

    async fn check_session(&self, open: &OpenUser, claims: &TokenClaims) -> Result<(), Problem> {
        domains_identity::check_session(open, claims).await
    }
}

/// Whether nothing lies in the person's root.
async fn is_empty(shard: &Shard, user: UserId) -> Result<bool, Problem> {
    let request = Request {
        actor: Actor::Service("keys".to_owned()),
        domain: "keys",
        request_id: RequestId::from_uuid(random::uuid_v7()),
        mode: Mode::Async,
        scope: Scope::Root(RootRef::user(user)),
        not_older_than: None,
        deadline: DEADLINE,
    };
    let look = |tx: Tx| async move {
        let everything = KeyRange::new(Bytes::new(), Bytes::from_static(&[u8::MAX]));
        Ok::<_, TxError>(tx.scan(everything, 1, false).await?.rows.is_empty())
    };
    let looked = shard.read(&request, look).await;
    Ok(looked.map_err(|error| unavailable(&error.to_string()))?.value)
}
