//! One watch after the other: a controller is watched until it falls silent or says something that cannot be, then
//! the next is, with full jitter between rounds.

use std::convert::Infallible;
use std::time::Duration;

use platform_runtime::tls::{Expect, Identity};
use tonic::{Status, Streaming};

use super::held::{Held, Unusable};
use crate::channel::{self, InvalidAddress, describe};
use crate::controllers::jittered;
use crate::frame::{FRAME_VERSION, MESSAGE_BYTES_MAX};
use crate::pb;
use crate::pb::topology_client::TopologyClient;

/// A controller that says nothing for so long is left; it speaks every second while it hears its leader.
const SILENCE_MAX: Duration = Duration::from_secs(6);

pub(super) struct Watcher {
    controllers: Vec<String>,
    identity: Identity,
    held: Held,
}

/// Why a watch ended.
#[derive(Debug, thiserror::Error)]
enum WatchEnd {
    #[error(transparent)]
    Address(#[from] InvalidAddress),
    #[error("{}", describe(.0))]
    Status(Box<Status>),
    #[error("nothing heard for {} s", SILENCE_MAX.as_secs())]
    Silent,
    #[error("the stream ended")]
    Ended,
    #[error(transparent)]
    Unusable(#[from] Unusable),
}

impl Watcher {
    pub(super) fn new(
        controllers: Vec<String>,
        identity: Identity,
        held: Held,
    ) -> Result<Self, InvalidAddress> {
        for address in &controllers {
            channel::connect(address, &identity, Expect::Controller)?;
        }
        Ok(Self {
            controllers,
            identity,
            held,
        })
    }

    /// Never returns: whoever spawned it cancels it.
    pub(super) async fn run(self) {
        let mut failures: u32 = 0;
        let mut at = platform_runtime::random::u64();
        loop {
            let count = self.controllers.len();
            let address = &self.controllers[usize::try_from(at % count as u64).expect("below a length")];
            let mut heard = false;
            let Err(end) = self.watch(address, &mut heard).await;
            tracing::debug!(%address, %end, "watch of the table ended");
            failures = if heard { 0 } else { failures.saturating_add(1) };
            at = at.wrapping_add(1);
            tokio::time::sleep(jittered(failures / u32::try_from(count).unwrap_or(1))).await;
        }
    }

    async fn watch(&self, address: &str, heard: &mut bool) -> Result<Infallible, WatchEnd> {
        let channel = channel::connect(address, &self.identity, Expect::Controller)?;
        let mut client = TopologyClient::new(channel).max_decoding_message_size(MESSAGE_BYTES_MAX);
        let (world, have) = (self.held.world().to_string(), self.held.generation().0);
        let request = pb::WatchRequest {
            version: FRAME_VERSION,
            world,
            have,
        };
        let mut frames = within(client.watch(request)).await??.into_inner();
        loop {
            self.held.take(next(&mut frames).await?)?;
            *heard = true;
        }
    }
}

impl From<Status> for WatchEnd {
    fn from(status: Status) -> Self {
        Self::Status(Box::new(status))
    }
}

async fn within<T>(f: impl Future<Output = T>) -> Result<T, WatchEnd> {
    tokio::time::timeout(SILENCE_MAX, f)
        .await
        .map_err(|_| WatchEnd::Silent)
}

async fn next(frames: &mut Streaming<pb::WatchFrame>) -> Result<pb::WatchFrame, WatchEnd> {
    within(frames.message()).await??.ok_or(WatchEnd::Ended)
}
