//! A person's own erasure: he asks in the app, with his password, and it is done as an officer's order is.

use std::sync::{Arc, Weak};

use cell_sdk::Erased;
use parking_lot::Mutex;
use platform_model::{Code, HomeId, Problem, UserId};
use platform_wire::{Refusal, RefusalCode};

use super::erasing::Asked;
use super::jobs::Jobs;
use super::{Custody, Erasing, Parts};

/// Who asked, where the person did, and why.
const HIMSELF: (&str, &str) = ("the person", "his own request, with his password");

/// The same for whoever is a part of it: it keeps nothing alive.
#[derive(Clone)]
pub struct LentCustody {
    shared: Weak<Parts>,
    erasing: Arc<Mutex<Erasing>>,
    jobs: Jobs,
}

impl LentCustody {
    /// None: the node ends.
    pub fn get(&self) -> Option<Custody> {
        Some(Custody {
            shared: self.shared.upgrade()?,
            erasing: Arc::clone(&self.erasing),
            jobs: self.jobs.clone(),
        })
    }
}

impl Custody {
    pub fn lent(&self) -> LentCustody {
        LentCustody {
            shared: Arc::downgrade(&self.shared),
            erasing: Arc::clone(&self.erasing),
            jobs: self.jobs.clone(),
        }
    }

    /// Whoever has begun is taken to the end, by this node or another, whether or not he hears the answer.
    ///
    /// # Errors
    /// `conflict` when he moves at this moment; `unavailable`: it may have begun.
    pub async fn erase_himself(&self, home: &HomeId, user: UserId) -> Result<Erased, Problem> {
        let (by, reason) = HIMSELF;
        let asked = Asked {
            home: home.clone(),
            user,
            by: by.to_owned(),
            reason: reason.to_owned(),
        };
        let erased = self.erase_now(&asked).await.map_err(problem)?;
        Ok(Erased {
            certificate: Some(erased.sequence).filter(|sequence| *sequence != 0),
        })
    }
}

fn problem(refusal: Refusal) -> Problem {
    let code = match refusal.code {
        RefusalCode::Placement => Code::Conflict,
        RefusalCode::Unknown => Code::NotFound,
        RefusalCode::Moved => Code::Moving,
        _ => Code::Unavailable,
    };
    Problem::new(code).detail(refusal.message)
}
