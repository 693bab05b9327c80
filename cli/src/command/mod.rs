//! Every command of `cellctl`: what it takes and what it does, one file each.

mod absent;
pub(crate) mod audit;
mod automation;
mod backup;
mod break_glass;
mod canary;
mod cell;
mod changed;
mod completions;
mod context;
mod country;
mod demo;
mod dev;
mod doctor;
mod event;
mod home;
mod identity;
mod known;
mod man;
mod member;
mod node;
mod operation;
mod policy;
mod region;
mod residency;
mod router;
mod shard;
mod simulate;
mod top;
mod user;
mod world;

use std::path::PathBuf;

use anyhow::Result;
use clap::error::ErrorKind;
use clap::{ArgMatches, Args, CommandFactory, Parser, Subcommand, parser::ValueSource};
use clap_complete::CompleteEnv;

pub use crate::contexts::WorldArgs;

use crate::exit::{self, Ended};
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
    after_help = format!("Example: cellctl demo\n\n{}", exit::CODES)
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
    Context(context::Context),
    #[command(subcommand)]
    World(world::World),
    #[command(subcommand)]
    Automation(automation::Automation),
    #[command(subcommand)]
    Region(region::Region),
    #[command(subcommand)]
    Country(country::Country),
    #[command(subcommand)]
    Home(home::Home),
    #[command(subcommand)]
    Cell(cell::Cell),
    #[command(subcommand)]
    Node(node::Node),
    #[command(subcommand)]
    Shard(shard::Shard),
    #[command(subcommand)]
    Operation(operation::Operation),
    Simulate(simulate::Simulate),
    #[command(subcommand)]
    Member(member::Member),
    #[command(subcommand)]
    Policy(policy::Policy),
    #[command(subcommand)]
    Residency(residency::Residency),
    #[command(subcommand)]
    Audit(audit::Audit),
    #[command(subcommand)]
    Router(router::Router),
    #[command(subcommand)]
    Identity(identity::Identity),
    #[command(subcommand)]
    Event(event::Event),
    #[command(subcommand)]
    BreakGlass(break_glass::BreakGlass),
    #[command(subcommand)]
    Canary(canary::Canary),
    #[command(subcommand)]
    Backup(backup::Backup),
    #[command(subcommand)]
    User(user::User),
    Top(top::Top),
    Doctor(doctor::Doctor),
    Completions(completions::Completions),
    Man(man::Man),
}

/// What names the world of this command in another one: nothing where the command line did not.
pub fn flag(matches: &ArgMatches) -> String {
    let mut leaf = matches;
    while let Some((_, below)) = leaf.subcommand() {
        leaf = below;
    }
    let typed = |id: &str| {
        let is_typed = leaf.try_contains_id(id).unwrap_or(false)
            && leaf.value_source(id) == Some(ValueSource::CommandLine);
        let raw = if is_typed { leaf.get_raw(id) } else { None };
        let value = raw.and_then(|mut values| values.next())?;
        Some(format!("--{id} {}", value.to_string_lossy()))
    };
    let typed: Vec<String> = ["context", "contexts", "dir"]
        .into_iter()
        .filter_map(typed)
        .collect();
    typed.join(" ")
}

/// The folder of a world on this machine.
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
pub const USUAL_DIR: &str = ".meridian/dev";

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
pub struct DeskArgs {
    #[command(flatten)]
    pub folder: WorldFolder,
    /// Whose certificate speaks and signs, such as `compliance/ann`.
    #[arg(long = "as", env = "MERIDIAN_AS", hide_env_values = true, default_value = USUAL, value_name = "WHO")]
    pub who: Person,
}

impl DeskArgs {
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

/// Ends with what clap says of a command line that it does not understand.
pub fn refuse_line(error: &clap::Error) -> ! {
    let typed: Vec<String> = std::env::args().skip(1).collect();
    let absent = absent::told(&typed).filter(|_| error.kind() == ErrorKind::InvalidSubcommand);
    if let Some(text) = absent {
        Printer::new(Format::Table).aside(&text);
        std::process::exit(exit::USAGE.into());
    }
    error.exit()
}

/// Answers a shell that asks how a word goes on, and ends; returns where nobody asked.
pub fn complete() {
    CompleteEnv::with_factory(Cli::command)
        .var(completions::VARIABLE)
        .complete();
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
        Command::Context(command) => command.run(printer).await,
        Command::World(command) => command.run(printer).await,
        Command::Automation(command) => command.run(printer).await,
        Command::Region(command) => command.run(printer).await,
        Command::Country(command) => command.run(printer).await,
        Command::Home(command) => command.run(printer).await,
        Command::Cell(command) => command.run(printer).await,
        Command::Node(command) => command.run(printer).await,
        Command::Shard(command) => command.run(printer).await,
        Command::Operation(command) => command.run(printer).await,
        Command::Simulate(command) => command.run(printer).await,
        Command::Member(command) => command.run(printer).await,
        Command::Policy(command) => command.run(printer).await,
        Command::Residency(command) => command.run(printer).await,
        Command::Audit(command) => command.run(printer).await,
        Command::Router(command) => command.run(printer).await,
        Command::Identity(command) => command.run(printer).await,
        Command::Event(command) => command.run(printer).await,
        Command::BreakGlass(command) => command.run(printer).await,
        Command::Canary(command) => command.run(printer).await,
        Command::Backup(command) => command.run(printer).await,
        Command::User(command) => command.run(printer).await,
        Command::Top(command) => command.run(printer).await,
        Command::Doctor(command) => command.run(printer).await,
        Command::Completions(command) => command.run(printer),
        Command::Man(command) => command.run(printer),
    }
}

/// Waits for Ctrl-C or SIGTERM.
pub async fn interrupted() {
    platform_runtime::shutdown::signal().await;
}

#[cfg(test)]
mod tests;
