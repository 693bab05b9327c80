//! Commands over a real shard on a store in memory: sent twice, at once, late, early, altered, and to a shard that was
//! opened anew.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::body::Body;
use cell_layers::keys::UserKey;
use cell_layers::timeline::Timeline;
use cell_shard::{Ownership, Shard, ShardLimits};
use cell_store::memory::Memory;
use platform_model::{Actor, Epoch, RequestId, UserId};
use platform_runtime::TaskGroup;
use platform_runtime::clock::{Clock, ManualClock};
use platform_runtime::random::uuid_v7_at;
use uuid::Uuid;

use super::*;
use crate::{Arrival, OpenUser, Seen};

const NOW_MS: u64 = 1_800_000_000_000;
const DAY_MS: u64 = 24 * 60 * 60 * 1_000;
const EFFECTS: Timeline = Timeline::new("effects");

struct Bench {
    store: Arc<Memory>,
    key: UserKey,
    clock: Clock,
    hand: ManualClock,
    tasks: TaskGroup,
    runs: AtomicUsize,
}

impl Bench {
    fn new() -> Self {
        let (clock, hand) = Clock::manual(NOW_MS);
        Self {
            store: Memory::new(),
            key: UserKey::generate(),
            clock,
            hand,
            tasks: TaskGroup::new(),
            runs: AtomicUsize::new(0),
        }
    }

    /// The person's root in the shard, opened anew each time.
    async fn root(&self) -> RootCtx {
        let shard: platform_model::ShardId = "eu/eu-central/000".parse().expect("a shard");
        let ownership = Ownership {
            shard: shard.clone(),
            node: "eu-central-1/0".parse().expect("a node"),
            epoch: Epoch(1),
        };
        let (store, clock) = (Arc::clone(&self.store), self.clock.clone());
        let opened = Shard::open(store, ownership, clock, &self.tasks, ShardLimits::default()).await;
        let user = UserId::from_uuid(Uuid::from_u128(1));
        RootCtx {
            user,
            home: "eu/eu-central".parse().expect("a home"),
            actor: Actor::User(user),
            open: OpenUser {
                shard: opened.expect("opens"),
                key: self.key.clone(),
            },
            arrival: Arrival {
                shard,
                request_id: RequestId::from_uuid(Uuid::from_u128(7)),
                not_older_than: None,
                seen: Seen::default(),
            },
        }
    }

    /// A command that adds an entry to the list and answers its number.
    async fn add(&self, root: &RootCtx, command: &Command) -> Result<(u64, bool), Problem> {
        let effect = |tx: RootTx| async move {
            let run = self.runs.fetch_add(1, Ordering::Relaxed);
            EFFECTS.insert(&tx, 0, Uuid::from_u128(run as u128)).await?;
            Ok(Outcome::new(StatusCode::OK, EFFECTS.len(&tx).await?.into()))
        };
        let answer = root.command_outcome("test", Mode::Sync, command, effect).await?;
        let (outcome, replayed) = answer.value;
        Ok((outcome.body.as_u64().expect("a number"), replayed))
    }

    async fn effects(&self, root: &RootCtx) -> u64 {
        let len = root.read("test", |tx: RootTx| async move { Ok(EFFECTS.len(&tx).await?) });
        len.await.expect("read").value
    }
}

async fn sent(uri: &str, key_ms: u64, if_match: Option<&str>, body: &'static [u8]) -> Command {
    let request = request(uri, uuid_v7_at(key_ms), if_match, Body::from(body));
    Command::from_request(request, &())
        .await
        .map_err(|refused| refused.0)
        .expect("a command")
}

fn request(uri: &str, key: Uuid, if_match: Option<&str>, body: Body) -> Request {
    let mut builder = http::Request::builder().method("PATCH").uri(uri);
    builder = builder.header(IDEMPOTENCY_KEY, key.to_string());
    if let Some(version) = if_match {
        builder = builder.header(header::IF_MATCH, version);
    }
    builder.body(body).expect("a request")
}

#[tokio::test]
async fn one_key_has_one_effect_however_many_send_it_at_once() {
    let bench = Bench::new();
    let root = bench.root().await;
    let command = sent("/v1/me", NOW_MS, None, b"{}").await;
    let all = tokio::join!(
        bench.add(&root, &command),
        bench.add(&root, &command),
        bench.add(&root, &command)
    );
    let answers = [all.0, all.1, all.2].map(|answer| answer.expect("answered"));
    assert!(answers.iter().all(|(number, _)| *number == 1), "{answers:?}");
    assert_eq!(
        answers.iter().filter(|(_, replayed)| !replayed).count(),
        1,
        "{answers:?}"
    );
    assert_eq!(bench.effects(&root).await, 1);
}

