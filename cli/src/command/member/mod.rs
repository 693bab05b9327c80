//! `member`: the controllers themselves.

mod add;
mod list;
mod remove;
mod show;

use anyhow::Result;
use clap::Subcommand;
use platform_wire::admin::Member as Controller;
use serde::Serialize;

use crate::exit::Ended;
use crate::printer::{Column, Listed, Printer};

/// The controllers: list, show, add, remove.
#[derive(Debug, Subcommand)]
#[command(visible_alias = "controller", after_help = "Example: cellctl member list")]
pub enum Member {
    List(list::List),
    Show(show::Show),
    Add(add::Add),
    Remove(remove::Remove),
}

impl Member {
    pub async fn run(&self, printer: &Printer) -> Result<Ended> {
        match self {
            Self::List(command) => command.run(printer).await,
            Self::Show(command) => command.run(printer).await,
            Self::Add(command) => command.run(printer).await,
            Self::Remove(command) => command.run(printer).await,
        }
    }
}

/// A controller as it is shown.
#[derive(Debug, Serialize)]
struct MemberView {
    id: u64,
    address: String,
    role: &'static str,
}

impl MemberView {
    fn of(member: &Controller, leader: Option<u64>) -> Self {
        Self {
            id: member.id,
            address: member.address.clone(),
            role: if leader == Some(member.id) {
                "leader"
            } else {
                "follower"
            },
        }
    }

    fn all(members: &[Controller], leader: Option<&Controller>) -> Vec<Self> {
        let leader = leader.map(|leader| leader.id);
        members.iter().map(|member| Self::of(member, leader)).collect()
    }
}

impl Listed for MemberView {
    const COLUMNS: &'static [Column] = &[Column::new("id"), Column::new("address"), Column::new("role")];

    fn cells(&self) -> Vec<String> {
        vec![self.id.to_string(), self.address.clone(), self.role.to_owned()]
    }

    fn name(&self) -> String {
        self.id.to_string()
    }
}

/// The members before or after a change of them.
#[derive(Debug, Serialize)]
struct Changed {
    changed: bool,
    dry_run: bool,
    members: Vec<MemberView>,
}

impl Changed {
    fn print(&self, printer: &Printer) {
        printer.rows(&self.members);
        printer.data(self, self.members.iter().map(Listed::name));
    }
}
