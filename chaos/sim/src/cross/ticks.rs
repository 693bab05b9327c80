//! A node's own work for a shard that it serves: its relay, entries that it waits for, claims that nobody has decided.

use cell_relay::{ClaimId, ClaimState, EventKey, Place, RelayAction};
use platform_model::Position;

use super::messages::{CrossMessage, To};
use super::parts::Cross;
use super::plant::CrossPlant;
use super::values::{
    CrossEvent, DIGESTS, PEOPLE_SHARDS, Seat, Shard, Stamp, USERS, authority_of, claim_row, directory_of,
    first_home, root, seat_row, user_of,
};
use crate::sim::World;

impl World {
    /// A node's own work for a shard that it serves.
    pub(crate) fn cross_ticks(&mut self, node: usize, shard: Shard) {
        let Some(mut cross) = self.cross.take() else {
            return;
        };
        if self.view(&cross, node, shard).is_some() {
            self.cross_leaves(&mut cross, node, shard);
            if shard < PEOPLE_SHARDS {
                self.relay_ticks(&mut cross, node, shard);
                self.places_tick(&mut cross, node, shard);
            } else {
                self.reconcile_claims(&mut cross, node, shard);
            }
        }
        self.cross = Some(cross);
    }

    /// Feeds the relay with what is committed, and sends what is due.
    pub(crate) fn relay_ticks(&mut self, cross: &mut Cross, node: usize, shard: Shard) {
        let replica = self.nodes[node].hosts[shard].replica.as_ref();
        let Some(committed) = replica.and_then(|replica| replica.committed()) else {
            return;
        };
        let ahead = cross.has(CrossPlant::RelayAheadOfCommitted);
        let Some(view) = self.view(cross, node, shard) else {
            return;
        };
        let mut events = Vec::new();
        for to in 0..USERS {
            let due = |(key, _): &&(EventKey, _)| ahead || key.at.position <= committed;
            events.extend(
                view.outbox(to)
                    .iter()
                    .filter(due)
                    .map(|(key, event)| (to, *key, *event)),
            );
        }
        let outgoing: Vec<_> = (0..USERS).map(|user| view.seat(user).outgoing).collect();
        let now = self.now;
        let Some(host) = self.cross_host(cross, node, shard) else {
            return;
        };
        for (to, key, event) in events {
            // One that was fed before is a repeat.
            host.relay.committed(root(to), key, event);
        }
        let holds = |event: &CrossEvent| outgoing[usize::from(event.by)].holds(event.user_epoch);
        for action in host.relay.tick(now, holds) {
            self.relayed(cross, node, shard, action);
        }
    }

    /// Planted: the event that was answered goes out once more at once, if it still waits.
    pub(crate) fn send_again(
        &mut self,
        cross: &mut Cross,
        node: usize,
        shard: Shard,
        user: u8,
        answered: EventKey,
    ) {
        let waits = self.view(cross, node, shard).and_then(|view| {
            let mut events = view.outbox(user).iter();
            events.find(|(key, _)| *key == answered).copied()
        });
        if let Some((key, payload)) = waits {
            let deliver = RelayAction::Deliver {
                to: root(user),
                key,
                low: EventKey::default(),
                payload,
            };
            self.relayed(cross, node, shard, deliver);
        }
    }

    pub(crate) fn relayed(
        &mut self,
        cross: &mut Cross,
        node: usize,
        shard: Shard,
        action: RelayAction<CrossEvent>,
    ) {
        match action {
            RelayAction::Deliver {
                to,
                key,
                low,
                payload,
            } => {
                let user = user_of(to);
                let believed = cross.hosts[shard][node].beliefs.get(&user).copied();
                let message = CrossMessage::Deliver {
                    source: shard,
                    user,
                    key,
                    low,
                    event: payload,
                };
                let to = To::Shard(believed.unwrap_or(first_home(user)));
                self.cross_send(cross, node, to, message);
                if cross.has(CrossPlant::LostCursor) {
                    self.move_cursor(cross, node, shard, user, key);
                }
            }
            RelayAction::MoveCursor { to, key } => self.move_cursor(cross, node, shard, user_of(to), key),
            RelayAction::AskGate { to } => self.ask_entry(cross, node, shard, user_of(to)),
        }
    }

