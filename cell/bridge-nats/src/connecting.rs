//! How a client comes to a broker: by the settings and the files that they name, read once.

use std::path::Path;

use async_nats::ConnectOptions;

use crate::{BridgeError, Settings};

/// # Errors
/// [`BridgeError::Settings`]: a file that cannot be read or used.
pub(crate) async fn options(settings: &Settings) -> Result<ConnectOptions, BridgeError> {
    let mut options = ConnectOptions::new()
        .name("meridian")
        .retry_on_initial_connect()
        .max_reconnects(None)
        .ignore_discovered_servers()
        .request_timeout(Some(settings.answer_within));
    if let Some(tls) = &settings.tls {
        readable(&tls.ca)?;
        options = options.require_tls(true).add_root_certificates(tls.ca.clone());
        if let Some((cert, key)) = &tls.own {
            readable(cert)?;
            readable(key)?;
            options = options.add_client_certificate(cert.clone(), key.clone());
        }
    }
    if let Some(file) = &settings.credentials_file {
        let read = options.credentials_file(file).await;
        options = read.map_err(|error| unusable("the credentials file", &error))?;
    }
    Ok(options)
}

fn readable(file: &Path) -> Result<(), BridgeError> {
    match std::fs::File::open(file) {
        Ok(_) => Ok(()),
        Err(error) => Err(BridgeError::Settings {
            what: "a certificate or key",
            reason: format!("{}: {error}", file.display()),
        }),
    }
}

pub(crate) fn unusable(what: &'static str, error: &dyn std::fmt::Display) -> BridgeError {
    BridgeError::Settings {
        what,
        reason: error.to_string(),
    }
}
