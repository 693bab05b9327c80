//! Whose frames are not taken.

use bytes::Bytes;
use platform_runtime::tls::authority::Authority;
use platform_runtime::tls::{Expect, Identity};
use platform_wire::channel::{connect, never_sent};
use platform_wire::pb::replication_client::ReplicationClient;
use platform_wire::replication::{self, FRAME_BYTES_MAX, Parcel};
use platform_wire::{Refusal, RefusalCode, pb};
use tonic::Status;

use super::scene::{Listening, REGION, Scene, identity_of, node, shard};

/// Says what no sending end of ours would.
async fn say(
    to: &Listening,
    identity: &Identity,
    messages: Vec<pb::ReplicationFrames>,
) -> Result<(), Status> {
    let channel = connect(&to.address, identity, Expect::AnyNode).expect("an address");
    let mut client = ReplicationClient::new(channel);
    client
        .replicate(futures::stream::iter(messages))
        .await
        .map(|_| ())
}

fn message(scene: &Scene, parcels: Vec<Parcel>) -> pb::ReplicationFrames {
    replication::message(&scene.authority.world(), parcels)
}

fn parcel(index: u32) -> Parcel {
    (shard(index), Bytes::from_static(b"frame"))
}

fn code(said: Result<(), Status>) -> RefusalCode {
    let status = said.expect_err("refused");
    Refusal::from_status(&status)
        .unwrap_or_else(|| panic!("no refusal: {status:?}"))
        .code
}

#[tokio::test]
async fn a_certificate_of_another_world_says_nothing() {
    let scene = Scene::new();
    let listening = scene.listen(&node(1)).await;
    scene.table.give(&node(0), &shard(0));
    let elsewhere = tempfile::tempdir().expect("a folder");
    let foreign = Authority::create(&elsewhere.path().join("ca")).expect("a world");
    let foreign = identity_of(&foreign, &elsewhere, REGION, "cell/eu-central-1/node/0");
    let status = say(&listening, &foreign, vec![message(&scene, vec![parcel(0)])]).await;
    let status = status.expect_err("refused");
    assert!(never_sent(&status), "{status:?}");
    assert!(listening.ear.heard().is_empty());
}

#[tokio::test]
async fn only_nodes_that_the_table_knows_where_they_stand_may_speak() {
    let scene = Scene::new();
    let listening = scene.listen(&node(1)).await;
    scene.table.give(&node(0), &shard(0));
    let say_as = async |region: &str, path: &str| {
        let identity = identity_of(&scene.authority, &scene.dir, region, path);
        say(&listening, &identity, vec![message(&scene, vec![parcel(0)])]).await
    };
    assert_eq!(
        code(say_as(REGION, "router/r1").await),
        RefusalCode::NotAuthorised
    );
    assert_eq!(
        code(say_as(REGION, "controller/c1").await),
        RefusalCode::NotAuthorised
    );
    let path = "cell/eu-central-1/node/0";
    assert_eq!(
        code(say_as(REGION, path).await),
        RefusalCode::Unavailable,
        "not in the table"
    );
    scene.table.put(&node(0), "127.0.0.1:1", REGION);
    assert_eq!(
        code(say_as("us-east", path).await),
        RefusalCode::NotAuthorised,
        "stands elsewhere"
    );
    assert!(listening.ear.heard().is_empty());
    say_as(REGION, path).await.expect("taken");
    assert_eq!(listening.ear.heard().len(), 1);
}

#[tokio::test]
async fn a_node_speaks_about_shards_of_its_own_only() {
    let scene = Scene::new();
    let listening = scene.listen(&node(1)).await;
    scene.table.put(&node(0), "127.0.0.1:1", REGION);
    scene.table.give(&node(0), &shard(0));
    scene.table.give(&node(2), &shard(1));
    let mixed = message(&scene, vec![parcel(1), parcel(0), parcel(1)]);
    say(&listening, &scene.identity(&node(0)), vec![mixed])
        .await
        .expect("the rest is taken");
    let heard: Vec<_> = listening
        .ear
        .heard()
        .into_iter()
        .map(|(from, shard, _)| (from, shard))
        .collect();
    assert_eq!(heard, [(node(0), shard(0))]);
}

#[tokio::test]
async fn a_frame_that_is_too_long_or_of_another_version_ends_the_stream() {
    let scene = Scene::new();
    let listening = scene.listen(&node(1)).await;
    scene.table.put(&node(0), "127.0.0.1:1", REGION);
    scene.table.give(&node(0), &shard(0));
    let identity = scene.identity(&node(0));
    let long = pb::ReplicationFrame {
        shard: shard(0).to_string(),
        frame: vec![0; FRAME_BYTES_MAX + 1].into(),
    };
    let long = pb::ReplicationFrames {
        frames: vec![long],
        ..message(&scene, Vec::new())
    };
    let newer = pb::ReplicationFrames {
        version: platform_wire::FRAME_VERSION + 1,
        ..message(&scene, vec![parcel(0)])
    };
    let good = || message(&scene, vec![parcel(0)]);
    for (bad, expected) in [(long, RefusalCode::Invalid), (newer, RefusalCode::UnknownVersion)] {
        assert_eq!(
            code(say(&listening, &identity, vec![good(), bad, good()]).await),
            expected
        );
    }
    assert_eq!(
        listening.ear.heard().len(),
        2,
        "what came before is taken, what came after is not"
    );
}