    pub(crate) fn move_cursor(
        &mut self,
        cross: &mut Cross,
        node: usize,
        shard: Shard,
        user: u8,
        key: EventKey,
    ) {
        let moved = self
            .view(cross, node, shard)
            .and_then(|view| view.move_cursor(user, key));
        if let Some(decision) = moved {
            self.carry_out(cross, node, shard, decision);
        }
    }

    pub(crate) fn ask_entry(&mut self, cross: &mut Cross, node: usize, shard: Shard, user: u8) {
        let Some(asked) = self.view(cross, node, shard).map(|view| view.stamp) else {
            return;
        };
        // What stands at the tail stands before whatever is read from now on.
        let asked: Stamp = (asked.0, Position(asked.1.0 - 1));
        let from = To::Shard(shard);
        let ask = CrossMessage::AskEntry { from, user, asked };
        self.cross_send(cross, node, To::Shard(directory_of(user)), ask);
    }

    /// Reads the entries that places wait for, asks old homes whether they have passed their marker, and tells them
    /// that they may erase.
    fn places_tick(&mut self, cross: &mut Cross, node: usize, shard: Shard) {
        let replica = self.nodes[node].hosts[shard].replica.as_ref();
        let committed = replica
            .and_then(|replica| replica.committed())
            .unwrap_or_default();
        for user in 0..USERS {
            let Some(seat) = self.view(cross, node, shard).map(|view| view.seat(user)) else {
                return;
            };
            let settled = self.newest_of(node, shard, 1 << seat_row(user)).0 <= committed.0;
            match seat.place {
                Some(Place::Fenced { .. } | Place::Incoming { .. }) if cross.random.chance(400) => {
                    self.ask_entry(cross, node, shard, user);
                }
                Some(Place::Home { user_epoch }) if user_epoch > 1 && settled && cross.random.chance(150) => {
                    for other in (0..PEOPLE_SHARDS).filter(|other| *other != shard) {
                        let to = shard;
                        let erase = CrossMessage::Erase { user, to, user_epoch };
                        self.cross_send(cross, node, To::Shard(other), erase);
                    }
                }
                _ => {}
            }
            if seat.serves() && settled && cross.random.chance(200) {
                self.take_again(cross, node, shard, user, &seat);
            }
            for (user_epoch, from) in seat.outgoing.waits() {
                let ask = CrossMessage::AskPassed {
                    from: shard,
                    user,
                    user_epoch,
                };
                self.cross_send(cross, node, To::Shard(from), ask);
            }
        }
    }

    /// A claim that is pending is asked for until the authority has answered.
    fn take_again(&mut self, cross: &mut Cross, node: usize, shard: Shard, user: u8, seat: &Seat) {
        let pending = |(claim, (digest, state)): (&ClaimId, &(u8, ClaimState))| {
            (*state == ClaimState::Pending).then_some((*claim, *digest))
        };
        let Some((claim, digest)) = seat.range.claims.iter().find_map(pending) else {
            return;
        };
        let take = CrossMessage::Take {
            from: shard,
            user,
            digest,
            claim,
        };
        self.cross_send(cross, node, To::Shard(authority_of(digest)), take);
    }

    /// The authority asks the homes of its rows to decide; it never decides by time.
    fn reconcile_claims(&mut self, cross: &mut Cross, node: usize, shard: Shard) {
        for digest in (0..DIGESTS).filter(|digest| authority_of(*digest) == shard) {
            let Some(view) = self.view(cross, node, shard) else {
                return;
            };
            let row = view.rows[usize::from(claim_row(digest))];
            let Some(held) = cross.values.claim(row).row(u64::from(digest)) else {
                continue;
            };
            let now = self.now;
            let Some(host) = self.cross_host(cross, node, shard) else {
                return;
            };
            let since = *host.claim_since.entry(digest).or_insert(now);
            let (user, claim) = (held.user, held.claim);
            if cross.has(CrossPlant::ClaimByClock) && now - since > 60_000 && cross.random.chance(300) {
                self.judge(cross, node, shard, CrossMessage::Expire { digest, claim });
            } else if cross.random.chance(150) {
                let home = self.home_by_entry(cross, user);
                let ask = CrossMessage::Decide { user, digest, claim };
                self.cross_send(cross, node, To::Shard(home), ask);
            }
        }
    }
}
