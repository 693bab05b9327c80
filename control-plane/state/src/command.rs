//! What may be asked of the state. Stored in the Raft log, so variants and fields are only ever added, and what an
//! older build does not know stops it rather than being skipped.

use std::collections::BTreeMap;
use std::fmt;

use control_plane_ledger::Digest;
use platform_model::matrix::LawVersion;
use platform_model::{
    CellId, CellState, CountryCode, Generation, HomeId, Jurisdiction, NodeId, RegionId, Role, ShardId,
    SharedStore, Start, Survival, TokenKey, WorldId,
};
use serde::{Deserialize, Serialize};

use crate::backup::BackupCommand;
use crate::law::Approval;
use crate::operation::OperationCommand;
use crate::recovery::RecoveryCommand;
use crate::shard_config::ConfigCommand;
use crate::trust::TrustCommand;

mod version;

/// The highest version of envelopes that this build reads. It writes each command in the lowest version that has always
/// meant what it means here (`Command::version`).
pub const COMMAND_VERSION: u16 = 2;

/// A command with all that is not the command itself: who asked, when, why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "StoredEnvelope")]
pub struct Envelope {
    pub version: u16,
    pub author: Author,
    /// Milliseconds since 1970 by the leader's clock. The state takes the later of this and what it has.
    pub time_ms: u64,
    /// Why, in the author's words; may be empty.
    pub reason: String,
    pub command: Command,
}

/// Who asks, as his certificate says. Never a person's name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Author {
    /// Speaks for itself alone. The region is the one in its certificate.
    Node { id: NodeId, region: RegionId },
    /// Someone with an operator's certificate: his SPIFFE id.
    Operator { role: Role, id: String },
    /// The controller that leads: its SPIFFE id. Gives what is due and nothing else.
    Controller { id: String },
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Command {
    InitWorld(WorldSpec),
    CreateCell(CellSpec),
    CreateHome(HomeSpec),
    CreateAuthority(AuthoritySpec),
    SetCountry {
        country: CountryCode,
        jurisdiction: Jurisdiction,
    },
    SetCellState {
        cell: CellId,
        state: CellState,
        expected: Generation,
    },
    PlaceShard {
        shard: ShardId,
        cell: CellId,
        expected: Generation,
    },
    RegisterNode {
        node: NodeId,
        address: String,
        start: Start,
        /// The store that it shares with other nodes of its cell, if its data is not its own.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        store: Option<SharedStore>,
    },
    PublishTokenKey {
        home: HomeId,
        key: TokenKey,
    },
    /// Who is believed, and who may join.
    Trust(TrustCommand),
    /// Pauses what the controllers do by themselves, or lets it go on.
    SetAutomation {
        paused: bool,
        expected: Generation,
    },
    /// Puts on record that a controller gets a vote, or, without an address, loses it. Raft keeps the members; this
    /// stands before each change of them.
    ChangeMember {
        id: u64,
        address: Option<String>,
    },
    /// Puts repeated refusals on record whose minute is over. Changes nothing else.
    SettleRefusals,
    /// Puts a law up for approval.
    ProposeLaw {
        proposal: Proposal,
        expected: Generation,
    },
    /// Approves what is up, by the digest of what the approver compiled himself.
    ApproveLaw {
        version: LawVersion,
        digest: Digest,
        approval: Approval,
    },
    /// A node that serves people of a home is about to keep data of people of another jurisdiction there.
    AdmitForeign {
        home: HomeId,
        jurisdiction: Jurisdiction,
    },
    /// Takes a law back that does not hold yet.
    WithdrawLaw {
        version: LawVersion,
    },
    /// The approved law holds wholly, if its day has come.
    ActivateLaw,
    /// What the shards of a home are to survive.
    SetSurvival {
        home: HomeId,
        goal: Survival,
        expected: Generation,
    },
    /// Long work on a shard.
    Operation(OperationCommand),
    /// Changes the copies of a shard, or who of them leads.
    Configure {
        shard: ShardId,
        expected: Generation,
        command: ConfigCommand,
    },
    /// Who was erased, and what is made anew from a backup.
    Backup(BackupCommand),
    /// What nodes know of a world that was recovered.
    Recovery(RecoveryCommand),
    /// How old a table may be under which something new is kept or crosses.
    SetMatrixAgeMax {
        matrix_age_max_ms: u64,
    },
}

