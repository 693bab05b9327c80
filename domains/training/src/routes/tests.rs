//! The routes over a real shard on a store in memory.

pub(crate) mod bench_of_routes;
mod life;
mod refusals;
mod sharing;
