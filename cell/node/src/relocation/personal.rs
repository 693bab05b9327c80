//! A person's own relocation: he asks in the app, and by that consents; as problems that the app may see.

use cell_sdk::RelocationState;
use platform_model::{Code, HomeId, Problem, THE_PERSON, UserId};
use platform_wire::relocation::{Asked, Told};
use platform_wire::{Refusal, RefusalCode};

use super::operator::told;
use super::standing;
use super::{Parts, Relocations};

/// Who asked, where the person did.
const HIMSELF: &str = THE_PERSON;

impl Relocations {
    /// # Errors
    /// `law-forbids` with the rule, `unknown-home`, `conflict` when he moves elsewhere already.
    pub async fn ask(&self, home: &HomeId, user: UserId, to: &HomeId) -> Result<RelocationState, Problem> {
        let now = self.state(home, user).await?;
        // His first answer may have been lost: he is on his way there, or there.
        let asked_before = now.phase == "copying" && now.other.as_deref() == Some(to.to_string().as_str());
        if asked_before {
            // Whoever was to drive it may have been broken off with the first request.
            self.parts.set_off_at(home, user);
        }
        if asked_before || (now.phase == "at-home" && home == to) {
            return Ok(now);
        }
        let asked = Asked {
            home: home.clone(),
            user,
            to: to.clone(),
            reason: HIMSELF.to_owned(),
            dry_run: false,
        };
        let begun = self.parts.begin(&asked, HIMSELF, true).await;
        begun.map(state).map_err(problem)
    }

    /// # Errors
    /// `moved`, `unavailable`.
    pub async fn state(&self, home: &HomeId, user: UserId) -> Result<RelocationState, Problem> {
        let now = self.parts.state_of(home, user).await;
        now.map(state).map_err(problem)
    }

    /// # Errors
    /// `conflict` when none is under way, or it is past its commit.
    pub async fn withdraw(&self, home: &HomeId, user: UserId) -> Result<RelocationState, Problem> {
        let withdrawn = self.parts.cancel_of(home, user, HIMSELF).await;
        withdrawn.map(state).map_err(problem)
    }
}

impl Parts {
    pub(super) async fn state_of(&self, home: &HomeId, user: UserId) -> Result<Told, Refusal> {
        let shard = self.shard_of(home, user)?;
        let standing = standing::read(&shard, user).await;
        let standing = standing.map_err(super::operator::unavailable)?;
        Ok(told(standing.as_ref(), Vec::new()))
    }
}

fn state(told: Told) -> RelocationState {
    RelocationState {
        phase: Some(told.phase)
            .filter(|phase| !phase.is_empty())
            .unwrap_or_else(|| "at-home".to_owned()),
        other: Some(told.other).filter(|other| !other.is_empty()),
        since_ms: told.since_ms,
        outcome: told.outcome,
    }
}

fn problem(refusal: Refusal) -> Problem {
    let code = match refusal.code {
        RefusalCode::LawForbids => Code::LawForbids,
        RefusalCode::Placement => Code::Conflict,
        RefusalCode::Unknown => Code::UnknownHome,
        RefusalCode::Moved => Code::Moving,
        _ => Code::Unavailable,
    };
    if code == Code::Unavailable {
        // What a shard or the controllers said is not for the app.
        tracing::info!(%refusal, "a person's own relocation cannot be told of now");
        return Problem::new(code)
            .detail("your relocation cannot be begun, shown or withdrawn now: ask again");
    }
    Problem::new(code).detail(refusal.message)
}
