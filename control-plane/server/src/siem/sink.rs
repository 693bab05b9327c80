//! The kinds of sinks: what each is given, and how each can fail.

use std::io;

use super::ConnectError;
use super::file::FileSink;
use super::otlp::OtlpSink;
use super::syslog::SyslogSink;

/// An entry, ready to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    pub sequence: u64,
    pub time_ms: u64,
    /// As OCSF counts: 1 informational to 6 fatal.
    pub severity: u64,
    /// The OCSF event as JSON, on one line.
    pub json: String,
}

/// Why a batch was not delivered. It is sent again, whatever the reason.
#[derive(Debug, thiserror::Error)]
pub enum SinkError {
    #[error("the file cannot be written")]
    File(#[source] io::Error),
    #[error("the file has reached its {max} bytes: take it away")]
    FileFull { max: u64 },
    #[error(transparent)]
    Connect(#[from] ConnectError),
    #[error("the connection broke")]
    Broken(#[source] io::Error),
    #[error("the receiver does not take everything in time")]
    Slow,
    #[error("the receiver does not speak HTTP")]
    Http(#[source] hyper::Error),
    #[error("the receiver refuses: {what}")]
    Refused { what: String },
}

/// One of them. A process has three at most, so their size does not matter.
#[expect(clippy::large_enum_variant, reason = "a handful live as long as the process")]
pub enum Sink {
    File(FileSink),
    Syslog(SyslogSink),
    Otlp(OtlpSink),
}

impl Sink {
    pub fn name(&self) -> &'static str {
        match self {
            Self::File(_) => "file",
            Self::Syslog(_) => "syslog",
            Self::Otlp(_) => "otlp",
        }
    }

    /// Delivers a batch: all of it, or an error after which all of it is sent again.
    pub async fn send(&mut self, events: &[Event]) -> Result<(), SinkError> {
        match self {
            Self::File(sink) => sink.send(events).await,
            Self::Syslog(sink) => sink.send(events).await,
            Self::Otlp(sink) => sink.send(events).await,
        }
    }
}
