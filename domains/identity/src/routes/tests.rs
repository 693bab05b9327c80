//! The routes over real shards on a store in memory.

mod bench_of_routes;
mod erasing;
mod exporting;
mod following;
mod life;
mod locating;
mod logging_in;
mod node;
mod refreshing;
mod refusals;
mod registering;
mod relocating;
