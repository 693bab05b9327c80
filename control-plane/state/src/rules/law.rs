//! The law's way into force, and what it lets be placed.
//!
//! One person of the role `compliance` proposes a text with what his tool compiled from it; another approves the
//! digest of what his own tool compiled. Nothing here evaluates a law: a matrix is looked up, compared and met.

use std::sync::Arc;

use control_plane_ledger::Digest;
use platform_model::matrix::{Action, Denied, Direction, LawVersion, Matrix};
use platform_model::{CellId, Generation, HomeId, RegionId, ShardId};

use crate::changes::Changes;
use crate::command::{Author, Proposal};
use crate::law::{Approval, ApprovedLaw, Fate, InForce, LawBook, Past, ProposedLaw, SharedMatrix};
use crate::limits::{
    LAW_HISTORY_MAX, LAW_MATRIX_BYTES_MAX, LAW_TEXT_BYTES_MAX, MATRIX_AGE_RANGE_MS, STRANDED_NAMED_MAX,
};
use crate::refusal::{Refusal, Text};
use crate::rules::{admitted, country, placement, text};
use crate::state::State;

/// Puts a law up for approval; one that was up before is replaced.
pub(crate) fn propose(
    state: &mut State,
    author: &Author,
    proposal: &Proposal,
    expected: Generation,
) -> Result<Changes, Refusal> {
    let have = state.law.generation;
    if have != expected {
        let record = "law".to_owned();
        return Err(Refusal::GenerationMismatch {
            record,
            have,
            expected,
        });
    }
    text(Text::Law, &proposal.text, 1, LAW_TEXT_BYTES_MAX)?;
    let matrix = read(proposal)?;
    let version = matrix.stamp().version;
    let newest = state.law.approved.as_ref().map(|law| law.law.version);
    if newest.is_some_and(|have| version <= have) {
        return Err(Refusal::LawVersionOld {
            have: newest.unwrap_or(version),
            given: version,
        });
    }
    strands_nobody(state, &matrix)?;
    admitted::keeps_its_word(state, &matrix)?;
    let law = ProposedLaw {
        version,
        text: proposal.text.clone(),
        digest: Digest::plain(&proposal.matrix),
        matrix: SharedMatrix(Arc::new(matrix)),
        author: author.spiffe_id(&state.world),
        proposed_ms: state.time_ms,
    };
    let book = &mut state.law;
    if let Some(before) = &book.proposed {
        let before = before.version;
        book.set_fate(before, Fate::Proposed, Fate::Replaced);
    }
    book.note(Past {
        version,
        document: Digest::plain(law.text.as_bytes()),
        digest: law.digest,
        author: law.author.clone(),
        proposed_ms: law.proposed_ms,
        approver: None,
        approved_ms: 0,
        holds_from_ms: 0,
        fate: Fate::Proposed,
    });
    book.proposed = Some(law);
    book.generation = book.generation.next();
    Ok(hidden())
}

/// The matrix of a proposal, if it is one and of this text.
fn read(proposal: &Proposal) -> Result<Matrix, Refusal> {
    let damaged = |why: String| Refusal::LawUnreadable { why };
    if proposal.matrix.len() > LAW_MATRIX_BYTES_MAX {
        return Err(damaged(format!(
            "its matrix has more than {LAW_MATRIX_BYTES_MAX} bytes"
        )));
    }
    let matrix = Matrix::from_bytes(&proposal.matrix).map_err(|error| damaged(error.to_string()))?;
    if matrix.stamp().document == *Digest::plain(proposal.text.as_bytes()).as_bytes() {
        Ok(matrix)
    } else {
        Err(damaged("the matrix was compiled from another text".to_owned()))
    }
}

/// Every home that has shards keeps a region where its primaries may be: else its data could go nowhere.
fn strands_nobody(state: &State, next: &Matrix) -> Result<(), Refusal> {
    let may = |home: &HomeId, region: &RegionId| {
        let action = Action::StorePrimary;
        next.may_keep_shard(action, &home.jurisdiction, region).is_ok()
    };
    let stranded = state
        .homes
        .keys()
        .filter(|home| !next.regions().iter().any(|region| may(home, region)));
    let homes: Vec<HomeId> = stranded.take(STRANDED_NAMED_MAX).cloned().collect();
    if homes.is_empty() {
        Ok(())
    } else {
        Err(Refusal::LawStrands { homes })
    }
}

