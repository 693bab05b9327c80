//! What this machine must lend to some faults: disks that can be filled, slowed down or broken, clocks that can be wrong.
//! All of them are there before the world comes up, and behave until a fault wants otherwise.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use cli_world::{Layout, Seat};

use super::faulty::Health;
use super::{Clocks, Fault, FaultyDisk, SmallDisk};

/// What is there of it.
#[derive(Default)]
pub struct Means {
    // In this order they go: it lies over the small one.
    faulty_disk: Option<FaultyDisk>,
    small_disk: Option<SmallDisk>,
    clocks: Option<Clocks>,
    lacking: BTreeMap<Fault, String>,
}

impl Means {
    /// What those faults need, as far as this machine can. The disks are those of one node that does not run yet.
    pub fn prepare(layout: &Layout, faults: &[Fault], node: &Seat) -> Self {
        let mut means = Self::default();
        let wanted = |some: &[Fault]| some.iter().any(|fault| faults.contains(fault));
        if wanted(&[Fault::FullDisk]) {
            means.small_disk = means.noted(&[Fault::FullDisk], SmallDisk::mount(layout, node));
        }
        let broken = [Fault::SlowDisk, Fault::FailingDisk];
        if wanted(&broken) {
            means.faulty_disk = means.noted(&broken, FaultyDisk::mount(layout, node));
        }
        let jumps = [Fault::ClockJump, Fault::ClockJumpLeader, Fault::ClockJumpRouter];
        if wanted(&jumps) {
            means.clocks = means.noted(&jumps, Clocks::make(layout));
        }
        means
    }

    fn noted<T>(&mut self, faults: &[Fault], made: Result<T>) -> Option<T> {
        let why = made.as_ref().err().map(|why| format!("{why:#}"));
        self.lacking
            .extend(faults.iter().filter_map(|fault| Some((*fault, why.clone()?))));
        made.ok()
    }

    /// Why a fault is not possible here, if it is not.
    pub fn lacks(&self, fault: Fault) -> Option<&str> {
        let is_there = match fault {
            Fault::FullDisk => self.small_disk.is_some(),
            Fault::SlowDisk | Fault::FailingDisk => self.faulty_disk.is_some(),
            fault if fault.is_of_a_clock() => self.clocks.is_some(),
            _ => true,
        };
        let why = || self.lacking.get(&fault).map(String::as_str);
        (!is_there).then(|| why().unwrap_or("no scenario has the means for it"))
    }

    /// The node whose disk can be struck.
    pub fn disk_at(&self) -> Option<&Seat> {
        let faulty = self.faulty_disk.as_ref().map(|disk| &disk.seat);
        faulty.or(self.small_disk.as_ref().map(|disk| &disk.seat))
    }

    /// What every process of the world must find in its environment.
    pub fn environment(&self) -> Vec<(String, String)> {
        self.clocks.as_ref().map(Clocks::environment).unwrap_or_default()
    }

    /// # Errors
    /// Where there is none.
    pub async fn fill_disk(&self) -> Result<()> {
        let disk = self.small_disk.as_ref().context("there is no small disk")?;
        disk.fill().await
    }

    /// # Errors
    /// Where there is none.
    pub fn set_disk(&self, health: Health) -> Result<()> {
        let disk = self.faulty_disk.as_ref();
        disk.context("there is no disk that can fail")?.set(health);
        Ok(())
    }

    /// # Errors
    /// Where there are none, or what the file system says.
    pub fn set_clock(&self, seat: &Seat, seconds: i64) -> Result<()> {
        let clocks = self.clocks.as_ref();
        clocks
            .context("there are no clocks that can be wrong")?
            .set(seat, seconds)
    }

    /// Everything behaves again.
    ///
    /// # Errors
    /// What the file system says.
    pub fn heal(&self) -> Result<()> {
        if let Some(disk) = &self.faulty_disk {
            disk.set(Health::Well);
        }
        if let Some(disk) = &self.small_disk {
            disk.free()?;
        }
        self.clocks.as_ref().map_or(Ok(()), Clocks::heal)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_has_no_means_says_so_for_the_faults_that_need_some() {
        let means = Means::default();
        let lacking: Vec<String> = Fault::all()
            .iter()
            .filter(|fault| means.lacks(**fault).is_some())
            .map(|fault| fault.name())
            .collect();
        let clocks = ["clock-jump", "clock-jump-leader", "clock-jump-router"];
        let disks = ["slow-disk", "failing-disk"];
        let all = std::iter::once("full-disk").chain(clocks).chain(disks);
        assert_eq!(lacking, all.collect::<Vec<_>>());
        assert!(means.fill_disk().await.is_err() && means.set_disk(Health::Slow).is_err());
        let mut noted = Means::default();
        let made: Option<()> = noted.noted(&[Fault::FullDisk], Err(anyhow::anyhow!("no root")));
        assert_eq!((made, noted.lacks(Fault::FullDisk)), (None, Some("no root")));
        assert!(means.heal().is_ok());
    }
}
