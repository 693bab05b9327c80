//! No copy lies where the law permits none.

use control_plane_state::shard_config::ShardConfig;

pub const NAME: &str = "no-copy-outside-the-law";

pub fn check(config: &ShardConfig, lawful: impl Fn(u16) -> bool) -> Result<(), String> {
    match config.copies().find(|copy| !lawful(copy.node.ordinal)) {
        Some(copy) => Err(format!("{} holds {}", copy.node, copy.replica)),
        None => Ok(()),
    }
}
