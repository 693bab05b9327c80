//! Shards, people, a directory, a driver of relocations, a network: and what goes wrong with them.

use std::collections::BTreeMap;

use cell_relay::relocate::RelocatePlants;
use cell_relay::{ClaimState, Entry, OperationId, Place, Relay};
use platform_model::{RootId, RootKind, RootRef};

use super::check;
use super::messages::{DIRECTORY, Message, SHARDS, Shard};
use super::shard::{Logged, Person, ShardModel, State, Tx};
use crate::sim::Random;
use crate::sim::queue::Queue;

pub(crate) const USERS: u8 = 4;
pub(crate) const DIGESTS: u64 = 3;
pub(crate) const HEAL_AT: u64 = 1_500_000;
const GIVE_UP_AT: u64 = 8_000_000;
const TICK: u64 = 25_000;
/// Planted: an unconfirmed claim is freed after so long.
pub(crate) const CLAIM_AGE: u64 = 60_000;

/// A bug that is put in on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CrossPlant {
    AsyncAckOfADelivery,
    MarkPerShardWithAReRoutedEvent,
    RelayAheadOfCommitted,
    LostCursor,
    ActivateBeforeCommit,
    AssumeTheCancel,
    ClaimByClock,
}

impl CrossPlant {
    pub const ALL: [Self; 7] = [
        Self::AsyncAckOfADelivery,
        Self::MarkPerShardWithAReRoutedEvent,
        Self::RelayAheadOfCommitted,
        Self::LostCursor,
        Self::ActivateBeforeCommit,
        Self::AssumeTheCancel,
        Self::ClaimByClock,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::AsyncAckOfADelivery => "async-ack-of-a-delivery",
            Self::MarkPerShardWithAReRoutedEvent => "mark-per-shard-with-a-re-routed-event",
            Self::RelayAheadOfCommitted => "relay-ahead-of-committed",
            Self::LostCursor => "lost-cursor",
            Self::ActivateBeforeCommit => "activate-before-commit",
            Self::AssumeTheCancel => "assume-the-cancel",
            Self::ClaimByClock => "claim-by-clock",
        }
    }
}

/// How a seed ended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CrossRun {
    pub broken: Option<String>,
    pub steps: u64,
    pub micros: u64,
    pub failovers: u64,
    pub delivered: u64,
    pub moved: u64,
    pub cancelled: u64,
    pub claims_active: u64,
}

#[derive(Debug)]
pub(crate) enum Happening {
    Arrive { to: Shard, message: Message },
    Commit(Shard),
    Tick(Shard),
    Act,
    FailOver(Shard),
}

pub(crate) struct World {
    pub(crate) now: u64,
    pub(crate) queue: Queue<Happening>,
    pub(crate) random: Random,
    pub(crate) plant: Option<CrossPlant>,
    pub(crate) shards: Vec<ShardModel>,
    pub(crate) relays: Vec<Relay<u32>>,
    /// Where each shard believes people to be.
    pub(crate) beliefs: Vec<BTreeMap<u8, Shard>>,
    /// Where each operation leads.
    pub(crate) operations: BTreeMap<OperationId, Shard>,
    pub(crate) truth: BTreeMap<(Shard, u8), Vec<u32>>,
    pub(crate) row_since: BTreeMap<u64, u64>,
    pub(crate) next: u64,
    pub(crate) run: CrossRun,
}

/// Runs one seed.
pub fn run(seed: u64, plant: Option<CrossPlant>) -> CrossRun {
    let mut world = World::new(seed, plant);
    while let Some((micros, happening)) = world.queue.pop() {
        world.now = micros;
        world.run.steps += 1;
        world.happen(happening);
        if world.run.broken.is_some() || world.is_over() {
            break;
        }
    }
    world.run.micros = world.now;
    world.run
}

pub(crate) fn root(user: u8) -> RootRef {
    let id = uuid_of(user);
    RootRef {
        kind: RootKind::User,
        id,
    }
}

fn uuid_of(user: u8) -> RootId {
    RootId(uuid::Uuid::from_u128(u128::from(user)))
}

pub(crate) fn user_of(root: RootRef) -> u8 {
    root.id.0.as_bytes()[15]
}

impl World {
    pub(crate) fn new(seed: u64, plant: Option<CrossPlant>) -> Self {
        let mut shards = vec![ShardModel::default(); SHARDS];
        for user in 0..USERS {
            let home = usize::from(user) % DIRECTORY;
            let person = Person::nobody(Place::Home { user_epoch: 1 });
            let put = |state: &mut State| state.people.insert(user, person.clone());
            put(&mut shards[home].committed);
            put(&mut shards[home].head);
            let directory = &mut shards[DIRECTORY];
            directory.committed.entries.insert(user, Entry::new(home));
            directory.head.entries.insert(user, Entry::new(home));
        }
        let mut world = Self {
            now: 0,
            queue: Queue::default(),
            random: Random::new(seed, 21),
            plant,
            shards,
            relays: vec![Relay::new(60_000); SHARDS],
            beliefs: vec![BTreeMap::new(); SHARDS],
            operations: BTreeMap::new(),
            truth: BTreeMap::new(),
            row_since: BTreeMap::new(),
            next: 1,
            run: CrossRun::default(),
        };
        for shard in 0..SHARDS {
            world.queue.push(1_000, Happening::Tick(shard));
            let at = world.random.between(100_000, HEAL_AT);
            world.queue.push(at, Happening::FailOver(shard));
        }
        world.queue.push(2_000, Happening::Act);
        world
    }

