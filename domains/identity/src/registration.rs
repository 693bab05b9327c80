//! A registration, step by step. Each step is safe to repeat, under ids that follow from the idempotency key:
//! 1. the person's key, in the home's key shard;
//! 2. the claim as pending, in the person's root;
//! 3. the claim at the directory of the jurisdiction;
//! 4. in one transaction of the root: claim active, account, credential, profile, first session and the outcome of
//!    the command; or, where another holds the address, claim dropped and the refusal as the outcome.
//!
//! A retry goes on where the try before it stopped. Once the outcome is there it is looked up by the key, and holds ids
//! only: the retry proves the password as a log-in does (so a key that leaked opens nothing, and guesses are counted)
//! and gets the first session while nobody has used it, else a new one. It never ends without a session. The digest that
//! tells a retry from another command leaves the password out: a fast digest of a password is stored nowhere.

use cell_layers::RootTx;
use cell_sdk::{
    AnonymousCtx, Answer, ClaimEntry, ClaimOutcome, Command, DomainError, Mode, Outcome, RootCtx,
};
use platform_model::{Code, CountryCode, HomeId, IdempotencyKey, Problem, UserId};
use platform_runtime::random;
use uuid::Uuid;

use crate::domain::Identity;
use crate::input::{Address, DisplayName, Password};
use crate::sign_in::sign_in;
use crate::storage::DOMAIN;
use crate::storage::registration::{self, EMAIL, NewClaim, NewPerson, Registered};
use crate::stored::ClaimState;
use crate::tokens;

/// Namespace of the claim ids that are derived from idempotency keys (UUID version 5, RFC 9562).
const CLAIM_NAMESPACE: Uuid = Uuid::from_u128(0x6d65_7269_6469_616e_8000_636c_6169_0001);

/// A registration that is well formed and has come to the right shard.
pub struct Asked {
    /// Its digest leaves the password out; its headers and body are not looked at.
    pub command: Command,
    /// Follows from the command's key.
    pub user: UserId,
    pub home: HomeId,
    pub country: CountryCode,
    pub address: Address,
    pub password: Password,
    pub display_name: Option<DisplayName>,
}

/// How a registration ended.
pub enum Ended {
    /// The person is there, and this session's first refresh token is good.
    In {
        root: Box<RootCtx>,
        session: Answer<Uuid>,
        /// By an earlier try.
        replayed: bool,
    },
    /// For good: the stored refusal, and whether an earlier try had it.
    Refused(Answer<(Outcome, bool)>),
}

type Concluded = Answer<(Outcome, bool)>;

/// Takes a registration to its end, from wherever an earlier try left it. Cancel-safe: a claim may stay pending, held
/// for the retry.
///
/// # Errors
/// Whatever stopped it on its way; `idempotency-mismatch` when the key was used for another registration, another
/// password included.
pub async fn run(ctx: &AnonymousCtx, identity: &Identity, asked: &Asked) -> Result<Ended, Problem> {
    ctx.services.create_user_key(&asked.home, asked.user).await?;
    let root = ctx.open(&asked.home, asked.user).await?;
    let concluded = match stored_outcome(&root, &asked.command).await? {
        Some(concluded) => concluded,
        None => execute(ctx, identity, &root, asked).await?,
    };
    let (outcome, replayed) = &concluded.value;
    if outcome.refusal {
        return Ok(Ended::Refused(concluded));
    }
    let registered: Registered = serde_json::from_value(outcome.body.clone())
        .map_err(|_| Problem::new(Code::Internal).detail("a stored outcome cannot be read"))?;
    let (replayed, resume) = (*replayed, registered.session);
    let session = if replayed {
        let proved = sign_in(identity, &root, &asked.password, Some(resume)).await;
        proved.map_err(other_password)?
    } else {
        Answer {
            value: resume,
            position: concluded.position,
        }
    };
    Ok(Ended::In {
        root: Box::new(root),
        session,
        replayed,
    })
}

