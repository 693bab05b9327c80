//! The command line: which suites, how long, where the data lies, what comes out.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::{Args, Parser, Subcommand};
use platform_report::{Document, Verdict};

use crate::output::{self, Format};
use crate::{backup, checkers, commit, engines, law, process, replica, route};

const EXAMPLES: &str = "\
Examples:
  bench commit                     durable transactions beside bare fjall, about 80 s
  bench commit --quick -o json     the same in about 10 s, for CI: more noise, same goals
  bench commit --dir /mnt/disk     with the data on another disk
  bench engines                    the same on every engine that is here, beside the engine driven bare
  bench route                      look-ups in the routing table, about 15 s
  bench replica                    the replication protocol as a pure machine, about 10 s
  bench law                        a law of 40 jurisdictions and 60 regions, about 5 s
  bench checkers                   the checkers of histories of 10^6 operations, about 60 s
  bench backup                     a shard of 256 MiB to a folder, writes beside it, about 2 minutes
  bench switchover                 30 switchovers of a shard under load, real processes, about 90 s
  bench failover                   30 times kill -9 of a primary's cell, about 5 minutes
  bench takeover                   30 times kill -9 of a node whose cell shares a TiKV cluster, about 4 minutes
  bench replicate                  what an in-sync standby costs, about 90 s
  bench copy                       writes while a shard of 2 GiB is copied, about 6 minutes
  bench lease --minutes 30         full load for so long: leases that lapsed, failovers
  bench lease --beside ./build.sh  the same with that beside it, again and again
  bench events                     events between two cells, real processes, about 60 s
  bench relocate                   people with 500 real rides change home under load, about 5 minutes
  bench all --save                 every suite, and keep the results in bench/results

Exit code: 0 every goal met, 3 a goal missed, 1 the run failed, 2 usage.";

/// Of `lease`, in a quick run.
const QUICK_MINUTES: f64 = 0.5;

/// Measures what the platform promises, beside its peers.
#[derive(Debug, Parser)]
#[command(name = "bench", version, after_help = EXAMPLES)]
pub struct Cli {
    #[command(subcommand)]
    suite: Suite,
    /// How the result is written to stdout; progress goes to stderr
    #[arg(short, long, global = true, value_enum, default_value_t = Format::Table)]
    output: Format,
    /// Fewer and shorter runs: about 10 s, more noise
    #[arg(long, global = true)]
    quick: bool,
    /// Keep the result as JSON in bench/results, one file a suite; a quick run is not kept
    #[arg(long, global = true, conflicts_with = "quick")]
    save: bool,
}

#[derive(Debug, Subcommand)]
enum Suite {
    /// Durable shard transactions at 1, 16, 64 and 256 clients, beside bare fjall with a sync per commit
    Commit(Disk),
    /// Durable shard transactions on each engine, beside the engine driven bare with the same batches; TiKV where
    /// `MERIDIAN_TIKV_PD` names a cluster
    Engines(Disk),
    /// Look-ups in the routing table at 12,800 shards, from 10 cells to 1,000
    Route,
    /// What one replicated entry costs in the pure protocol
    Replica,
    /// The law: how long its matrix takes to build, how large it is, what one question costs
    Law,
    /// The checkers of histories: how long they take for 10^6 operations
    Checkers,
    /// Backups: MiB a second, and what they cost the writes beside them
    Backup(Disk),
    /// Real processes: how long writes pause while a shard hands over to its standby
    Switchover,
    /// Real processes: from kill -9 of a primary's cell to the next acknowledged write
    Failover,
    /// Real processes: from kill -9 of a node to the next write at another node of its cell, on the TiKV cluster that
    /// `MERIDIAN_TIKV_PD` names
    Takeover,
    /// Real processes: processor time and latency of one in-sync standby
    Replicate,
    /// Real processes: writes while a large shard is copied to another region
    Copy,
    /// Real processes: leases that lapse and shards that fail over in minutes of full load
    Lease {
        /// How long it is measured
        #[arg(long, value_name = "N", default_value_t = 30.0)]
        minutes: f64,
        /// Run beside it, by the shell, again and again
        #[arg(long, value_name = "COMMAND")]
        beside: Option<String>,
    },
    /// Real processes: events between people in two cells, their rate, cost and delay
    Events,
    /// Real processes: how long people with many rides take to change home, and for how long their writes pause
    Relocate,
    /// Every suite that needs no world of processes, as one document
    All(Disk),
}

