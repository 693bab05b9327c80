//! The context of a request: whose root it acts on, as whom, and how it reads and writes there.

use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{FromRef, FromRequestParts};
use cell_layers::{LayerError, RootTx, ended};
use cell_shard::{Answer, Mode, Request, Scope, Tx, WriteError};
use http::request::Parts;
use platform_model::{Actor, Code, HomeId, Problem, RootRef, UserId};
use platform_token::Claims;

use crate::arrival::Arrival;
use crate::error::{DomainError, ProblemResponse, write_problem};
use crate::services::{Lent, OpenUser};

/// The longest that one transaction may take, queueing and retries included.
pub const TRANSACTION_DEADLINE: Duration = Duration::from_secs(10);

/// How long a request of a person who is on the way to another home waits here, and how often it looks: a fence is shorter, as
/// a rule, and then the answer says where he lives.
const MOVES_WITHIN: Duration = Duration::from_millis(600);
const LOOK_AGAIN: Duration = Duration::from_millis(4);

/// One person's root in its shard, on behalf of one actor.
#[derive(Clone)]
pub struct RootCtx {
    pub user: UserId,
    pub home: HomeId,
    pub actor: Actor,
    pub open: OpenUser,
    pub arrival: Arrival,
}

impl RootCtx {
    /// Runs `f` as one transaction of `domain` on this root and waits until it is acknowledged.
    ///
    /// `f` may run several times (conflicts), so it has no effect but through its transaction. Strictly serializable.
    ///
    /// # Errors
    /// The closure's own problem (nothing is written then), `not-found` once the person is being erased, or what the shard
    /// answered.
    pub async fn write<T, F, Fut>(&self, domain: &'static str, mode: Mode, f: F) -> Result<Answer<T>, Problem>
    where
        T: Send,
        F: Fn(RootTx) -> Fut + Send + Sync,
        Fut: Future<Output = Result<T, DomainError>> + Send,
    {
        let (request, shard) = (self.request(domain, mode), &self.open.shard);
        let mut waited = Duration::ZERO;
        loop {
            let f = &f;
            let run = |tx: Tx| async move {
                ended::goes_on(&tx).await?;
                f(self.root_tx(tx, domain).enter().await?).await
            };
            match shard.write(&request, run).await {
                Err(error) if is_on_the_way(&error) && waited < MOVES_WITHIN => {
                    shard.rest(LOOK_AGAIN).await;
                    waited += LOOK_AGAIN;
                }
                answer => return self.noted(answer.map_err(write_problem)?),
            }
        }
    }

    /// As [`RootCtx::write`], on a root that has ended: for what an erasure still has to do there, and for nothing else.
    ///
    /// # Errors
    /// As [`RootCtx::write`].
    pub async fn write_ended<T, F, Fut>(
        &self,
        domain: &'static str,
        mode: Mode,
        f: F,
    ) -> Result<Answer<T>, Problem>
    where
        T: Send,
        F: Fn(RootTx) -> Fut + Send + Sync,
        Fut: Future<Output = Result<T, DomainError>> + Send,
    {
        let request = self.request(domain, mode);
        let answer = self
            .open
            .shard
            .write(&request, |tx| f(self.root_tx(tx, domain)))
            .await;
        self.noted(answer.map_err(write_problem)?)
    }

    /// Runs `f` as one read-only transaction: one consistent version, no older than the caller has seen.
    ///
    /// # Errors
    /// As [`RootCtx::write`].
    pub async fn read<T, F, Fut>(&self, domain: &'static str, f: F) -> Result<Answer<T>, Problem>
    where
        T: Send,
        F: Fn(RootTx) -> Fut + Send + Sync,
        Fut: Future<Output = Result<T, DomainError>> + Send,
    {
        let (request, shard) = (self.request(domain, Mode::Async), &self.open.shard);
        let mut waited = Duration::ZERO;
        loop {
            let f = &f;
            let run = |tx| async move { f(self.root_tx(tx, domain).enter().await?).await };
            match shard.read(&request, run).await {
                Err(error) if is_on_the_way(&error) && waited < MOVES_WITHIN => {
                    shard.rest(LOOK_AGAIN).await;
                    waited += LOOK_AGAIN;
                }
                answer => return self.noted(answer.map_err(write_problem)?),
            }
        }
    }

    /// Positions of another shard than the one that was asked would mean nothing to who asked it.
    fn noted<T>(&self, answer: Answer<T>) -> Result<Answer<T>, Problem> {
        if *self.open.shard.id() == self.arrival.shard {
            self.arrival.seen.note(answer.position);
        }
        Ok(answer)
    }

    fn root_tx(&self, tx: cell_shard::Tx, domain: &'static str) -> RootTx {
        RootTx::new(tx, RootRef::user(self.user), domain, &self.open.key)
    }

    fn request(&self, domain: &'static str, mode: Mode) -> Request {
        Request {
            actor: self.actor.clone(),
            domain,
            request_id: self.arrival.request_id,
            mode,
            scope: Scope::Root(RootRef::user(self.user)),
            not_older_than: self.arrival.not_older_than,
            deadline: TRANSACTION_DEADLINE,
        }
    }
}

/// The caller's own root: a verified token, a living session, the right shard.
#[derive(Clone)]
pub struct Ctx {
    pub claims: Arc<Claims>,
    root: RootCtx,
}

impl Deref for Ctx {
    type Target = RootCtx;
    fn deref(&self) -> &RootCtx {
        &self.root
    }
}

impl<S> FromRequestParts<S> for Ctx
where
    S: Send + Sync,
    Lent: FromRef<S>,
{
    type Rejection = ProblemResponse;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ProblemResponse> {
        let services = Lent::from_ref(state);
        let arrival = Arrival::from_request_parts(parts, state).await?;
        let claims = services.verify_token(bearer(parts)?)?;
        let root = entered(
            &services,
            arrival,
            Actor::User(claims.user),
            &claims.home,
            claims.user,
        )
        .await
        .map_err(token_without_person)?;
        services.check_session(&root.open, &claims).await?;
        Ok(Self { claims, root })
    }
}

/// The root of a person whose token is of `home`, where the request has come: to that home, or to the one where he lives since.
async fn entered(
    services: &Lent,
    mut arrival: Arrival,
    actor: Actor,
    home: &HomeId,
    user: UserId,
) -> Result<RootCtx, Problem> {
    let here = arrival.shard.home().filter(|here| *here != home).cloned();
    let (open, home) = match here {
        None => (services.open_user(home, user).await?, home.clone()),
        Some(here) => {
            // What he saw last may have been where he lived before: it means nothing here.
            arrival.not_older_than = None;
            (services.open_arrived(&here, home, user).await?, here)
        }
    };
    Ok(RootCtx {
        user,
        home,
        actor,
        open,
        arrival,
    })
}

/// Nothing was done: he is fenced, or about to be served here.
fn is_on_the_way(error: &WriteError<DomainError>) -> bool {
    matches!(
        error,
        WriteError::Rejected(DomainError::Layer(LayerError::OnTheWay))
    )
}

/// A token whose person is not there (any more) is no good; everything else is passed on.
fn token_without_person(problem: Problem) -> Problem {
    if problem.code == Code::NotFound {
        Code::InvalidToken.into()
    } else {
        problem
    }
}

/// The bearer token of a request.
///
/// # Errors
/// `unauthenticated` when there is none.
pub fn bearer(parts: &Parts) -> Result<&str, Problem> {
    let header = parts
        .headers
        .get(http::header::AUTHORIZATION)
        .ok_or(Code::Unauthenticated)?;
    let text = header.to_str().map_err(|_| Code::InvalidToken)?;
    let (scheme, token) = text.split_once(' ').ok_or(Code::InvalidToken)?;
    if scheme.eq_ignore_ascii_case("bearer") {
        Ok(token.trim())
    } else {
        Err(Code::InvalidToken.into())
    }
}

/// A request without a token: registration, login, refresh.
#[derive(Clone)]
pub struct AnonymousCtx {
    pub services: Lent,
    pub arrival: Arrival,
}

impl AnonymousCtx {
    /// Opens a person's root for a caller who has yet to prove who he is.
    ///
    /// # Errors
    /// `moved` when the shard is elsewhere, `not-found` when there is no such person.
    pub async fn open(&self, home: &HomeId, user: UserId) -> Result<RootCtx, Problem> {
        let open = self.services.open_user(home, user).await?;
        let arrival = self.arrival.clone();
        Ok(RootCtx {
            user,
            home: home.clone(),
            actor: Actor::Anonymous,
            open,
            arrival,
        })
    }
}

impl AnonymousCtx {
    /// As [`AnonymousCtx::open`], for a token of a home where he may have lived before.
    ///
    /// # Errors
    /// As [`AnonymousCtx::open`]; `invalid-token` when he did not come from there.
    pub async fn open_by_token(&self, home: &HomeId, user: UserId) -> Result<RootCtx, Problem> {
        entered(&self.services, self.arrival.clone(), Actor::Anonymous, home, user).await
    }
}

impl<S> FromRequestParts<S> for AnonymousCtx
where
    S: Send + Sync,
    Lent: FromRef<S>,
{
    type Rejection = ProblemResponse;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ProblemResponse> {
        let arrival = Arrival::from_request_parts(parts, state).await?;
        Ok(Self {
            services: Lent::from_ref(state),
            arrival,
        })
    }
}