#[tokio::test]
async fn a_command_is_answered_from_its_record_after_a_restart() {
    let bench = Bench::new();
    let command = sent("/v1/me", NOW_MS, None, b"{}").await;
    let root = bench.root().await;
    assert_eq!(bench.add(&root, &command).await, Ok((1, false)));
    root.open.shard.close().await;
    let root = bench.root().await;
    assert_eq!(bench.add(&root, &command).await, Ok((1, true)));
    bench.hand.advance(Duration::from_millis(7 * DAY_MS + 1));
    let root = bench.root().await;
    assert_eq!(
        bench.add(&root, &command).await,
        Ok((1, true)),
        "while its record stands it is told"
    );
    assert_eq!(bench.effects(&root).await, 1);
}

#[tokio::test]
async fn a_key_out_of_its_time_is_refused_and_has_no_effect() {
    let bench = Bench::new();
    let root = bench.root().await;
    for (key_ms, code) in [
        (NOW_MS - 7 * DAY_MS - 1, Code::IdempotencyExpired),
        (NOW_MS + 2 * DAY_MS, Code::IdempotencyKeyInvalid),
    ] {
        let command = sent("/v1/me", key_ms, None, b"{}").await;
        let refused = bench.add(&root, &command).await.expect_err("refused");
        assert_eq!(refused.code, code);
    }
    assert_eq!(bench.effects(&root).await, 0);
}

#[tokio::test]
async fn a_key_names_one_request_its_query_and_its_version_included() {
    let bench = Bench::new();
    let root = bench.root().await;
    let key = uuid_v7_at(NOW_MS);
    let of = |uri: &'static str, if_match: Option<&'static str>, body: &'static [u8]| async move {
        let request = request(uri, key, if_match, Body::from(body));
        Command::from_request(request, &())
            .await
            .map_err(|refused| refused.0)
            .expect("a command")
    };
    let first = of("/v1/me?unit=km", Some("\"1\""), b"ab").await;
    assert_eq!(bench.add(&root, &first).await, Ok((1, false)));
    for other in [
        of("/v1/me?unit=mi", Some("\"1\""), b"ab").await,
        of("/v1/me", Some("\"1\""), b"ab").await,
        of("/v1/me?unit=km", Some("\"2\""), b"ab").await,
        of("/v1/me?unit=km", None, b"ab").await,
        of("/v1/me?unit=km", Some("\"1\""), b"ac").await,
        of("/v1/m?eunit=km", Some("\"1\""), b"ab").await,
    ] {
        let refused = bench.add(&root, &other).await.expect_err("another request");
        assert_eq!(refused.code, Code::IdempotencyMismatch);
    }
    assert_eq!(bench.add(&root, &first).await, Ok((1, true)));
}

#[tokio::test]
async fn a_patch_of_a_megabyte_is_body_too_large() {
    for (bytes, fits) in [
        (COMMAND_BODY_BYTES_MAX, true),
        (COMMAND_BODY_BYTES_MAX + 1, false),
        (1 << 20, false),
    ] {
        let request = request("/v1/me", uuid_v7_at(NOW_MS), None, Body::from(vec![b' '; bytes]));
        let command = Command::from_request(request, &()).await;
        let code = command.err().map(|refused| refused.0.code);
        assert_eq!(code, (!fits).then_some(Code::BodyTooLarge), "{bytes}");
    }
}

#[test]
fn layers_refusals_have_codes_of_their_own() {
    use cell_layers::LayerError;
    for (error, code) in [
        (
            LayerError::KeyAheadOfTime { ahead_ms: 1 },
            Code::IdempotencyKeyInvalid,
        ),
        (LayerError::InvalidCursor, Code::InvalidCursor),
        (LayerError::UploadIncomplete, Code::Conflict),
        (LayerError::DigestMismatch, Code::BadRequest),
        (
            LayerError::Damaged {
                layer: "#blob",
                what: "x",
            },
            Code::Internal,
        ),
    ] {
        assert_eq!(Problem::from(DomainError::from(error)).code, code);
    }
}
