//! Which threads the streams of each lane take up.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use metrics_exporter_prometheus::PrometheusBuilder;
use platform_runtime::{TaskGroup, background};

use super::scene::{Listening, Scene, node, shard};
use crate::{Lane, Streams};

/// More than there are threads for long work.
const LONG_WORK: usize = 16;

/// Every thread for long work is held up until this is dropped.
struct Busy(Arc<AtomicBool>);

impl Busy {
    async fn with_all(tasks: &TaskGroup) -> Self {
        let busy = Self(Arc::new(AtomicBool::new(true)));
        let beside = tasks.on(&background::handle());
        for _ in 0..LONG_WORK {
            let goes_on = Arc::clone(&busy.0);
            beside.spawn("held up", async move {
                while goes_on.load(Ordering::Acquire) {
                    std::thread::sleep(Duration::from_millis(1));
                }
            });
        }
        // Until nothing gets on there.
        while tokio::time::timeout(Duration::from_millis(300), background::run(async {}))
            .await
            .is_ok()
        {}
        busy
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

async fn both_ends(scene: &Scene) -> (Listening, Streams) {
    let (here, there) = (node(0), node(1));
    let listening = scene.listen(&there).await;
    scene.table.give(&here, &shard(0));
    scene.table.give(&there, &shard(0));
    (listening, scene.streams(&here))
}

#[tokio::test]
async fn the_streams_of_pages_give_way_to_requests_and_no_others_do() {
    let scene = Scene::new();
    let (listening, streams) = both_ends(&scene).await;
    let busy = Busy::with_all(&scene.tasks).await;
    for lane in Lane::ALL {
        let frame = Bytes::from_static(lane.as_str().as_bytes());
        streams.send(&node(1), &shard(0), lane, frame);
    }
    let pages = Lane::Pages.as_str();
    let heard = listening.ear.until(Lane::ALL.len() - 1).await;
    assert!(heard.iter().all(|(_, _, frame)| *frame != pages), "{heard:?}");
    drop(busy);
    let heard = listening.ear.until(Lane::ALL.len()).await;
    assert!(heard.iter().any(|(_, _, frame)| *frame == pages), "{heard:?}");
}

/// The planted omission: whoever has a page to send waits, with his shard's lock held, for a thread that gives way to all
/// others and has the queue's. What is counted as a page is taken is counted on the thread that takes it.
#[tokio::test]
async fn no_thread_that_gives_way_looks_into_a_queue() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let counted = recorder.handle();
    let _on_this_thread = metrics::set_default_local_recorder(&recorder);
    let scene = Scene::new();
    let (listening, streams) = both_ends(&scene).await;
    streams.send(&node(1), &shard(0), Lane::Pages, Bytes::from_static(b"a page"));
    listening.ear.until(1).await;
    let rendered = counted.render();
    let taken_here = rendered.lines().any(|line| {
        line.starts_with("celld_stream_frames_sent_total") && line.contains(Lane::Pages.as_str())
    });
    assert!(taken_here, "{rendered}");
}
