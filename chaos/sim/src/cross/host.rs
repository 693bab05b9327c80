//! A node's host of a shard that people live in: messages are judged by the state that the replica's own log made, what
//! they lead to is sealed into that log, and answers leave once they are committed. The relay reads only what is.

use cell_relay::{Answer, EventKey};
use cell_replica::Body;
use platform_model::{EpochPosition, Position};

use super::judge::{Decision, View, What};
use super::messages::{CrossMessage, To};
use super::parts::{Cross, CrossHappening, CrossHost, CrossWaiting, FIRST_TX, Logged};
use super::plant::CrossPlant;
use super::values::{Shard, Value, root};
use crate::sim::World;
use crate::sim::content::{KEYS, Tx};
use crate::sim::invariants::{law, no_acked_write_lost};
use crate::sim::parts::Happening;

impl World {
    pub(crate) fn cross_happens(&mut self, happening: CrossHappening) {
        if let (Some(cross), false) = (&mut self.cross, matches!(happening, CrossHappening::Act)) {
            cross.under_way = cross.under_way.saturating_sub(1);
        }
        match happening {
            CrossHappening::Arrive { node, shard, message } => self.cross_arrives(node, shard, *message),
            CrossHappening::ToDriver(message) => self.driver_hears(*message),
            CrossHappening::Act => self.people_act(),
        }
    }

    /// A shard's state as the primary on this node has it. None: it does not serve.
    pub(crate) fn view<'a>(&'a self, cross: &'a Cross, node: usize, shard: Shard) -> Option<View<'a>> {
        let host = &self.nodes[node].hosts[shard];
        let replica = host.replica.as_ref().filter(|_| self.nodes[node].up)?;
        replica.may_write(self.local(node)).ok()?;
        let (term, last) = (replica.term()?, replica.tail().position);
        let at = EpochPosition {
            epoch: term.epoch,
            position: Position(last.0 + 1),
        };
        Some(View {
            shard,
            rows: &host.rows,
            values: &cross.values,
            next: EventKey {
                at,
                ..EventKey::default()
            },
            stamp: (term, at.position),
            plant: cross.plant,
            lawful: &cross.lawful,
        })
    }

