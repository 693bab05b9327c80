//! What must hold across shards, checked on the committed logs as they grow, and on what primaries would serve.

use std::collections::BTreeMap;

use cell_relay::{ClaimState, Place};

use super::judge::What;
use super::parts::{AllRows, Cross, FIRST_TX};
use super::values::{
    CrossEvent, DIGESTS, PEOPLE_SHARDS, SHARDS, Seat, Shard, USERS, authority_of, claim_row, outbox_row,
    seat_row,
};
use crate::sim::World;
use crate::sim::content::KEYS;

const EVENTS: &str = "events-exactly-once-in-order";
const ONE_HOME: &str = "one-home-and-one-writer";
const CLAIMS: &str = "claims-unique";
/// Messages that may be under way between all shards.
const UNDER_WAY_MAX: u64 = 20_000;
const BOUNDED: &str = "messages-are-bounded";
const LAW: &str = crate::sim::invariants::law::NAME;
const LOST: &str = crate::sim::invariants::no_acked_write_lost::NAME;

/// What a god sees.
#[derive(Debug)]
pub(crate) struct God {
    /// The committed state of every shard.
    pub rows: AllRows,
    /// Committed events by source and destination, in order, and how many of them the destination took.
    events: BTreeMap<(Shard, u8), (Vec<CrossEvent>, usize)>,
    /// The number of the last event that a destination took, by who emitted it.
    taken: BTreeMap<(u8, u8), u32>,
    /// Taken and not decided.
    parked: Vec<(u8, CrossEvent)>,
    /// The last committed seat of each person where he was served.
    served: BTreeMap<u8, (Shard, u64)>,
    /// Committed log positions that were looked at, by shard.
    seen: [usize; SHARDS],
    /// Somebody forced a promotion: promises between shards are gone with what was lost by his word.
    pub forced: bool,
}

impl Default for God {
    fn default() -> Self {
        Self {
            rows: [[0; KEYS]; SHARDS],
            events: BTreeMap::new(),
            taken: BTreeMap::new(),
            parked: Vec::new(),
            served: BTreeMap::new(),
            seen: [0; SHARDS],
            forced: false,
        }
    }
}