/// Approves what is proposed. What it forbids holds from now on.
pub(crate) fn approve(
    state: &mut State,
    author: &Author,
    version: LawVersion,
    digest: Digest,
    approval: &Approval,
) -> Result<Changes, Refusal> {
    let approver = author.spiffe_id(&state.world);
    let proposed = state.law.proposed.clone().filter(|law| law.version == version);
    let law = proposed.ok_or(Refusal::LawNotProposed { version })?;
    if law.author == approver {
        return Err(Refusal::LawSamePerson { version });
    }
    if law.digest != digest {
        return Err(Refusal::LawOtherDigest {
            version,
            proposed: law.digest,
            approved: digest,
        });
    }
    strands_nobody(state, &law.matrix.0)?;
    admitted::keeps_its_word(state, &law.matrix.0)?;
    let (holds_from_ms, at_once) = begins(state, &law.matrix.0)?;
    let (now_ms, book) = (state.time_ms, &mut state.law);
    if let Some(before) = book.approved.take() {
        book.set_fate(before.law.version, Fate::Approved, Fate::Replaced);
    }
    book.proposed = None;
    book.set_fate(version, Fate::Proposed, Fate::Approved);
    if let Some(past) = book.past(version) {
        (past.approver, past.approved_ms) = (Some(approver.clone()), now_ms);
    }
    let approval = approval.clone();
    book.approved = Some(ApprovedLaw {
        law,
        approver,
        approved_ms: now_ms,
        holds_from_ms,
        approval,
    });
    book.generation = book.generation.next();
    Ok(match at_once {
        Some(matrix) => enforce(state, matrix),
        None => hidden(),
    })
}

/// When all of `next` holds, and what holds from now on: `None` for nothing else than before.
fn begins(state: &State, next: &Arc<Matrix>) -> Result<(u64, Option<Arc<Matrix>>), Refusal> {
    let (now, day) = (state.time_ms, next.stamp().date.unix_ms());
    let Some(now_holds) = state.law.matrix() else {
        // Nobody holds a matrix that permits less, so only the day counts.
        return Ok(if day <= now {
            (now, Some(Arc::clone(next)))
        } else {
            (day, None)
        });
    };
    if matches!(now_holds.direction(next), Direction::Same | Direction::Narrower) {
        return Ok((now, Some(Arc::clone(next))));
    }
    let both = now_holds.meet(next).map_err(|fault| Refusal::LawUnreadable {
        why: fault.to_string(),
    })?;
    let heard = now.saturating_add(state.law.matrix_age_max_ms.saturating_mul(2));
    Ok((day.max(heard), Some(Arc::new(both))))
}

/// Takes back what is proposed, or what is approved and does not hold wholly yet. What holds in part goes on to hold.
pub(crate) fn withdraw(state: &mut State, version: LawVersion) -> Result<Changes, Refusal> {
    let book = &mut state.law;
    if book.proposed.as_ref().is_some_and(|law| law.version == version) {
        book.proposed = None;
        book.set_fate(version, Fate::Proposed, Fate::Withdrawn);
    } else if book.waiting().is_some_and(|law| law.law.version == version) {
        book.approved = None;
        book.set_fate(version, Fate::Approved, Fate::Withdrawn);
    } else {
        return Err(Refusal::LawNotProposed { version });
    }
    book.generation = book.generation.next();
    Ok(hidden())
}

/// The day of the approved law has come.
pub(crate) fn activate(state: &mut State) -> Result<Changes, Refusal> {
    let Some(law) = state.law.waiting() else {
        return Ok(Changes::default());
    };
    if law.holds_from_ms > state.time_ms {
        let (version, holds_from_ms) = (law.law.version, law.holds_from_ms);
        return Err(Refusal::LawBeforeItsDay {
            version,
            holds_from_ms,
        });
    }
    let matrix = Arc::clone(&law.law.matrix.0);
    Ok(enforce(state, matrix))
}

