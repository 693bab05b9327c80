//! One fault at one target: how it begins, how it is healed.

use anyhow::{Context, Result};
use cli_world::seats::{SeatKind, seats};
use cli_world::{Process, Seat, State, World, operator};
use nix::sys::signal::Signal;
use std::time::Duration;

use super::faulty::Health;
use super::{Fault, Means, Touched};
use crate::load::Ways;
use crate::proxy::{Condition, Links};

/// How late everything is on a slow link, each way.
const SLOW: Duration = Duration::from_millis(150);
/// What a narrow link lets through.
const NARROW_BYTES_PER_SECOND: u32 = 48 * 1024;
/// By how much a wall clock is wrong: more than any two machines of a world should differ, less than a token lasts.
const JUMP_S: i64 = 300;
/// Nothing passes.
const CUT: Condition = Condition {
    cut: true,
    delay: Duration::ZERO,
    bytes_per_second: None,
};

/// What strikes need.
pub struct Scene<'a> {
    pub world: &'a World,
    pub links: &'a Links,
    pub means: &'a Means,
    pub ways: Ways,
}

/// A fault with its target: a node, or nothing where the fault says by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Strike {
    pub fault: Fault,
    pub node: Option<Seat>,
    /// Which way a clock jumps first.
    pub is_forward: bool,
    /// The leader of the controllers when it began.
    leader: Option<Seat>,
}

impl Strike {
    pub fn new(fault: Fault, node: Option<Seat>) -> Self {
        Self {
            fault,
            node,
            is_forward: true,
            leader: None,
        }
    }

    /// Who may see a request fail. Nobody where a node lost the controllers alone, for the other witness still hears it,
    /// and nobody whose node's clock is ahead; one that is behind refuses tokens as not yet valid.
    pub fn touched(&self) -> Touched {
        match self.fault {
            // A router whose clock is wrong may take tokens for old, or for not yet valid.
            Fault::KillRouter | Fault::StopRouter | Fault::ClockJumpRouter => Touched::Everybody,
            Fault::KillCell
            | Fault::StopCell
            | Fault::CutRouterNode
            | Fault::CutAnswers
            | Fault::SlowLink
            | Fault::NarrowLink
            | Fault::CutNodes
            | Fault::CutToNode
            | Fault::CutFromNode
            | Fault::SlowNodes
            | Fault::FullDisk
            | Fault::SlowDisk
            | Fault::FailingDisk => self.node.clone().map_or(Touched::Everybody, Touched::CellOf),
            Fault::ClockJump if !self.is_forward => {
                self.node.clone().map_or(Touched::Everybody, Touched::CellOf)
            }
            _ => Touched::Nobody,
        }
    }

    /// What it strikes, for people.
    pub fn target(&self) -> String {
        let target = self.node.as_ref().or(self.leader.as_ref());
        let target = target.map_or_else(|| "-".to_owned(), ToString::to_string);
        if self.fault.is_of_a_clock() {
            return format!("{target} by {} s", self.jump_s());
        }
        target
    }

    fn jump_s(&self) -> i64 {
        if self.is_forward { JUMP_S } else { -JUMP_S }
    }

    /// # Errors
    /// When it cannot be begun.
    pub async fn begin(&mut self, scene: &Scene<'_>) -> Result<()> {
        if matches!(
            self.fault,
            Fault::KillLeader | Fault::StopLeader | Fault::CutLeader | Fault::ClockJumpLeader
        ) {
            self.leader = Some(leader(scene.world).await?);
        }
        match self.fault {
            Fault::KillCell | Fault::KillRouter | Fault::KillLeader | Fault::KillControllers => {
                for seat in self.processes() {
                    scene.world.kill(&seat).await?;
                }
            }
            Fault::StopCell | Fault::StopRouter | Fault::StopLeader => {
                for seat in self.processes() {
                    signal(scene.world, &seat, Signal::SIGSTOP)?;
                }
            }
            Fault::FullDisk => scene.means.fill_disk().await?,
            Fault::SlowDisk => scene.means.set_disk(Health::Slow)?,
            Fault::FailingDisk => scene.means.set_disk(Health::Failing)?,
            Fault::ClockJump | Fault::ClockJumpLeader | Fault::ClockJumpRouter => {
                for seat in self.processes() {
                    scene.means.set_clock(&seat, self.jump_s())?;
                }
            }
            _ => self.spoil(scene.links),
        }
        Ok(())
    }

    /// # Errors
    /// When what was struck cannot be brought back.
    pub async fn heal(&self, scene: &Scene<'_>) -> Result<()> {
        scene.links.heal();
        scene.means.heal()?;
        for seat in seats() {
            if let State::Running(process) = Process::state(&scene.world.layout, &seat) {
                process.signal(Signal::SIGCONT)?;
            }
        }
        revive(scene.world)
    }

    /// The processes that are killed or stopped, or whose clock jumps.
    fn processes(&self) -> Vec<Seat> {
        let all = seats().into_iter();
        match self.fault {
            Fault::KillRouter | Fault::StopRouter | Fault::ClockJumpRouter => all.filter(is_router).collect(),
            Fault::KillControllers => all.filter(Seat::is_controller).collect(),
            _ => self.node.iter().chain(&self.leader).cloned().collect(),
        }
    }

