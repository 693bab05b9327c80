//! Requests of clients at a node: snapshots, transactions, and answers that wait for what they stand on.

use cell_replica::Body;

use super::clients::{State, Waiting};
use super::content::{ERASES, KEYS, ROOTS, Tx, rows_in};
use super::disk::Writer;
use super::invariants::{erased, no_acked_write_lost};
use super::oracle::Pending;
use super::parts::Happening;
use super::world::{CLIENT_PATIENCE_MICROS, HEAL_AT, World};
use crate::cross::values::{CLIENT_ROOT, CLIENT_ROWS_FROM};

/// So many transactions of a thousand erase a root.
const ERASES_PER_MILLE: u64 = 50;

impl World {
    pub(crate) fn request_arrives(&mut self, node: usize, shard: usize, op: u32) {
        let now = self.local(node);
        let index = op as usize - 1;
        let asked = self.shards[shard].ops[index];
        let host = &self.nodes[node].hosts[shard];
        let Some(replica) = host.replica.as_ref().filter(|_| self.nodes[node].up) else {
            return;
        };
        match asked.tx {
            None => {
                if replica.may_answer(now) {
                    self.begin_read(node, shard, op);
                } else {
                    self.refuse_client(shard, op);
                }
            }
            Some(tx) => match replica.may_write(now) {
                Ok(()) => self.begin_write(node, shard, op, tx),
                Err(_) => self.refuse_client(shard, op),
            },
        }
    }

    /// Opens a snapshot of what is durable.
    pub(crate) fn begin_read(&mut self, node: usize, shard: usize, op: u32) {
        let host = &self.nodes[node].hosts[shard];
        let image = &host.disk.image;
        let read = &mut self.shards[shard].ops[op as usize - 1];
        let mut stands_on = (0, 0);
        for (key, value) in &mut read.reads {
            *value = image.rows[usize::from(*key)];
            stands_on = newest(stands_on, image.writers[usize::from(*key)]);
        }
        let life = host.life;
        let at = self.now + self.asks.between(20, 3_000);
        let happening = Happening::ReadDone {
            node,
            shard,
            life,
            op,
            stands_on,
        };
        self.queue.push(at, happening);
    }

    /// The lease is checked after the snapshot was opened; then the answer waits for what it stands on.
    pub(crate) fn read_done(&mut self, node: usize, shard: usize, life: u32, op: u32, stands_on: (u64, u64)) {
        let now = self.local(node);
        let host = &mut self.nodes[node].hosts[shard];
        if host.life != life {
            return;
        }
        if !host
            .replica
            .as_ref()
            .is_some_and(|replica| replica.may_answer(now))
        {
            self.refuse_client(shard, op);
            return;
        }
        host.waiting.push(Waiting {
            op,
            committed: stands_on,
            own: None,
        });
        self.answer_what_waits(node, shard);
    }

    pub(crate) fn begin_write(&mut self, node: usize, shard: usize, op: u32, tx: Tx) {
        let host = &self.nodes[node].hosts[shard];
        let mut stands_on = (0, 0);
        let asked = &mut self.shards[shard].ops[op as usize - 1];
        for (key, value) in asked.reads.iter_mut().take(usize::from(asked.read_count)) {
            *value = host.rows[usize::from(*key)];
            stands_on = newest(stands_on, host.writers[usize::from(*key)]);
        }
        let Some(own) = self.seal_and_append(node, shard, Body::Data(tx)) else {
            return;
        };
        let committed = if tx.sync { own } else { stands_on };
        self.nodes[node].hosts[shard].waiting.push(Waiting {
            op,
            committed,
            own: Some(own),
        });
    }

    /// Lets out the answers whose time has come.
    pub(crate) fn answer_what_waits(&mut self, node: usize, shard: usize) {
        self.let_out_crossing(node, shard);
        let now = self.local(node);
        let host = &mut self.nodes[node].hosts[shard];
        if host.waiting.is_empty() {
            return;
        }
        let Some(replica) = &host.replica else { return };
        let (durable, committed) = (replica.durable().0, replica.committed().map_or(0, |at| at.0));
        let open = replica.async_open() && replica.may_answer(now);
        let ops = &self.shards[shard].ops;
        let ready = |waiting: &Waiting| {
            let sync = ops[waiting.op as usize - 1].is_sync();
            waiting.committed.0 <= committed
                && waiting.own.is_none_or(|(position, _)| position <= durable)
                && (sync || open)
        };
        let mut answered: Vec<Waiting> = Vec::new();
        host.waiting.retain(|waiting| {
            let leaves = ready(waiting);
            if leaves {
                answered.push(*waiting);
            }
            !leaves
        });
        for waiting in answered {
            self.answer(shard, waiting);
        }
    }

