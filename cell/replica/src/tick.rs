//! What is done because time has passed: keep-alives, what is asked again, what is given up.

use crate::action::Action;
use crate::config::Phase;
use crate::entry::Content;
use crate::frame::Message;
use crate::limits::{KEEP_ALIVES_PER_LEASE, RETRY_PER_LEASE};
use crate::moment::Moment;
use crate::peer::PeerPhase;
use crate::primary::Stage;
use crate::replica::{Out, Replica, Role};
use crate::report::Report;

/// Pace of a copy that knows no configuration yet, in microseconds.
const LEASE_MICROS_UNKNOWN: u64 = 400_000;

impl<C: Content> Replica<C> {
    pub(crate) fn lease_micros(&self) -> u64 {
        let known = self.meta.config.as_ref();
        known.map_or(LEASE_MICROS_UNKNOWN, |config| config.lease_micros)
    }

    pub(crate) fn retry_micros(&self) -> u64 {
        self.lease_micros() / RETRY_PER_LEASE
    }

    pub(crate) fn tick(&mut self, now: Moment, out: &mut Out<C>) {
        match &self.role {
            Role::Vacant | Role::Stopped => {}
            Role::Amnesiac => self.tell_amnesia(now, out),
            Role::Follower(_) => self.follower_tick(now, out),
            Role::Primary(primary) => match primary.stage {
                Stage::Raising => {}
                Stage::Released => self.released_tick(now, out),
                _ => self.primary_tick(now, out),
            },
        }
    }

    fn primary_tick(&mut self, now: Moment, out: &mut Out<C>) {
        self.let_the_promise_go(now, out);
        let pace = self.lease_micros() / KEEP_ALIVES_PER_LEASE;
        let retry = self.retry_micros();
        let serves = self.may_answer(now);
        let Role::Primary(primary) = &self.role else {
            return;
        };
        for index in 0..primary.peers.len() {
            self.tick_peer(now, index, pace, retry, serves, out);
        }
        let hands_over = self
            .meta
            .config
            .as_ref()
            .is_some_and(|config| matches!(config.phase, Phase::Handover { .. }));
        if hands_over {
            self.drain(now, out);
        }
        self.tend(now, out);
    }

    fn tick_peer(
        &mut self,
        now: Moment,
        index: usize,
        pace: u64,
        retry: u64,
        serves: bool,
        out: &mut Out<C>,
    ) {
        let Role::Primary(primary) = &mut self.role else {
            return;
        };
        let (term, durable) = (primary.term, self.durable);
        let Some(peer) = primary.peers.get_mut(index) else {
            return;
        };
        if peer.acked >= durable {
            peer.advanced = now;
        }
        let idle = now.since(peer.asked);
        // A busy stream must not keep it from being asked how it stands.
        let unasked = now.since(peer.queried);
        let stalled = peer.sent > peer.acked && now.since(peer.progressed) >= 2 * retry;
        match peer.phase {
            PeerPhase::Unusable if idle >= 2 * retry => {
                peer.asked = now;
                if let Some(why) = peer.why {
                    let replica = peer.replica();
                    out.push(Action::Report(Report::Unusable { replica, why }));
                }
            }
            PeerPhase::Asking | PeerPhase::Rewinding if unasked >= retry => self.query_peer(now, index, out),
            // Before the question below: where ticks are rare, that one is due at each of them.
            PeerPhase::Streaming if stalled => {
                peer.sent = peer.acked;
                peer.progressed = now;
                self.pump(now, index, out);
            }
            PeerPhase::Streaming if !peer.whole && unasked >= retry => self.query_peer(now, index, out),
            // However busy the stream is: what acknowledges an entry waits for a disk, and says nothing until then.
            PeerPhase::Streaming if now.since(peer.kept) >= pace => {
                peer.kept = now;
                if let Some((member, _, ask)) = self.ask(now, index) {
                    self.send(member, term, Message::KeepAlive { ask, serves }, out);
                }
            }
            _ => {}
        }
    }
}
