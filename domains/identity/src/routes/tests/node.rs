//! A node as far as the routes need one: a shard for each home, keys, a directory in memory, real tokens; and faults.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use async_trait::async_trait;
use cell_layers::keys::UserKey;
use cell_sdk::{
    ClaimDigest, ClaimEntry, ClaimOutcome, Directory, Erased, ExportCursor, ExportPage, OpenUser,
    RelocationState, RootCtx, Services,
};
use cell_shard::Shard;
use parking_lot::Mutex;
use platform_model::{Code, HomeId, Jurisdiction, Problem, RegionId, RoutingTable, UserId, WorldId};
use platform_runtime::clock::Clock;
use platform_token::{Claims, SigningKey, Verifier};
use sha2::{Digest, Sha256};
use tokio::sync::oneshot;
use uuid::Uuid;

/// Where a node fails, once for each time that it is told to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Before the person's key is made.
    BeforeKey,
    /// After, but before anybody hears of it.
    AfterKey,
    /// Before the directory has the claim.
    BeforeClaim,
    /// After, but before anybody hears of it.
    AfterClaim,
    /// When the access token is to be signed.
    Sign,
    /// When an authority is asked who holds an address.
    Lookup,
}

/// A claim's row and whose directory it stands in.
type ClaimRows = HashMap<(Jurisdiction, ClaimDigest), ClaimEntry>;

pub struct Node {
    pub clock: Clock,
    pub world: WorldId,
    pub region: RegionId,
    pub table: Arc<RoutingTable>,
    pub shards: BTreeMap<HomeId, Shard>,
    pub signing: BTreeMap<HomeId, SigningKey>,
    pub verifier: Verifier,
    /// Survives a restart of the node.
    pub kept: Arc<Kept>,
    pub faults: Mutex<Vec<Fault>>,
    /// Stops the next claim on its way.
    pub hold: Mutex<Option<Hold>>,
}

/// A claim that has come to the directory and waits there.
pub struct Hold {
    pub arrived: oneshot::Sender<()>,
    pub go: oneshot::Receiver<()>,
}

/// What other shards hold.
#[derive(Default)]
pub struct Kept {
    pub keys: Mutex<HashMap<(HomeId, UserId), UserKey>>,
    pub claims: Mutex<ClaimRows>,
    /// Who asked to be erased; nothing is done to him here.
    pub erased: Mutex<Vec<UserId>>,
    /// Who asked to live elsewhere, and where; he stays here.
    pub moves: Mutex<Vec<(UserId, HomeId)>>,
}

impl Node {
    fn fail_at(&self, fault: Fault) -> Result<(), Problem> {
        let mut faults = self.faults.lock();
        match faults.iter().position(|planned| *planned == fault) {
            Some(at) => {
                faults.remove(at);
                Err(Code::Unavailable.into())
            }
            None => Ok(()),
        }
    }
}

#[async_trait]
impl Services for Node {
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
        Arc::clone(&self.table)
    }
    fn directory(&self) -> &dyn Directory {
        self
    }
    async fn open_user(&self, home: &HomeId, user: UserId) -> Result<OpenUser, Problem> {
        let shard = self.shards.get(home).ok_or(Code::Moved)?.clone();
        let key = self.kept.keys.lock().get(&(home.clone(), user)).cloned();
        Ok(OpenUser {
            shard,
            key: key.ok_or(Code::NotFound)?,
        })
    }
    async fn create_user_key(&self, home: &HomeId, user: UserId) -> Result<(), Problem> {
        self.fail_at(Fault::BeforeKey)?;
        self.kept
            .keys
            .lock()
            .entry((home.clone(), user))
            .or_insert_with(UserKey::generate);
        self.fail_at(Fault::AfterKey)
    }
    async fn sign_token(&self, claims: &Claims) -> Result<String, Problem> {
        self.fail_at(Fault::Sign)?;
        Ok(self.signing[&claims.home].sign(claims, &self.world))
    }
    fn verify_token(&self, token: &str) -> Result<Arc<Claims>, Problem> {
        let keys = |home: &HomeId, kid: &str| {
            let public = self.signing.get(home)?.public();
            (public.kid == kid).then_some(public.public)
        };
        let now_s = self.clock.unix_s();
        let verified = self.verifier.verify(token, now_s, keys, &self.world);
        verified.map_err(|error| error.code().into())
    }
    async fn erase(&self, _: &HomeId, user: UserId) -> Result<Erased, Problem> {
        self.kept.erased.lock().push(user);
        Ok(Erased { certificate: Some(7) })
    }
    async fn relocate(&self, _: &HomeId, user: UserId, to: &HomeId) -> Result<RelocationState, Problem> {
        self.kept.moves.lock().push((user, to.clone()));
        Ok(RelocationState {
            phase: "copying".to_owned(),
            other: Some(to.to_string()),
            ..RelocationState::default()
        })
    }
    /// Of this domain alone.
    async fn export(&self, root: &RootCtx, from: &ExportCursor) -> Result<ExportPage, Problem> {
        let page =
            crate::export::page(root, &super::bench_of_routes::settings(), from.after.as_deref()).await?;
        Ok(ExportPage {
            items: page.items,
            next: None,
        })
    }
    async fn check_session(&self, open: &OpenUser, claims: &Claims) -> Result<(), Problem> {
        crate::check_session(open, claims).await
    }
}

#[async_trait]
impl Directory for Node {
    fn digest(&self, kind: &str, value: &str) -> ClaimDigest {
        ClaimDigest(Sha256::digest(format!("the world's key {kind} {value}")).into())
    }
    async fn claim(
        &self,
        authority: &Jurisdiction,
        digest: ClaimDigest,
        entry: ClaimEntry,
    ) -> Result<ClaimOutcome, Problem> {
        let hold = self.hold.lock().take();
        if let Some(hold) = hold {
            hold.arrived.send(()).expect("the test waits for it");
            hold.go.await.expect("the test lets it go");
        }
        self.fail_at(Fault::BeforeClaim)?;
        let held = {
            let mut claims = self.kept.claims.lock();
            let row = claims
                .entry((authority.clone(), digest))
                .or_insert_with(|| entry.clone());
            row.claim_id == entry.claim_id
        };
        self.fail_at(Fault::AfterClaim)?;
        Ok(if held {
            ClaimOutcome::Held
        } else {
            ClaimOutcome::Taken
        })
    }
    async fn release(
        &self,
        authority: &Jurisdiction,
        digest: ClaimDigest,
        claim_id: Uuid,
        home: Option<&HomeId>,
    ) -> Result<(), Problem> {
        let mut claims = self.kept.claims.lock();
        claims.retain(|place, row| {
            let is_meant = home.is_none_or(|home| row.home == *home);
            (&place.0, place.1, row.claim_id) != (authority, digest, claim_id) || !is_meant
        });
        Ok(())
    }
    async fn lookup(
        &self,
        authority: &Jurisdiction,
        digest: ClaimDigest,
    ) -> Result<Option<ClaimEntry>, Problem> {
        self.fail_at(Fault::Lookup)?;
        Ok(self.kept.claims.lock().get(&(authority.clone(), digest)).cloned())
    }
}
