//! Before a home keeps the first byte about a person of another jurisdiction, the controllers know of it: every later law
//! that lets the home's copies be in one more region is held against that jurisdiction too.

use std::collections::BTreeSet;

use parking_lot::Mutex;
use platform_model::{HomeId, Jurisdiction};
use platform_wire::report::ReportClient;
use platform_wire::{CallError, RefusalCode};

pub(super) struct Admitted {
    reports: ReportClient,
    known: Mutex<BTreeSet<(HomeId, Jurisdiction)>>,
}

/// Why nothing may be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum NotAdmitted {
    /// The controllers did not answer.
    Later(String),
    /// The law lets nothing come.
    KeptOut(String),
}

impl Admitted {
    pub(super) fn new(reports: ReportClient) -> Self {
        Self {
            reports,
            known: Mutex::default(),
        }
    }

    /// Asks the controllers once in the life of this process; they remember it for ever.
    pub(super) async fn admit(&self, home: &HomeId, foreign: &Jurisdiction) -> Result<(), NotAdmitted> {
        let pair = (home.clone(), foreign.clone());
        if home.jurisdiction == *foreign || self.known.lock().contains(&pair) {
            return Ok(());
        }
        match self.reports.admit_foreign(home, foreign).await {
            Ok(_) => {
                tracing::info!(target: "audit", %home, %foreign, "data of people from abroad is admitted");
                self.known.lock().insert(pair);
                Ok(())
            }
            Err(error) => Err(not_admitted(&error)),
        }
    }
}

fn not_admitted(error: &CallError) -> NotAdmitted {
    let forbids = |refusal: &platform_wire::Refusal| refusal.code == RefusalCode::LawForbids;
    if error.refusal().is_some_and(forbids) {
        NotAdmitted::KeptOut(error.to_string())
    } else {
        NotAdmitted::Later(error.to_string())
    }
}
