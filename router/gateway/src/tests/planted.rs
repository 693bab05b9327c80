//! The planted faults do what the demo must notice.

use http::Request;

use super::stand_in::full;
use super::world::{Answer, COMMON, World};

async fn register(world: &World) -> Answer {
    let request = Request::post("/v1/register/DE").header("host", COMMON);
    let request = request.header("idempotency-key", uuid::Uuid::now_v7().to_string());
    Answer::read(world.send(request.body(full("{}")).expect("a request")).await).await
}

#[tokio::test]
async fn a_registration_goes_to_another_jurisdiction() {
    let scenario = fail::FailScenario::setup();
    fail::cfg("wrong-home", "return").expect("a fault");
    let world = World::new().await;
    assert_eq!(register(&world).await.status, 200);
    assert_eq!((world.central.requests(), world.east.requests()), (0, 1));
    scenario.teardown();
}

#[tokio::test]
async fn no_request_passes_without_a_controller() {
    let scenario = fail::FailScenario::setup();
    fail::cfg("controller-on-path", "return").expect("a fault");
    let world = World::new().await;
    assert_eq!(register(&world).await.code(), "unavailable");
    fail::remove("controller-on-path");
    assert_eq!(register(&world).await.status, 200);
    scenario.teardown();
}
