//! The trait that each business domain is.

use axum::Router;
use cell_layers::TableInfo;
use cell_shard::Mode;

use crate::services::Lent;

/// One business domain: tables, routes, and when its writes are acknowledged.
///
/// Events, scheduled work, export and erasure are not part of it yet: `ARCHITECTURE.md` lists what is absent.
pub trait Domain: Send + Sync + 'static {
    /// Lower case, one word; stands in keys, log entries and metrics, so it never changes.
    fn name(&self) -> &'static str;

    /// When a write of this domain is acknowledged; a transaction may ask for more, never for less.
    fn mode(&self) -> Mode;

    /// Every table with the data class of each field: the node prints them, the law is checked against them.
    fn tables(&self) -> &'static [TableInfo];

    /// The routes below `/v1`, whole paths as apps see them.
    fn routes(&self) -> Router<Lent>;
}
