//! Why a listener or a connection could not be had.

use std::io;
use std::time::Duration;

use super::CONNECT_TIMEOUT;
use crate::tls::Refused;

#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    #[error("{address} is in use by another process (`ss -ltnp 'sport = :{port}'` shows which)")]
    PortInUse { address: String, port: String },
    #[error("{address} cannot be bound")]
    Bind {
        address: String,
        #[source]
        source: io::Error,
    },
    #[error("{address} cannot be reached")]
    Connect {
        address: String,
        #[source]
        source: io::Error,
    },
    #[error("{address} did not answer within {CONNECT_TIMEOUT:?}")]
    ConnectTimeout { address: String },
    #[error("the TLS handshake with {address} took longer than {within:?}")]
    HandshakeTimeout { address: String, within: Duration },
    #[error("the TLS handshake with {address} was broken off")]
    Broken {
        address: String,
        #[source]
        source: io::Error,
    },
    #[error("{address} is not trusted or does not trust us")]
    Refused {
        address: String,
        #[source]
        source: Refused,
    },
}

impl ServeError {
    /// Whether trying again may help without anybody changing files or settings.
    pub fn retryable(&self) -> bool {
        !matches!(
            self,
            Self::PortInUse { .. } | Self::Bind { .. } | Self::Refused { .. }
        )
    }

    /// Why a certificate was refused, if one was.
    pub fn refused(&self) -> Option<&Refused> {
        if let Self::Refused { source, .. } = self {
            Some(source)
        } else {
            None
        }
    }
}
