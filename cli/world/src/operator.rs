//! The operator's end of a world: a client of the controllers under the operator's certificate, and what their
//! refusals mean for whoever typed the command.

use std::path::Path;

use anyhow::{Context, Result};
use platform_model::WorldId;
use platform_runtime::clock::Clock;
use platform_runtime::tls::Identity;
use platform_wire::admin::AdminClient;
use platform_wire::trust::TrustClient;
use platform_wire::{CallError, RefusalCode};

use super::folder::Folder;
use super::layout::Layout;
use super::people::{OPERATOR, Person};
use super::ports::Ports;
use crate::exit::{self, Hinted};

/// A client of all controllers of the world in `dir`. Does no I/O on the network.
///
/// # Errors
/// When there is no whole world in the folder.
pub fn connect(dir: &Path) -> Result<AdminClient> {
    let layout = Layout::new(dir);
    let world = Folder::look(&layout)?.world(&layout)?;
    client(&layout, &world, Ports::load(&layout)?.controllers())
}

/// A client for what is about trust, with this person's certificate.
///
/// # Errors
/// When there is no whole world in the folder, or no such certificate.
pub fn trust(dir: &Path, person: Person) -> Result<TrustClient> {
    let layout = Layout::new(dir);
    let world = Folder::look(&layout)?.world(&layout)?;
    let identity = identity(&layout, &world, &person)?;
    let controllers = Ports::load(&layout)?.controllers();
    Ok(TrustClient::connect(controllers, identity, Clock::system())?)
}

/// A client of certain controllers.
///
/// # Errors
/// When the operator's certificate cannot be used.
pub fn client(layout: &Layout, world: &WorldId, controllers: Vec<String>) -> Result<AdminClient> {
    client_as(layout, world, controllers, &OPERATOR)
}

/// As [`client`], with the certificate of another person.
///
/// # Errors
/// When it cannot be used.
pub fn client_as(
    layout: &Layout,
    world: &WorldId,
    controllers: Vec<String>,
    person: &Person,
) -> Result<AdminClient> {
    let identity = identity(layout, world, person)?;
    Ok(AdminClient::connect(controllers, identity, Clock::system())?)
}

/// A person's certificate and key.
///
/// # Errors
/// When they cannot be used.
pub fn identity(layout: &Layout, world: &WorldId, person: &Person) -> Result<Identity> {
    Identity::load(&person.identity(layout), world)
        .with_context(|| format!("the certificate of {person} cannot be used"))
}

/// What a call's failure means, with the command that helps.
pub fn explain(error: CallError) -> anyhow::Error {
    let hinted = match &error {
        CallError::Refused(refusal) => refused(refusal),
        CallError::NotTrusted { .. } => Hinted::new(
            "your certificate is not believed, or the controller's is not: nothing was done",
            &[
                "cellctl identity show   says what yours is, and until when",
                "it may be expired, revoked, or of another world",
            ],
        )
        .exit(exit::NOT_AUTHORISED),
        CallError::Unreachable { .. } => Hinted::new(
            "no controller answers",
            &[
                "cellctl dev status   shows which processes run",
                "cellctl dev up   starts those that do not",
                "cellctl doctor   looks at certificate, addresses and clock",
            ],
        ),
        CallError::Unknown { .. } => Hinted::new(
            "the command was sent, and its answer was lost: it may or may not have come into effect",
            &["cellctl world status   shows what is so"],
        ),
        CallError::InvalidAnswer { .. } => Hinted::new(
            "cellctl and the controllers do not understand each other",
            &["cellctl --version   must be that of the servers"],
        ),
        CallError::Unimplemented { .. } => Hinted::new(
            "the controllers are of an older build and cannot do this: nothing was done",
            &["cellctl --version   must be that of the servers"],
        ),
    };
    anyhow::Error::new(error).context(hinted)
}

