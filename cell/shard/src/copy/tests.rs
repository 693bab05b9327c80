//! Copies of one shard in one process, over a network that loses, delays, doubles and cuts, led by the control plane's own
//! driver.

mod ask;
mod copying;
mod ctl;
mod failover;
mod lagging;
mod lease;
mod net;
mod planted;
mod receipts;
mod rewind;
mod settling;
mod storm;
mod switchover;
mod takeover;
mod waiting;
mod world;