    pub(crate) fn plants(&self) -> RelocatePlants {
        RelocatePlants {
            activate_before_commit: self.plant == Some(CrossPlant::ActivateBeforeCommit),
            assume_the_cancel: self.plant == Some(CrossPlant::AssumeTheCancel),
        }
    }

    pub(crate) fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    pub(crate) fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::Arrive { to, message } => self.arrive(to, message),
            Happening::Commit(shard) => self.commit(shard),
            Happening::Tick(shard) => self.tick(shard),
            Happening::Act => self.act(),
            Happening::FailOver(shard) => self.fail_over(shard),
        }
        let checked =
            check::one_writer(&self.shards, USERS).and_then(|()| check::claims_unique(&self.shards));
        if let Err(broken) = checked {
            self.run.broken.get_or_insert(broken);
        }
    }

    pub(crate) fn send(&mut self, to: Shard, message: Message) {
        let healed = self.now > HEAL_AT;
        let copies = if self.random.chance(60) { 2 } else { 1 };
        for _ in 0..copies {
            if !healed && self.random.chance(120) {
                continue;
            }
            let late = self.random.chance(60);
            let delay = if late {
                self.random.between(50_000, 400_000)
            } else {
                self.random.between(500, 9_000)
            };
            let message = message.clone();
            self.queue
                .push(self.now + delay, Happening::Arrive { to, message });
        }
    }

    pub(crate) fn append(&mut self, shard: Shard, tx: Tx, then: Option<(Shard, Message)>) {
        self.shards[shard].append(tx, then);
        let at = self.now + self.random.between(500, 15_000);
        self.queue.push(at, Happening::Commit(shard));
    }

    pub(crate) fn commit(&mut self, shard: Shard) {
        let Some(Logged { tx, then, .. }) = self.shards[shard].commit_one() else {
            return;
        };
        match &tx {
            Tx::Emit { to, payload } => self.truth.entry((shard, *to)).or_default().push(*payload),
            Tx::Place {
                user,
                place: Place::Home { user_epoch },
            } if *user_epoch > 1 => {
                self.run.moved += u64::from(self.tell_to_erase(shard, *user, *user_epoch))
            }
            Tx::Claim {
                state: ClaimState::Active,
                ..
            } => self.run.claims_active += 1,
            _ => {}
        }
        if let Some((to, message)) = then {
            self.send(to, message);
        }
    }

    pub(crate) fn tell_to_erase(&mut self, here: Shard, user: u8, user_epoch: u64) -> bool {
        for other in (0..DIRECTORY).filter(|other| *other != here) {
            let to = here;
            self.send(other, Message::Erase { user, to, user_epoch });
        }
        true
    }

    pub(crate) fn fail_over(&mut self, shard: Shard) {
        if self.now > HEAL_AT {
            return;
        }
        self.run.failovers += 1;
        let tail = self.shards[shard].tail.len();
        let kept = self.random.pick(tail + 1);
        self.shards[shard].fail_over(kept);
        self.relays[shard] = Relay::new(60_000);
        for _ in 0..kept {
            let at = self.now + self.random.between(500, 5_000);
            self.queue.push(at, Happening::Commit(shard));
        }
        let at = self.now + self.random.between(20_000, 400_000);
        self.queue.push(at, Happening::FailOver(shard));
    }

    /// A shard's own work: relay, and reading entries that it waits for.
    pub(crate) fn tick(&mut self, shard: Shard) {
        let at = self.now + TICK;
        self.queue.push(at, Happening::Tick(shard));
        if shard == DIRECTORY {
            self.reconcile_claims();
            return;
        }
        let ahead = self.plant == Some(CrossPlant::RelayAheadOfCommitted);
        let state = if ahead {
            &self.shards[shard].head
        } else {
            &self.shards[shard].committed
        };
        for (key, to, payload) in &state.outbox {
            self.relays[shard].committed(root(*to), *key, *payload);
        }
        for action in self.relays[shard].tick(self.now) {
            self.relayed(shard, action);
        }
        let waits = |place: &Place<Shard>| matches!(place, Place::Fenced { .. } | Place::Incoming { .. });
        let people = &self.shards[shard].head.people;
        let asks: Vec<u8> = people
            .iter()
            .filter(|(_, person)| waits(&person.place))
            .map(|(user, _)| *user)
            .collect();
        for user in asks {
            self.ask_entry(shard, user);
        }
        let homes: Vec<(u8, u64)> = self.shards[shard]
            .committed
            .people
            .iter()
            .filter_map(|(user, person)| match person.place {
                Place::Home { user_epoch } if user_epoch > 1 => Some((*user, user_epoch)),
                _ => None,
            })
            .collect();
        for (user, user_epoch) in homes {
            self.tell_to_erase(shard, user, user_epoch);
        }
    }

    /// Ends the run once everything is delivered and everybody is at home.
    pub(crate) fn is_over(&mut self) -> bool {
        if self.now <= HEAL_AT + 200_000 {
            return false;
        }
        let idle = |shard: &ShardModel| shard.tail.is_empty() && shard.committed.outbox.is_empty();
        let settled = self.shards[DIRECTORY]
            .committed
            .entries
            .iter()
            .all(|(user, entry)| {
                let home = self.shards[entry.home].committed.people.get(user);
                entry.operation.is_none() && home.is_some_and(|person| person.place.serves())
            });
        if self.shards.iter().all(idle) && settled {
            match check::delivered(&self.shards, &self.truth, USERS) {
                Ok(count) => self.run.delivered = count,
                Err(broken) => self.run.broken = Some(broken),
            }
            return true;
        }
        if self.now > GIVE_UP_AT {
            self.run.broken =
                Some("progress-after-healing: something is never delivered or nobody is at home".into());
            return true;
        }
        false
    }
}
