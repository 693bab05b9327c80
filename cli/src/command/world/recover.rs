//! `world recover`: a world whose controllers lost their majority, or all their disks, goes on from a backup of their state.

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args;
use platform_model::Role;
use platform_runtime::clock::Clock;
use platform_runtime::tls::SpiffeKind;
use platform_wire::CallError;
use platform_wire::admin::AdminClient;
use platform_wire::recovery::{RECOVER_FILE, ToRecover, WorldState};
use serde::Serialize;
use tokio::net::TcpStream;

use super::backup::explain_key;
use crate::ask;
use crate::command::{Change, WorldArgs};
use crate::contexts::Target;
use crate::exit::{Ended, Hinted};
use crate::printer::Printer;
use crate::world::disk;
use crate::world::kept::{self, Kept, KeptError, KeptKey};

/// How long a controller is waited for that may still live.
const ANSWERS_WITHIN: std::time::Duration = std::time::Duration::from_secs(5);
/// The log of a controller that has run.
const RUN: &str = "raft/raft.redb";

/// Leaves a kept state in the data directory of a controller that never ran: when it is started next, it begins alone with it,
/// and the others are added. Severe: what was decided after the backup is lost, and whoever is left of the old controllers must
/// never be started again. Refused while any of them answers. Nodes and routers serve on meanwhile; no shard is promoted or
/// moved before all who may know of it have told what they know.
#[derive(Debug, Args)]
#[command(
    after_help = "Example: cellctl world recover /backup/world/world.1795000000000.5f2c9a01 --key /safe/world.key --data-dir /var/lib/controld --confirm WORLD --reason 'both regions burnt'"
)]
pub struct Recover {
    /// The backup: its folder, as `cellctl world backup` named it.
    backup: PathBuf,
    /// The file of the key.
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// The data directory of the controller that is to begin; it must never have run.
    #[arg(long, value_name = "DIR")]
    data_dir: PathBuf,
    /// The first 8 digits of the world's id once more. On a terminal one is asked for them.
    #[arg(long, value_name = "WORLD")]
    confirm: Option<String>,
    #[command(flatten)]
    change: Change,
    #[command(flatten)]
    world: WorldArgs,
}

#[derive(Debug, Serialize)]
struct RecoverView {
    backup: String,
    world: String,
    data_dir: PathBuf,
    bytes: u64,
    /// Of the last decision that is not lost, in milliseconds since 1970.
    time_ms: u64,
    changed: bool,
}

impl Recover {
    pub async fn run(&self, printer: &Printer) -> Result<Ended> {
        let target = self.world.target()?;
        may_recover(&target)?;
        let (kept, state) = self.read(&target).await?;
        if self.change.reason.trim().is_empty() {
            return Err(Hinted::new("a recovery takes a reason", &["--reason TEXT"]).into());
        }
        nobody_lives(&target, printer).await?;
        self.is_unused()?;
        let mut view = RecoverView {
            backup: kept.name,
            world: kept.world,
            data_dir: self.data_dir.clone(),
            bytes: kept.bytes,
            time_ms: kept.time_ms,
            changed: false,
        };
        if self.change.dry_run {
            printer.progress("the backup is whole and no controller answers; nothing was changed: --dry-run");
        } else {
            let name = target.world.to_string().chars().take(8).collect::<String>();
            let again = format!("the same command with --confirm {name}");
            ask::severe(&name, self.confirm.as_deref(), &again, printer).await?;
            self.leave(&target, &view, &state)?;
            view.changed = true;
            printer.progress("start that controller, then add the others: cellctl member add");
        }
        printer.document(&view);
        Ok(Ended::Ok)
    }

    /// Nothing has run in the data directory, and nothing waits there.
    fn is_unused(&self) -> Result<()> {
        if self.data_dir.join(RUN).exists() {
            let message = format!(
                "a controller has run in {}: nothing is recovered over it",
                self.data_dir.display()
            );
            return Err(Hinted::new(message, &["name the data directory of one that never ran"]).into());
        }
        if self.data_dir.join(RECOVER_FILE).exists() {
            let message = format!(
                "a kept state lies in {} already, and waits for its controller",
                self.data_dir.display()
            );
            return Err(Hinted::new(message, &["start that controller, or take the file away"]).into());
        }
        Ok(())
    }

    async fn read(&self, target: &Target) -> Result<(Kept, WorldState)> {
        let key = KeptKey::load(&self.key).map_err(explain_key)?;
        let (folder, world) = (self.backup.clone(), target.world.to_string());
        let read = tokio::task::spawn_blocking(move || kept::read(&folder, &world, &key));
        read.await?.map_err(explain)
    }

