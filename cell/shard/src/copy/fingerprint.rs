//! Which world and shard a frame belongs to, in eight bytes each.

use cell_replica::Group;
use platform_model::{ShardId, WorldId};
use xxhash_rust::xxh3::xxh3_64;

pub(crate) fn group(world: &WorldId, shard: &ShardId) -> Group {
    Group {
        world: xxh3_64(world.to_string().as_bytes()),
        shard: xxh3_64(shard.to_string().as_bytes()),
    }
}
