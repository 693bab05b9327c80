//! The routes over a real shard on a store in memory.

mod bench_of_routes;
mod life;
mod refusals;
mod sharing;