/// A law with what its author compiled from it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proposal {
    /// The canonical text.
    pub text: String,
    /// The matrix, in its canonical bytes.
    pub matrix: Vec<u8>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorldSpec {
    pub common_host: String,
    pub countries: BTreeMap<CountryCode, Jurisdiction>,
    pub cells: Vec<CellSpec>,
    pub homes: Vec<HomeSpec>,
    pub authorities: Vec<AuthoritySpec>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CellSpec {
    pub id: CellId,
    pub region: RegionId,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HomeSpec {
    pub id: HomeId,
    /// Fixed for ever.
    pub shard_count: u16,
    pub host: String,
    /// Where the home's shards are placed.
    pub cell: CellId,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuthoritySpec {
    pub jurisdiction: Jurisdiction,
    /// Fixed for ever.
    pub shard_count: u16,
    pub cell: CellId,
}

impl Envelope {
    pub fn new(author: Author, time_ms: u64, reason: impl Into<String>, command: Command) -> Self {
        Self {
            version: command.version(),
            author,
            time_ms,
            reason: reason.into(),
            command,
        }
    }
}

impl fmt::Display for Author {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Node { id, .. } => write!(f, "node {id}"),
            Self::Operator { id, .. } | Self::Controller { id } => f.write_str(id),
        }
    }
}

impl Author {
    /// His SPIFFE id, as the ledger names him.
    pub fn spiffe_id(&self, world: &WorldId) -> String {
        match self {
            Self::Node { id, region } => {
                let (domain, cell, ordinal) = (world.trust_domain(), &id.cell, id.ordinal);
                format!("spiffe://{domain}/region/{region}/cell/{cell}/node/{ordinal}")
            }
            Self::Operator { id, .. } | Self::Controller { id } => id.clone(),
        }
    }
}

impl Command {
    /// The command's name, as logs, metrics and decisions say it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::InitWorld(_) => "init-world",
            Self::CreateCell(_) => "create-cell",
            Self::CreateHome(_) => "create-home",
            Self::CreateAuthority(_) => "create-authority",
            Self::SetCountry { .. } => "set-country",
            Self::SetCellState { .. } => "set-cell-state",
            Self::PlaceShard { .. } => "place-shard",
            Self::RegisterNode { .. } => "register-node",
            Self::PublishTokenKey { .. } => "publish-token-key",
            Self::Trust(command) => command.name(),
            Self::SetAutomation { .. } => "set-automation",
            Self::ChangeMember { address: Some(_), .. } => "add-member",
            Self::ChangeMember { address: None, .. } => "remove-member",
            Self::SettleRefusals => "settle-refusals",
            Self::ProposeLaw { .. } => "propose-law",
            Self::ApproveLaw { .. } => "approve-law",
            Self::AdmitForeign { .. } => "admit-foreign",
            Self::WithdrawLaw { .. } => "withdraw-law",
            Self::ActivateLaw => "activate-law",
            Self::SetMatrixAgeMax { .. } => "set-matrix-age-max",
            Self::Configure { command, .. } => command.name(),
            Self::SetSurvival { .. } => "set-survival",
            Self::Backup(command) => command.name(),
            Self::Recovery(command) => command.name(),
            Self::Operation(command) => command.name(),
        }
    }

    /// What it is about, as the ledger says it. Ids only.
    pub fn subject(&self) -> String {
        match self {
            Self::InitWorld(_) => "world".to_owned(),
            Self::CreateCell(spec) => format!("cell/{}", spec.id),
            Self::CreateHome(spec) => format!("home/{}", spec.id),
            Self::CreateAuthority(spec) => format!("authority/{}", spec.jurisdiction),
            Self::SetCountry { country, .. } => format!("country/{country}"),
            Self::SetCellState { cell, .. } => format!("cell/{cell}"),
            Self::PlaceShard { shard, .. } | Self::Configure { shard, .. } => format!("shard/{shard}"),
            Self::RegisterNode { node, .. } => format!("node/{node}"),
            Self::PublishTokenKey { home, .. }
            | Self::AdmitForeign { home, .. }
            | Self::SetSurvival { home, .. } => format!("home/{home}"),
            Self::Operation(command) => command.subject(),
            Self::Trust(command) => command.subject(),
            Self::Backup(command) => command.subject(),
            Self::Recovery(command) => command.subject(),
            Self::SetAutomation { .. } => "automation".to_owned(),
            Self::ChangeMember { id, .. } => format!("controller/{id}"),
            Self::SettleRefusals => "ledger".to_owned(),
            Self::ApproveLaw { version, .. } | Self::WithdrawLaw { version } => format!("law/{version}"),
            Self::ProposeLaw { .. } | Self::ActivateLaw | Self::SetMatrixAgeMax { .. } => "law".to_owned(),
        }
    }
}