type Broken = (&'static str, String);

impl Cross {
    fn seat(&self, shard: Shard, user: u8) -> Seat {
        self.values
            .seat(shard, user, self.committed(shard, seat_row(user)))
    }

    /// A transaction is committed.
    fn committed_now(&mut self, shard: Shard, id: u32) -> Result<(), Broken> {
        let index = (id - FIRST_TX) as usize;
        let logged = self.transactions[index];
        for (row, before, after) in &logged.rows[..logged.count] {
            let row = &mut self.god.rows[shard][usize::from(*row)];
            if row != before {
                let text = format!("shard {shard}: a transaction was judged by another state than the log's");
                return Err((ONE_HOME, text));
            }
            *row = *after;
        }
        match logged.what {
            What::Emitted { to, event } => {
                self.god.events.entry((shard, to)).or_default().0.push(event);
                Ok(())
            }
            What::Took { user, source, event } => self.god.take(user, source, event),
            What::Unparked { user, event } => self.god.decide(user, event),
            What::Moved { user } | What::Activated { user } => self.moved(shard, user),
            What::Arrived { user } if !self.is_lawful(user, shard) => {
                Err((LAW, format!("a copy of person {user} lies in shard {shard}")))
            }
            What::Arrived { .. } | What::ClaimActive | What::Other => Ok(()),
        }?;
        self.note_served(shard);
        self.claims_unique()
    }

    /// He is served in one shard at most, and brought everything along.
    fn moved(&self, shard: Shard, user: u8) -> Result<(), Broken> {
        let serves = |shard: &Shard| self.seat(*shard, user).serves();
        let homes: Vec<Shard> = (0..PEOPLE_SHARDS).filter(serves).collect();
        if homes.len() > 1 {
            return Err((ONE_HOME, format!("shards {homes:?} serve person {user}")));
        }
        let seat = self.seat(shard, user);
        let before = self.god.served.get(&user);
        if let (true, Some((from, row))) = (seat.serves(), before) {
            let had = self.values.seat(*from, user, *row).range;
            let mut has = seat.range;
            // Marks may have gone that floors stand for.
            has.marks = had.marks.clone();
            if has != had {
                let text = format!("person {user} came to shard {shard} without all that he had in {from}");
                return Err((LOST, text));
            }
        }
        Ok(())
    }

    fn note_served(&mut self, shard: Shard) {
        if shard >= PEOPLE_SHARDS {
            return;
        }
        for user in 0..USERS {
            let row = self.committed(shard, seat_row(user));
            let place = self.values.place(shard, user, row);
            if place.is_some_and(|place| place.serves()) {
                self.god.served.insert(user, (shard, row));
            }
        }
    }

    /// A value has one active claim, and the authority's row is that one.
    fn claims_unique(&self) -> Result<(), Broken> {
        let mut holders = BTreeMap::new();
        for (shard, user) in (0..PEOPLE_SHARDS).flat_map(|shard| (0..USERS).map(move |user| (shard, user))) {
            let row = self.committed(shard, seat_row(user));
            if !self
                .values
                .place(shard, user, row)
                .is_some_and(|place| place.serves())
            {
                continue;
            }
            for (claim, digest) in self.values.active_claims(row) {
                if holders.insert(digest, claim).is_some_and(|other| other != claim) {
                    return Err((CLAIMS, format!("value {digest} has two holders")));
                }
                let row = self.committed(authority_of(digest), claim_row(digest));
                let held = self.values.claim(row).row(u64::from(digest));
                if held.is_none_or(|held| held.claim != claim) {
                    let text = format!("the authority does not hold value {digest} for its holder");
                    return Err((CLAIMS, text));
                }
            }
        }
        Ok(())
    }

    /// What is not as it will be once everything is delivered, everybody at home, every claim decided.
    pub(crate) fn unsettled(&self) -> Option<String> {
        for user in 0..USERS {
            let homes: Vec<Shard> = (0..PEOPLE_SHARDS)
                .filter(|shard| self.seat(*shard, user).serves())
                .collect();
            let [home] = homes[..] else {
                return Some(format!("shards {homes:?} serve person {user}"));
            };
            for shard in 0..PEOPLE_SHARDS {
                let seat = self.seat(shard, user);
                let rests = matches!(seat.place, None | Some(Place::Home { .. } | Place::Gone { .. }));
                if !rests || seat.outgoing.waits().next().is_some() {
                    return Some(format!("person {user} in shard {shard}: {:?}", seat.place));
                }
                if !self
                    .values
                    .outbox(self.committed(shard, outbox_row(user)))
                    .is_empty()
                {
                    return Some(format!("shard {shard} has events for person {user}"));
                }
            }
            let range = self.seat(home, user).range;
            let pending = range
                .claims
                .values()
                .any(|(_, state)| *state == ClaimState::Pending);
            if pending || !range.parked.is_empty() {
                return Some(format!("person {user} has something pending or parked"));
            }
        }
        (!self.relocations.0.is_empty())
            .then(|| "a relocation is under way".to_owned())
            .or_else(|| self.row_without_a_claim())
    }

    fn row_without_a_claim(&self) -> Option<String> {
        for digest in 0..DIGESTS {
            let row = self.committed(authority_of(digest), claim_row(digest));
            let Some(held) = self.values.claim(row).row(u64::from(digest)) else {
                continue;
            };
            let state = (0..PEOPLE_SHARDS)
                .map(|shard| self.seat(shard, held.user))
                .find(Seat::serves)
                .and_then(|seat| seat.range.claims.get(&held.claim).copied());
            if state.is_none_or(|(_, state)| state != ClaimState::Active) {
                return Some(format!("value {digest} is held by a claim that is {state:?}"));
            }
        }
        None
    }
}

impl God {
    /// Effect or parking: exactly once, in the order of the source shard and in that of who emitted.
    fn take(&mut self, user: u8, source: Shard, event: CrossEvent) -> Result<(), Broken> {
        let (events, count) = self.events.entry((source, user)).or_default();
        let wanted = events.get(*count).copied();
        if wanted != Some(event) {
            let text = format!("person {user} took {event:?} from shard {source}, {wanted:?} is due");
            return Err((EVENTS, text));
        }
        *count += 1;
        let last = self.taken.entry((event.by, user)).or_default();
        if event.number != *last + 1 {
            let text = format!("person {user} took {event:?} after number {last} of the same emitter");
            return Err((EVENTS, text));
        }
        *last = event.number;
        if event.poison {
            self.parked.push((user, event));
        }
        Ok(())
    }

    fn decide(&mut self, user: u8, event: CrossEvent) -> Result<(), Broken> {
        let at = self.parked.iter().position(|other| *other == (user, event));
        let Some(at) = at else {
            return Err((
                EVENTS,
                format!("{event:?} of person {user} is decided and was not parked"),
            ));
        };
        self.parked.remove(at);
        Ok(())
    }

    /// Every committed event was taken.
    fn all_taken(&self) -> Result<u64, Broken> {
        let mut count = 0;
        for ((source, user), (events, taken)) in &self.events {
            if *taken < events.len() {
                let text = format!(
                    "person {user} never took {:?} from shard {source}",
                    events[*taken]
                );
                return Err((EVENTS, text));
            }
            count += *taken as u64;
        }
        Ok(count)
    }
}

impl World {
    /// The committed log of a shard has grown.
    pub(crate) fn crossing_committed(&mut self, shard: Shard) {
        let Some(mut cross) = self.cross.take() else {
            return;
        };
        let from = cross.god.seen[shard];
        let end = self.shards[shard].oracle.committed.len();
        cross.god.seen[shard] = end.max(from);
        for index in from..end {
            let id = self.shards[shard].oracle.committed[index].op;
            if id < FIRST_TX || cross.god.forced {
                continue;
            }
            self.see(name(cross.transactions[(id - FIRST_TX) as usize].what));
            if let Err((invariant, detail)) = cross.committed_now(shard, id) {
                self.violated(invariant, shard, detail);
            }
        }
        self.cross = Some(cross);
    }

    /// No two primaries that may answer have the same person at home, whatever they have committed of it.
    pub(crate) fn check_homes(&mut self, cross: &Cross) {
        for user in 0..USERS {
            let mut homes = Vec::new();
            for (shard, node) in
                (0..PEOPLE_SHARDS).flat_map(|shard| (0..self.nodes.len()).map(move |node| (shard, node)))
            {
                let Some(view) = self.view(cross, node, shard) else {
                    continue;
                };
                let row = view.rows[usize::from(seat_row(user))];
                if cross
                    .values
                    .place(shard, user, row)
                    .is_some_and(|place| place.serves())
                {
                    homes.push((shard, node));
                }
            }
            if homes.len() > 1 && !cross.god.forced {
                let detail = format!("shards and nodes {homes:?} serve person {user}");
                self.violated(ONE_HOME, homes[1].0, detail);
            }
        }
    }

    /// What is said leads to no more and more of it.
    pub(crate) fn check_bounded(&mut self, cross: &Cross, shard: Shard) {
        if cross.under_way > UNDER_WAY_MAX {
            let detail = format!("{} messages are under way between shards", cross.under_way);
            self.violated(BOUNDED, shard, detail);
        }
    }

    pub(crate) fn check_homes_now(&mut self) {
        if let Some(cross) = self.cross.take() {
            self.check_homes(&cross);
            self.cross = Some(cross);
        }
    }

    /// Why the run is not over for the people in it.
    pub(crate) fn crossing_unsettled(&self) -> Option<String> {
        let cross = self.cross.as_ref()?;
        if cross.god.forced { None } else { cross.unsettled() }
    }

    /// At the end: nothing was left out.
    pub(crate) fn check_all_taken(&mut self) {
        let Some(cross) = self.cross.as_ref().filter(|cross| !cross.god.forced) else {
            return;
        };
        if let Err((invariant, detail)) = cross.god.all_taken() {
            self.violated(invariant, 0, detail);
        }
    }
}

fn name(what: What) -> &'static str {
    match what {
        What::Emitted { .. } => "event-emitted",
        What::Took { event, .. } if event.poison => "event-parked",
        What::Took { .. } => "event-took-effect",
        What::Unparked { .. } => "parked-event-decided",
        What::Moved { .. } => "place-changed",
        What::Activated { .. } => "person-moved",
        What::Arrived { .. } => "range-arrived",
        What::ClaimActive => "claim-activated",
        What::Other => "other-crossing-transaction",
    }
}
