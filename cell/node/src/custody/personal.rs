//! A person's own erasure: he asks in the app, with his password, and it is done as an officer's order is.

use std::sync::{Arc, Weak};

use cell_sdk::Erased;
use parking_lot::Mutex;
use platform_model::{Code, HomeId, Problem, THE_PERSON, UserId};
use platform_wire::{Refusal, RefusalCode};

use super::erasing::Asked;
use super::jobs::Jobs;
use super::keeping::Logs;
use super::{Custody, Erasing, Parts};

/// Who asked, where the person did, and why.
const HIMSELF: (&str, &str) = (THE_PERSON, "his own request, with his password");
/// After so long a home may take people's own requests again, in seconds.
const RETRY_FULL_S: u32 = 3_600;

/// The same for whoever is a part of it: it keeps nothing alive.
#[derive(Clone)]
pub struct LentCustody {
    shared: Weak<Parts>,
    erasing: Arc<Mutex<Erasing>>,
    jobs: Jobs,
    removing: Arc<tokio::sync::Mutex<()>>,
    logs: Logs,
}

impl LentCustody {
    /// None: the node ends.
    pub fn get(&self) -> Option<Custody> {
        Some(Custody {
            shared: self.shared.upgrade()?,
            erasing: Arc::clone(&self.erasing),
            jobs: self.jobs.clone(),
            removing: Arc::clone(&self.removing),
            logs: self.logs.clone(),
        })
    }
}

impl Custody {
    pub fn lent(&self) -> LentCustody {
        LentCustody {
            shared: Arc::downgrade(&self.shared),
            erasing: Arc::clone(&self.erasing),
            jobs: self.jobs.clone(),
            removing: Arc::clone(&self.removing),
            logs: self.logs.clone(),
        }
    }

    /// Whoever has begun is taken to the end, by this node or another, whether or not he hears the answer.
    ///
    /// # Errors
    /// `conflict` when he moves at this moment; `overloaded`: nothing was begun, for people have asked for all that the
    /// home's list takes of them; `unavailable`: it may have begun.
    pub async fn erase_himself(&self, home: &HomeId, user: UserId) -> Result<Erased, Problem> {
        let (by, reason) = HIMSELF;
        let asked = Asked {
            home: home.clone(),
            user,
            by: by.to_owned(),
            reason: reason.to_owned(),
            on_record: false,
        };
        let erased = self.erase_now(&asked).await.map_err(|refusal| {
            tracing::warn!(target: "audit", %home, %user, %refusal, "a person's own erasure does not come about now");
            problem(&refusal)
        })?;
        Ok(Erased {
            certificate: Some(erased.sequence).filter(|sequence| *sequence != 0),
        })
    }
}

/// In words of our own: what a shard, a directory or a controller said is for the audit log, not for the app.
fn problem(refusal: &Refusal) -> Problem {
    let (code, detail) = match refusal.code {
        RefusalCode::Placement => (
            Code::Conflict,
            "you move to another home, or have moved: ask again once you live there",
        ),
        RefusalCode::Unknown => (Code::NotFound, "nobody of that id lives here"),
        RefusalCode::Moved => (Code::Moving, "your shard is changing its node: ask again"),
        RefusalCode::Limit => (
            Code::Overloaded,
            "nothing was erased: this home takes no more such requests from people now. Ask again tomorrow, or ask whoever \
             runs the service to do it for you",
        ),
        _ => (
            Code::Unavailable,
            "it cannot be done now. If it has begun it is taken to its end; ask again to be sure",
        ),
    };
    let problem = Problem::new(code).detail(detail);
    if code == Code::Overloaded {
        return problem.retry_after_s(RETRY_FULL_S);
    }
    problem
}
