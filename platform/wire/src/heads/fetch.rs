//! What a router or node has seen, asked by an operator.

use platform_model::WorldId;
use platform_runtime::tls::{Expect, Identity};

use super::{HeadsView, PATH, SeenHead};
use crate::inside;

pub use crate::inside::FetchError;

/// The heads that the process at `address` has seen, oldest first.
///
/// # Errors
/// When it does not answer, is not whom `expect` says, or is of another world.
pub async fn fetch(address: &str, identity: &Identity, expect: Expect) -> Result<Vec<SeenHead>, FetchError> {
    let answer = inside::get(address, identity, expect, PATH).await?;
    read(&answer.body, identity.world()).map_err(|cause| inside::invalid(address, cause))
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
) -> Result<bytes::Bytes, FetchError> {
    Ok(inside::get(address, identity, expect, path).await?.body)
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