    /// Puts links into the condition of this fault.
    fn spoil(&self, links: &Links) {
        let slow = Condition {
            delay: SLOW,
            ..Condition::default()
        };
        let narrow = Condition {
            bytes_per_second: Some(NARROW_BYTES_PER_SECOND),
            ..Condition::default()
        };
        let own = self.target();
        for other in seats() {
            let (is_router, is_controller) = (is_router(&other), other.is_controller());
            let is_node = !is_router && !is_controller;
            let other = other.to_string();
            match self.fault {
                _ if other == own => {}
                Fault::CutRouterNode if is_router => links.set_both(&own, &other, CUT),
                Fault::CutAnswers if is_router => links.set(&own, &other, CUT),
                Fault::SlowLink if is_router => links.set_both(&own, &other, slow),
                Fault::NarrowLink if is_router => links.set_both(&own, &other, narrow),
                Fault::CutNodeControllers | Fault::CutLeader if is_controller => {
                    links.set_both(&own, &other, CUT)
                }
                Fault::CutOrders if is_controller => links.set(&other, &own, CUT),
                Fault::CutNodes if is_node => links.set_both(&own, &other, CUT),
                Fault::CutToNode if is_node => links.set(&other, &own, CUT),
                Fault::CutFromNode if is_node => links.set(&own, &other, CUT),
                Fault::SlowNodes if is_node => links.set_both(&own, &other, slow),
                _ => {}
            }
        }
    }
}

/// Starts whatever does not run, as a supervisor does: killed by a strike, or ended by itself, as a node whose disk fails.
///
/// # Errors
/// When a binary cannot be started.
pub fn revive(world: &World) -> Result<()> {
    for seat in seats() {
        match Process::state(&world.layout, &seat) {
            State::Running(_) => {}
            State::Stale(_) | State::Stopped => world.spawn(&seat)?,
        }
    }
    Ok(())
}

fn is_router(seat: &Seat) -> bool {
    matches!(seat.kind, SeatKind::Router(_))
}

fn signal(world: &World, seat: &Seat, signal: Signal) -> Result<()> {
    match Process::state(&world.layout, seat) {
        State::Running(process) => process.signal(signal),
        State::Stale(_) | State::Stopped => anyhow::bail!("{seat} does not run"),
    }
}

/// The seat of the controller that leads.
async fn leader(world: &World) -> Result<Seat> {
    let status = world.admin()?.status().await.map_err(operator::explain)?;
    let id = status.leader.context("no controller leads")?.id;
    let seat = seats()
        .into_iter()
        .find(|seat| matches!(seat.kind, SeatKind::Controller(own) if own == id));
    seat.context("the leader is none of this world's controllers")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seat(name: &str) -> Seat {
        cli_world::seats::seat_named(name).expect("a seat")
    }

    #[test]
    fn a_cut_is_of_the_links_that_the_fault_names_and_of_no_others() {
        let node = "celld-us-east-1";
        let cut = |fault: Fault| {
            let links = Links::default();
            Strike::new(fault, Some(seat(node))).spoil(&links);
            links
        };
        let links = cut(Fault::CutAnswers);
        assert!(links.condition(node, "routerd-1").cut && !links.condition("routerd-1", node).cut);
        let links = cut(Fault::CutNodeControllers);
        assert!(links.condition(node, "controld-2").cut && links.condition("controld-2", node).cut);
        assert!(!links.condition(node, "routerd-1").cut && !links.condition("controld-1", "controld-2").cut);
        assert_eq!(cut(Fault::SlowLink).condition("routerd-1", node).delay, SLOW);
    }

    #[test]
    fn a_cut_of_one_way_leaves_the_other_way_whole() {
        let (node, other) = ("celld-eu-central-1", "celld-eu-west-1");
        for (fault, end, hears, is_heard) in [
            (Fault::CutToNode, other, false, true),
            (Fault::CutFromNode, other, true, false),
            (Fault::CutOrders, "controld-2", false, true),
        ] {
            let links = Links::default();
            Strike::new(fault, Some(seat(node))).spoil(&links);
            assert_eq!(!links.condition(end, node).cut, hears, "{fault:?}");
            assert_eq!(!links.condition(node, end).cut, is_heard, "{fault:?}");
            assert!(!links.condition(node, "routerd-1").cut && !links.condition("routerd-1", node).cut);
            assert!(!links.condition(other, "celld-us-east-1").cut);
        }
        let links = Links::default();
        Strike::new(Fault::SlowNodes, Some(seat(node))).spoil(&links);
        assert!(links.condition(node, other).delay == SLOW && links.condition(other, node).delay == SLOW);
        assert_eq!(links.condition(node, "controld-1"), Condition::default());
    }

    #[test]
    fn nobody_may_notice_what_happens_to_controllers_alone() {
        let controllers = [
            Fault::KillControllers,
            Fault::KillLeader,
            Fault::CutLeader,
            Fault::ClockJumpLeader,
        ];
        for fault in controllers {
            assert_eq!(Strike::new(fault, None).touched(), Touched::Nobody);
        }
        let node = Some(seat("celld-us-east-1"));
        for fault in [Fault::CutNodeControllers, Fault::CutOrders, Fault::ClockJump] {
            assert_eq!(Strike::new(fault, node.clone()).touched(), Touched::Nobody);
        }
        let mut jumped = Strike::new(Fault::ClockJump, node.clone());
        jumped.is_forward = false;
        assert_ne!(jumped.touched(), Touched::Nobody);
        let router = Strike::new(Fault::ClockJumpRouter, None);
        assert_eq!(router.touched(), Touched::Everybody);
        assert_eq!(router.processes(), [seat("routerd-1")]);
        let killed = Strike::new(Fault::KillCell, node.clone());
        assert_eq!(killed.touched(), Touched::CellOf(seat("celld-us-east-1")));
        assert_eq!(killed.processes(), [seat("celld-us-east-1")]);
    }
}
