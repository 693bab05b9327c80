//! Syslog: messages of RFC 5424 over TLS, framed as RFC 5425 says.
//!
//! The protocol has no acknowledgement. A batch counts as delivered once it is written and the receiver has kept the
//! connection open for a moment; a connection that breaks sends the batch again on the next one. What a receiver loses
//! after that is beyond this protocol: whoever must not lose anything takes the file or OTLP.

use std::io;
use std::time::Duration;

use control_plane_ledger::time::utc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use super::connect::Connector;
use super::{ConnectError, Event, Receiver, Sender, SinkError};

/// Log audit, RFC 5424 6.2.1.
const FACILITY: u64 = 13;
/// For a batch to be written.
const WRITE_WITHIN: Duration = Duration::from_secs(10);
/// How long a receiver that wants no more has to say so.
const OPEN_FOR: Duration = Duration::from_millis(200);
/// Largest sequence id of RFC 5424 7.3.1.
const SEQUENCE_ID_MAX: u64 = 2_147_483_647;

pub struct SyslogSink {
    connector: Connector,
    /// `HOSTNAME` of each message.
    host: String,
    connection: Option<TlsStream<TcpStream>>,
}

impl SyslogSink {
    pub fn new(receiver: &Receiver, sender: &Sender) -> Result<Self, ConnectError> {
        let id = sender.controller.to_string();
        let name = id.rsplit('/').next().unwrap_or("controller");
        Ok(Self {
            connector: Connector::new(receiver)?,
            host: format!("{name}.{}", sender.controller.trust_domain),
            connection: None,
        })
    }

    pub async fn send(&mut self, events: &[Event]) -> Result<(), SinkError> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.connector.connect().await?,
        };
        let frames: String = events
            .iter()
            .map(|event| frame(&message(&self.host, event)))
            .collect();
        let writing = async {
            connection.write_all(frames.as_bytes()).await?;
            connection.flush().await
        };
        tokio::time::timeout(WRITE_WITHIN, writing)
            .await
            .map_err(|_| SinkError::Slow)?
            .map_err(SinkError::Broken)?;
        still_open(&mut connection).await?;
        self.connection = Some(connection);
        Ok(())
    }
}

/// A receiver says nothing; what comes is the end of the connection.
async fn still_open(connection: &mut TlsStream<TcpStream>) -> Result<(), SinkError> {
    let mut ignored = [0; 256];
    match tokio::time::timeout(OPEN_FOR, connection.read(&mut ignored)).await {
        Err(_) => Ok(()),
        Ok(Ok(0)) => Err(SinkError::Broken(io::ErrorKind::UnexpectedEof.into())),
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(SinkError::Broken(error)),
    }
}

/// Octet counting, RFC 5425 4.3.
fn frame(message: &str) -> String {
    format!("{} {message}", message.len())
}

/// One message, RFC 5424 6: `<PRI>1 TIME HOST controld - ledger [meta sequenceId="n"] JSON`.
fn message(host: &str, event: &Event) -> String {
    let priority = FACILITY * 8 + severity(event.severity);
    let sequence = (event.sequence - 1) % SEQUENCE_ID_MAX + 1;
    let time = utc(event.time_ms);
    let json = &event.json;
    format!(r#"<{priority}>1 {time} {host} controld - ledger [meta sequenceId="{sequence}"] {json}"#)
}

/// From OCSF's severity to syslog's.
fn severity(ocsf: u64) -> u64 {
    match ocsf {
        6 => 0,
        5 => 2,
        4 => 3,
        3 => 4,
        2 => 5,
        _ => 6,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_as_the_standards_say() {
        let event = Event {
            sequence: SEQUENCE_ID_MAX + 5,
            time_ms: 1_764_097_937_042,
            severity: 4,
            json: r#"{"a":"é"}"#.into(),
        };
        let message = message("c1.0123456789abcdef", &event);
        let expected = "<107>1 2025-11-25T19:12:17.042Z c1.0123456789abcdef controld - ledger \
                        [meta sequenceId=\"5\"] {\"a\":\"é\"}";
        assert_eq!(message, expected);
        assert_eq!(frame(&message), format!("{} {expected}", expected.len()));
    }
}
