//! A late order is harmless: no copy that stands in the configuration is erased.

use control_plane_state::shard_config::ShardConfig;
use platform_model::ReplicaId;

pub const NAME: &str = "late-orders-are-harmless";

/// A replica has just carried an order to erase itself out.
pub fn on_erased(config: &ShardConfig, replica: Option<ReplicaId>) -> Result<(), String> {
    match replica {
        Some(replica) if config.names(replica) => {
            Err(format!("{replica} stands in the configuration and was erased"))
        }
        _ => Ok(()),
    }
}
