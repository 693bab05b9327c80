//! A world goes down, in order or at once.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result};
use futures::future::join_all;
use nix::sys::signal::Signal;

use super::layout::Layout;
use super::process::{Process, State};
use super::seats::Seat;
use super::sharing::all_seats;
use super::up::World;

/// For a killed process to be gone: wide, for machines that do much else.
const GONE_WITHIN: Duration = Duration::from_secs(120);

impl World {
    /// `kill -9`, and waits until the process is gone.
    ///
    /// # Errors
    /// When it does not run, or cannot be killed.
    pub async fn kill(&self, seat: &Seat) -> Result<()> {
        let State::Running(process) = Process::state(&self.layout, seat) else {
            anyhow::bail!("{seat} does not run");
        };
        process.signal(Signal::SIGKILL)?;
        anyhow::ensure!(
            process.gone(GONE_WITHIN).await,
            "{seat} is still there after SIGKILL"
        );
        self.reap(seat);
        Process::forget(&self.layout, seat)
    }

    /// Process and disk are gone, as in a fire.
    ///
    /// # Errors
    /// As [`Self::kill`]; when the data cannot be removed.
    pub async fn lose(&self, seat: &Seat) -> Result<()> {
        self.kill(seat).await?;
        let data = self.layout.data(seat);
        fs::remove_dir_all(&data).with_context(|| format!("cannot remove {}", data.display()))
    }

    /// Ends every process in order, router first; gives those that needed SIGKILL because `within` was over.
    ///
    /// # Errors
    /// When a process may not be signalled.
    pub async fn down(&self, within: Duration) -> Result<Vec<Seat>> {
        let mut killed = Vec::new();
        let all = all_seats(&self.layout);
        let (controllers, others): (Vec<_>, Vec<_>) = all.into_iter().partition(Seat::is_controller);
        let (nodes, routers): (Vec<_>, Vec<_>) = others.into_iter().partition(|seat| seat.node().is_some());
        for group in [routers, nodes, controllers] {
            let stops = group.iter().map(|seat| self.stop(seat, within));
            for (seat, forced) in group.iter().zip(join_all(stops).await) {
                if forced? {
                    killed.push(seat.clone());
                }
            }
        }
        Ok(killed)
    }

    /// Ends one process; `true` if it needed SIGKILL.
    ///
    /// # Errors
    /// When it may not be signalled.
    pub async fn stop(&self, seat: &Seat, within: Duration) -> Result<bool> {
        let forced = match Process::state(&self.layout, seat) {
            State::Running(process) => process.stop(within).await?,
            State::Stale(_) | State::Stopped => false,
        };
        self.reap(seat);
        Process::forget(&self.layout, seat)?;
        Ok(forced)
    }

    fn reap(&self, seat: &Seat) {
        if let Some(mut child) = self.children.lock().remove(&seat.to_string()) {
            // It is gone already: this only takes its exit status.
            let _ = child.wait();
        }
    }
}

/// Kills whatever runs in a folder, without waiting for order; for the way out.
pub fn kill_all(layout: &Layout) {
    for seat in all_seats(layout) {
        if let State::Running(process) = Process::state(layout, &seat) {
            let _ = process.signal(Signal::SIGKILL);
        }
    }
}
