//! Who may pass the door, and where those go who have no token yet.

use http::Request;
use platform_model::{IdempotencyKey, UserId};
use platform_token::{RefreshToken, SigningKey};

use super::stand_in::{StandIn, full, other_shard};
use super::world::{Answer, COMMON, SHORT, World};

async fn with_token(world: &World, authorization: Option<String>) -> Answer {
    let mut request = Request::builder().uri("/v1/profile").header("host", COMMON);
    if let Some(authorization) = authorization {
        request = request.header("authorization", authorization);
    }
    Answer::read(world.send(request.body(full("")).expect("a request")).await).await
}

#[tokio::test]
async fn a_token_that_is_not_good_stops_at_the_door() {
    let world = World::new().await;
    let user = UserId::from_uuid(uuid::Uuid::from_u128(7));
    let claims = world.claims("eu/eu-central", user);
    let of = |key: &SigningKey, claims| Some(format!("Bearer {}", key.sign(claims, &world.table.world)));
    let mut expired = claims.clone();
    expired.issued_s -= 3_600;
    expired.expires_s -= 3_600;
    let mut elsewhere = claims.clone();
    elsewhere.home = "eu/eu-west".parse().expect("a home");
    let cases = [
        (None, "unauthenticated"),
        (Some("Basic eA==".to_owned()), "invalid-token"),
        (Some("Bearer not.a.token".to_owned()), "invalid-token"),
        (of(&world.key, &expired), "expired-token"),
        (of(&SigningKey::generate(), &claims), "invalid-token"),
        (of(&world.key, &elsewhere), "invalid-token"),
    ];
    for (authorization, code) in cases {
        let answer = with_token(&world, authorization).await;
        assert_eq!((answer.status, answer.code().as_str()), (401, code));
        assert!(answer.headers.contains_key("www-authenticate"));
    }
    assert_eq!(with_token(&world, of(&world.key, &claims)).await.status, 200);
    assert_eq!((world.central.requests(), world.east.requests()), (1, 0));
}

#[tokio::test]
async fn who_has_no_token_yet_is_sent_by_the_path() {
    let world = World::new().await;
    let key = uuid::Uuid::now_v7().to_string();
    let user = UserId::from_uuid(uuid::Uuid::from_u128(7));
    let refresh = RefreshToken::begin("us/us-east".parse().expect("a home"), user, uuid::Uuid::now_v7());
    let refresh = format!("Bearer {refresh}");
    let post = async |path: &str, authorization: Option<&str>| {
        let mut request = Request::builder().method("POST").uri(path).header("host", COMMON);
        request = request.header("idempotency-key", &key);
        if let Some(authorization) = authorization {
            request = request.header("authorization", authorization);
        }
        Answer::read(world.send(request.body(full("{}")).expect("a request")).await).await
    };
    let visits = || (world.central.requests(), world.east.requests());
    assert_eq!(post("/v1/register/DE", None).await.status, 200);
    assert_eq!(visits(), (1, 0));
    assert_eq!(post("/v1/register/US", None).await.status, 200);
    assert_eq!(visits(), (1, 1));
    assert_eq!(post("/v1/locate", None).await.status, 200);
    assert_eq!(visits(), (2, 1), "the nearest cell");
    assert_eq!(post("/v1/homes/us~us-east/login", None).await.status, 200);
    assert_eq!(post("/v1/sessions/refresh", Some(&refresh)).await.status, 200);
    assert_eq!(visits(), (2, 3));
    assert_eq!(post("/v1/register/BR", None).await.code(), "country-not-served");
    assert_eq!(post("/v1/homes/us~mars/login", None).await.code(), "unknown-home");
    assert_eq!(post("/v1/sessions/refresh", None).await.code(), "unauthenticated");
    assert_eq!(
        post("/v1/sessions/refresh", Some("Bearer mrt1.x")).await.code(),
        "invalid-token"
    );
    assert_eq!(visits(), (2, 3));
}

/// Any shard of a home takes a login; that of the person may be at another node, and only the shard that was asked knows
/// which it is.
#[tokio::test]
async fn a_login_follows_to_the_shard_of_its_person_and_nothing_else_does() {
    let post = async |world: &World, path: &str| {
        // Somebody new whose shard is none of those that are spoken of below.
        let home = "eu/eu-central".parse().expect("a home");
        let key = loop {
            let key = IdempotencyKey::new(uuid::Uuid::now_v7()).expect("of version 7");
            let shard = world.table.shard_of_user(&home, UserId::from_registration(key));
            if shard.is_some_and(|shard| shard.to_string() == "eu/eu-central/001") {
                break key;
            }
        };
        let request = Request::builder().method("POST").uri(path).header("host", COMMON);
        let request = request.header("idempotency-key", key.to_string());
        Answer::read(world.send(request.body(full("{}")).expect("a request")).await).await
    };
    let world = World::with(|config| config.hold.within = SHORT).await;
    let says = |world: &World, shard: &'static str, epoch: u64, node: &StandIn| {
        let node = node.id.clone();
        world
            .central
            .once(move |_| std::future::ready(other_shard(shard, epoch, &node)));
    };
    let login = "/v1/homes/eu~eu-central/login";
    says(&world, "eu/eu-central/003", 4, &world.spare);
    assert_eq!(post(&world, login).await.status, 200);
    let seen = world.spare.seen.lock()[0].clone();
    assert_eq!(seen.headers["meridian-shard"], "eu/eu-central/003");
    assert_eq!(seen.headers["meridian-epoch"], "4");
    // In the epoch that the table names, too, and at the node that was asked.
    says(&world, "eu/eu-central/002", 3, &world.central);
    assert_eq!(post(&world, login).await.status, 200);
    assert_eq!((world.central.requests(), world.spare.requests()), (3, 1));
    // A shard of another home, or a request that means the shard that it went to.
    let says_on = |shard: &'static str, node: &StandIn| {
        let node = node.id.clone();
        let answer = move |_| std::future::ready(other_shard(shard, 9, &node));
        world.central.always(answer);
    };
    says_on("us/us-east/001", &world.east);
    assert_eq!(post(&world, login).await.code(), "moving");
    says_on("eu/eu-central/003", &world.spare);
    assert_eq!(post(&world, "/v1/register/DE").await.code(), "moving");
    assert_eq!((world.spare.requests(), world.east.requests()), (1, 0));
}

#[tokio::test]
async fn another_homes_host_names_the_right_one() {
    let world = World::new().await;
    let at = async |host: &str| {
        let request = Request::builder().uri("/v1/profile").header("host", host);
        let request = request
            .header("authorization", world.bearer("us/us-east"))
            .body(full(""))
            .expect("a request");
        Answer::read(world.send(request).await).await
    };
    let wrong = at("eu-central.eu.meridian.test").await;
    assert_eq!((wrong.status, wrong.code().as_str()), (421, "wrong-host"));
    let document: serde_json::Value = serde_json::from_slice(&wrong.body).expect("JSON");
    assert_eq!(document["host"], "us-east.us.meridian.test");
    assert_eq!(at("us-east.us.meridian.test").await.status, 200);
    assert_eq!(at("evil.example").await.code(), "wrong-host");
}
