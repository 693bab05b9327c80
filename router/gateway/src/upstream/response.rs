//! The body of a node's answer on its way to the app.
//!
//! A small answer is read whole before the app sees its head, so that an app that does not read costs its cell
//! nothing. A larger one streams and holds its place among the cell's requests, and its part of the connection to the
//! node, until it ends; a watch takes both away when nothing moves any more, whoever is to blame. The watch is a task
//! of its own: hyper asks a body for nothing while the app leaves it no room to send.

use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use parking_lot::Mutex;
use platform_runtime::clock::Clock;
use platform_runtime::{CancellationToken, TaskGroup};

use super::cell::Permit;
use crate::apps::Activity;
use crate::apps::activity::Busy;
use crate::meters;

/// Longest answer that is kept.
pub const KEPT_BYTES_MAX: u64 = 64 * 1024;

/// A node's answer broke off. The app sees a cut connection or stream, which cannot be mistaken for the end.
#[derive(Debug, thiserror::Error)]
pub enum AnswerBroken {
    #[error("the node stopped sending its answer")]
    Idle,
    #[error("the app stopped reading its answer")]
    Unread,
    #[error("the node's answer broke off")]
    Broken(#[source] hyper::Error),
}

/// Whether an answer is known to be small.
pub fn is_small(body: &Incoming) -> bool {
    body.is_end_stream()
        || body
            .size_hint()
            .upper()
            .is_some_and(|bytes| bytes <= KEPT_BYTES_MAX)
}

/// Reads a small answer to its end.
///
/// # Errors
/// [`AnswerBroken::Idle`] after `idle`, or what the connection says.
pub async fn keep(body: Incoming, idle: Duration) -> Result<Bytes, AnswerBroken> {
    match tokio::time::timeout(idle, body.collect()).await {
        Ok(collected) => collected
            .map(http_body_util::Collected::to_bytes)
            .map_err(AnswerBroken::Broken),
        Err(_) => Err(AnswerBroken::Idle),
    }
}

/// Streams what the node sends, and is cut when nothing moves for too long.
#[derive(Debug)]
pub struct NodeBody {
    stream: Arc<Stream>,
    app: Arc<Activity>,
    /// Cancelled with the body: the watch is over.
    over: CancellationToken,
}

#[derive(Debug)]
struct Stream {
    stage: Mutex<Stage>,
    clock: Clock,
}

#[derive(Debug)]
enum Stage {
    Open(Box<Open>),
    Cut(AnswerBroken),
    Ended,
}

#[derive(Debug)]
struct Open {
    inner: Incoming,
    turn: Turn,
    /// When the turn began, monotonic.
    since: Duration,
    _permit: Permit,
    _busy: Busy,
}

/// Whom everything waits for.
#[derive(Debug)]
enum Turn {
    App,
    Node(Waker),
}

impl NodeBody {
    /// Begins to pass an answer on; whoever then keeps it waiting for `idle` ends it.
    pub fn begin(
        inner: Incoming,
        permit: Permit,
        app: &Arc<Activity>,
        idle: Duration,
        (clock, tasks): (&Clock, &TaskGroup),
    ) -> Self {
        let open = Open {
            inner,
            turn: Turn::App,
            since: clock.monotonic(),
            _permit: permit,
            _busy: app.begin(),
        };
        let stream = Arc::new(Stream {
            stage: Mutex::new(Stage::Open(Box::new(open))),
            clock: clock.clone(),
        });
        let over = CancellationToken::new();
        let (watched, ended) = (Arc::downgrade(&stream), over.clone());
        tasks.spawn("answer-watch", async move {
            let _ = ended.run_until_cancelled(watch(watched, idle)).await;
        });
        Self {
            stream,
            app: Arc::clone(app),
            over,
        }
    }
}

async fn watch(stream: Weak<Stream>, idle: Duration) {
    let (mut left, clock) = match stream.upgrade() {
        Some(stream) => (idle, stream.clock.clone()),
        None => return,
    };
    loop {
        clock.sleep(left).await;
        match stream.upgrade().and_then(|stream| stream.check(idle)) {
            Some(next) => left = next,
            None => return,
        }
    }
}

impl Stream {
    /// How long the one whose turn it is has left; `None` if that is over, or the answer is.
    fn check(&self, idle: Duration) -> Option<Duration> {
        let mut stage = self.stage.lock();
        let Stage::Open(open) = &*stage else {
            return None;
        };
        let took = self.clock.monotonic().saturating_sub(open.since);
        if let Some(left) = idle.checked_sub(took).filter(|left| !left.is_zero()) {
            return Some(left);
        }
        let why = match &open.turn {
            Turn::App => AnswerBroken::Unread,
            Turn::Node(_) => AnswerBroken::Idle,
        };
        meters::answer_cut(why.reason());
        let cut = std::mem::replace(&mut *stage, Stage::Cut(why));
        drop(stage);
        // Place and stream are free from here on; the body is told if it waits, else when it is asked next.
        if let Stage::Open(open) = cut
            && let Turn::Node(waker) = open.turn
        {
            waker.wake();
        }
        None
    }

    fn poll(&self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, AnswerBroken>>> {
        let mut stage = self.stage.lock();
        let Stage::Open(open) = &mut *stage else {
            return Poll::Ready(match std::mem::replace(&mut *stage, Stage::Ended) {
                Stage::Cut(why) => Some(Err(why)),
                _ => None,
            });
        };
        let Poll::Ready(polled) = Pin::new(&mut open.inner).poll_frame(cx) else {
            open.wait(cx.waker(), &self.clock);
            return Poll::Pending;
        };
        (open.turn, open.since) = (Turn::App, self.clock.monotonic());
        if !matches!(polled, Some(Ok(_))) || open.inner.is_end_stream() {
            *stage = Stage::Ended;
        }
        Poll::Ready(polled.map(|frame| frame.map_err(AnswerBroken::Broken)))
    }
}

impl Open {
    /// The node's turn begins, unless it has begun.
    fn wait(&mut self, waker: &Waker, clock: &Clock) {
        match &mut self.turn {
            Turn::Node(held) => held.clone_from(waker),
            Turn::App => (self.turn, self.since) = (Turn::Node(waker.clone()), clock.monotonic()),
        }
    }
}

impl AnswerBroken {
    /// A short stable word for metrics.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Unread => "unread",
            Self::Broken(_) => "broken",
        }
    }
}

impl Body for NodeBody {
    type Data = Bytes;
    type Error = AnswerBroken;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, AnswerBroken>>> {
        let polled = self.stream.poll(cx);
        polled.map_ok(|frame| frame.map_data(|bytes| self.app.hold_piece(bytes)))
    }

    fn is_end_stream(&self) -> bool {
        matches!(*self.stream.stage.lock(), Stage::Ended)
    }

    fn size_hint(&self) -> SizeHint {
        match &*self.stream.stage.lock() {
            Stage::Open(open) => open.inner.size_hint(),
            Stage::Cut(_) => SizeHint::default(),
            Stage::Ended => SizeHint::with_exact(0),
        }
    }
}

impl Drop for NodeBody {
    fn drop(&mut self) {
        self.over.cancel();
    }
}
