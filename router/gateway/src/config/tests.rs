//! Tests of [`super`]: the default file, and what is refused.

use super::*;

fn good() -> Config {
    Config {
        world: "a".repeat(64),
        controllers: vec!["127.0.0.1:1".into()],
        ..Config::default()
    }
}

#[test]
fn the_default_file_is_pinned() {
    let mut config = Config::default();
    config.log.format = LogFormat::Json;
    assert_eq!(
        platform_runtime::config::print(&config),
        include_str!("../default.toml")
    );
}

#[test]
fn a_setting_that_cannot_be_is_named() {
    assert!(good().check().is_ok());
    let key = |change: fn(&mut Config)| {
        let mut config = good();
        change(&mut config);
        config.check().expect_err("refused").key
    };
    assert_eq!(key(|c| c.world.clear()), "world");
    assert_eq!(key(|c| c.controllers.clear()), "controllers");
    assert_eq!(key(|c| c.apps.advertise = "example.com".into()), "apps.advertise");
    assert_eq!(key(|c| c.apps.advertise = ":443".into()), "apps.advertise");
    assert_eq!(
        key(|c| c.internal.advertise = "10.0.0.1:0".into()),
        "internal.advertise"
    );
    assert_eq!(
        key(|c| c.nodes.in_flight_per_cell_max = 0),
        "nodes.in_flight_per_cell_max"
    );
    assert_eq!(key(|c| c.apps.header_max = HumanSize(1)), "apps.header_max");
    assert_eq!(key(|c| c.apps.header_max = kib(64)), "apps.header_max");
    assert_eq!(
        key(|c| c.apps.replay_body_max = kib(2_048)),
        "apps.replay_body_max"
    );
    assert_eq!(
        key(|c| c.hold.requests_per_cell_max = 5_000),
        "hold.requests_per_cell_max"
    );
    assert_eq!(
        key(|c| c.hold.bytes_per_shard_max = kib(80)),
        "hold.bytes_per_shard_max"
    );
    assert_eq!(key(|c| c.cors.origins = vec!["*".into()]), "cors.origins");
}

#[test]
fn an_unknown_key_is_refused_by_name() {
    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join("router.toml");
    std::fs::write(&file, "[apps]\nlissten = \"x\"\n").expect("written");
    let error = platform_runtime::config::load::<Config>(Some(&file), "ROUTERD", &[]).expect_err("unknown");
    assert!(error.to_string().contains("lissten"), "{error}");
}

#[test]
fn nodes_take_every_head_that_may_pass_here() {
    let at_nodes = u64::from(platform_runtime::serve::Limits::default().header_bytes);
    assert!(*HEADER_BYTES.end() + kib(2).0 <= at_nodes);
}