/// From here on `matrix` holds: the map of countries is its, and what it permits is placed.
fn enforce(state: &mut State, matrix: Arc<Matrix>) -> Changes {
    let (now_ms, book) = (state.time_ms, &mut state.law);
    let revision = book.in_force.as_ref().map_or(1, |law| law.revision + 1);
    let whole = book.approved.as_ref().filter(|law| law.law.matrix.0 == matrix);
    if let Some(version) = whole.map(|law| law.law.version) {
        for past in &mut book.history {
            if past.fate == Fate::InForce {
                past.fate = Fate::Replaced;
            }
            if past.version == version && past.fate == Fate::Approved {
                (past.fate, past.holds_from_ms) = (Fate::InForce, now_ms);
            }
        }
    }
    book.in_force = Some(InForce {
        revision,
        since_ms: now_ms,
        matrix: SharedMatrix(matrix),
    });
    let mut changes = Changes {
        law: true,
        ..Changes::default()
    };
    changes.add(country::as_the_law_says(state));
    let cells: Vec<CellId> = state.cells.keys().cloned().collect();
    for cell in cells {
        changes.add(placement::fill_unasked(state, &cell));
    }
    changes
}

/// Whether the law in force lets a copy of `shard` be in `region`.
///
/// # Errors
/// `None` inside: no law is in force.
pub(crate) fn may_keep(book: &LawBook, shard: &ShardId, region: &RegionId) -> Result<(), Option<Denied>> {
    #[cfg(feature = "failpoints")]
    if fail::eval("no-law-in-apply", |_| ()).is_some() {
        return Ok(());
    }
    let matrix = book.matrix().ok_or(None)?;
    matrix.may_serve(shard, region).map(|_| ()).map_err(Some)
}

/// Whether it lets a standby of `shard` be in `region`. One where no primary may be is no candidate.
///
/// # Errors
/// `None` inside: no law is in force.
pub(crate) fn may_stand_by(book: &LawBook, shard: &ShardId, region: &RegionId) -> Result<(), Option<Denied>> {
    #[cfg(feature = "failpoints")]
    if fail::eval("no-law-in-apply", |_| ()).is_some() {
        return Ok(());
    }
    let matrix = book.matrix().ok_or(None)?;
    let allowed = match shard.home() {
        Some(home) => matrix.may_keep_shard(Action::StoreStandby, &home.jurisdiction, region),
        None => matrix.may_hold_claims(shard.jurisdiction(), region),
    };
    allowed.map(|_| ()).map_err(Some)
}

/// As [`may_keep`], as a refusal; a world without a law may name what it will keep.
pub(crate) fn may_be_meant_for(
    state: &State,
    shard: &ShardId,
    cell: &CellId,
    region: &RegionId,
) -> Result<(), Refusal> {
    match may_keep(&state.law, shard, region) {
        Ok(()) | Err(None) => Ok(()),
        Err(Some(denied)) => Err(Refusal::law_forbids(&state.law, shard, cell, region, &denied)),
    }
}

/// How old a table may be under which something new is kept or crosses.
pub(crate) fn set_age_max(state: &mut State, given: u64) -> Result<Changes, Refusal> {
    if !MATRIX_AGE_RANGE_MS.contains(&given) {
        let (min, max) = (*MATRIX_AGE_RANGE_MS.start(), *MATRIX_AGE_RANGE_MS.end());
        return Err(Refusal::Duration { given, min, max });
    }
    if state.law.matrix_age_max_ms == given {
        return Ok(Changes::default());
    }
    state.law.matrix_age_max_ms = given;
    state.law.generation = state.law.generation.next();
    let law = state.law.in_force.is_some();
    Ok(Changes {
        law,
        hidden: true,
        ..Changes::default()
    })
}

pub(crate) fn hidden() -> Changes {
    Changes {
        hidden: true,
        ..Changes::default()
    }
}

impl LawBook {
    fn note(&mut self, past: Past) {
        self.history.push(past);
        let surplus = self.history.len().saturating_sub(LAW_HISTORY_MAX);
        self.history.drain(..surplus);
    }

    /// The newest entry of a version.
    fn past(&mut self, version: LawVersion) -> Option<&mut Past> {
        self.history.iter_mut().rev().find(|past| past.version == version)
    }

    fn set_fate(&mut self, version: LawVersion, from: Fate, to: Fate) {
        if let Some(past) = self.past(version).filter(|past| past.fate == from) {
            past.fate = to;
        }
    }
}
