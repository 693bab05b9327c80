//! A person who has moved to another home: his requests follow him, his old token notwithstanding.

use super::stand_in::{full, home_moved};
use super::world::{Answer, SHORT, World};

const OLD: &str = "eu/eu-central";
const NEW: &str = "us/us-east";

#[tokio::test]
async fn a_person_is_followed_to_his_home_once_and_it_is_remembered() {
    let world = World::new().await;
    world.central.once(|_| std::future::ready(home_moved(NEW, 2)));
    let post = || {
        let request = world.request(OLD, "POST", "/v1/activities");
        world.send(request.body(full("once")).expect("a request"))
    };
    let answer = Answer::read(post().await).await;
    assert_eq!((answer.status, &answer.body[..]), (200, &b"once"[..]));
    let seen = world.east.seen.lock()[0].clone();
    let shard = seen.headers["meridian-shard"].to_str().expect("text").to_owned();
    assert!(shard.starts_with(NEW), "{shard}");
    assert!(
        seen.headers["authorization"]
            .to_str()
            .expect("text")
            .starts_with("Bearer "),
        "by the token of the home before"
    );
    assert_eq!(Answer::read(post().await).await.status, 200);
    assert_eq!(
        (world.central.requests(), world.east.requests()),
        (1, 2),
        "the second goes there at once"
    );
}

#[tokio::test]
async fn one_who_is_sent_on_and_on_is_not_followed_for_ever() {
    let world = World::with(|config| config.hold.within = SHORT).await;
    world.central.always(|_| std::future::ready(home_moved(NEW, 2)));
    world.east.always(|_| std::future::ready(home_moved(OLD, 3)));
    let answer = world.get(OLD, "/v1/profile").await;
    assert_eq!((answer.status, answer.code().as_str()), (503, "moving"));
    let sent = (world.central.requests(), world.east.requests());
    assert!(sent.0 <= 2 && sent.1 <= 2, "{sent:?}");
}

#[tokio::test]
async fn a_home_that_is_none_is_not_followed() {
    let world = World::with(|config| config.hold.within = SHORT).await;
    for home in ["eu/nowhere", "rubbish"] {
        world
            .central
            .once(move |_| std::future::ready(home_moved(home, 2)));
        let answer = world.get(OLD, "/v1/profile").await;
        assert_eq!(answer.status, 200, "{home}: it waits, and is sent there again");
    }
    assert_eq!(world.east.requests(), 0);
}
