//! What people and operators do: events, claims, relocations. And the authority that asks who holds what.

use super::world::{CLAIM_AGE, CrossPlant, DIGESTS, HEAL_AT, Happening, USERS, World};
use cell_relay::{ClaimId, ClaimState, OperationId, Place};

use super::messages::{DIRECTORY, Message, Shard};
use super::shard::Tx;

impl World {
    /// What people and operators do.
    pub(crate) fn act(&mut self) {
        let at = self.now + self.random.between(2_000, 12_000);
        self.queue.push(at, Happening::Act);
        for user in 0..USERS {
            self.drive_relocation(user);
        }
        if self.now > HEAL_AT {
            return;
        }
        let source = self.random.pick(DIRECTORY);
        let to = u8::try_from(self.random.below(u64::from(USERS))).unwrap_or(0);
        let payload = u32::try_from(self.number()).unwrap_or(0);
        self.append(source, Tx::Emit { to, payload }, None);
        if self.random.chance(200) {
            self.try_claim();
        }
    }

    pub(crate) fn try_claim(&mut self) {
        let user = u8::try_from(self.random.below(u64::from(USERS))).unwrap_or(0);
        let home = (0..DIRECTORY).find(|shard| self.place(*shard, user).is_some_and(|place| place.serves()));
        let Some(from) = home else { return };
        let active = |(_, (_, state)): &(&ClaimId, &(u64, ClaimState))| *state == ClaimState::Active;
        let held = self.shards[from]
            .head
            .people
            .get(&user)
            .and_then(|person| person.claims.iter().find(active))
            .map(|(claim, (digest, _))| (*claim, *digest));
        if let Some((claim, digest)) = held.filter(|_| self.random.chance(500)) {
            self.change_claim(from, user, digest, claim, ClaimState::dropped, true);
            return;
        }
        let claim = ClaimId(self.number());
        let digest = self.random.below(DIGESTS);
        let take = Message::Take {
            from,
            user,
            digest,
            claim,
        };
        let state = ClaimState::Pending;
        self.append(
            from,
            Tx::Claim {
                user,
                digest,
                claim,
                state,
            },
            Some((DIRECTORY, take)),
        );
    }

    /// The driver of relocations goes by what is committed, and says the next step, again and again.
    pub(crate) fn drive_relocation(&mut self, user: u8) {
        let Some(entry) = self.shards[DIRECTORY].committed.entries.get(&user).copied() else {
            return;
        };
        let Some(operation) = entry.operation else {
            if self.now < HEAL_AT && self.random.chance(25) {
                let operation = OperationId(self.number());
                let to = self.random.pick(DIRECTORY);
                self.operations.insert(operation, to);
                self.send(DIRECTORY, Message::Start { user, operation, to });
            }
            return;
        };
        let Some(to) = self.operations.get(&operation).copied() else {
            return;
        };
        if self.now < HEAL_AT && self.random.chance(30) {
            self.run.cancelled += 1;
            self.send(DIRECTORY, Message::Cancel { user, operation });
            return;
        }
        let source = self.shards[entry.home].committed.people.get(&user).cloned();
        let Some(source) = source else { return };
        let target = self.shards[to]
            .committed
            .people
            .get(&user)
            .map(|person| person.place);
        let complete = Place::Incoming {
            operation,
            complete: true,
        };
        match source.place {
            Place::Fenced { operation: own, .. } if own == operation => {
                let message = if target == Some(complete) {
                    Message::Commit { user, operation, to }
                } else {
                    let person = Box::new(source);
                    Message::Incoming {
                        user,
                        operation,
                        person,
                    }
                };
                let at = if target == Some(complete) { DIRECTORY } else { to };
                self.send(at, message);
            }
            Place::Home { .. } => self.send(entry.home, Message::Fence { user, operation }),
            _ => {}
        }
    }

    pub(crate) fn claim_message(&mut self, here: Shard, message: Message) {
        match message {
            Message::Take {
                from,
                user,
                digest,
                claim,
            } => {
                let row = self.shards[here].head.authority.row(digest);
                let yours = row.is_none_or(|row| row.claim == claim);
                let told = Message::TakenIs {
                    user,
                    digest,
                    claim,
                    yours,
                };
                self.append(here, Tx::Take { user, digest, claim }, Some((from, told)));
            }
            Message::TakenIs {
                user,
                digest,
                claim,
                yours,
            } => {
                let next = |state: ClaimState| if yours { state.activated() } else { state.dropped() };
                self.change_claim(here, user, digest, claim, next, false);
            }
            Message::Decide { user, digest, claim } => {
                self.change_claim(here, user, digest, claim, ClaimState::decided, true)
            }
            Message::DroppedIs { digest, claim } => self.append(here, Tx::Release { digest, claim }, None),
            _ => {}
        }
    }

    /// Moves a claim of a person who lives here; what is dropped is told once it is committed.
    pub(crate) fn change_claim(
        &mut self,
        here: Shard,
        user: u8,
        digest: u64,
        claim: ClaimId,
        next: impl Fn(ClaimState) -> ClaimState,
        tell: bool,
    ) {
        let shard = &self.shards[here];
        let Some(person) = shard
            .head
            .people
            .get(&user)
            .filter(|person| person.place.serves())
        else {
            return;
        };
        let Some((_, state)) = person.claims.get(&claim).copied() else {
            return;
        };
        let after = next(state);
        let dropped = Message::DroppedIs { digest, claim };
        if after != state {
            let then = (after == ClaimState::Dropped).then_some((DIRECTORY, dropped));
            let state = after;
            self.append(
                here,
                Tx::Claim {
                    user,
                    digest,
                    claim,
                    state,
                },
                then,
            );
        } else if tell && after == ClaimState::Dropped {
            let known = shard
                .committed
                .people
                .get(&user)
                .and_then(|person| person.claims.get(&claim));
            if known.is_some_and(|(_, state)| *state == ClaimState::Dropped) {
                self.send(DIRECTORY, dropped);
            }
        }
    }

    /// The authority asks the homes of its rows to decide; it never decides by time.
    pub(crate) fn reconcile_claims(&mut self) {
        let directory = &self.shards[DIRECTORY].committed;
        let rows: Vec<_> = directory.authority.rows().collect();
        let homes: Vec<_> = rows
            .iter()
            .map(|(_, row)| directory.entries.get(&row.user).map(|entry| entry.home))
            .collect();
        self.row_since
            .retain(|digest, _| rows.iter().any(|(other, _)| other == digest));
        for ((digest, row), home) in rows.into_iter().zip(homes) {
            let since = *self.row_since.entry(digest).or_insert(self.now);
            let old = self.now - since > CLAIM_AGE;
            let claim = row.claim;
            if self.plant == Some(CrossPlant::ClaimByClock) && old && self.random.chance(300) {
                self.append(DIRECTORY, Tx::Release { digest, claim }, None);
            }
            if let (Some(home), true) = (home, self.random.chance(150) || self.now > HEAL_AT) {
                let user = row.user;
                self.send(home, Message::Decide { user, digest, claim });
            }
        }
    }
}
