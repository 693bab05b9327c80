//! A person is erased: the addresses are given back, so that anyone may claim them. Rows and key are the node's to remove.

use cell_sdk::{Mode, RootCtx, Services};
use platform_model::Problem;

use crate::storage::{DOMAIN, erasure};

/// Gives every claim back to the directory; answers how many. Idempotent: a crash between is healed by the next try.
///
/// # Errors
/// Whatever stopped it on its way.
pub async fn give_back(services: &dyn Services, root: &RootCtx) -> Result<u64, Problem> {
    let drop = |tx| async move { erasure::drop_claims(&tx).await };
    let given_up = root.write_ended(DOMAIN, Mode::Sync, drop).await?.value;
    let authority = &root.home.jurisdiction;
    for claim in &given_up {
        services
            .directory()
            .release(authority, claim.digest, claim.id, None)
            .await?;
    }
    Ok(given_up.len() as u64)
}
