//! `user export`: all that is held of a person, into a file. What it says is in no output and no log.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Args;
use platform_runtime::files;
use platform_wire::custody::Exporting;
use serde::Serialize;
use serde_json::{Value, json};

use super::there::served;
use crate::command::DeskArgs;
use crate::command::backup::{AtNode, explain};
use crate::evidence::user::UserPlace;
use crate::exit::Ended;
use crate::printer::Printer;
use crate::world::operator;

/// Writes all that is held of a person into a file that nobody else may read: what the person can ask for in the app. Who asks,
/// and why, is a decision in the ledger before anything is read. Files and streams of workouts are named, not fetched.
#[derive(Debug, Args)]
#[command(
    after_help = "Example: cellctl user export eu/eu-central/0197a4a0-0000-7000-8000-000000000001 --into 4711.json --as compliance/ann --reason 'request 4711'"
)]
pub struct Export {
    /// Home and id.
    #[arg(value_name = "HOME/UUID")]
    user: UserPlace,
    /// The file. Appears whole or not at all.
    #[arg(long, value_name = "FILE")]
    into: PathBuf,
    /// Why, such as the number of the request; never a name.
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// Says who would be read where, and does nothing.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    world: DeskArgs,
}

/// Where it is and how much; never what.
#[derive(Debug, Serialize)]
struct ExportedView {
    user: String,
    shard: String,
    node: String,
    file: String,
    items: usize,
    bytes: usize,
    /// Number of the decision in the ledger; none: nothing was read, or a node of an earlier build had nothing.
    decision: Option<u64>,
}

impl Export {
    pub async fn run(&self, printer: &Printer) -> Result<Ended> {
        let desk = self.world.desk()?;
        let status = desk.admin.status().await.map_err(operator::explain)?;
        let (home, user) = (&self.user.home, self.user.user);
        let (shard, node) = served(&status.table, &self.user)?;
        printer.progress(&format!("{user} of {home}, {shard} at {node}"));
        let mut view = ExportedView {
            user: self.user.to_string(),
            shard: shard.to_string(),
            node: node.to_string(),
            file: self.into.display().to_string(),
            items: 0,
            bytes: 0,
            decision: None,
        };
        if self.dry_run {
            printer.progress("nothing was read: --dry-run");
        } else {
            let at = AtNode::new(node, &status.table, &desk.identity)?;
            let export = at.client().export_user(home, user, &self.reason).await;
            let (items, sequence) = gathered(export.map_err(explain)?).await?;
            view.items = items.len();
            view.bytes = keep(&self.into, &items)?;
            view.decision = sequence;
            let decision = sequence.map_or_else(String::new, |sequence| format!(" (decision {sequence})"));
            printer.say(&format!(
                "{} things that are held of {user} are in {}{decision}",
                view.items, view.file
            ));
        }
        printer.document(&view);
        Ok(Ended::Ok)
    }
}

/// All of it, and the number of the decision if a page has come: a node of an earlier build sends none of nothing.
async fn gathered(mut export: Exporting) -> Result<(Vec<Value>, Option<u64>)> {
    let (mut items, mut sequence) = (Vec::new(), None);
    while let Some(page) = export.next().await.map_err(explain)? {
        let page_items: Vec<Value> =
            serde_json::from_slice(&page.items).context("the node gives what is no list")?;
        items.extend(page_items);
        sequence = Some(page.sequence);
    }
    Ok((items, sequence))
}

/// For its owner's eyes; answers how many bytes.
fn keep(file: &Path, items: &[Value]) -> Result<usize> {
    let text = serde_json::to_vec_pretty(&json!({ "items": items })).context("it has a JSON form")?;
    files::write_atomic(file, &text, files::PRIVATE)
        .with_context(|| format!("cannot write {}", file.display()))?;
    Ok(text.len())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn what_is_written_is_for_its_owner_alone_and_takes_the_place_of_what_was_there() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("4711.json");
        std::fs::write(&file, "before").expect("written");
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).expect("set");
        let items = [json!({ "kind": "profile" })];
        let bytes = keep(&file, &items).expect("written");
        let text = std::fs::read(&file).expect("there");
        assert_eq!(text.len(), bytes);
        let read: Value = serde_json::from_slice(&text).expect("JSON");
        assert_eq!(read, json!({ "items": items }));
        let mode = std::fs::metadata(&file).expect("there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
