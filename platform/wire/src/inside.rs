//! One HTTP request to the inner listener of a process, over mTLS: what operators look at beside gRPC, such as
//! `/metrics` and [`crate::heads::PATH`]. The answer says also how long the process's certificate is still good.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode, header};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use platform_runtime::clock::Clock;
use platform_runtime::serve::{ServeError, connect_mtls};
use platform_runtime::tls::{Expect, Identity, peer_certificate_left};

/// Where every process tells its figures, in the format of Prometheus.
pub const METRICS: &str = "/metrics";

/// How long the process has to answer.
const WITHIN: Duration = Duration::from_secs(5);
/// Longest answer, in bytes; all the heads that a witness keeps take a tenth of it.
const ANSWER_BYTES_MAX: usize = 2 << 20;

/// What a process answered.
#[derive(Debug, Clone)]
pub struct Answer {
    pub body: Bytes,
    /// How long its certificate is still good.
    pub certificate_left: Option<Duration>,
}

/// Why a process said nothing.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    #[error(transparent)]
    Connect(#[from] ServeError),
    #[error("{address} does not answer within {WITHIN:?}")]
    Timeout { address: String },
    #[error("{address} does not speak HTTP")]
    Http {
        address: String,
        #[source]
        source: hyper::Error,
    },
    #[error("{address} refuses: {status}")]
    Refused { address: String, status: StatusCode },
    #[error("the answer of {address} cannot be used: {cause}")]
    InvalidAnswer { address: String, cause: String },
}

/// Asks the process at `address`, which must be what `expect` says.
///
/// # Errors
/// When it does not answer, is not whom `expect` says, or answers with anything but 200.
pub async fn get(
    address: &str,
    identity: &Identity,
    expect: Expect,
    path: &str,
) -> Result<Answer, FetchError> {
    let asked = tokio::time::timeout(WITHIN, ask(address, identity, expect, path)).await;
    asked.map_err(|_| FetchError::Timeout {
        address: address.to_owned(),
    })?
}

/// The value of a gauge without labels, as a process tells it; whole numbers only.
pub fn gauge(metrics: &str, name: &str) -> Option<u64> {
    let value = metrics
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))?;
    value.trim().split('.').next()?.parse().ok()
}

async fn ask(address: &str, identity: &Identity, expect: Expect, path: &str) -> Result<Answer, FetchError> {
    let mut config = identity.client_config(expect).as_ref().clone();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    let stream = connect_mtls(address, Arc::new(config)).await?;
    let certificate_left = peer_certificate_left(stream.get_ref().1, &Clock::system());
    let broken = |source| FetchError::Http {
        address: address.to_owned(),
        source,
    };
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(broken)?;
    let request = Request::get(path)
        .header(header::HOST, address)
        .body(Empty::<Bytes>::new())
        .map_err(|error| invalid(address, error))?;
    let answered = async {
        let response = sender.send_request(request).await.map_err(broken)?;
        let status = response.status();
        if status != StatusCode::OK {
            let address = address.to_owned();
            return Err(FetchError::Refused { address, status });
        }
        let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX)
            .collect()
            .await;
        body.map(|body| body.to_bytes())
            .map_err(|error| invalid(address, error))
    };
    // The connection is driven beside the request, and ends with it.
    let driven = async {
        match connection.await {
            Ok(()) => std::future::pending().await,
            Err(source) => Err(broken(source)),
        }
    };
    let body = tokio::select! { answer = answered => answer, failed = driven => failed }?;
    Ok(Answer {
        body,
        certificate_left,
    })
}

pub(crate) fn invalid(address: &str, error: impl std::fmt::Display) -> FetchError {
    FetchError::InvalidAnswer {
        address: address.to_owned(),
        cause: error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gauge_is_found_by_its_whole_name() {
        let metrics = "# TYPE a gauge\na_b 1\na{x=\"y\"} 2\na 17.5\nb nothing\n";
        assert_eq!(gauge(metrics, "a"), Some(17));
        assert_eq!(gauge(metrics, "a_b"), Some(1));
        assert_eq!(gauge(metrics, "b"), None);
        assert_eq!(gauge(metrics, "c"), None);
    }
}
