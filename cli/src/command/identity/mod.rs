//! `identity`: certificates of people and processes, and who is no longer believed.

mod issue;
mod list;
mod restore;
mod revoke;
mod show;

use anyhow::Result;
use clap::Subcommand;
use platform_model::{InvalidId, RevokedIdentity, WorldId};

use crate::exit::Ended;
use crate::printer::Printer;

/// Identities: show, list, issue, revoke, restore.
#[derive(Debug, Subcommand)]
#[command(after_help = "Example: cellctl identity list")]
pub enum Identity {
    Show(show::Show),
    List(list::List),
    Issue(issue::Issue),
    Revoke(revoke::Revoke),
    Restore(restore::Restore),
}

impl Identity {
    pub async fn run(&self, printer: &Printer) -> Result<Ended> {
        match self {
            Self::Show(command) => command.run(printer),
            Self::List(command) => command.run(printer).await,
            Self::Issue(command) => command.run(printer),
            Self::Revoke(command) => command.run(printer).await,
            Self::Restore(command) => command.run(printer).await,
        }
    }
}

/// A whole SPIFFE id, or one below the trust domain of `world`, with the digest of a key if there is one.
fn read(text: &str, world: &WorldId) -> Result<RevokedIdentity, InvalidId> {
    if text.starts_with("spiffe://") {
        return text.parse();
    }
    format!("spiffe://{}/{text}", world.trust_domain()).parse()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_may_be_given_below_its_domain() {
        let world: WorldId = "0123456789abcdef".repeat(4).parse().expect("an id");
        let whole = "spiffe://0123456789abcdef/region/eu/router/1";
        assert_eq!(read("region/eu/router/1", &world), read(whole, &world));
        assert!(read("region/eu router", &world).is_err());
    }
}
