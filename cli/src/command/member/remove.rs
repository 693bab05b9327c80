//! `member remove`: takes a controller's vote away.

use anyhow::Result;
use clap::Args;
use platform_wire::admin::WorldStatus;
use serde_json::json;

use super::{document, rows};
use crate::command::WorldFolder;
use crate::exit::{Ended, Hinted};
use crate::printer::Printer;
use crate::world::operator;

/// Takes a controller's vote away; it may then be stopped. Its id is never used again.
#[derive(Debug, Args)]
#[command(after_help = "Example: cellctl member remove 3 --confirm 3")]
pub struct Remove {
    /// Its Raft id.
    #[arg(value_parser = clap::value_parser!(u64).range(1..))]
    id: u64,
    /// The id once more: a world with fewer controllers survives less.
    #[arg(long, value_name = "ID")]
    confirm: Option<u64>,
    /// Shows what would be changed, and changes nothing.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    pub(super) world: WorldFolder,
}

impl Remove {
    pub async fn run(&self, printer: &Printer) -> Result<Ended> {
        let admin = operator::connect(&self.world.dir)?;
        let status = admin.status().await.map_err(operator::explain)?;
        self.check_known(&status)?;
        let left = status.members.len() - 1;
        printer.progress(&format!(
            "controller {} loses its vote; members then: {left}, of which {} may fail",
            self.id,
            survivable(left)
        ));
        if self.dry_run {
            printer.progress("nothing was changed: --dry-run");
            printer.document(&json!({ "changed": false, "members": document(&status.members) }));
            return Ok(Ended::Ok);
        }
        self.check_confirmed()?;
        let voters = admin.remove_member(self.id).await.map_err(operator::explain)?;
        printer.table(&["id", "address"], &rows(&voters));
        printer.document(&json!({ "changed": true, "members": document(&voters) }));
        Ok(Ended::Ok)
    }

    fn check_known(&self, status: &WorldStatus) -> Result<()> {
        if status.members.iter().any(|member| member.id == self.id) {
            return Ok(());
        }
        Err(Hinted::new(
            format!("there is no controller {}", self.id),
            &["cellctl member list"],
        )
        .into())
    }

    fn check_confirmed(&self) -> Result<()> {
        if self.confirm == Some(self.id) {
            return Ok(());
        }
        let again = format!("cellctl member remove {0} --confirm {0}", self.id);
        Err(Hinted::new(
            "this is severe and was not confirmed: nothing was done",
            &[&again],
        )
        .into())
    }
}

/// How many of so many voters may fail while the rest still decides.
fn survivable(voters: usize) -> usize {
    voters.saturating_sub(1) / 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_majority_must_be_left() {
        assert_eq!([0, 1, 2, 3, 5].map(survivable), [0, 0, 0, 1, 2]);
    }

    #[test]
    fn what_is_severe_wants_the_id_typed_again() {
        let world = WorldFolder { dir: "x".into() };
        let remove = |confirm| Remove {
            id: 3,
            confirm,
            dry_run: false,
            world: world.clone(),
        };
        assert!(remove(Some(3)).check_confirmed().is_ok());
        for confirm in [None, Some(2)] {
            let error = remove(confirm).check_confirmed().expect_err("not confirmed");
            assert!(crate::exit::text(&error, "").ends_with("hint: cellctl member remove 3 --confirm 3"));
        }
    }
}
