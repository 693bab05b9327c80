//! Everything that is held of a person, as it comes from the node that serves him. What it says is the caller's to keep: it is
//! in no error and no log.

use std::time::Duration;

use platform_model::{HomeId, UserId};
use tonic::{Response, Streaming};

use super::CustodyClient;
use crate::controllers::CallError;
use crate::frame::FRAME_VERSION;
use crate::nodes;
use crate::pb;

/// For one page: a few reads of the person's shard.
const PAGE_WITHIN: Duration = Duration::from_secs(30);

/// An export on its way.
pub struct Exporting {
    address: String,
    pages: Streaming<pb::ExportUserPage>,
}

/// A part of it.
pub struct ExportPage {
    /// Number of the decision by which it is on record.
    pub sequence: u64,
    /// A list in JSON.
    pub items: Vec<u8>,
}

impl CustodyClient {
    /// Begins to read everything that is held of a person whose shard the node serves. On record once this has returned.
    ///
    /// # Errors
    /// `moved` when the node does not serve that shard; `unknown-record` for nobody.
    pub async fn export_user(
        &self,
        home: &HomeId,
        user: UserId,
        reason: &str,
    ) -> Result<Exporting, CallError> {
        let request = pb::ExportUserRequest {
            version: FRAME_VERSION,
            world: self.world.to_string(),
            home: home.to_string(),
            user: user.as_bytes().to_vec(),
            reason: reason.to_owned(),
        };
        let mut client = self.client();
        let pages = nodes::answer_within(&self.address, PAGE_WITHIN, client.export_user(request)).await?;
        Ok(Exporting {
            address: self.address.clone(),
            pages,
        })
    }
}

impl Exporting {
    /// The next page; none behind the last. Not cancel-safe: who stops waiting begins anew.
    ///
    /// # Errors
    /// Why there is no other; what came before is not the whole then.
    pub async fn next(&mut self) -> Result<Option<ExportPage>, CallError> {
        let pages = &mut self.pages;
        let page = async { pages.message().await.map(Response::new) };
        let page = nodes::answer_within(&self.address, PAGE_WITHIN, page).await?;
        let Some(page) = page else { return Ok(None) };
        nodes::understood(&self.address, page.version)?;
        Ok(Some(ExportPage {
            sequence: page.sequence,
            items: page.items,
        }))
    }
}
