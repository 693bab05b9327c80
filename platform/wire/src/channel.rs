//! A gRPC channel over one mTLS connection of ours: the peer's identity is checked, not only its chain.
//!
//! The connection is made when the first call needs it and again after it broke.

use std::error::Error;
use std::time::Duration;

use hyper_util::rt::TokioIo;
use platform_runtime::serve::{ServeError, connect_guarded};
use platform_runtime::tls::{Expect, Identity, Refused};
use tonic::Status;
use tonic::transport::{Channel, Endpoint, Uri};

/// How long making a connection may take, handshake included.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// A silent connection is probed this often.
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(5);
/// A probe that is not answered for this long ends the connection.
const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(5);

/// How a connection finds out that the other end is gone: a probe this often, and how long its answer may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Probes {
    pub every: Duration,
    pub within: Duration,
}

/// What a call can wait for.
const PROBES: Probes = Probes {
    every: KEEP_ALIVE_INTERVAL,
    within: KEEP_ALIVE_TIMEOUT,
};

/// An address that is not `host:port`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{address}` is no address: host:port, such as `127.0.0.1:7000`")]
pub struct InvalidAddress {
    pub address: String,
}

/// The connection was never made: nothing was sent over it.
#[derive(Debug, thiserror::Error)]
pub enum ConnectFailed {
    #[error("no connection to {address}")]
    Failed {
        address: String,
        #[source]
        cause: ServeError,
    },
    #[error("no connection to {address} within {CONNECT_TIMEOUT:?}")]
    Timeout { address: String },
}

/// A channel to the process at `address` that must be what `expect` says. Does no I/O yet.
///
/// Each connection asks the identity anew, so a reloaded certificate is used from the next connection on.
///
/// # Errors
/// Only for a text that is no address.
pub fn connect(address: &str, identity: &Identity, expect: Expect) -> Result<Channel, InvalidAddress> {
    connect_probed(address, identity, expect, PROBES)
}

/// As [`connect`], for whoever must know sooner that the other end is gone.
///
/// # Errors
/// Only for a text that is no address.
pub fn connect_probed(
    address: &str,
    identity: &Identity,
    expect: Expect,
    probes: Probes,
) -> Result<Channel, InvalidAddress> {
    let invalid = || InvalidAddress {
        address: address.to_owned(),
    };
    if !address.contains(':') {
        return Err(invalid());
    }
    let endpoint = Endpoint::from_shared(format!("http://{address}")).map_err(|_| invalid())?;
    let endpoint = endpoint
        .http2_keep_alive_interval(probes.every)
        .keep_alive_timeout(probes.within)
        .keep_alive_while_idle(false);
    let (address, identity) = (address.to_owned(), identity.clone());
    let connector = tower::service_fn(move |_: Uri| {
        let (address, identity, expect) = (address.clone(), identity.clone(), expect.clone());
        async move {
            let connecting = connect_guarded(&address, &identity, expect);
            match tokio::time::timeout(CONNECT_TIMEOUT, connecting).await {
                Ok(Ok(stream)) => Ok(TokioIo::new(stream)),
                Ok(Err(cause)) => Err(ConnectFailed::Failed { address, cause }),
                Err(_) => Err(ConnectFailed::Timeout { address }),
            }
        }
    });
    Ok(endpoint.connect_with_connector_lazy(connector))
}

/// Whether the connection was never made, so that nothing was sent.
pub fn never_sent(status: &Status) -> bool {
    let mut cause: Option<&(dyn Error + 'static)> = status.source();
    while let Some(error) = cause {
        if error.is::<ConnectFailed>() {
            return true;
        }
        cause = error.source();
    }
    false
}

/// Why one end does not believe the other's certificate, if that is what failed the call. Nothing was sent then.
pub fn not_trusted(status: &Status) -> Option<Refused> {
    let mut cause: Option<&(dyn Error + 'static)> = status.source();
    while let Some(error) = cause {
        if let Some(ConnectFailed::Failed { cause, .. }) = error.downcast_ref()
            && let Some(refused) = cause.refused()
        {
            return Some(refused.clone()).filter(Refused::is_about_a_certificate);
        }
        cause = error.source();
    }
    None
}

/// A status with the innermost cause that it knows: tonic's own text is "transport error".
pub fn describe(status: &Status) -> String {
    let mut text = status.message().to_owned();
    let mut cause: Option<&(dyn Error + 'static)> = status.source();
    while let Some(error) = cause {
        text = error.to_string();
        cause = error.source();
    }
    if text.is_empty() {
        status.code().to_string()
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use platform_runtime::tls::authority::Authority;
    use platform_runtime::tls::install_ring;

    use super::*;
    use crate::pb;
    use crate::pb::report_client::ReportClient;

    /// What tells "surely not executed" from "perhaps": a command may be sent again only after the former.
    #[tokio::test]
    async fn a_connection_that_was_never_made_has_sent_nothing() {
        install_ring();
        let dir = tempfile::tempdir().expect("a folder");
        let authority = Authority::create(&dir.path().join("authority")).expect("a root");
        let id = format!(
            "spiffe://{}/region/eu-central/router/r1",
            authority.world().trust_domain()
        );
        authority
            .issue(&id.parse().expect("an id"), &[], 1, dir.path())
            .expect("issued");
        let identity = Identity::load(dir.path(), &authority.world()).expect("loads");
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("bound").to_string();
        drop(listener);
        let channel = connect(&address, &identity, Expect::Controller).expect("an address");
        let status = ReportClient::new(channel)
            .heartbeat(pb::HeartbeatRequest::default())
            .await
            .expect_err("closed");
        assert!(never_sent(&status), "{status:?}");
        assert!(describe(&status).contains("refused"), "{}", describe(&status));
        assert!(!never_sent(&Status::unavailable("stream reset")));
        assert!(connect("nowhere", &identity, Expect::Controller).is_err());
    }
}
