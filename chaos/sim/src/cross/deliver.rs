//! Messages as they arrive at a shard: deliveries, entries, steps of a relocation.

use super::world::{CrossPlant, World, root, user_of};
use cell_relay::{Answer, Entry, Place, Received, RelayAction};

use super::messages::{DIRECTORY, Message, Shard};
use super::shard::{Person, Tx};

impl World {
    pub(crate) fn arrive(&mut self, here: Shard, message: Message) {
        match message {
            Message::Deliver {
                source,
                user,
                key,
                payload,
            } => self.deliver(here, source, user, key, payload),
            Message::Delivered { user, key, answer } => {
                for action in self.relays[here].answered(root(user), key, answer) {
                    self.relayed(here, action);
                }
            }
            Message::AskEntry { from, user, asked } => {
                // What is told has been committed: a failover does not take it back.
                if let Some(entry) = self.shards[here].committed.entries.get(&user).copied() {
                    self.send(from, Message::EntryIs { user, entry, asked });
                }
            }
            Message::EntryIs { user, entry, asked } => self.read_entry(here, user, entry, asked),
            Message::Start { user, operation, to } => {
                self.change_entry(user, |entry| entry.start(operation, to).is_ok())
            }
            Message::Commit { user, operation, to } => {
                self.change_entry(user, |entry| entry.commit(operation, to).is_ok())
            }
            Message::Cancel { user, operation } => {
                self.change_entry(user, |entry| entry.cancel(operation).is_ok());
            }
            Message::Fence { user, operation } => {
                let place = self.place(here, user);
                if let Some(Ok(fenced)) = place.map(|place| place.fence(operation))
                    && place != Some(fenced)
                {
                    self.append(here, Tx::Place { user, place: fenced }, None);
                }
            }
            Message::Incoming {
                user,
                operation,
                person,
            } => {
                let place = self.place(here, user);
                let served_epoch = match person.place {
                    Place::Fenced { user_epoch, .. } => user_epoch,
                    _ => 0,
                };
                if let Ok(incoming) = Place::receive(place, operation, true, served_epoch)
                    && place != Some(incoming)
                {
                    let person = Box::new(Person {
                        place: incoming,
                        ..*person
                    });
                    self.append(here, Tx::Arrive { user, person }, None);
                }
            }
            Message::Erase { user, to, user_epoch } => {
                let place = self.place(here, user);
                if let Some(Ok(gone)) = place.map(|place| place.erase(to, user_epoch)) {
                    self.append(here, Tx::Forget { user, place: gone }, None);
                }
            }
            other => self.claim_message(here, other),
        }
    }

    pub(crate) fn place(&self, here: Shard, user: u8) -> Option<Place<Shard>> {
        self.shards[here]
            .head
            .people
            .get(&user)
            .map(|person| person.place)
    }

    pub(crate) fn change_entry(&mut self, user: u8, change: impl Fn(&mut Entry<Shard>) -> bool) {
        let Some(mut entry) = self.shards[DIRECTORY].head.entries.get(&user).copied() else {
            return;
        };
        if change(&mut entry) {
            self.append(DIRECTORY, Tx::Entry { user, entry }, None);
        }
    }

    pub(crate) fn deliver(
        &mut self,
        here: Shard,
        source: Shard,
        user: u8,
        key: cell_relay::EventKey,
        payload: u32,
    ) {
        let by_shard = self.plant == Some(CrossPlant::MarkPerShardWithAReRoutedEvent);
        let answer = |answer| Message::Delivered { user, key, answer };
        match self.shards[here].head.judge(source, user, key, by_shard) {
            None => self.send(source, answer(Answer::Moved)),
            Some(Received::Again) => {
                // Told only once it is committed; before that the source asks again.
                let committed = self.shards[here].committed.judge(source, user, key, by_shard);
                if committed == Some(Received::Again) {
                    self.send(source, answer(Answer::Delivered));
                }
            }
            Some(Received::Apply) => {
                let tx = Tx::Effect {
                    source,
                    user,
                    key,
                    payload,
                };
                if self.plant == Some(CrossPlant::AsyncAckOfADelivery) {
                    self.send(source, answer(Answer::Delivered));
                }
                self.append(here, tx, Some((source, answer(Answer::Delivered))));
            }
        }
    }

    pub(crate) fn read_entry(
        &mut self,
        here: Shard,
        user: u8,
        entry: Entry<Shard>,
        asked: cell_relay::EventKey,
    ) {
        self.beliefs[here].insert(user, entry.home);
        let state = &self.shards[here].head;
        // An answer to a question from before the marker says nothing about it.
        let current = state
            .people
            .get(&user)
            .is_some_and(|person| person.since <= asked);
        if !current {
            return;
        }
        if let Some(place) = state.follow(here, user, &entry, self.plants()) {
            self.append(here, Tx::Place { user, place }, None);
        }
    }

    pub(crate) fn relayed(&mut self, source: Shard, action: RelayAction<u32>) {
        match action {
            RelayAction::Deliver { to, key, payload, .. } => {
                let user = user_of(to);
                let home = self.beliefs[source].get(&user).copied();
                let home = home.unwrap_or(usize::from(user) % DIRECTORY);
                self.send(
                    home,
                    Message::Deliver {
                        source,
                        user,
                        key,
                        payload,
                    },
                );
                if self.plant == Some(CrossPlant::LostCursor) {
                    self.append(source, Tx::Cursor { to: user, key }, None);
                }
            }
            RelayAction::MoveCursor { to, key } => {
                let to = user_of(to);
                self.append(source, Tx::Cursor { to, key }, None);
            }
            RelayAction::AskGate { to } => self.ask_entry(source, user_of(to)),
        }
    }

    pub(crate) fn ask_entry(&mut self, from: Shard, user: u8) {
        let asked = self.shards[from].last_key();
        self.send(DIRECTORY, Message::AskEntry { from, user, asked });
    }
}
