//! Where the links of each lane run.

use std::sync::Arc;

use bytes::Bytes;
use platform_model::{NodeId, ShardId};
use platform_runtime::Clock;
use tokio::sync::watch;

use super::scene::{Scene, WITHIN, node, shard};
use crate::{Known, Lane, Place, Streams};

/// Tells on which thread a link asked where its peer is.
struct Asked(watch::Sender<Option<String>>);

impl Known for Asked {
    fn place(&self, _node: &NodeId) -> Option<Place> {
        let thread = std::thread::current().name().map(str::to_owned);
        self.0.send_replace(thread);
        None
    }

    fn holds(&self, _node: &NodeId, _shard: &ShardId) -> bool {
        true
    }
}

#[tokio::test]
async fn the_links_of_pages_give_way_to_requests_and_no_others_do() {
    let scene = Scene::new();
    let identity = scene.identity(&node(0));
    for lane in Lane::ALL {
        let (asked, mut thread) = watch::channel(None);
        let known = Arc::new(Asked(asked));
        let streams = Streams::new(identity.clone(), known, Clock::system(), &scene.tasks);
        streams.send(&node(1), &shard(0), lane, Bytes::new());
        let told = tokio::time::timeout(WITHIN, thread.wait_for(Option::is_some)).await;
        let on = told.expect("in time").expect("a link asks").clone();
        assert_eq!(
            on.as_deref() == Some("background"),
            lane == Lane::Pages,
            "{lane:?} on {on:?}"
        );
    }
}
