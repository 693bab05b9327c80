//! How claims are judged: at the home of who claims, and at the authority whose row is the claim.

use cell_relay::{ClaimId, ClaimState, Taken};

use super::judge::{Decision, View, What};
use super::messages::{CrossMessage, To};
use super::values::{Shard, Value, authority_of, claim_row, seat_row};

impl View<'_> {
    pub(crate) fn judge_claim(&self, message: CrossMessage) -> Option<Decision> {
        match message {
            CrossMessage::Claim { user, digest, claim } => self.begin_claim(user, digest, claim),
            CrossMessage::Unclaim { user } => {
                let seat = self.seat(user);
                let active = |(claim, (digest, state)): (&ClaimId, &(u8, ClaimState))| {
                    (*state == ClaimState::Active).then_some((*claim, *digest))
                };
                let (claim, digest) = seat.range.claims.iter().find_map(active)?;
                self.change_claim(user, digest, claim, ClaimState::dropped)
            }
            CrossMessage::TakenIs {
                user,
                digest,
                claim,
                yours,
            } => {
                let next = |state: ClaimState| if yours { state.activated() } else { state.dropped() };
                self.change_claim(user, digest, claim, next)
            }
            CrossMessage::Decide { user, digest, claim } => {
                self.change_claim(user, digest, claim, ClaimState::decided)
            }
            CrossMessage::Take {
                from,
                user,
                digest,
                claim,
            } => Some(self.take_claim(from, user, digest, claim)),
            CrossMessage::DroppedIs { digest, claim } | CrossMessage::Expire { digest, claim } => {
                let mut authority = self.values.claim(self.rows[usize::from(claim_row(digest))]);
                let released = authority.release(u64::from(digest), claim);
                let row = (claim_row(digest), Value::Claim(authority));
                released.then(|| Decision::write(What::Other, vec![row]))
            }
            _ => None,
        }
    }

    fn begin_claim(&self, user: u8, digest: u8, claim: ClaimId) -> Option<Decision> {
        let mut seat = self.seat(user);
        if !seat.serves() || seat.range.claims.contains_key(&claim) {
            return None;
        }
        seat.range.claims.insert(claim, (digest, ClaimState::Pending));
        let take = CrossMessage::Take {
            from: self.shard,
            user,
            digest,
            claim,
        };
        let decision = self.write_seat(user, seat, What::Other);
        Some(decision.and(To::Shard(authority_of(digest)), take))
    }

    fn take_claim(&self, from: Shard, user: u8, digest: u8, claim: ClaimId) -> Decision {
        let before = self.values.claim(self.rows[usize::from(claim_row(digest))]);
        let mut authority = before.clone();
        let yours = authority.take(u64::from(digest), user, claim) == Taken::Yours;
        let told = CrossMessage::TakenIs {
            user,
            digest,
            claim,
            yours,
        };
        if authority == before {
            return Decision::say(&[claim_row(digest)], To::Shard(from), told);
        }
        let row = (claim_row(digest), Value::Claim(authority));
        Decision::write(What::Other, vec![row]).and(To::Shard(from), told)
    }

    /// Moves a claim of a person who lives here; what is dropped is told once it is committed, however often it is asked.
    fn change_claim(
        &self,
        user: u8,
        digest: u8,
        claim: ClaimId,
        next: impl FnOnce(ClaimState) -> ClaimState,
    ) -> Option<Decision> {
        let mut seat = self.seat(user);
        if !seat.serves() {
            return None;
        }
        let held = seat.range.claims.get_mut(&claim)?;
        let before = held.1;
        held.1 = next(before);
        let after = held.1;
        let dropped = CrossMessage::DroppedIs { digest, claim };
        let authority = To::Shard(authority_of(digest));
        let is_dropped = after == ClaimState::Dropped;
        if after == before {
            return is_dropped.then(|| Decision::say(&[seat_row(user)], authority, dropped));
        }
        let what = if after == ClaimState::Active {
            What::ClaimActive
        } else {
            What::Other
        };
        let decision = self.write_seat(user, seat, what);
        Some(if is_dropped {
            decision.and(authority, dropped)
        } else {
            decision
        })
    }
}