#[derive(Debug, Args)]
struct Disk {
    /// Folder on a real disk in which a temporary one is made [default: the build's target folder]
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

/// Runs what was asked and prints the result.
///
/// # Errors
/// The run failed; nothing was printed to stdout.
pub fn run(cli: &Cli) -> Result<Verdict> {
    let documents = match &cli.suite {
        Suite::Commit(disk) => vec![run_commit(cli, disk)?],
        Suite::Engines(disk) => vec![run_engines(cli, disk)?],
        Suite::Route => vec![run_route(cli)?],
        Suite::Replica => vec![run_replica(cli)?],
        Suite::Law => vec![run_law(cli)?],
        Suite::Checkers => vec![run_checkers(cli)?],
        Suite::Backup(disk) => vec![run_backup(cli, disk)?],
        Suite::Switchover => vec![run_processes(cli, "switchover", process::switchover)?],
        Suite::Failover => vec![run_processes(cli, "failover", process::failover)?],
        Suite::Takeover => vec![run_processes(cli, "takeover", process::takeover)?],
        Suite::Replicate => vec![run_processes(cli, "replicate", process::replicate)?],
        Suite::Copy => vec![run_processes(cli, "copy", process::copy)?],
        Suite::Lease { minutes, beside } => vec![run_lease(cli, *minutes, beside.clone())?],
        Suite::Events => vec![run_processes(cli, "events", process::events)?],
        Suite::Relocate => vec![run_processes(cli, "relocate", process::relocate)?],
        Suite::All(disk) => vec![
            run_commit(cli, disk)?,
            run_engines(cli, disk)?,
            run_route(cli)?,
            run_replica(cli)?,
            run_law(cli)?,
            run_checkers(cli)?,
        ],
    };
    if cli.save {
        for document in &documents {
            let path = output::save(document, &source_folder().join("results"))?;
            output::progress(&format!("kept in {}", path.display()));
        }
    }
    let document = one(documents);
    output::print(&document, cli.output)?;
    Ok(document.verdict())
}

fn run_commit(cli: &Cli, disk: &Disk) -> Result<Document> {
    let plan = if cli.quick {
        commit::Plan::quick()
    } else {
        commit::Plan::full()
    };
    let parent = match &disk.dir {
        Some(dir) => dir.clone(),
        None => default_folder()?,
    };
    refuse_memory(&parent)?;
    let dir = tempfile::Builder::new()
        .prefix("bench-commit-")
        .tempdir_in(&parent)
        .with_context(|| format!("cannot make a folder in {}", parent.display()))?;
    let mut document = commit::run(&plan, dir.path())?;
    document.command = command_line("commit", cli.quick);
    Ok(document)
}

fn run_engines(cli: &Cli, disk: &Disk) -> Result<Document> {
    let plan = if cli.quick {
        engines::Plan::quick()
    } else {
        engines::Plan::full()
    };
    let parent = match &disk.dir {
        Some(dir) => dir.clone(),
        None => default_folder()?,
    };
    refuse_memory(&parent)?;
    let dir = tempfile::Builder::new()
        .prefix("bench-engines-")
        .tempdir_in(&parent)
        .with_context(|| format!("cannot make a folder in {}", parent.display()))?;
    let mut document = engines::run(&plan, dir.path())?;
    document.command = command_line("engines", cli.quick);
    Ok(document)
}

fn run_backup(cli: &Cli, disk: &Disk) -> Result<Document> {
    let plan = if cli.quick {
        backup::Plan::quick()
    } else {
        backup::Plan::full()
    };
    let parent = match &disk.dir {
        Some(dir) => dir.clone(),
        None => default_folder()?,
    };
    refuse_memory(&parent)?;
    let dir = tempfile::Builder::new()
        .prefix("bench-backup-")
        .tempdir_in(&parent)
        .with_context(|| format!("cannot make a folder in {}", parent.display()))?;
    let mut document = backup::run(plan, dir.path())?;
    document.command = command_line("backup", cli.quick);
    Ok(document)
}

fn run_route(cli: &Cli) -> Result<Document> {
    let plan = if cli.quick {
        route::Plan::quick()
    } else {
        route::Plan::full()
    };
    let mut document = route::run(&plan)?;
    document.command = command_line("route", cli.quick);
    Ok(document)
}

fn run_replica(cli: &Cli) -> Result<Document> {
    let plan = if cli.quick {
        replica::Plan::quick()
    } else {
        replica::Plan::full()
    };
    let mut document = replica::run(plan)?;
    document.command = command_line("replica", cli.quick);
    Ok(document)
}

fn run_law(cli: &Cli) -> Result<Document> {
    let plan = if cli.quick {
        law::Plan::quick()
    } else {
        law::Plan::full()
    };
    let mut document = law::run(plan)?;
    document.command = command_line("law", cli.quick);
    Ok(document)
}

fn run_checkers(cli: &Cli) -> Result<Document> {
    let plan = if cli.quick {
        checkers::Plan::quick()
    } else {
        checkers::Plan::full()
    };
    let mut document = checkers::run(plan)?;
    document.command = command_line("checkers", cli.quick);
    Ok(document)
}

/// A suite on a world of real processes.
fn run_processes(
    cli: &Cli,
    suite: &str,
    run: impl AsyncFnOnce(process::Plan) -> Result<Document>,
) -> Result<Document> {
    platform_runtime::tls::install_ring();
    let plan = if cli.quick {
        process::Plan::quick()
    } else {
        process::Plan::full()
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let mut document = runtime.block_on(run(plan))?;
    document.command = command_line(suite, cli.quick);
    Ok(document)
}

fn run_lease(cli: &Cli, minutes: f64, command: Option<String>) -> Result<Document> {
    let minutes = if cli.quick { QUICK_MINUTES } else { minutes };
    let beside = process::Beside { minutes, command };
    run_processes(cli, "lease", async |_| process::lease(beside).await)
}

fn command_line(suite: &str, quick: bool) -> String {
    let quick = if quick { " --quick" } else { "" };
    format!("cargo run --release --bin bench -- {suite}{quick}")
}

/// Several suites as one document: their figures, tables and notes one after the other.
fn one(mut documents: Vec<Document>) -> Document {
    let mut all = documents.remove(0);
    for document in documents {
        all.suite = "all".to_owned();
        all.command = command_line("all", all.command.ends_with("--quick"));
        all.figures.extend(document.figures);
        all.tables.extend(document.tables);
        all.notes.extend(document.notes);
    }
    all
}

/// The folder of this crate in the checkout that the binary was built from.
fn source_folder() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Beside this binary, in `target`: as much a disk as the build's.
fn default_folder() -> Result<PathBuf> {
    let exe = std::env::current_exe().context("cannot tell where this binary is")?;
    let folder = exe.parent().context("this binary has no folder")?;
    Ok(folder.to_owned())
}

/// An fsync in memory costs nothing: a ratio measured there would say nothing.
fn refuse_memory(dir: &Path) -> Result<()> {
    let kind = nix::sys::statfs::statfs(dir).with_context(|| format!("cannot look at {}", dir.display()))?;
    if kind.filesystem_type() == nix::sys::statfs::TMPFS_MAGIC {
        bail!(
            "{} lies in memory (tmpfs): name a folder on a disk with --dir",
            dir.display()
        );
    }
    Ok(())
}

/// A temporary folder on the disk of the build.
#[cfg(test)]
pub fn disk_for_tests() -> tempfile::TempDir {
    let folder = default_folder().expect("tests lie in a folder");
    tempfile::tempdir_in(folder).expect("a folder on a disk")
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;
    use platform_report::Figure;

    use super::*;

    #[test]
    fn the_command_line_is_sound_and_its_examples_parse() {
        Cli::command().debug_assert();
        let examples = EXAMPLES.lines().filter_map(|line| line.strip_prefix("  bench "));
        for example in examples {
            let words = example.split("  ").next().expect("the command comes first");
            let words = std::iter::once("bench").chain(words.split_whitespace());
            assert!(Cli::try_parse_from(words).is_ok(), "{example}");
        }
        assert!(Cli::try_parse_from(["bench", "commit", "--quick", "--save"]).is_err());
    }

    #[test]
    fn several_suites_are_one_document_and_one_missed_goal_decides() {
        let mut commit = Document::new("commit");
        commit.figures = vec![Figure::at_least("ratio-64", 9.0, "times", 8.0)];
        let mut route = Document::new("route");
        route.figures = vec![Figure::at_most("route-lookup-ns", 300.0, "ns", 200.0)];
        route.notes = vec!["a note".into()];
        let all = one(vec![commit.clone(), route]);
        assert_eq!(
            (all.suite.as_str(), all.figures.len(), all.notes.len()),
            ("all", 2, 1)
        );
        assert_eq!(all.verdict(), Verdict::Missed);
        assert_eq!(one(vec![commit]).suite, "commit");
    }

    #[test]
    fn a_folder_in_memory_is_refused_with_the_way_out() {
        let shm = Path::new("/dev/shm");
        let is_memory = nix::sys::statfs::statfs(shm)
            .is_ok_and(|kind| kind.filesystem_type() == nix::sys::statfs::TMPFS_MAGIC);
        if !is_memory {
            println!("skipped: /dev/shm is no tmpfs here");
            return;
        }
        let error = refuse_memory(shm).expect_err("memory");
        assert!(error.to_string().contains("--dir"), "{error}");
    }
}
