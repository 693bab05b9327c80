//! `user erase`: destroys a person's key and removes the person's rows, for ever.

use anyhow::Result;
use clap::Args;
use serde::Serialize;

use crate::ask;
use crate::command::DeskArgs;
use crate::command::backup::{AtNode, explain};
use crate::evidence::user::UserPlace;
use crate::exit::Ended;
use crate::printer::Printer;
use crate::world::operator;

use super::there::served;

/// Erases a person: gives the addresses back, destroys the key - so that nothing of him can be read any more, in no log, copy
/// or backup - removes the rows, and puts a certificate on record. Severe: there is no way back. May be repeated.
#[derive(Debug, Args)]
#[command(
    after_help = "Example: cellctl user erase eu/eu-central/0197a4a0-0000-7000-8000-000000000001 --as compliance/ann --reason 'request 4711' --confirm 0197a4a0-0000-7000-8000-000000000001"
)]
pub struct Erase {
    /// Home and id.
    #[arg(value_name = "HOME/UUID")]
    user: UserPlace,
    /// Why, such as the number of the request; never a name.
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// The id once more. On a terminal one is asked for it.
    #[arg(long, value_name = "UUID")]
    confirm: Option<String>,
    /// Says who would be erased where, and does nothing.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    pub(super) world: DeskArgs,
}

#[derive(Debug, Serialize)]
struct ErasedView {
    user: String,
    shard: String,
    node: String,
    changed: bool,
    /// Rows that were removed by this command.
    rows: u64,
    /// Claims that were given back.
    claims: u64,
    /// Number of the certificate in the ledger; none if it was on record already.
    certificate: Option<u64>,
}

impl Erase {
    pub async fn run(&self, printer: &Printer) -> Result<Ended> {
        let desk = self.world.desk()?;
        let status = desk.admin.status().await.map_err(operator::explain)?;
        let (home, user) = (&self.user.home, self.user.user);
        let (shard, node) = served(&status.table, &self.user)?;
        printer.progress(&format!("{user} of {home}, {shard} at {node}"));
        let mut view = ErasedView {
            user: self.user.to_string(),
            shard: shard.to_string(),
            node: node.to_string(),
            changed: false,
            rows: 0,
            claims: 0,
            certificate: None,
        };
        if self.dry_run {
            printer.progress("nothing was changed: --dry-run");
        } else {
            let again = format!("the same command with --confirm {user}");
            ask::severe(&user.to_string(), self.confirm.as_deref(), &again, printer).await?;
            let at = AtNode::new(node, &status.table, &desk.identity)?;
            let erased = at.client().erase_user(home, user, &self.reason).await;
            let erased = erased.map_err(explain)?;
            view.changed = true;
            view.rows = erased.rows;
            view.claims = erased.claims;
            view.certificate = Some(erased.sequence).filter(|number| *number != 0);
            let certificate = view.certificate.map_or_else(
                || "on record already".to_owned(),
                |number| format!("decision {number}"),
            );
            printer.say(&format!(
                "{user} is erased: the key is destroyed, {} rows and {} claims are gone ({certificate})",
                erased.rows, erased.claims
            ));
        }
        printer.document(&view);
        Ok(Ended::Ok)
    }
}
