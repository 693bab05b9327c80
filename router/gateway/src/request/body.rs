//! The body of a request: kept whole if small, so that it can be sent twice, else streamed once, counted and timed.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use platform_model::Code;

use super::idle::Idle;

/// Bounds of a body.
#[derive(Debug, Clone, Copy)]
pub struct BodyLimits {
    /// Most bytes at all.
    pub body_max: u64,
    /// Up to here a body is kept, so that it can be sent again.
    pub replay_max: usize,
    /// Longest pause between two pieces.
    pub idle: Duration,
}

/// What a node is sent.
#[derive(Debug)]
pub enum RequestBody {
    Kept(Bytes),
    Streaming(Streaming),
}

/// A body that can be sent once.
#[derive(Debug)]
pub struct Streaming {
    /// What was read before it proved too large to keep.
    first: Option<Bytes>,
    rest: Incoming,
    left: u64,
    idle: Idle,
    fault: FaultCell,
}

/// Why a body ended before its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BodyFault {
    #[error("the body is past the limit")]
    TooLarge,
    #[error("the app stopped sending")]
    Idle,
    #[error("the app's body broke off")]
    Broken,
}

impl BodyFault {
    pub fn code(self) -> Code {
        match self {
            Self::TooLarge => Code::BodyTooLarge,
            Self::Idle => Code::RequestTimeout,
            Self::Broken => Code::BadRequest,
        }
    }
}

/// Where a streaming body leaves its fault: the body itself is inside the client by then.
#[derive(Debug, Clone, Default)]
pub struct FaultCell(Arc<AtomicUsize>);

impl FaultCell {
    const FAULTS: [BodyFault; 3] = [BodyFault::TooLarge, BodyFault::Idle, BodyFault::Broken];

    fn set(&self, fault: BodyFault) -> BodyFault {
        self.0.store(1 + fault as usize, Ordering::Release);
        fault
    }

    pub fn get(&self) -> Option<BodyFault> {
        Self::FAULTS
            .get(self.0.load(Ordering::Acquire).checked_sub(1)?)
            .copied()
    }
}

impl RequestBody {
    /// Reads a body as far as it may be kept. Memory: `replay_max` and one piece.
    ///
    /// # Errors
    /// [`BodyFault`]; what was read is dropped.
    pub async fn take(mut body: Incoming, limits: BodyLimits, fault: &FaultCell) -> Result<Self, BodyFault> {
        let told = body.size_hint();
        if told.lower() > limits.body_max {
            return Err(BodyFault::TooLarge);
        }
        if body.is_end_stream() {
            return Ok(Self::Kept(Bytes::new()));
        }
        if told.lower() > limits.replay_max as u64 {
            return Ok(Self::streaming(None, body, limits, fault));
        }
        let mut kept = BytesMut::new();
        loop {
            match tokio::time::timeout(limits.idle, body.frame()).await {
                Err(_) => return Err(BodyFault::Idle),
                Ok(Some(Err(_))) => return Err(BodyFault::Broken),
                Ok(None) => return Ok(Self::Kept(kept.freeze())),
                Ok(Some(Ok(frame))) => kept.extend_from_slice(&frame.into_data().unwrap_or_default()),
            }
            if kept.len() > limits.replay_max {
                return Ok(Self::streaming(Some(kept.freeze()), body, limits, fault));
            }
        }
    }

    fn streaming(first: Option<Bytes>, rest: Incoming, limits: BodyLimits, fault: &FaultCell) -> Self {
        let (left, idle) = (limits.body_max, Idle::new(limits.idle));
        Self::Streaming(Streaming {
            first,
            rest,
            left,
            idle,
            fault: fault.clone(),
        })
    }

    /// Bytes of it that are in memory.
    pub fn kept_bytes(&self) -> usize {
        match self {
            Self::Kept(bytes) => bytes.len(),
            Self::Streaming(streaming) => streaming.first.as_ref().map_or(0, Bytes::len),
        }
    }

    /// A second copy, if the body can be sent twice.
    pub fn again(&self) -> Option<Self> {
        match self {
            Self::Kept(bytes) => Some(Self::Kept(bytes.clone())),
            Self::Streaming(_) => None,
        }
    }
}

impl Streaming {
    fn count(&mut self, frame: Frame<Bytes>) -> Result<Frame<Bytes>, BodyFault> {
        let length = frame.data_ref().map_or(0, |data| data.len() as u64);
        match self.left.checked_sub(length) {
            Some(left) => self.left = left,
            None => return Err(self.fault.set(BodyFault::TooLarge)),
        }
        Ok(frame)
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyFault>>> {
        if let Some(first) = self.first.take() {
            return Poll::Ready(Some(self.count(Frame::data(first))));
        }
        match Pin::new(&mut self.rest).poll_frame(cx) {
            Poll::Ready(Some(Ok(frame))) => {
                self.idle.moved();
                Poll::Ready(Some(self.count(frame)))
            }
            Poll::Ready(Some(Err(_))) => Poll::Ready(Some(Err(self.fault.set(BodyFault::Broken)))),
            Poll::Ready(None) => Poll::Ready(None),
            Poll::Pending => {
                std::task::ready!(self.idle.poll(cx));
                Poll::Ready(Some(Err(self.fault.set(BodyFault::Idle))))
            }
        }
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = BodyFault;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyFault>>> {
        match &mut *self {
            Self::Kept(bytes) if bytes.is_empty() => Poll::Ready(None),
            Self::Kept(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Self::Streaming(streaming) => streaming.poll_next(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Kept(bytes) => bytes.is_empty(),
            Self::Streaming(streaming) => streaming.first.is_none() && streaming.rest.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Kept(bytes) => SizeHint::with_exact(bytes.len() as u64),
            // A known length goes on to the node; what was read already comes on top of what is left.
            Self::Streaming(streaming) => {
                let first = streaming.first.as_ref().map_or(0, |first| first.len() as u64);
                match streaming.rest.size_hint().exact() {
                    Some(rest) => SizeHint::with_exact(first + rest),
                    None => SizeHint::default(),
                }
            }
        }
    }
}
