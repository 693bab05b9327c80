//! A node's host of one copy: lets events happen, does what the replica wants, answers clients, and checks after each
//! step.

use cell_replica::action::Action;
use cell_replica::report::Report;
use cell_replica::{Body, Event, Frame, Message, Refusal, Role};
use platform_model::Position;

use super::content::{SimContent, Tx, apply, chunk_mask, seal, written};
use super::coverage;
use super::disk::note_writers;
use super::invariants::{
    agreement, async_loss, erased, in_sync, late_orders, no_acked_write_lost, one_content, one_server, times,
    whole_data,
};
use super::parts::Happening;
use super::plant::SimPlant;
use super::world::World;

impl World {
    /// Lets one event happen to a copy, and all that follows from it at once.
    pub(crate) fn drive(&mut self, node: usize, shard: usize, event: Event<SimContent>) {
        let now = self.local(node);
        if !self.nodes[node].up || self.violation.is_some() {
            return;
        }
        let Some(replica) = self.nodes[node].hosts[shard].replica.as_mut() else {
            return;
        };
        let (state, kind) = (coverage::state_index(replica), coverage::event_index(&event));
        let header = match &event {
            Event::Received(frame) if !matches!(frame.message, Message::Refused(_)) => Some(Frame {
                message: Message::Leaving,
                ..*frame
            }),
            _ => None,
        };
        let text = self.setting.trace.then(|| format!("{event:?}"));
        let (before, name) = (replica.state(), event.name());
        let mut actions = self.spare.pop().unwrap_or_default();
        let outcome = replica.step_into(now, event, &mut actions);
        let after = replica.state();
        let came_into = coverage::state_index(replica);
        self.numbers.steps += 1;
        self.coverage.note(state, kind, outcome.is_err());
        self.guide_to_the_rare(node, shard, state, kind);
        self.stir(((node * 8 + shard) * 64 + kind) as u64 * 2 + u64::from(outcome.is_err()));
        if let Some(text) = text {
            let ended = match &outcome {
                Ok(()) if before == after => format!("{} actions", actions.len()),
                Ok(()) => format!("-> {after}, {} actions", actions.len()),
                Err(refusal) => format!("refused: {refusal}"),
            };
            let silent = name == "tick" && before == after && actions.is_empty();
            if !silent {
                self.line(|| format!("n{node}/s{shard} {before}: {}: {ended}", cut(&text)));
            }
        }
        match outcome {
            Ok(()) => self.perform(node, shard, actions),
            Err(refusal) => {
                self.numbers.refused += 1;
                self.spare.push(actions);
                self.refuse(node, shard, header, refusal);
            }
        }
        self.check_servers(shard);
        if came_into != state {
            self.spring_trap(node, came_into);
            if before == "copying" && after == "standby" {
                self.spring_trap(node, usize::from(super::faults::JUST_WHOLE));
            }
            self.spring_ambush(shard, came_into);
        }
    }

    pub(crate) fn refuse(
        &mut self,
        node: usize,
        shard: usize,
        header: Option<Frame<SimContent>>,
        refusal: Refusal,
    ) {
        let key = cell_replica::NodeKey(u16::try_from(node).expect("few nodes"));
        if let Some((to, frame)) = header.and_then(|frame| frame.refused(key, refusal)) {
            self.post(node, usize::from(to.0), shard, frame);
        }
    }

    /// Does what a replica wants, in order.
    pub(crate) fn perform(&mut self, node: usize, shard: usize, mut actions: Vec<Action<SimContent>>) {
        let mut moved = false;
        for action in actions.drain(..) {
            moved |= matches!(action, Action::Durable(_) | Action::Committed(_));
            self.act(node, shard, action);
        }
        self.spare.push(actions);
        if moved {
            self.answer_what_waits(node, shard);
        }
    }

