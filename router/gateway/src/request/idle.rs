//! A timer that starts only when there is something to wait for.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::Sleep;

/// Runs out when nothing moved for its time. Costs nothing while data flows without waiting.
#[derive(Debug)]
pub struct Idle {
    after: Duration,
    timer: Option<Pin<Box<Sleep>>>,
}

impl Idle {
    pub fn new(after: Duration) -> Self {
        Self { after, timer: None }
    }

    /// Something moved: the time begins anew.
    pub fn moved(&mut self) {
        self.timer = None;
    }

    /// Ready once nothing has moved for the whole time.
    pub fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let after = self.after;
        self.timer
            .get_or_insert_with(|| Box::pin(tokio::time::sleep(after)))
            .as_mut()
            .poll(cx)
    }
}
