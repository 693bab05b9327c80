//! What a router or node has seen, asked by an operator: one HTTP request over mTLS.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode, header};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use platform_model::WorldId;
use platform_runtime::serve::{ServeError, connect_mtls};
use platform_runtime::tls::{Expect, Identity};

use super::{HeadsView, PATH, SeenHead};

/// How long a witness has to answer.
const WITHIN: Duration = Duration::from_secs(5);
/// Longest answer, in bytes; all the heads that are kept take a tenth of it.
const ANSWER_BYTES_MAX: usize = 2 << 20;

/// Why a witness said nothing.
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

/// The heads that the process at `address` has seen, oldest first.
///
/// # Errors
/// When it does not answer, is not whom `expect` says, or is of another world.
pub async fn fetch(address: &str, identity: &Identity, expect: Expect) -> Result<Vec<SeenHead>, FetchError> {
    let body = get(address, identity, expect, PATH).await?;
    read(&body, identity.world()).map_err(|cause| FetchError::InvalidAnswer {
        address: address.to_owned(),
        cause,
    })
}

/// What the process at `address` answers to one `GET`.
///
/// # Errors
/// As [`fetch`]; [`FetchError::Refused`] for any status but 200.
pub async fn get(
    address: &str,
    identity: &Identity,
    expect: Expect,
    path: &str,
) -> Result<Bytes, FetchError> {
    let asked = tokio::time::timeout(WITHIN, ask(address, identity, expect, path)).await;
    asked.map_err(|_| FetchError::Timeout {
        address: address.to_owned(),
    })?
}

async fn ask(address: &str, identity: &Identity, expect: Expect, path: &str) -> Result<Bytes, FetchError> {
    let mut config = identity.client_config(expect).as_ref().clone();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    let stream = connect_mtls(address, Arc::new(config)).await?;
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
    tokio::select! { answer = answered => answer, failed = driven => failed }
}

fn invalid(address: &str, error: impl std::fmt::Display) -> FetchError {
    FetchError::InvalidAnswer {
        address: address.to_owned(),
        cause: error.to_string(),
    }
}

fn read(body: &[u8], world: &WorldId) -> Result<Vec<SeenHead>, String> {
    let view: HeadsView = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    if view.world != world.as_str() {
        return Err(format!("it is of world `{}`", view.world));
    }
    view.heads
        .iter()
        .map(|head| head.try_into().map_err(str::to_owned))
        .collect()
}
