//! The body of a node's answer on its way to the app.
//!
//! It holds the request's place among its cell's until it ends, so a node that stops in the middle of an answer costs
//! its own cell a place, and only until the idle time is over.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};

use super::cell::Permit;
use crate::request::idle::Idle;

/// Streams what the node sends; fails when it stops sending for too long.
#[derive(Debug)]
pub struct NodeBody {
    inner: Incoming,
    idle: Idle,
    /// Given back when the body ends, not only when hyper drops it.
    permit: Option<Permit>,
}

/// A node's answer broke off. The app sees a cut connection or stream, which cannot be mistaken for the end.
#[derive(Debug, thiserror::Error)]
pub enum AnswerBroken {
    #[error("the node stopped sending its answer")]
    Idle,
    #[error("the node's answer broke off")]
    Broken(#[source] hyper::Error),
}

impl NodeBody {
    pub fn new(inner: Incoming, idle: Duration, permit: Permit) -> Self {
        Self {
            inner,
            idle: Idle::new(idle),
            permit: Some(permit),
        }
    }
}

impl Body for NodeBody {
    type Data = Bytes;
    type Error = AnswerBroken;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, AnswerBroken>>> {
        let polled = Pin::new(&mut self.inner).poll_frame(cx);
        match polled {
            Poll::Ready(Some(Ok(frame))) => {
                self.idle.moved();
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(Some(Err(error))) => {
                self.permit = None;
                Poll::Ready(Some(Err(AnswerBroken::Broken(error))))
            }
            Poll::Ready(None) => {
                self.permit = None;
                Poll::Ready(None)
            }
            Poll::Pending => {
                std::task::ready!(self.idle.poll(cx));
                self.permit = None;
                Poll::Ready(Some(Err(AnswerBroken::Idle)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
