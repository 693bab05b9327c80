//! `identity list`: who is revoked, and which join tokens are out.

use anyhow::Result;
use clap::Args;
use platform_runtime::clock::Clock;
use platform_wire::trust::{RevocationRecord, TokenRecord};
use serde_json::{Value, json};

use crate::command::WorldFolder;
use crate::exit::Ended;
use crate::printer::Printer;
use crate::world::{operator, people};

/// Lists revoked identities and join tokens.
#[derive(Debug, Args)]
#[command(after_help = "Example: cellctl identity list -o json")]
pub struct List {
    #[command(flatten)]
    pub(super) world: WorldFolder,
}

impl List {
    pub async fn run(&self, printer: &Printer) -> Result<Ended> {
        let client = operator::trust(&self.world.dir, people::OPERATOR)?;
        let records = client.read().await.map_err(operator::explain)?;
        let now_ms = Clock::system().unix_ms();
        let revoked: Vec<Vec<String>> = records.revocations.iter().map(revoked).collect();
        printer.table(&["revoked", "until (ms)", "by"], &revoked);
        printer.say("");
        let tokens = records.join_tokens.iter();
        let rows: Vec<Vec<String>> = tokens.clone().map(|token| row(token, now_ms)).collect();
        printer.table(&["join token for", "state", "digest", "by"], &rows);
        printer.document(&json!({
            "revoked": records.revocations.iter().map(document).collect::<Vec<_>>(),
            "join_tokens": tokens.map(|token| token_document(token, now_ms)).collect::<Vec<_>>(),
        }));
        Ok(Ended::Ok)
    }
}

fn revoked(record: &RevocationRecord) -> Vec<String> {
    vec![
        record.identity.to_string(),
        record.until_ms.to_string(),
        record.by.clone(),
    ]
}

fn document(record: &RevocationRecord) -> Value {
    json!({
        "identity": record.identity.to_string(),
        "until_ms": record.until_ms,
        "by": record.by,
        "at_ms": record.at_ms,
    })
}

/// What can still be done with a token.
fn state(token: &TokenRecord, now_ms: u64) -> &'static str {
    match token.used_ms {
        _ if token.revoked => "revoked",
        Some(_) => "used",
        None if token.expires_ms < now_ms => "expired",
        None => "waits",
    }
}

fn row(token: &TokenRecord, now_ms: u64) -> Vec<String> {
    vec![
        token.joiner.clone(),
        state(token, now_ms).to_owned(),
        token.digest.to_string(),
        token.by.clone(),
    ]
}

fn token_document(token: &TokenRecord, now_ms: u64) -> Value {
    json!({
        "joiner": token.joiner,
        "state": state(token, now_ms),
        "digest": token.digest.to_string(),
        "expires_ms": token.expires_ms,
        "used_ms": token.used_ms,
        "by": token.by,
    })
}
