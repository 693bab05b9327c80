//! Every command of `cellctl`: what it takes and what it does, one file each.

pub(crate) mod audit;
mod break_glass;
mod cell;
mod completions;
mod demo;
mod dev;
mod identity;
mod member;
mod node;
mod region;
mod router;
mod policy;
mod residency;
mod shard;
mod world;

use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, Parser, Subcommand};

use crate::exit::Ended;
use crate::printer::{Format, Printer};
use crate::world::Layout;
use crate::world::desk::Desk;
use crate::world::people::{self, Person, USUAL};

/// Drives a Meridian world: its controllers, cells and router.
#[derive(Debug, Parser)]
#[command(
    name = "cellctl",
    version,
    max_term_width = 100,
    after_help = "Example: cellctl demo\n\nExit codes: 0 ok, 1 failed, 2 usage, 3 not converged or differs, 4 not authorised, 130 interrupted"
)]
pub struct Cli {
    /// How data is written to stdout; everything else goes to stderr.
    #[arg(short, long, global = true, value_enum, default_value_t = Format::Table, value_name = "FORMAT")]
    output: Format,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Demo(demo::Demo),
    #[command(subcommand)]
    Dev(dev::Dev),
    #[command(subcommand)]
    World(world::World),
    #[command(subcommand)]
    Cell(cell::Cell),
    #[command(subcommand)]
    Shard(shard::Shard),
    #[command(subcommand)]
    Member(member::Member),
    #[command(subcommand)]
    Policy(policy::Policy),
    #[command(subcommand)]
    Residency(residency::Residency),
    #[command(subcommand)]
    Audit(audit::Audit),
    #[command(subcommand)]
    Region(region::Region),
    #[command(subcommand)]
    Node(node::Node),
    #[command(subcommand)]
    Router(router::Router),
    #[command(subcommand)]
    Identity(identity::Identity),
    #[command(subcommand)]
    BreakGlass(break_glass::BreakGlass),
    Completions(completions::Completions),
}

impl Cli {
    /// What names the world of this command in another one: nothing where it is in the usual folder.
    pub fn flag(&self) -> String {
        let folder = match &self.command {
            Command::Demo(_) | Command::Completions(_) => None,
            Command::Dev(command) => Some(command.folder()),
            Command::World(command) => command.folder(),
            Command::Cell(command) => Some(command.folder()),
            Command::Shard(command) => Some(command.folder()),
            Command::Member(command) => Some(command.folder()),
            Command::Audit(command) => Some(command.folder()),
            Command::Region(command) => Some(command.folder()),
            Command::Node(command) => Some(command.folder()),
            Command::Router(command) => Some(command.folder()),
            Command::Identity(command) => command.folder(),
            Command::BreakGlass(command) => Some(command.folder()),
            Command::Policy(command) => return command.world().map(WorldArgs::flag).unwrap_or_default(),
            Command::Residency(command) => return command.world().flag(),
        };
        folder.map(WorldFolder::flag).unwrap_or_default()
    }
}

/// Which world a command is about.
#[derive(Debug, Clone, Args)]
pub struct WorldFolder {
    /// The folder of the world.
    #[arg(
        long,
        env = "MERIDIAN_DIR",
        hide_env_values = true,
        default_value = USUAL_DIR,
        value_name = "DIR"
    )]
    pub dir: PathBuf,
}

/// Where a world lies unless one says otherwise.
const USUAL_DIR: &str = ".meridian/dev";

impl WorldFolder {
    /// `--dir DIR`, or nothing for the usual folder.
    fn flag(&self) -> String {
        if self.dir.as_os_str() == USUAL_DIR {
            String::new()
        } else {
            format!("--dir {}", self.dir.display())
        }
    }

    /// A command about this very world.
    pub fn named(&self, command: &str) -> String {
        format!("{command} {}", self.flag()).trim_end().to_owned()
    }
}

/// Which world a command is about, and as whom it is given.
#[derive(Debug, Clone, Args)]
pub struct WorldArgs {
    #[command(flatten)]
    pub folder: WorldFolder,
    /// Whose certificate speaks and signs, such as `compliance/ann`.
    #[arg(long = "as", env = "MERIDIAN_AS", hide_env_values = true, default_value = USUAL, value_name = "WHO")]
    pub who: Person,
}

impl WorldArgs {
    /// The certificate and the client of whoever gives the command. Does no I/O on the network.
    ///
    /// # Errors
    /// When there is no whole world in the folder; when the person's certificate cannot be used.
    pub fn desk(&self) -> Result<Desk> {
        Desk::open(&Layout::new(&self.folder.dir), &self.who)
    }

    /// A command about this very world, given by the same person.
    pub fn named(&self, command: &str) -> String {
        format!("{command} {}", self.flag()).trim_end().to_owned()
    }

    fn flag(&self) -> String {
        let flags = [self.folder.flag(), self.who.flag()];
        let given: Vec<String> = flags.into_iter().filter(|flag| !flag.is_empty()).collect();
        given.join(" ")
    }
}

/// Why something is changed, and whether it really is.
#[derive(Debug, Clone, Args)]
pub struct Change {
    /// Why; stands in the record of the decision.
    #[arg(long, value_name = "TEXT")]
    pub reason: String,
    /// Shows what would be changed, and changes nothing.
    #[arg(long)]
    pub dry_run: bool,
}

/// With whose certificate a command asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum As {
    Viewer,
    Sre,
    Compliance,
}

impl As {
    /// Who asks, of the people of a development world.
    fn person(self) -> Person {
        match self {
            Self::Viewer => people::VIEWER,
            Self::Sre => people::OPERATOR,
            Self::Compliance => people::AUTHOR,
        }
    }
}

/// Runs one command.
///
/// # Errors
/// Whatever was in its way, with hints.
pub async fn run(cli: Cli) -> Result<Ended> {
    let printer = Printer::new(cli.output);
    match cli.command {
        // It cleans up after itself.
        Command::Demo(command) => command.run(&printer).await,
        command => tokio::select! {
            outcome = other(command, &printer) => outcome,
            () = interrupted() => Ok(Ended::Interrupted),
        },
    }
}

async fn other(command: Command, printer: &Printer) -> Result<Ended> {
    match command {
        Command::Demo(command) => command.run(printer).await,
        Command::Dev(command) => command.run(printer).await,
        Command::World(command) => command.run(printer).await,
        Command::Cell(command) => command.run(printer).await,
        Command::Shard(command) => command.run(printer).await,
        Command::Member(command) => command.run(printer).await,
        Command::Policy(command) => command.run(printer).await,
        Command::Residency(command) => command.run(printer).await,
        Command::Audit(command) => command.run(printer).await,
        Command::Region(command) => command.run(printer).await,
        Command::Node(command) => command.run(printer).await,
        Command::Router(command) => command.run(printer).await,
        Command::Identity(command) => command.run(printer).await,
        Command::BreakGlass(command) => command.run(printer).await,
        Command::Completions(command) => Ok(command.run(printer)),
    }
}

/// Waits for Ctrl-C or SIGTERM.
pub async fn interrupted() {
    platform_runtime::shutdown::signal().await;
}

#[cfg(test)]
mod tests;
