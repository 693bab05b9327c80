//! What arrives, in which order, and what is dropped.

use bytes::Bytes;
use platform_runtime::{serve, telemetry};

use super::scene::{REGION, Scene, WITHIN, node, shard};
use crate::Lane;
use crate::meter::Lost;
use crate::streams::Shared;

fn numbered(n: u32) -> Bytes {
    // Some are long, so that messages are cut at different places, and packed.
    let mut frame = n.to_be_bytes().to_vec();
    frame.resize(4 + (n as usize % 7) * 3_000, 0);
    frame.into()
}

fn number(frame: &Bytes) -> u32 {
    u32::from_be_bytes(frame[..4].try_into().expect("numbered"))
}

#[tokio::test]
async fn read_frames_one_shard_arrive_whole_and_in_order() {
    let scene = Scene::new();
    let (here, there) = (node(0), node(1));
    let listening = scene.listen(&there).await;
    let streams = scene.streams(&here);
    for index in 0..2 {
        scene.table.give(&here, &shard(index));
        scene.table.give(&there, &shard(index));
    }
    for n in 0..600 {
        streams.send(&there, &shard(n % 2), Lane::Entries, numbered(n));
    }
    let heard = listening.ear.until(600).await;
    assert!(heard.iter().all(|(from, _, _)| *from == here));
    for index in 0..2 {
        let of_shard = heard.iter().filter(|(_, id, _)| *id == shard(index));
        let frames: Vec<&Bytes> = of_shard.map(|(_, _, frame)| frame).collect();
        let expected: Vec<u32> = (0..600).filter(|n| n % 2 == index).collect();
        assert_eq!(
            frames.iter().map(|frame| number(frame)).collect::<Vec<_>>(),
            expected
        );
        assert!(frames.iter().all(|frame| **frame == numbered(number(frame))));
    }
}

#[tokio::test]
async fn a_full_queue_drops_and_counts() {
    let scene = Scene::new();
    let (here, there) = (node(0), node(1));
    let _metrics = telemetry::metrics();
    // It takes connections and never says a word, so that nothing leaves the queue.
    let silent = serve::bind("127.0.0.1:0").await.expect("bound");
    scene
        .table
        .put(&there, &silent.local_addr().expect("bound").to_string(), REGION);
    scene.table.give(&there, &shard(0));
    scene.table.give(&there, &shard(1));
    let streams = scene.streams(&here);
    let frame = Bytes::from(vec![0; 1 << 20]);
    let bounds = Lane::Pages.bounds();
    let room = bounds.shard_bytes / frame.len();
    let taken = (0..2 * room).filter(|_| {
        streams
            .shared
            .send(&there, &shard(0), Lane::Pages, frame.clone())
            .is_ok()
    });
    assert_eq!(taken.count(), room);
    assert_eq!(
        streams.shared.send(&there, &shard(0), Lane::Pages, frame.clone()),
        Err(Lost::Full)
    );
    // One shard's flood leaves room for the others, and for the other lanes.
    assert_eq!(
        streams.shared.send(&there, &shard(1), Lane::Pages, frame.clone()),
        Ok(())
    );
    assert_eq!(
        streams.shared.send(&there, &shard(0), Lane::Prompt, Bytes::new()),
        Ok(())
    );
    streams.send(&there, &shard(0), Lane::Pages, frame);
    let rendered = telemetry::metrics().render();
    let counted = rendered.lines().any(|line| {
        line.starts_with("celld_stream_frames_lost_total") && line.contains("full") && line.contains("pages")
    });
    assert!(counted, "{rendered}");
}

/// Waits until sending ends as expected.
async fn until(shared: &Shared, expected: Result<(), Lost>) {
    let tries = async {
        while shared.send(&node(1), &shard(0), Lane::Prompt, Bytes::from_static(b"again")) != expected {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(WITHIN, tries).await.expect("in time");
}

#[tokio::test]
async fn what_is_said_to_a_node_that_is_away_is_not_kept_and_it_is_met_again_when_it_is_back() {
    let scene = Scene::new();
    let (here, there) = (node(0), node(1));
    scene.table.give(&here, &shard(0));
    scene.table.give(&there, &shard(0));
    let streams = scene.streams(&here);
    let first = scene.listen(&there).await;
    streams.send(&there, &shard(0), Lane::Prompt, Bytes::from_static(b"one"));
    first.ear.until(1).await;
    first.end().await;
    until(&streams.shared, Err(Lost::Unreachable)).await;
    let second = scene.listen(&there).await;
    let back = async {
        while second.ear.heard().is_empty() {
            streams.send(&there, &shard(0), Lane::Prompt, Bytes::from_static(b"two"));
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(WITHIN, back).await.expect("met again");
    assert!(second.ear.heard().iter().all(|(_, _, frame)| *frame == "two"));
}

#[tokio::test]
async fn nothing_is_sent_to_a_node_that_holds_no_copy_nor_a_frame_that_is_too_long() {
    let scene = Scene::new();
    let there = node(1);
    scene.table.put(&there, "127.0.0.1:1", REGION);
    scene.table.give(&there, &shard(0));
    let streams = scene.streams(&node(0));
    let send = |index, frame| streams.shared.send(&there, &shard(index), Lane::Entries, frame);
    assert_eq!(send(1, Bytes::new()), Err(Lost::NotInSet));
    let long = Bytes::from(vec![0; platform_wire::replication::FRAME_BYTES_MAX + 1]);
    assert_eq!(send(0, long), Err(Lost::TooLong));
    assert_eq!(send(0, Bytes::new()), Ok(()));
}

#[tokio::test]
async fn streams_end_with_their_tasks() {
    let scene = Scene::new();
    let (here, there) = (node(0), node(1));
    scene.table.give(&here, &shard(0));
    scene.table.give(&there, &shard(0));
    let listening = scene.listen(&there).await;
    let streams = scene.streams(&here);
    streams.send(&there, &shard(0), Lane::Prompt, Bytes::from_static(b"one"));
    listening.ear.until(1).await;
    assert!(scene.tasks.shutdown(WITHIN).await);
}
