//! Whom the router takes for a node.

use std::time::Duration;

use platform_runtime::clock::Clock;

use super::world::{SOON, World};

#[tokio::test]
async fn another_node_at_a_nodes_address_is_sent_nothing() {
    let world = World::new().await;
    world.central.tasks.shutdown(Duration::from_millis(50)).await;
    let impostor = world.impostor(&world.central, "us-east-1/0").await;
    let answer = world.get("eu/eu-central", "/v1/profile").await;
    assert_eq!((answer.status, answer.code().as_str()), (503, "unavailable"));
    assert_eq!(impostor.requests(), 0);
}

#[tokio::test]
async fn a_node_of_another_region_under_the_right_name_is_refused() {
    let world = World::new().await;
    world.central.tasks.shutdown(Duration::from_millis(50)).await;
    let elsewhere = world
        .disguised(&world.central, |leaf| {
            leaf.uris = vec![leaf.uris[0].replace("/region/eu-central/", "/region/us-east/")];
        })
        .await;
    let answer = world.get("eu/eu-central", "/v1/profile").await;
    assert_eq!((answer.status, answer.code().as_str()), (503, "unavailable"));
    assert_eq!(elsewhere.requests(), 0);
}

#[tokio::test]
async fn a_connection_ends_with_the_certificate_of_the_node() {
    let world = World::with(|config| config.nodes.connections_per_node = 1).await;
    world.central.tasks.shutdown(Duration::from_millis(50)).await;
    let clock = Clock::system();
    let ends_s = clock.unix_s() + 3;
    let _brief = world
        .disguised(&world.central, |leaf| leaf.not_after_s = ends_s)
        .await;
    assert_eq!(world.get("eu/eu-central", "/v1/profile").await.status, 200);
    let refused = async {
        while world.get("eu/eu-central", "/v1/profile").await.status == 200 {
            clock.sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(SOON, refused)
        .await
        .expect("refused once its certificate has ended");
    assert!(clock.unix_s() >= ends_s, "not before");
}
