//! One lane to one peer: takes what its queue holds, message by message, as fast as the stream takes it; when the
//! stream breaks, drops what waits and begins again after a pause.
//!
//! A peer that is away costs one attempt to connect for each pause, and only while somebody has something to say to it.
//!
//! Pages are much, and no request waits for one: they are packed, sealed and sent by threads that give way to all others.
//! Those touch neither the queue nor the list of links, whose locks are taken by whoever sends, in whichever lane: he would
//! wait for a thread that waits for everybody.

use std::sync::Arc;
use std::time::Duration;

use futures::stream;
use platform_model::NodeId;
use platform_runtime::background;
use platform_runtime::retry::Policy;
use platform_runtime::tls::Expect;
use platform_wire::channel::{Probes, connect_probed, describe};
use platform_wire::pb::replication_client::ReplicationClient;
use platform_wire::replication::{self, Parcel};
use tokio::runtime::Handle;

use crate::known::Place;
use crate::lane::Lane;
use crate::meter;
use crate::meter::Lost;
use crate::queue::Queue;
use crate::streams::Shared;

/// A stream over which nothing went for so long is ended in order; the next frame begins another.
const IDLE: Duration = Duration::from_secs(60);
/// The other end is asked this often whether it is there, and has so long to answer: less than a person notices.
const PROBES: Probes = Probes {
    every: Duration::from_secs(1),
    within: Duration::from_secs(2),
};
/// Pauses after a stream broke; a peer that restarts is back within a lease.
const PAUSES: Policy = Policy {
    attempts: u32::MAX,
    base: Duration::from_millis(20),
    cap: Duration::from_millis(400),
    within: Duration::MAX,
};

#[derive(Clone)]
pub(crate) struct Link {
    pub peer: NodeId,
    pub lane: Lane,
    pub queue: Arc<Queue>,
    pub shared: Arc<Shared>,
}

/// How a stream ended.
enum Ended {
    /// Nobody had anything to say.
    Idle,
    /// It broke, or never came to be.
    Broken(String),
}

impl Link {
    /// Runs until it has been idle for long, or the streams end; then it is forgotten.
    pub async fn run(self) {
        let mut failures = 0;
        loop {
            let clock = &self.shared.clock;
            let filled = tokio::select! {
                () = self.queue.filled() => true,
                () = clock.sleep(IDLE) => false,
                () = self.shared.ending.cancelled() => return,
            };
            if !filled && self.shared.forget(&self.peer, self.lane) {
                return;
            }
            let ended = tokio::select! {
                ended = self.stream(&mut failures) => ended,
                () = self.shared.ending.cancelled() => return,
            };
            if let Ended::Broken(cause) = ended {
                failures += 1;
                self.pause(&cause, failures).await;
            }
        }
    }

    /// Nothing is kept for a peer that is away: what is said later replaces what is said now.
    async fn pause(&self, cause: &str, failures: u32) {
        meter::broken(self.lane);
        meter::lost(self.lane, Lost::Unreachable, self.queue.refuse());
        if failures == 1 {
            tracing::info!(peer = %self.peer, lane = self.lane.as_str(), cause, "a stream broke");
        }
        let pause = PAUSES.wait(failures);
        tokio::select! {
            () = self.shared.clock.sleep(pause) => {}
            () = self.shared.ending.cancelled() => {}
        }
        self.queue.open();
    }

    async fn stream(&self, failures: &mut u32) -> Ended {
        let Some(place) = self.shared.known.place(&self.peer) else {
            return Ended::Broken("the table does not name it".into());
        };
        let begun = self.shared.clock.monotonic();
        let replicated = match self.lane {
            Lane::Pages => {
                let replicated = background::run(self.clone().replicate(place, Some(Handle::current())));
                let ended = || Err("the process ends".to_owned());
                replicated.await.unwrap_or_else(ended)
            }
            Lane::Prompt | Lane::Entries => self.clone().replicate(place, None).await,
        };
        match replicated {
            Ok(()) => {
                *failures = 0;
                Ended::Idle
            }
            Err(cause) => {
                // One that held for a while was a good one: the next is tried at once.
                let held = self.shared.clock.monotonic().saturating_sub(begun);
                if held > PAUSES.cap {
                    *failures = 0;
                }
                Ended::Broken(cause)
            }
        }
    }

    /// Connects, and sends until nobody has anything to say. The queue is looked into on the runtime of `home`: none, on
    /// this one.
    async fn replicate(self, place: Place, home: Option<Handle>) -> Result<(), String> {
        let mut client = self.client(&place)?;
        let messages = stream::unfold((self, home), |(link, home)| async move {
            let taken = link.clone().take();
            let parcels = match &home {
                Some(home) => background::run_on(home, "replication-take", taken)
                    .await
                    .flatten(),
                None => taken.await,
            };
            let message = replication::message(&link.shared.world, parcels?);
            Some((message, (link, home)))
        });
        let replicated = client.replicate(messages).await;
        replicated.map(|_| ()).map_err(|status| describe(&status))
    }

    /// What the next message holds, as late as the stream lets it wait; none ends the stream in order.
    async fn take(self) -> Option<Vec<Parcel>> {
        tokio::select! {
            () = self.queue.filled() => {}
            () = self.shared.clock.sleep(IDLE) => return None,
        }
        let parcels = self.queue.take();
        let bytes = parcels.iter().map(|(_, frame)| frame.len()).sum();
        meter::sent(self.lane, parcels.len(), bytes);
        Some(parcels)
    }

    fn client(&self, place: &Place) -> Result<ReplicationClient<tonic::transport::Channel>, String> {
        let expect = Expect::Node {
            node: self.peer.clone(),
            region: place.region.clone(),
        };
        let channel = connect_probed(&place.address, &self.shared.identity, expect, PROBES);
        Ok(ReplicationClient::new(
            channel.map_err(|error| error.to_string())?,
        ))
    }
}
