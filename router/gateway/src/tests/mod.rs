//! The router over real sockets: real TLS, real mTLS to stand-in nodes, no controller anywhere.
//!
//! Planted faults hold for the whole process, so a build with them tests nothing else.

#[cfg(not(feature = "failpoints"))]
mod abuse;
#[cfg(not(feature = "failpoints"))]
mod attempts;
#[cfg(not(feature = "failpoints"))]
mod bounds;
#[cfg(not(feature = "failpoints"))]
mod callers;
#[cfg(not(feature = "failpoints"))]
mod forwarding;
#[cfg(not(feature = "failpoints"))]
mod frames;
#[cfg(not(feature = "failpoints"))]
mod framing;
#[cfg(not(feature = "failpoints"))]
mod hold;
#[cfg(not(feature = "failpoints"))]
mod hold_bounds;
#[cfg(not(feature = "failpoints"))]
mod hold_failover;
#[cfg(not(feature = "failpoints"))]
mod homes;
#[cfg(not(feature = "failpoints"))]
mod life;
#[cfg(not(feature = "failpoints"))]
mod pieces;
#[cfg(feature = "failpoints")]
mod planted;
#[cfg(not(feature = "failpoints"))]
mod readers;
mod replays;
#[cfg_attr(feature = "failpoints", expect(dead_code, reason = "few tests are left then"))]
mod stand_in;
mod table;
#[cfg(not(feature = "failpoints"))]
mod trust;
#[cfg_attr(feature = "failpoints", expect(dead_code, reason = "few tests are left then"))]
mod world;
