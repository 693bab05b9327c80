//! Waits until the cluster answers and is ours.

use std::time::Duration;

use platform_runtime::clock::Clock;
use tikv_client::{Config, TransactionClient};
use tokio::net::TcpStream;

use crate::scan::ANSWER_BYTES_MAX;
use crate::{OpenError, Settings, Tls, failure, marker, pd_api, version};

/// Between two tries.
const PAUSE: Duration = Duration::from_millis(250);
/// For a placement driver to take a connection, and to say who leads.
const CONNECT_WITHIN: Duration = Duration::from_secs(3);

/// A client of a cluster that serves this world's data, and whether it holds any: one that is empty is claimed if the
/// settings say so.
///
/// # Errors
/// What is wrong for good at once; what may pass when the time of the settings is over.
pub(crate) async fn when_ready(
    settings: &Settings,
    clock: &Clock,
) -> Result<(TransactionClient, bool), OpenError> {
    let began = clock.monotonic();
    loop {
        let error = match connect(settings).await {
            Ok(opened) => return Ok(opened),
            Err(error) => error,
        };
        let over = clock.monotonic().saturating_sub(began) + PAUSE >= settings.ready_within;
        if over || !error.may_pass() {
            return Err(error);
        }
        tracing::info!(%error, "waiting for the TiKV cluster");
        clock.sleep(PAUSE).await;
    }
}

async fn connect(settings: &Settings) -> Result<(TransactionClient, bool), OpenError> {
    reachable(&settings.pd).await?;
    let connecting = TransactionClient::new_with_config(settings.pd.clone(), config(settings));
    let (connected, told) = tokio::join!(
        tokio::time::timeout(CONNECT_WITHIN, connecting),
        tokio::time::timeout(CONNECT_WITHIN, pd_api::stores(settings)),
    );
    // Before anything is written. What is not told is found when a call is not known.
    version::check(&told.ok().and_then(Result::ok).unwrap_or_default())?;
    let not_answering = |reason: String| OpenError::NotAnswering {
        pd: settings.pd.join(", "),
        reason,
    };
    let client = match connected {
        Ok(Ok(client)) => client,
        Ok(Err(error)) => return Err(not_connected(&error, not_answering)),
        Err(_) => return Err(not_answering("no answer in time".into())),
    };
    let is_claimed = marker::claim(&client, &settings.world, settings.claims).await?;
    Ok((client, is_claimed))
}

/// A placement driver that does not know a call of the client's is not silent, but old.
fn not_connected(error: &tikv_client::Error, not_answering: impl Fn(String) -> OpenError) -> OpenError {
    let failure = failure::of_read(error);
    if failure.unimplemented {
        OpenError::OldApi {
            reason: failure.reason,
        }
    } else {
        not_answering(failure.reason)
    }
}

/// The client does not say why it reached nobody, so the connection itself is tried first.
async fn reachable(pd: &[String]) -> Result<(), OpenError> {
    let mut reason = String::new();
    for address in pd {
        match tokio::time::timeout(CONNECT_WITHIN, TcpStream::connect(address)).await {
            Ok(Ok(_)) => return Ok(()),
            Ok(Err(error)) => reason = error.to_string(),
            Err(_) => reason = "no answer in time".into(),
        }
    }
    Err(OpenError::Unreachable {
        pd: pd.join(", "),
        reason,
    })
}

fn config(settings: &Settings) -> Config {
    let config = Config::default()
        .with_timeout(settings.request_within)
        .with_grpc_max_decoding_message_size(ANSWER_BYTES_MAX);
    match &settings.tls {
        Tls::Files { ca, cert, key } => config.with_security(ca, cert, key),
        Tls::Plaintext => config,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_placement_driver_that_does_not_know_a_call_is_old_and_not_silent() {
        let silent = |reason: String| OpenError::NotAnswering {
            pd: "pd-0:2379".into(),
            reason,
        };
        let old = not_connected(&tikv_client::Error::Unimplemented, silent);
        assert!(
            matches!(old, OpenError::OldApi { .. }) && !old.may_pass(),
            "{old}"
        );
        let other = tikv_client::Error::StringError("connection reset".into());
        let away = not_connected(&other, silent);
        assert!(
            matches!(away, OpenError::NotAnswering { .. }) && away.may_pass(),
            "{away}"
        );
    }
}