    pub(crate) fn act(&mut self, node: usize, shard: usize, action: Action<SimContent>) {
        match action {
            Action::Persist { ticket, writes } => {
                self.nodes[node].hosts[shard].disk.push(ticket, writes);
                self.begin_flush(node, shard);
            }
            Action::Send { node: to, frame } => self.post(node, usize::from(to.0), shard, frame),
            Action::Seal(body) => {
                self.seal_and_append(node, shard, body);
            }
            Action::Committed(position) => self.committed(node, shard, position),
            // Answers leave once all of the step is done.
            Action::Durable(_) => {}
            Action::Serving(_) => self.serving(node, shard),
            Action::TermEnded(_) => {
                self.see("term-ended");
                self.nodes[node].hosts[shard].waiting.clear();
            }
            Action::ReadPage { to, chunk } => {
                let image = &self.nodes[node].hosts[shard].disk.image;
                let event = Event::PageRead {
                    to,
                    chunk,
                    stamp: image.log.last(),
                    page: image.rows_of(chunk_mask(chunk)),
                    last: chunk + 1 == super::content::CHUNKS,
                };
                self.later(node, shard, event);
            }
            Action::ReadKeys { to, fork, keys } => {
                let image = &self.nodes[node].hosts[shard].disk.image;
                let (stamp, page) = (image.log.last(), image.rows_of(keys));
                let event = Event::KeysRead {
                    to,
                    fork,
                    stamp,
                    page,
                };
                self.later(node, shard, event);
            }
            Action::CollectKeys { fork, end } => {
                let log = &self.nodes[node].hosts[shard].disk.image.log;
                let forgets = self.setting.plant == Some(SimPlant::RewindForgetsClearedRanges);
                let keys = log.after(fork.position).fold(0, |mask, entry| match &entry.body {
                    Body::Data(tx) if forgets => mask | (written(entry) & !tx.erased()),
                    _ => mask | written(entry),
                });
                self.later(node, shard, Event::KeysCollected { fork, end, keys });
            }
            Action::Export { .. } => self.see("cut-off-entries-exported"),
            Action::Report(Report::Mismatch { replica, .. }) => {
                self.shards[shard].found_damaged.push(replica);
            }
            Action::Propose(_) | Action::Report(_) | Action::Prepared { .. } | Action::Confirm { .. } => {
                self.tell_control(node, shard, action);
            }
        }
    }

    /// What the host reads comes a little later; a crash takes it away.
    pub(crate) fn later(&mut self, node: usize, shard: usize, event: Event<SimContent>) {
        let at = self.now + self.disks.between(200, 6_000);
        let life = self.nodes[node].hosts[shard].life;
        let event = Box::new(event);
        let happening = Happening::Own {
            node,
            shard,
            life,
            event,
        };
        self.queue.push(at, happening);
    }

    pub(crate) fn post(&mut self, from: usize, to: usize, shard: usize, frame: Frame<SimContent>) {
        let (first, second) = self.net.route(from, to);
        if let Some(delay) = second {
            let frame = Box::new(frame.clone());
            let node = to;
            self.queue
                .push(self.now + delay, Happening::Frame { node, shard, frame });
        }
        if let Some(delay) = first {
            let frame = Box::new(frame);
            let node = to;
            self.queue
                .push(self.now + delay, Happening::Frame { node, shard, frame });
        }
    }

    pub(crate) fn frame_arrives(&mut self, node: usize, shard: usize, frame: Frame<SimContent>) {
        if self.nodes[node].full_until > self.now && self.disks.chance(700) {
            return;
        }
        self.drive(node, shard, Event::Received(frame));
    }

    pub(crate) fn order_arrives(&mut self, node: usize, shard: usize, event: Event<SimContent>) {
        let host = &self.nodes[node].hosts[shard];
        let erases = matches!(event, Event::Erase { .. });
        let held = host.replica.as_ref().and_then(|replica| replica.meta().replica);
        self.drive(node, shard, event);
        let now_held = self.nodes[node].hosts[shard]
            .replica
            .as_ref()
            .and_then(|replica| replica.meta().replica);
        if erases && held != now_held {
            self.see("copy-erased");
            if let Err(detail) = late_orders::on_erased(&self.shards[shard].config, held) {
                self.violated(late_orders::NAME, shard, detail);
            }
        }
    }

    /// Seals an entry at the tail, as the committer does. Answers with its position and chain.
    pub(crate) fn seal_and_append(
        &mut self,
        node: usize,
        shard: usize,
        body: Body<SimContent>,
    ) -> Option<(u64, u64)> {
        let wall = self.wall(node);
        let host = &mut self.nodes[node].hosts[shard];
        let replica = host.replica.as_ref()?;
        if matches!(body, Body::Term) {
            host.time = host.disk.image.time;
        }
        let body = match body {
            Body::Data(tx) => {
                // Never less than the time of the entry before, whatever the clock says.
                let alone = self.setting.plant == Some(SimPlant::EntryTimeFromTheClockAlone);
                let time = if alone { wall } else { wall.max(host.time) };
                host.time = time;
                Body::Data(Tx { time, ..tx })
            }
            other => other,
        };
        let entry = seal(replica.tail(), replica.term()?, body);
        if matches!(entry.body, Body::Term) {
            host.rows = host.disk.image.rows;
            host.writers = host.disk.image.writers;
        }
        apply(&mut host.rows, &entry);
        note_writers(&mut host.writers, &entry);
        self.shards[shard].oracle.note(&entry, &host.rows);
        self.numbers.entries += 1;
        let place = (entry.head.position.0, entry.head.chain);
        self.drive(node, shard, Event::Append(entry));
        Some(place)
    }

