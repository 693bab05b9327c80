//! W3C trace context, level 1: the `traceparent` header, read, continued and written.
//!
//! Only the ids; exporting spans is not done here. What a request makes other processes do belongs to its trace:
//! whoever handles it runs in [`TraceContext::scope`], and whoever calls on asks [`TraceContext::current`].

use std::fmt;
use std::future::Future;
use std::str::FromStr;

use crate::random;

tokio::task_local! {
    static CURRENT: TraceContext;
}

/// Where a request stands in a trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TraceContext {
    trace: u128,
    parent: u64,
    sampled: bool,
}

/// A header that is no `traceparent`: by the standard, a new trace begins then.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is no traceparent of version 00")]
pub struct InvalidTraceparent;

impl TraceContext {
    /// Begins a trace.
    pub fn new_root() -> Self {
        let trace = u128::from_be_bytes(random::bytes());
        Self {
            trace: trace.max(1),
            parent: random::u64().max(1),
            sampled: true,
        }
    }

    /// Continues the trace of a header, or begins one where there is none or it is not good.
    pub fn continue_or_new(header: Option<&str>) -> Self {
        header
            .and_then(|text| text.parse().ok())
            .map_or_else(Self::new_root, Self::child)
    }

    /// The next step of the same trace.
    #[must_use]
    pub fn child(self) -> Self {
        Self {
            parent: random::u64().max(1),
            ..self
        }
    }

    /// Runs `f` as a part of this trace. What `f` spawns is not in it.
    pub async fn scope<F: Future>(self, f: F) -> F::Output {
        CURRENT.scope(self, f).await
    }

    /// The trace that the calling task works for, if it runs in [`Self::scope`].
    pub fn current() -> Option<Self> {
        CURRENT.try_with(|current| *current).ok()
    }

    /// 32 hex digits: the same in every process that the request passes.
    pub fn trace_id(&self) -> String {
        format!("{:032x}", self.trace)
    }

    /// 16 hex digits: this step.
    pub fn span_id(&self) -> String {
        format!("{:016x}", self.parent)
    }

    pub fn is_sampled(&self) -> bool {
        self.sampled
    }

    /// The value of the `traceparent` header.
    pub fn to_header(&self) -> String {
        self.to_string()
    }
}

impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "00-{:032x}-{:016x}-{:02x}",
            self.trace,
            self.parent,
            u8::from(self.sampled)
        )
    }
}

impl FromStr for TraceContext {
    type Err = InvalidTraceparent;

    /// Takes version 00 as it is, and of later versions the part that is as in version 00.
    fn from_str(text: &str) -> Result<Self, InvalidTraceparent> {
        let mut parts = text.split('-');
        let mut next = |digits| {
            parts
                .next()
                .and_then(|part| hex(part, digits))
                .ok_or(InvalidTraceparent)
        };
        let (version, trace, parent, flags) = (next(2)?, next(32)?, next(16)?, next(2)?);
        let longer = parts.next().is_some();
        if version == 0xff || (version == 0 && longer) || trace == 0 || parent == 0 {
            return Err(InvalidTraceparent);
        }
        let parent = u64::try_from(parent).map_err(|_| InvalidTraceparent)?;
        Ok(Self {
            trace,
            parent,
            sampled: flags & 1 == 1,
        })
    }
}

fn hex(text: &str, digits: usize) -> Option<u128> {
    let ok = text.len() == digits && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    ok.then(|| u128::from_str_radix(text, 16).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn a_step_keeps_the_trace_and_has_its_own_id() {
        let here: TraceContext = GOOD.parse().expect("good");
        assert_eq!(here.to_header(), GOOD);
        let next = here.child();
        assert_eq!(next.trace_id(), "0af7651916cd43dd8448eb211c80319c");
        assert_ne!(next.span_id(), here.span_id());
        assert_eq!(
            TraceContext::continue_or_new(Some(GOOD)).trace_id(),
            here.trace_id()
        );
    }

    #[tokio::test]
    async fn a_task_knows_the_trace_that_it_works_for() {
        let here: TraceContext = GOOD.parse().expect("good");
        assert_eq!(TraceContext::current(), None);
        let inside = here.scope(async { TraceContext::current() }).await;
        assert_eq!(inside, Some(here));
        assert_eq!(TraceContext::current(), None);
    }

    #[test]
    fn a_bad_header_begins_a_new_trace() {
        let zero_trace = format!("00-{}-b7ad6b7169203331-01", "0".repeat(32));
        let zero_parent = format!("00-0af7651916cd43dd8448eb211c80319c-{}-01", "0".repeat(16));
        let upper = GOOD.to_uppercase();
        let longer = format!("{GOOD}-more");
        let version_ff = GOOD.replacen("00", "ff", 1);
        for text in [
            "",
            "00",
            zero_trace.as_str(),
            &zero_parent,
            &upper,
            &longer,
            &version_ff,
        ] {
            assert_eq!(text.parse::<TraceContext>(), Err(InvalidTraceparent), "{text}");
        }
        let later = longer.replacen("00", "01", 1);
        assert!(
            later.parse::<TraceContext>().is_ok(),
            "a later version may say more"
        );
        assert_ne!(TraceContext::continue_or_new(None).trace_id(), "0".repeat(32));
    }
}