    /// What is not durable ends with a term.
    pub(crate) fn cross_host<'a>(
        &self,
        cross: &'a mut Cross,
        node: usize,
        shard: Shard,
    ) -> Option<&'a mut CrossHost> {
        let replica = self.nodes[node].hosts[shard].replica.as_ref()?;
        let host = &mut cross.hosts[shard][node];
        let term = replica.term()?;
        if host.term != term {
            *host = CrossHost::new(term);
        }
        Some(host)
    }

    fn cross_arrives(&mut self, node: usize, shard: Shard, message: CrossMessage) {
        let Some(mut cross) = self.cross.take() else {
            return;
        };
        let judged = self.view(&cross, node, shard).is_some();
        self.line(|| format!("n{node}/s{shard} hears {message:?}, serves: {judged}"));
        if judged {
            match message {
                CrossMessage::Delivered { user, key, answer } => {
                    if answer == Answer::Moved && cross.has(CrossPlant::SendAtOnceWhenMoved) {
                        self.send_again(&mut cross, node, shard, user, key);
                    }
                    let host = self.cross_host(&mut cross, node, shard);
                    let action = host.and_then(|host| host.relay.answered(root(user), key, answer).ok());
                    if let Some(action) = action {
                        self.relayed(&mut cross, node, shard, action);
                        self.relay_ticks(&mut cross, node, shard);
                    }
                }
                message => {
                    if let CrossMessage::EntryIs { user, entry, .. } = &message
                        && let Some(host) = self.cross_host(&mut cross, node, shard)
                    {
                        host.beliefs.insert(*user, entry.home);
                    }
                    self.judge(&mut cross, node, shard, message);
                }
            }
        }
        self.cross = Some(cross);
    }

    pub(crate) fn judge(&mut self, cross: &mut Cross, node: usize, shard: Shard, message: CrossMessage) {
        let decision = self.view(cross, node, shard).and_then(|view| view.judge(message));
        if let Some(decision) = decision {
            self.carry_out(cross, node, shard, decision);
        }
    }

    /// Seals what a decision writes; what it says leaves once all that it stands on is committed.
    pub(crate) fn carry_out(&mut self, cross: &mut Cross, node: usize, shard: Shard, decision: Decision) {
        let Decision {
            what,
            writes,
            sync,
            reads,
            then,
            now,
        } = decision;
        for (to, message) in now {
            self.cross_send(cross, node, to, message);
        }
        let stands_on = if writes.is_empty() {
            self.newest_of(node, shard, reads)
        } else {
            let logged = self.write_values(cross, node, shard, what, writes);
            let id = FIRST_TX + u32::try_from(cross.transactions.len()).expect("few transactions");
            cross.transactions.push(logged);
            let row = |index: usize| (logged.rows[index].0, logged.rows[index].2);
            let tx = Tx {
                id,
                sync,
                count: u8::try_from(logged.count).expect("two"),
                writes: [row(0), row(1)],
                time: 0,
            };
            let Some(place) = self.seal_and_append(node, shard, Body::Data(tx)) else {
                return;
            };
            self.check_homes(cross);
            place
        };
        if then.is_empty() {
            return;
        }
        let (position, chain) = stands_on;
        if let Some(host) = self.cross_host(cross, node, shard) {
            host.waiting.push(CrossWaiting {
                position,
                chain,
                then,
            });
        }
        self.cross_leaves(cross, node, shard);
    }

    fn write_values(
        &self,
        cross: &mut Cross,
        node: usize,
        shard: Shard,
        what: What,
        writes: Vec<(u8, Value)>,
    ) -> Logged {
        let rows = &self.nodes[node].hosts[shard].rows;
        let mut logged = Logged {
            what,
            rows: [(0, 0, 0); 2],
            count: writes.len(),
        };
        for (index, (row, value)) in writes.into_iter().enumerate() {
            logged.rows[index] = (row, rows[usize::from(row)], cross.values.put(value));
        }
        logged
    }

    /// Who wrote these rows last: an answer stands on that, whatever the mode of the write.
    pub(crate) fn newest_of(&self, node: usize, shard: Shard, reads: u32) -> (u64, u64) {
        let writers = &self.nodes[node].hosts[shard].writers;
        (0..KEYS)
            .filter(|row| reads & (1 << row) != 0)
            .map(|row| (writers[row].position, writers[row].chain))
            .max()
            .unwrap_or_default()
    }

    /// Lets out what has become committed.
    pub(crate) fn let_out_crossing(&mut self, node: usize, shard: Shard) {
        if let Some(mut cross) = self.cross.take() {
            self.cross_leaves(&mut cross, node, shard);
            self.cross = Some(cross);
        }
    }

    pub(crate) fn cross_leaves(&mut self, cross: &mut Cross, node: usize, shard: Shard) {
        let replica = self.nodes[node].hosts[shard].replica.as_ref();
        let committed = replica.and_then(|replica| replica.committed());
        let (Some(committed), Some(host)) = (committed, self.cross_host(cross, node, shard)) else {
            return;
        };
        let ready = |waiting: &mut CrossWaiting| waiting.position <= committed.0;
        let leaving: Vec<CrossWaiting> = host.waiting.extract_if(.., ready).collect();
        for waiting in leaving {
            let oracle = &self.shards[shard].oracle;
            if waiting.position > 0
                && let Err(detail) = no_acked_write_lost::on_answer(oracle, waiting.position, waiting.chain)
            {
                self.violated(no_acked_write_lost::NAME, shard, detail);
            }
            for (to, message) in waiting.then {
                self.cross_send(cross, node, to, message);
            }
        }
    }

    /// Over the network to whoever is believed to serve; now and then a message lies somewhere for long.
    pub(crate) fn cross_send(&mut self, cross: &mut Cross, from: usize, to: To, message: CrossMessage) {
        if let (CrossMessage::Incoming { user, .. }, To::Shard(target)) = (&message, to)
            && !cross.is_lawful(*user, target)
        {
            let detail = format!("the range of person {user} leaves for shard {target}");
            self.violated(law::NAME, target, detail);
        }
        let node = match to {
            To::Shard(_) if cross.random.chance(30) => cross.random.pick(self.nodes.len()),
            To::Shard(shard) => self.primary_of(shard),
            To::Driver => self.nodes.len(),
        };
        let (first, second) = self.net.route(from, node);
        let lies = !self.healed && cross.random.chance(40);
        let third = lies.then(|| cross.random.below(2_500_000));
        for delay in [first, second, third].into_iter().flatten() {
            let message = Box::new(message.clone());
            let happening = match to {
                To::Shard(shard) => CrossHappening::Arrive { node, shard, message },
                To::Driver => CrossHappening::ToDriver(message),
            };
            cross.under_way += 1;
            self.queue.push(self.now + delay, Happening::Cross(happening));
        }
        if let To::Shard(shard) = to {
            self.check_bounded(cross, shard);
        }
    }
}