    pub(crate) fn committed(&mut self, node: usize, shard: usize, position: Position) {
        let Some(replica) = &self.nodes[node].hosts[shard].replica else {
            return;
        };
        let known = self.shards[shard].oracle.end();
        let checked = agreement::check(&mut self.shards[shard].oracle, replica.log(), position);
        if let Err(detail) = checked {
            self.violated(agreement::NAME, shard, detail);
        }
        if let Err(detail) = times::check(&self.shards[shard].oracle, known) {
            self.violated(times::NAME, shard, detail);
        }
        let oracle = &mut self.shards[shard].oracle;
        let end = oracle.end();
        oracle.acked_async.retain(|write| write.position > end);
        self.check_candidates(shard);
        self.crossing_committed(shard);
    }

    /// Every candidate of the newest configuration has all that is committed.
    pub(crate) fn check_candidates(&mut self, shard: usize) {
        let world = &self.shards[shard];
        let mut broken = None;
        for copy in world.config.candidates() {
            let node = usize::from(copy.node.ordinal);
            let host = &self.nodes[node].hosts[shard];
            if self.is_damaged(shard, copy.replica) {
                continue;
            }
            let differs = host.flipped == Some(copy.replica) && world.found_damaged.contains(&copy.replica);
            if differs && whole_data::check(&world.oracle, &host.disk.image).is_err() {
                broken = Some(format!(
                    "{} was dropped for its data and is a candidate",
                    copy.replica.0
                ));
            }
            if let Err(detail) = in_sync::check(&world.oracle, &host.disk.image) {
                broken = Some(format!("{} on {}: {detail}", copy.replica.0, copy.node));
            }
        }
        if let Some(detail) = broken {
            self.violated(in_sync::NAME, shard, detail);
        }
    }

    /// What has just become durable is a consistent prefix, or says that it is none.
    pub(crate) fn check_image(&mut self, node: usize, shard: usize) {
        let host = &mut self.nodes[node].hosts[shard];
        if host.flipped.is_some() && host.flipped == host.disk.image.meta.replica {
            return;
        }
        host.flipped = None;
        let (image, world) = (&host.disk.image, &self.shards[shard]);
        let erased = erased::in_copy(&world.oracle, &world.ops, image);
        if let Err(detail) = erased {
            self.violated(erased::NAME, shard, format!("node {node}: {detail}"));
        }
        let host = &mut self.nodes[node].hosts[shard];
        let before = host.replica.as_ref().map_or(0, |replica| replica.durable().0);
        if let Err(detail) = one_content::check(&mut self.shards[shard].oracle, &host.disk.image.log, before)
        {
            self.violated(one_content::NAME, shard, format!("node {node}: {detail}"));
        }
        let host = &self.nodes[node].hosts[shard];
        if let Err(detail) = whole_data::check(&self.shards[shard].oracle, &host.disk.image) {
            self.violated(whole_data::NAME, shard, format!("node {node}: {detail}"));
        }
    }

    pub(crate) fn check_servers(&mut self, shard: usize) {
        let mut servers = [0usize; 8];
        let mut count = 0;
        for node in 0..self.nodes.len() {
            let state = &self.nodes[node];
            let Some(replica) = &state.hosts[shard].replica else {
                continue;
            };
            if matches!(replica.role(), Role::Primary(_)) && state.up && replica.may_answer(self.local(node))
            {
                servers[count] = node;
                count += 1;
            }
        }
        for node in &servers[..count] {
            self.check_first_answer(*node, shard);
        }
        if let Err(detail) = one_server::check(&servers[..count]) {
            self.violated(one_server::NAME, shard, detail);
        }
    }

    pub(crate) fn serving(&mut self, node: usize, shard: usize) {
        self.see("term-began-to-serve");
        let host = &mut self.nodes[node].hosts[shard];
        let Some(replica) = &host.replica else { return };
        if host.waiting.is_empty() && replica.durable() == replica.tail().position {
            host.rows = host.disk.image.rows;
            host.writers = host.disk.image.writers;
        }
    }

    /// A term has just come to where it may answer: from here on its log is what clients see. One that was suspended
    /// while it opened comes to the same stage long after it was replaced; without a lease it shows that to nobody.
    fn check_first_answer(&mut self, node: usize, shard: usize) {
        let host = &mut self.nodes[node].hosts[shard];
        let Some(replica) = &host.replica else { return };
        if host.judged == replica.term() {
            return;
        }
        host.judged = replica.term();
        let oracle = &mut self.shards[shard].oracle;
        let loss = async_loss::on_serving(oracle, replica.log());
        let acked = no_acked_write_lost::on_serving(oracle, replica.log());
        if let Err(detail) = acked {
            self.violated(no_acked_write_lost::NAME, shard, detail);
        }
        if let Err(detail) = loss {
            self.violated(async_loss::NAME, shard, detail);
        }
        self.check_homes_now();
    }

    // Requests of clients.
}

fn cut(text: &str) -> String {
    text.chars().take(260).collect()
}