    fn leave(&self, target: &Target, view: &RecoverView, state: &WorldState) -> Result<()> {
        let identity = target.identity()?;
        let left = ToRecover {
            world: target.world.to_string(),
            state_version: state.version,
            state: serde_json::from_slice(&state.bytes).context("the state is no JSON")?,
            at_ms: Clock::system().unix_ms(),
            by: identity.spiffe_id().to_string(),
            reason: self.change.reason.clone(),
            backup: view.backup.clone(),
        };
        disk::create_folder(&self.data_dir)?;
        disk::write_private(&self.data_dir.join(RECOVER_FILE), &serde_json::to_vec(&left)?)
    }
}

/// Only an operator who could have asked the controllers may say that they are no more.
fn may_recover(target: &Target) -> Result<()> {
    let identity = target.identity()?;
    let id = identity.spiffe_id();
    if matches!(id.kind, SpiffeKind::Operator { role: Role::Sre, .. }) {
        return Ok(());
    }
    let message = format!("{id} is no sre: only an sre recovers a world");
    Err(Hinted::new(message, &["cellctl context list"]).into())
}

/// A controller that says anything at all, even that it does not believe us, is of a world that lives: what it holds is newer
/// than any backup. Each is asked by itself. Whoever is not reached may be there all the same: that is for a person to know.
async fn nobody_lives(target: &Target, printer: &Printer) -> Result<()> {
    let (identity, clock) = (target.identity()?, Clock::system());
    let mut asked = Vec::new();
    for (name, address) in &target.controllers {
        let alone = AdminClient::connect(vec![address.clone()], identity.clone(), clock.clone())?;
        asked.push(async move {
            let answer = tokio::time::timeout(ANSWERS_WITHIN, alone.status_local()).await;
            // One that hangs, or speaks in a way that is not understood, takes the connection all the same.
            let is_silent = matches!(answer, Ok(Err(CallError::Unreachable { .. })) | Err(_));
            let takes = is_silent && takes_connections(address).await;
            (name, address, answer, takes)
        });
    }
    for (name, address, answer, takes) in futures::future::join_all(asked).await {
        match answer {
            // One that never ran says so: it may be the one that is to begin.
            Ok(Ok(status)) if !status.initialized => {}
            Ok(Ok(_)) => return Err(lives(name, "it answers")),
            _ if takes => return Err(lives(name, &format!("something takes connections at {address}"))),
            Ok(Err(CallError::Unreachable { .. })) | Err(_) => {
                printer.progress(&format!(
                    "{name} at {address} is not reached: it must never be started again"
                ));
            }
            Ok(Err(error)) => return Err(lives(name, &error.to_string())),
        }
    }
    Ok(())
}

async fn takes_connections(address: &str) -> bool {
    let reached = tokio::time::timeout(ANSWERS_WITHIN, TcpStream::connect(address)).await;
    matches!(reached, Ok(Ok(_)))
}

fn lives(name: &str, why: &str) -> anyhow::Error {
    let message = format!("{name}: the world lives ({why})");
    let hints = [
        "cellctl world status",
        "a world that has lost its majority for good: stop every controller that is left, for ever",
    ];
    Hinted::new(message, &hints).into()
}

fn explain(error: KeptError) -> anyhow::Error {
    let hint = match &error {
        KeptError::ForeignKey(_) => "name the key that was used then with --key",
        KeptError::NoSuchBackup(_) => "name the folder that `cellctl world backup` made",
        KeptError::OtherWorld { .. } => "cellctl context list",
        KeptError::TooNew { .. } => "use the build that made it, or a later one",
        _ => "take an older backup",
    };
    Hinted::new(format!("{error} ({})", error.code()), &[hint]).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The planted omission: whoever gives no answer in time is taken for dead, though it runs.
    #[tokio::test]
    async fn whoever_takes_connections_and_says_nothing_is_not_dead() {
        let hangs = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a port");
        let address = hangs.local_addr().expect("bound").to_string();
        assert!(takes_connections(&address).await);
        // Nobody listens on it unless he is root and wants to.
        assert!(!takes_connections("127.0.0.1:1").await);
    }

    #[test]
    fn each_refusal_is_named_by_a_word_that_stays_the_same() {
        let part = KeptError::DamagedPart {
            name: "world.1.a".into(),
            part: 2,
        };
        let text = crate::exit::text(&explain(part), "");
        assert!(
            text.contains("part 2") && text.contains("(damaged-part)"),
            "{text}"
        );
        let text = crate::exit::text(&explain(KeptError::ForeignKey("world.1.a".into())), "");
        assert!(text.contains("(foreign-key)") && text.contains("--key"), "{text}");
    }
}
