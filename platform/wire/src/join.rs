//! How a process without a certificate comes by its first one: a join token in a file, a key of its own, and a
//! controller known by the world's fingerprint alone.
//!
//! The key is on disk before it is shown to anybody, so that a process that loses the answer asks again with the same
//! key, which is all that a used token allows.

mod token;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use hyper_util::rt::TokioIo;
use platform_model::WorldId;
use platform_runtime::files::{PRIVATE, write_atomic};
use platform_runtime::serve::connect_mtls;
use platform_runtime::tls::{Certified, KeyRequest, SpiffeId, TlsError, install, join_client_config};
use serde::{Deserialize, Serialize};
use tonic::Status;
use tonic::transport::{Endpoint, Uri};

use crate::channel::{ConnectFailed, describe};
use crate::controllers::jittered;
use crate::frame::FRAME_VERSION;
use crate::pb;
use crate::pb::join_client::JoinClient;
use crate::refusal::Refusal;

pub use token::{InvalidToken, JoinToken};

/// The key of a process that has no certificate yet, in the folder of its identity.
const JOIN_KEY_FILE: &str = "join-key.pem";
/// How long one controller has to answer.
const ATTEMPT: Duration = Duration::from_secs(5);
/// Rounds over all controllers before the process gives up.
const ROUNDS_MAX: u32 = 20;
/// Longest file with a token, in bytes.
const TOKEN_FILE_BYTES_MAX: u64 = 4_096;

/// The settings of a process that joins.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct JoinSettings {
    /// File with the join token; empty: the identity is there already.
    pub token_file: PathBuf,
    /// Addresses at which controllers let processes join, `host:port`.
    pub controllers: Vec<String>,
}

/// Why a process did not join. Nothing of it runs then.
#[derive(Debug, thiserror::Error)]
pub enum JoinError {
    #[error("{path} cannot be read or written")]
    File {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("{path} holds no join token")]
    Token {
        path: PathBuf,
        #[source]
        source: InvalidToken,
    },
    #[error("the join token in {path} is for world {found}, the settings say {wanted}")]
    OtherWorld {
        path: PathBuf,
        found: WorldId,
        wanted: WorldId,
    },
    #[error("`join.controllers` names nobody to ask")]
    NobodyToAsk,
    #[error("refused ({hint})", hint = .0.hint)]
    Refused(#[source] Refusal),
    #[error("no controller answers: {last}")]
    Unreachable { last: String },
    #[error(transparent)]
    Tls(#[from] TlsError),
}

/// Joins, if the settings name a token and there is no certificate in `identity_dir` yet.
///
/// # Errors
/// [`JoinError`]; asked again with the same files, it goes on where it was broken off.
pub async fn ensure(identity_dir: &Path, settings: &JoinSettings, world: &WorldId) -> Result<(), JoinError> {
    let has_certificate = identity_dir.join("cert.pem").exists();
    if settings.token_file.as_os_str().is_empty() || has_certificate {
        return Ok(());
    }
    if settings.controllers.is_empty() {
        return Err(JoinError::NobodyToAsk);
    }
    let (text, token) = read_token(&settings.token_file, world)?;
    let made = key(identity_dir, &token.id)?;
    let request = pb::JoinRequest {
        version: FRAME_VERSION,
        world: world.to_string(),
        token: text,
        request: made.request,
    };
    let reply = ask(&settings.controllers, &request, world).await?;
    let certified = Certified {
        chain_pem: reply.chain,
        root_pem: reply.root,
    };
    install(identity_dir, &made.key_pem, &certified)?;
    let used = identity_dir.join(JOIN_KEY_FILE);
    fs::remove_file(&used).map_err(|source| JoinError::File { path: used, source })?;
    tracing::info!(id = %token.id, "joined");
    Ok(())
}

fn read_token(path: &Path, world: &WorldId) -> Result<(String, JoinToken), JoinError> {
    let failed = |source| JoinError::File {
        path: path.to_owned(),
        source,
    };
    let length = fs::metadata(path).map_err(failed)?.len();
    if length > TOKEN_FILE_BYTES_MAX {
        return Err(failed(io::Error::other(format!(
            "past {TOKEN_FILE_BYTES_MAX} bytes"
        ))));
    }
    let text = fs::read_to_string(path).map_err(failed)?.trim().to_owned();
    let token: JoinToken = text.parse().map_err(|source| JoinError::Token {
        path: path.to_owned(),
        source,
    })?;
    if token.world == *world {
        return Ok((text, token));
    }
    Err(JoinError::OtherWorld {
        path: path.to_owned(),
        found: token.world,
        wanted: world.clone(),
    })
}

/// The key of an earlier attempt, or a new one that is on disk now.
fn key(dir: &Path, id: &SpiffeId) -> Result<KeyRequest, JoinError> {
    let path = dir.join(JOIN_KEY_FILE);
    let failed = |source| JoinError::File {
        path: path.clone(),
        source,
    };
    match fs::read_to_string(&path) {
        Ok(text) => Ok(KeyRequest::with_key(&text, id)?),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let made = KeyRequest::new(id)?;
            fs::create_dir_all(dir).map_err(failed)?;
            write_atomic(&path, made.key_pem.as_bytes(), PRIVATE).map_err(failed)?;
            Ok(made)
        }
        Err(error) => Err(failed(error)),
    }
}

/// Asks one controller after the other; what refusing cannot change by asking again ends it.
async fn ask(
    controllers: &[String],
    request: &pb::JoinRequest,
    world: &WorldId,
) -> Result<pb::CertificateReply, JoinError> {
    let mut last = String::new();
    for round in 0..ROUNDS_MAX {
        for address in controllers {
            match tokio::time::timeout(ATTEMPT, ask_one(address, request.clone(), world)).await {
                Ok(Ok(reply)) => return Ok(reply),
                Ok(Err(status)) => match Refusal::from_status(&status) {
                    Some(refusal) if !refusal.code.retryable() => return Err(JoinError::Refused(refusal)),
                    _ => last = format!("{address}: {}", describe(&status)),
                },
                Err(_) => last = format!("{address}: no answer in {} s", ATTEMPT.as_secs()),
            }
        }
        tracing::info!(last, "not joined yet");
        tokio::time::sleep(jittered(round)).await;
    }
    Err(JoinError::Unreachable { last })
}

async fn ask_one(
    address: &str,
    request: pb::JoinRequest,
    world: &WorldId,
) -> Result<pb::CertificateReply, Status> {
    let endpoint = Endpoint::from_shared(format!("http://{address}"));
    let endpoint = endpoint.map_err(|error| Status::invalid_argument(error.to_string()))?;
    let (address, config) = (address.to_owned(), join_client_config(world));
    let connector = tower::service_fn(move |_: Uri| {
        let (address, config) = (address.clone(), config.clone());
        async move {
            match connect_mtls(&address, config).await {
                Ok(stream) => Ok(TokioIo::new(stream)),
                Err(cause) => Err(ConnectFailed::Failed { address, cause }),
            }
        }
    });
    let channel = endpoint.connect_with_connector_lazy(connector);
    JoinClient::new(channel)
        .join(request)
        .await
        .map(tonic::Response::into_inner)
}