    pub(crate) fn answer(&mut self, shard: usize, waiting: Waiting) {
        let (now, world) = (self.now, &mut self.shards[shard]);
        let asked = world.ops[waiting.op as usize - 1];
        if asked.state != State::Asked {
            return;
        }
        let shows = erased::in_answer(&world.oracle, &world.ops, &asked);
        let op = &mut world.ops[waiting.op as usize - 1];
        if op.state != State::Asked {
            return;
        }
        let sync = op.is_sync();
        let stands = if waiting.committed.0 > 0 {
            no_acked_write_lost::on_answer(&world.oracle, waiting.committed.0, waiting.committed.1)
        } else {
            Ok(())
        };
        // A client that has given up takes no answer: for it the outcome is unknown.
        let waits = world.clients[usize::from(op.client)].waits_for == op.id;
        if waits {
            op.state = State::Answered;
            op.completed = now;
            world.clients[usize::from(op.client)].waits_for = 0;
            world.answered_after_heal |= op.tx.is_some_and(|tx| tx.sync) && op.invoked > HEAL_AT;
            if let Some((position, _)) = waiting.own {
                let erases = op.tx.map_or(0, |tx| tx.erased());
                for row in rows_in(erases) {
                    let erased = &mut world.oracle.erased[usize::from(row)];
                    *erased = (*erased).max(position);
                }
            }
            if let Some((position, chain)) = waiting.own.filter(|_| !sync)
                && position > world.oracle.end()
            {
                let op = op.id;
                world.oracle.acked_async.push(Pending { position, chain, op });
            }
            self.numbers.answered += 1;
            let (client, pause) = (
                usize::from(self.shards[shard].ops[waiting.op as usize - 1].client),
                self.think(),
            );
            self.queue.push(now + pause, Happening::Ask { shard, client });
        }
        if let Err(detail) = shows {
            self.violated(erased::NAME, shard, detail);
        }
        if let Err(detail) = stands {
            self.violated(no_acked_write_lost::NAME, shard, detail);
        }
    }

    /// A client was told that nothing took place.
    pub(crate) fn refuse_client(&mut self, shard: usize, op: u32) {
        let asked = &mut self.shards[shard].ops[op as usize - 1];
        if asked.state != State::Asked {
            return;
        }
        asked.state = State::Refused;
        asked.completed = self.now;
        let client = usize::from(asked.client);
        if self.shards[shard].clients[client].waits_for == op {
            self.shards[shard].clients[client].waits_for = 0;
            let at = self.now + 10_000 + self.think();
            self.queue.push(at, Happening::Ask { shard, client });
        }
    }

    pub(crate) fn give_up(&mut self, shard: usize, client: usize, op: u32) {
        if self.shards[shard].clients[client].waits_for == op {
            self.shards[shard].clients[client].waits_for = 0;
            let at = self.now + self.think();
            self.queue.push(at, Happening::Ask { shard, client });
        }
    }

    pub(crate) fn think(&mut self) -> u64 {
        self.asks.between(2_000, 25_000)
    }

    /// A client asks for something new.
    pub(crate) fn ask(&mut self, shard: usize, client: usize) {
        let id = u32::try_from(self.shards[shard].ops.len() + 1).expect("few operations");
        // Where people live the first rows are theirs.
        let first = if self.cross.is_some() { CLIENT_ROWS_FROM } else { 0 };
        let rows = KEYS as u64 - u64::from(first);
        let mut key = || first + u8::try_from(self.asks.below(rows)).expect("few rows");
        let keys = [key(), key(), key(), key()];
        let asks = self.asks.below(10);
        let count = 1 + u8::from(keys[2] != keys[3] && asks > 6);
        let erases = self.asks.chance(80);
        let value = |index: u64| if erases { 0 } else { u64::from(id) * 2 + index };
        let sync = !self.asks.chance(self.shards[shard].async_per_mille);
        let mut tx = (asks >= 3).then_some(Tx {
            id,
            sync,
            count,
            writes: [(keys[2], value(0)), (keys[3], value(1))],
            time: 0,
        });
        if let Some(tx) = &mut tx
            && self.asks.chance(ERASES_PER_MILLE)
        {
            // An erase is always sync, and clears the whole range of a root.
            let any = u8::try_from(self.asks.below(u64::from(ROOTS))).expect("few roots");
            let root = if self.cross.is_some() { CLIENT_ROOT } else { any };
            (tx.sync, tx.count, tx.writes[0]) = (true, 1, (ERASES | root, 0));
            self.see("root-erased");
        }
        let op = super::clients::Op {
            id,
            client: u8::try_from(client).expect("few clients"),
            invoked: self.now,
            completed: u64::MAX,
            state: State::Asked,
            tx,
            read_count: if tx.is_some() { 1 } else { 2 },
            reads: [(keys[0], 0), (keys[1], 0)],
            erased: [keys[0], keys[1]].map(|key| self.shards[shard].oracle.erased[usize::from(key)]),
        };
        self.numbers.operations += 1;
        let world = &mut self.shards[shard];
        world.ops.push(op);
        world.clients[client].waits_for = id;
        let believed = usize::from(world.config.primary.node.ordinal);
        let node = if self.asks.chance(80) {
            self.asks.pick(self.nodes.len())
        } else {
            believed
        };
        let at = self.now + self.asks.between(100, 1_500);
        self.queue.push(at, Happening::Arrive { node, shard, op: id });
        let late = self.now + CLIENT_PATIENCE_MICROS;
        let op = id;
        self.queue.push(late, Happening::GiveUp { shard, client, op });
    }
}

/// The later of what an answer stands on.
fn newest(stands_on: (u64, u64), writer: Writer) -> (u64, u64) {
    if writer.sync && writer.position > stands_on.0 {
        (writer.position, writer.chain)
    } else {
        stands_on
    }
}