fn refused(refusal: &platform_wire::Refusal) -> Hinted {
    let (message, own): (&str, &[&str]) = match refusal.code {
        RefusalCode::NotAuthorised => (
            "you may not do this",
            &["cellctl doctor   says whose certificate yours is"],
        ),
        RefusalCode::GenerationMismatch => (
            "someone else changed the record meanwhile: nothing was done",
            &["repeat the command"],
        ),
        RefusalCode::Placement => (
            "a rule forbids it: nothing was done",
            &["cellctl shard list", "cellctl cell list"],
        ),
        RefusalCode::Operation => (
            "a rule of operations forbids it: nothing was done",
            &["cellctl shard show SHARD", "cellctl operation list"],
        ),
        RefusalCode::Law => (
            "the law stays as it is: nothing was done",
            &["cellctl policy show"],
        ),
        RefusalCode::LawForbids => (
            "the law forbids it: nothing was done",
            &["cellctl audit list --refused   shows it on record"],
        ),
        RefusalCode::Unknown => (
            "there is no such record: nothing was done",
            &["cellctl world status"],
        ),
        RefusalCode::OutcomeUnknown => (
            "the command may or may not have come into effect",
            &["cellctl world status"],
        ),
        RefusalCode::NoLeader | RefusalCode::NotInitialized | RefusalCode::Unavailable => (
            "the controllers cannot do this now: nothing was done",
            &["cellctl member list", "repeat the command in a moment"],
        ),
        RefusalCode::ClientTooOld | RefusalCode::UnknownVersion => (
            "this cellctl and the controllers are too far apart: nothing was done",
            &["cellctl --version"],
        ),
        RefusalCode::WrongWorld => (
            "these controllers are of another world: nothing was done",
            &["cellctl context show", "cellctl doctor"],
        ),
        _ => ("refused: nothing was done", &["cellctl world status"]),
    };
    let mut hinted = Hinted::new(message, own);
    if !refusal.hint.is_empty() && !hinted.hints.contains(&refusal.hint) {
        hinted.hints.push(refusal.hint.clone());
    }
    match refusal.code {
        RefusalCode::NotAuthorised => hinted.exit(exit::NOT_AUTHORISED),
        RefusalCode::ClientTooOld | RefusalCode::UnknownVersion => hinted.exit(exit::USAGE),
        _ => hinted,
    }
}

#[cfg(test)]
mod tests {
    use platform_wire::Refusal;

    use super::*;

    #[test]
    fn what_is_refused_says_why_and_what_helps() {
        let refusal = Refusal::new(
            RefusalCode::Placement,
            "shard us/us-east/000 belongs in region us-east",
        );
        let not_authorised = Refusal::new(RefusalCode::NotAuthorised, "viewer may not `place-shard`")
            .hint("takes the role sre");
        let unreachable = CallError::Unreachable {
            addresses: "127.0.0.1:1".into(),
            last: "refused".into(),
        };
        let lost = CallError::Unknown {
            address: "127.0.0.1:1".into(),
            cause: "stream reset".into(),
        };
        let shown: String = [refusal.into(), not_authorised.into(), unreachable, lost]
            .into_iter()
            .map(|error| exit::text(&explain(error), "") + "\n")
            .collect();
        insta::assert_snapshot!(shown);
    }

    #[test]
    fn a_cellctl_that_is_too_old_is_told_so_with_its_own_exit_code() {
        let refusal = Refusal::new(
            RefusalCode::ClientTooOld,
            "speaks protocol 0; these controllers take 1",
        )
        .hint("install the cellctl of the controllers, 0.2.0");
        let error = explain(refusal.into());
        let text = exit::text(&error, "");
        assert!(
            text.ends_with("hint: install the cellctl of the controllers, 0.2.0"),
            "{text}"
        );
        assert_eq!(exit::number(&Err(error)), exit::USAGE);
    }

    #[test]
    fn every_refusal_names_a_command_that_helps() {
        for code in RefusalCode::ALL {
            let text = exit::text(&explain(Refusal::new(*code, "why").into()), "");
            assert!(
                text.contains("\nhint: cellctl ") || text.contains("\nhint: repeat"),
                "{text}"
            );
        }
    }

    #[test]
    fn who_may_not_gets_exit_code_4() {
        let refusal = Refusal::new(RefusalCode::NotAuthorised, "no");
        assert_eq!(exit::number(&Err(explain(refusal.into()))), 4);
    }
}
