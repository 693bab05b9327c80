//! Who may give which command: nodes speak for themselves, people for the rest. Which role a person needs is
//! checked where the certificate is read, before a command comes here.

use crate::command::{Author, Command};
use crate::refusal::Refusal;

pub(crate) fn may(author: &Author, command: &Command) -> Result<(), Refusal> {
    let allowed = match (author, command) {
        (author, Command::Trust(command)) => command.may(author),
        (author, Command::Backup(command)) => command.may(author),
        (author, Command::Recovery(command)) => command.may(author),
        (Author::Node { id, .. }, Command::RegisterNode { node, .. }) => id == node,
        (
            Author::Node { .. },
            Command::PublishTokenKey { .. } | Command::AdmitForeign { .. } | Command::Configure { .. },
        ) => true,
        (Author::Node { .. }, _) => false,
        (author, Command::Operation(command)) => command.may(author),
        (Author::Controller { .. }, command) => {
            matches!(
                command,
                Command::SettleRefusals | Command::ActivateLaw | Command::Configure { .. }
            )
        }
        (
            Author::Operator { .. },
            Command::RegisterNode { .. }
            | Command::PublishTokenKey { .. }
            | Command::AdmitForeign { .. }
            | Command::Configure { .. }
            | Command::SettleRefusals
            | Command::ActivateLaw,
        ) => false,
        (Author::Operator { .. }, _) => true,
    };
    if allowed {
        return Ok(());
    }
    let subject = match command {
        Command::RegisterNode { node, .. } => format!("node {node}"),
        Command::PublishTokenKey { home, .. } => format!("home {home}"),
        Command::Configure { shard, .. } => format!("shard {shard}"),
        Command::SetSurvival { home, .. } => format!("home {home}"),
        other => format!("the world ({})", other.name()),
    };
    Err(Refusal::NotYours {
        author: author.to_string(),
        subject,
    })
}