/// The envelope before its version was looked at.
#[derive(Deserialize)]
struct StoredEnvelope {
    version: u16,
    author: Author,
    time_ms: u64,
    #[serde(default)]
    reason: String,
    command: Command,
}

/// A command of a newer build. Whoever meets one must stop: to skip it would make two states of one log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a command of version {found}, this build reads up to version {COMMAND_VERSION}")]
pub struct CommandTooNew {
    pub found: u16,
}

impl TryFrom<StoredEnvelope> for Envelope {
    type Error = CommandTooNew;

    fn try_from(stored: StoredEnvelope) -> Result<Self, CommandTooNew> {
        let StoredEnvelope {
            version,
            author,
            time_ms,
            reason,
            command,
        } = stored;
        if version > COMMAND_VERSION {
            return Err(CommandTooNew { found: version });
        }
        Ok(Self {
            version,
            author,
            time_ms,
            reason,
            command,
        })
    }
}

#[cfg(test)]
mod tests {
    use platform_model::Incarnation;

    use super::*;

    fn stored() -> &'static str {
        r#"{"version":1,"author":{"node":{"id":"eu-central-1/0","region":"eu-central"}},"time_ms":5,"reason":"","command":{"register-node":{"node":"eu-central-1/0","address":"127.0.0.1:1","start":{"incarnation":3,"copy":7,"process":8}}}}"#
    }

    /// What stands in logs on disk: a change of it would make them unreadable.
    #[test]
    fn the_stored_form_does_not_change() {
        let node: NodeId = "eu-central-1/0".parse().expect("a node");
        let command = Command::RegisterNode {
            node: node.clone(),
            address: "127.0.0.1:1".into(),
            start: Start {
                incarnation: Incarnation(3),
                copy: 7,
                process: 8,
            },
            store: None,
        };
        let author = Author::Node {
            id: node,
            region: "eu-central".parse().expect("a region"),
        };
        let envelope = Envelope::new(author, 5, "", command);
        assert_eq!(serde_json::to_string(&envelope).expect("writes"), stored());
        assert_eq!(
            serde_json::from_str::<Envelope>(stored()).expect("reads"),
            envelope
        );
    }

    #[test]
    fn a_command_of_a_newer_build_is_not_read() {
        let of = |version: u16| stored().replace("\"version\":1", &format!("\"version\":{version}"));
        assert!(serde_json::from_str::<Envelope>(&of(COMMAND_VERSION)).is_ok());
        assert!(serde_json::from_str::<Envelope>(&of(COMMAND_VERSION + 1)).is_err());
        let unknown = stored().replace("register-node", "divide-by-zero");
        assert!(serde_json::from_str::<Envelope>(&unknown).is_err());
    }
}
