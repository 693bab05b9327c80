//! The trait that each business domain is.

use async_trait::async_trait;
use axum::Router;
use cell_layers::{RootTx, TableInfo};
use cell_shard::Mode;
use platform_model::{Code, Problem};

use crate::context::RootCtx;
use crate::error::DomainError;
use crate::event::{Address, EventInfo, Received, Takes};
use crate::export::Exported;
use crate::services::{Lent, Services};

/// One business domain: tables, routes, and when its writes are acknowledged.
///
/// Scheduled work is not part of it yet: `ARCHITECTURE.md` lists what is absent.
#[async_trait]
pub trait Domain: Send + Sync + 'static {
    /// Lower case, one word; stands in keys, log entries and metrics, so it never changes.
    fn name(&self) -> &'static str;

    /// When a write of this domain is acknowledged; a transaction may ask for more, never for less.
    fn mode(&self) -> Mode;

    /// Every table with the data class of each field: the node prints them, the law is checked against them.
    fn tables(&self) -> &'static [TableInfo];

    /// The routes below `/v1`, whole paths as apps see them.
    fn routes(&self) -> Router<Lent>;

    /// A person is being erased: gives back what is held outside of the own root, such as claims, and answers how much.
    /// The root has ended: what is still to be written there goes by [`RootCtx::write_ended`]. The rows of the root and the
    /// key are the node's to remove, afterwards. Idempotent: may be called again.
    async fn erase(&self, services: &dyn Services, root: &RootCtx) -> Result<u64, Problem> {
        let _ = (services, root);
        Ok(0)
    }

    /// A page of everything that it holds of a person, as he is shown it, from `after` on, which an earlier page named.
    ///
    /// # Errors
    /// `invalid-cursor` for an `after` that it never named; as [`RootCtx::read`].
    async fn export(&self, root: &RootCtx, after: Option<&[u8]>) -> Result<Exported, Problem> {
        let _ = (root, after);
        Ok(Exported::default())
    }

    /// A person has come to live here from another home: whoever knows him by that one is told, in one transaction of his root,
    /// which is done once.
    ///
    /// # Errors
    /// Of whatever kind: it is tried again later.
    async fn moved_in(&self, tx: &RootTx, me: &Address) -> Result<(), DomainError> {
        let _ = (tx, me);
        Ok(())
    }

    /// Every event that it tells, with the data class of each field: what leaves a home is checked against them.
    fn events(&self) -> &'static [EventInfo] {
        &[]
    }

    /// Events that it takes.
    fn takes(&self) -> &'static [Takes] {
        &[]
    }

    /// Takes an event, within the receiver's transaction, which also notes that it came: what is done here is done once. One
    /// that was parked and is tried again comes behind what was told after it.
    ///
    /// # Errors
    /// A problem says that it will never be taken: the event is parked with the problem's code. What the layers or the
    /// shard answer is tried again.
    async fn handle(&self, _tx: &RootTx, _event: &Received) -> Result<(), DomainError> {
        Err(Problem::new(Code::Internal).detail("it takes no events").into())
    }
}
