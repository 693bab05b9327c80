//! OTLP logs: each batch one request, JSON over HTTPS (OTLP 1.x, `POST /v1/logs`). A batch counts as delivered when the
//! collector says so.

use std::time::Duration;

use http::{Request, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};

use super::connect::Connector;
use super::{ConnectError, Event, Receiver, Sender, SinkError};

const PATH: &str = "/v1/logs";
/// For a collector to answer.
const WITHIN: Duration = Duration::from_secs(10);
/// Longest answer that is read, in bytes.
const ANSWER_BYTES_MAX: usize = 64 << 10;

pub struct OtlpSink {
    connector: Connector,
    /// Who sends: the attributes of the resource.
    resource: Value,
}

impl OtlpSink {
    pub fn new(receiver: &Receiver, sender: &Sender) -> Result<Self, ConnectError> {
        let text = |key: &str, value: &str| json!({ "key": key, "value": { "stringValue": value } });
        let resource = json!({ "attributes": [
            text("service.name", "controld"),
            text("service.version", env!("CARGO_PKG_VERSION")),
            text("service.instance.id", &sender.controller.to_string()),
            text("meridian.world", sender.world.as_str()),
        ]});
        Ok(Self {
            connector: Connector::new(receiver)?,
            resource,
        })
    }

    pub async fn send(&mut self, events: &[Event]) -> Result<(), SinkError> {
        let body = self.body(events).to_string();
        match tokio::time::timeout(WITHIN, self.post(body)).await {
            Ok(sent) => sent,
            Err(_) => Err(SinkError::Slow),
        }
    }

    fn body(&self, events: &[Event]) -> Value {
        let records: Vec<Value> = events.iter().map(record).collect();
        let scope = json!({ "scope": { "name": "meridian.ledger" }, "logRecords": records });
        json!({ "resourceLogs": [{ "resource": self.resource, "scopeLogs": [scope] }] })
    }

    async fn post(&self, body: String) -> Result<(), SinkError> {
        let stream = self.connector.connect().await?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
            .await
            .map_err(SinkError::Http)?;
        let request = Request::post(PATH)
            .header(header::HOST, self.connector.address())
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::CONNECTION, "close")
            .body(Full::new(Bytes::from(body)))
            .map_err(|error| refused(error.to_string()))?;
        let answered = async {
            let response = sender.send_request(request).await.map_err(SinkError::Http)?;
            let status = response.status();
            let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX)
                .collect()
                .await;
            let body = body.map(|body| body.to_bytes()).unwrap_or_default();
            judge(status, &body)
        };
        // The connection is driven beside the request, and ends with it.
        let driven = async {
            match connection.await {
                Ok(()) => std::future::pending().await,
                Err(error) => Err(SinkError::Http(error)),
            }
        };
        tokio::select! { answer = answered => answer, failed = driven => failed }
    }
}

/// A partial success says how many records were not taken: then none counts as delivered.
fn judge(status: StatusCode, body: &[u8]) -> Result<(), SinkError> {
    if !status.is_success() {
        return Err(refused(status.to_string()));
    }
    let answer: Value = serde_json::from_slice(body).unwrap_or_default();
    let rejected = &answer["partialSuccess"]["rejectedLogRecords"];
    // 64-bit numbers are texts in the JSON of OTLP.
    let rejected = rejected.as_u64().or_else(|| rejected.as_str()?.parse().ok());
    match rejected.unwrap_or(0) {
        0 => Ok(()),
        count => Err(refused(format!("{count} records are rejected"))),
    }
}

fn refused(what: String) -> SinkError {
    SinkError::Refused { what }
}

fn record(event: &Event) -> Value {
    json!({
        "timeUnixNano": format!("{}000000", event.time_ms),
        "severityNumber": severity(event.severity),
        "body": { "stringValue": event.json },
        "attributes": [{ "key": "meridian.ledger.sequence", "value": { "intValue": event.sequence.to_string() } }],
    })
}

/// From OCSF's severity to OTLP's number.
fn severity(ocsf: u64) -> u64 {
    match ocsf {
        6 => 21,
        5 => 19,
        4 => 17,
        3 => 13,
        2 => 10,
        _ => 9,
    }
}