/// The id of the claim that a registration makes. It follows from key and home, so that a retry is told from a rival;
/// one that comes to another home of the jurisdiction is a rival, for a person has one home.
pub fn claim_id(key: IdempotencyKey, home: &HomeId) -> Uuid {
    let name = [key.as_uuid().as_bytes(), home.to_string().as_bytes()].concat();
    Uuid::new_v5(&CLAIM_NAMESPACE, &name)
}

/// The same key with another password is another command.
fn other_password(problem: Problem) -> Problem {
    if problem.code == Code::InvalidCredentials {
        Code::IdempotencyMismatch.into()
    } else {
        problem
    }
}

/// The outcome of an earlier try, if one came to an end.
async fn stored_outcome(root: &RootCtx, command: &Command) -> Result<Option<Concluded>, Problem> {
    let (key, digest) = (command.key, command.digest);
    let look = |tx: RootTx| async move { registration::is_over(&tx, key, digest).await };
    if !root.read(DOMAIN, look).await?.value {
        return Ok(None);
    }
    // It is there and stays there: this never runs.
    let never = |_: RootTx| std::future::ready(Err::<Outcome, DomainError>(Code::Conflict.into()));
    let stored = root.command_outcome(DOMAIN, Mode::Sync, command, never);
    stored.await.map(Some)
}

async fn execute(
    ctx: &AnonymousCtx,
    identity: &Identity,
    root: &RootCtx,
    asked: &Asked,
) -> Result<Concluded, Problem> {
    // First what may be refused for load, so that nothing is held then.
    let password_hash = identity.hasher.hash(&asked.password).await?;
    let directory = ctx.services.directory();
    let claim = NewClaim {
        id: claim_id(asked.command.key, &asked.home),
        digest: directory.digest(EMAIL, asked.address.looked_up()),
    };
    let pend = |tx: RootTx| async move { registration::pend(&tx, &claim).await };
    if root.write(DOMAIN, Mode::Sync, pend).await?.value == ClaimState::Dropped {
        return refuse(root, asked, claim).await;
    }
    let entry = ClaimEntry {
        user: asked.user,
        claim_id: claim.id,
        home: asked.home.clone(),
        version: 0,
    };
    let authority = &asked.home.jurisdiction;
    if directory.claim(authority, claim.digest, entry).await? == ClaimOutcome::Taken {
        return refuse(root, asked, claim).await;
    }
    let concluded = activate(identity, root, asked, claim, password_hash).await?;
    if concluded.value.0.refusal {
        // Dropped by another try of this registration while this one took the address: the row is nobody's.
        release(ctx, asked, claim).await;
    }
    Ok(concluded)
}

async fn activate(
    identity: &Identity,
    root: &RootCtx,
    asked: &Asked,
    claim: NewClaim,
    password_hash: String,
) -> Result<Concluded, Problem> {
    let session = random::uuid_v7();
    let person = NewPerson {
        user: asked.user,
        country: asked.country,
        address: asked.address.clone(),
        display_name: asked.display_name.clone(),
        password_hash,
        claim,
        session,
        secret_digest: tokens::refresh_token(root, session, 0).secret_digest(),
    };
    let (person, settings) = (&person, &*identity.settings);
    let write = |tx: RootTx| async move { registration::activate(&tx, person, settings).await };
    root.command_outcome(DOMAIN, Mode::Sync, &asked.command, write)
        .await
}

async fn refuse(root: &RootCtx, asked: &Asked, claim: NewClaim) -> Result<Concluded, Problem> {
    let write = |tx: RootTx| async move { registration::drop_claim(&tx, claim.id).await };
    root.command_outcome(DOMAIN, Mode::Sync, &asked.command, write)
        .await
}

/// The drop is committed, so the row may go. If that fails the address stays taken, and the log says so.
async fn release(ctx: &AnonymousCtx, asked: &Asked, claim: NewClaim) {
    let (directory, authority) = (ctx.services.directory(), &asked.home.jurisdiction);
    if let Err(problem) = directory.release(authority, claim.digest, claim.id, None).await {
        tracing::warn!(code = %problem.code, claim = %claim.id, "a dropped claim was not released");
    }
}
