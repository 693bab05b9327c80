//! Proxies at the advertised addresses of nodes and controllers: whatever one process sends to another goes through
//! one, and by who is at its two ends it is held back, delayed or slowed down.
//!
//! Bytes are passed on as they are: TLS is between the processes. A cut link loses nothing by itself: bytes wait at the
//! proxy, as they would be sent again by TCP, and whoever waits too long gives up.

mod links;
mod pump;
mod who;

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Context, Result};
use cli_world::seats::seats;
use cli_world::{Seat, World};
use platform_runtime::TaskGroup;
use tokio::net::{TcpListener, TcpStream};

pub use links::{Condition, Links};

/// Connections that one proxy holds at a time.
const CONNECTIONS_MAX: usize = 2_000;

/// The proxies of a world; they go with the task group.
pub struct Proxies {
    pub links: Arc<Links>,
}

impl Proxies {
    /// Listens at the advertised address of every node and controller.
    ///
    /// # Errors
    /// When a port is taken.
    pub async fn start(world: &World, tasks: &TaskGroup) -> Result<Self> {
        let links = Arc::new(Links::default());
        for seat in seats() {
            let Some(behind) = world.ports.behind(&seat) else {
                continue;
            };
            let address = world.ports.address(&seat);
            let listener = TcpListener::bind(&address)
                .await
                .with_context(|| format!("the proxy of {seat} cannot listen at {address}"))?;
            let door = Door {
                seat,
                behind: behind.parse().context("an address of the loopback")?,
                layout: world.layout.clone(),
                links: Arc::clone(&links),
                tasks: tasks.clone(),
            };
            let token = tasks.token();
            tasks.spawn("proxy", async move {
                tokio::select! {
                    () = door.serve(listener) => {}
                    () = token.cancelled() => {}
                }
            });
        }
        Ok(Self { links })
    }
}

/// One proxy.
struct Door {
    seat: Seat,
    behind: SocketAddr,
    layout: cli_world::Layout,
    links: Arc<Links>,
    tasks: TaskGroup,
}

impl Door {
    async fn serve(self, listener: TcpListener) {
        let room = Arc::new(tokio::sync::Semaphore::new(CONNECTIONS_MAX));
        loop {
            let Ok((stream, peer)) = listener.accept().await else {
                continue;
            };
            let Ok(place) = Arc::clone(&room).try_acquire_owned() else {
                continue;
            };
            let from = who::is_at(&self.layout, peer).unwrap_or_else(|| OUTSIDE.to_owned());
            let (links, to, behind) = (Arc::clone(&self.links), self.seat.to_string(), self.behind);
            let token = self.tasks.token();
            self.tasks.spawn("proxied-connection", async move {
                let _place = place;
                // Who is not there refuses, as he would without a proxy: the connection ends.
                let Ok(inner) = TcpStream::connect(behind).await else {
                    return;
                };
                tokio::select! {
                    () = pump::both(stream, inner, &links, (&from, &to)) => {}
                    () = token.cancelled() => {}
                }
            });
        }
    }
}

/// Whoever is no process of the world: the operator, this program itself.
pub const OUTSIDE: &str = "outside";

#[cfg(test)]
mod tests;
