//! Why a command changes nothing. Refusals are data: they travel to the caller and stand in the record of decisions.

use control_plane_ledger::Digest;
use platform_model::matrix::{Denied, LawVersion};
use platform_model::{
    CellId, CountryCode, Generation, HomeId, Incarnation, Jurisdiction, NodeId, RegionId, ShardId,
    SharedStore, Survival,
};
use serde::{Deserialize, Serialize};

use crate::backup::BackupRefusal;
use crate::law::LawBook;
use crate::operation::OperationRefusal;
use crate::recovery::RecoveryRefusal;
use crate::shard_config::ConfigRefusal;
use crate::trust::TrustRefusal;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "kebab-case")]
pub enum Refusal {
    #[error("the world was not made yet")]
    NoWorld,
    #[error("the world was made already")]
    WorldExists,
    #[error("{author} may not speak for {subject}")]
    NotYours { author: String, subject: String },
    #[error("{what} is {bytes} bytes long; it must have between 1 and {max}")]
    Length { what: Text, bytes: usize, max: usize },
    #[error("there is no cell {0}")]
    UnknownCell(CellId),
    #[error("there is no home {0}")]
    UnknownHome(HomeId),
    #[error("there is no shard {0}")]
    UnknownShard(ShardId),
    #[error("cell {0} exists")]
    CellExists(CellId),
    #[error("home {0} exists")]
    HomeExists(HomeId),
    #[error("host name `{0}` is another home's, or the world's own")]
    HostTaken(String),
    #[error("`{0}` is no host name")]
    NotAHost(String),
    #[error("the authority of {0} exists")]
    AuthorityExists(Jurisdiction),
    #[error("{0} must have at least one shard")]
    NoShards(String),
    #[error("{record} is at {have}, the command expects {expected}")]
    GenerationMismatch {
        record: String,
        have: Generation,
        expected: Generation,
    },
    #[error("node {node} has registered with {have}; {given} is no later start")]
    OldIncarnation {
        node: NodeId,
        have: Incarnation,
        given: Incarnation,
    },
    #[error("node {node} has registered with other data: what it held is not on this disk")]
    OtherData { node: NodeId },
    #[error("node {node} is on {given}; the other nodes of its cell are on {have}")]
    ForeignStore {
        node: NodeId,
        have: SharedStore,
        given: SharedStore,
    },
    #[error("the certificate of {node} is for region {certified}; its cell is in region {wanted}")]
    WrongRegion {
        node: NodeId,
        certified: RegionId,
        wanted: RegionId,
    },
    #[error("cell {0} takes nothing new: it is cordoned")]
    CellCordoned(CellId),
    #[error("shard {shard} belongs in region {wanted}; cell {cell} is in region {found}")]
    OutsideHomeRegion {
        shard: ShardId,
        wanted: RegionId,
        cell: CellId,
        found: RegionId,
    },
    #[error("no home of {jurisdiction} is in region {found}, so cell {cell} cannot hold its directory")]
    OutsideJurisdiction {
        jurisdiction: Jurisdiction,
        cell: CellId,
        found: RegionId,
    },
    #[error("shard {shard} is served by {primary} and cannot be placed anew: its data would be left behind")]
    ShardServed { shard: ShardId, primary: NodeId },
    #[error("{node} does not serve {shard}")]
    NotPrimary { node: NodeId, shard: ShardId },
    #[error("key `{kid}` of home {home} is another key already")]
    KeyIdReused { home: HomeId, kid: String },
    #[error("country {country}: {jurisdiction} has no home")]
    NoHomeInJurisdiction {
        country: CountryCode,
        jurisdiction: Jurisdiction,
    },
    #[error(transparent)]
    Operation(#[from] OperationRefusal),
    /// No place is left for a copy that the goal asks for.
    #[error(transparent)]
    SurvivalForbidden(Box<SurvivalForbidden>),
    #[error(
        "the law names no region where a copy could be with which home {home} would survive the loss of a {goal}"
    )]
    NoSuchRegion { home: HomeId, goal: Survival },
    #[error("nobody serves {0} yet")]
    ShardUnserved(ShardId),
    #[error("there is no node {0}")]
    UnknownNode(NodeId),
    #[error("no law is in force: nothing may be kept anywhere")]
    NoLaw,
    #[error(transparent)]
    Config(#[from] ConfigRefusal),
    #[error(transparent)]
    Trust(#[from] TrustRefusal),
    #[error(transparent)]
    Backup(#[from] BackupRefusal),
    #[error(transparent)]
    Recovery(#[from] RecoveryRefusal),
    #[error("the world may have {max} {what}")]
    Limit { what: Counted, max: usize },
    /// The matrix in force says no.
    #[error(transparent)]
    LawForbids(Box<LawForbids>),
    #[error("the law lets no data of people of {jurisdiction} come to home {home}")]
    LawKeepsOut {
        home: HomeId,
        jurisdiction: Jurisdiction,
    },
    #[error(
        "home {home} holds {class} data of people of {jurisdiction}, which this law does not let be in {region}, where copies of the home may come to be"
    )]
    LawWidens {
        home: HomeId,
        jurisdiction: Jurisdiction,
        region: RegionId,
        class: String,
    },
    #[error("law {version} is neither proposed nor waiting for its day")]
    LawNotProposed { version: LawVersion },
    #[error("who proposed law {version} may not approve it")]
    LawSamePerson { version: LawVersion },
    #[error("law {version} was proposed with digest {proposed}; you approve {approved}")]
    LawOtherDigest {
        version: LawVersion,
        proposed: Digest,
        approved: Digest,
    },
    #[error("law {have} was approved already; {given} is no later version")]
    LawVersionOld { have: LawVersion, given: LawVersion },
    #[error("the law cannot be read: {why}")]
    LawUnreadable { why: String },
    #[error("under this law the data of {} could be nowhere", names(.homes))]
    LawStrands { homes: Vec<HomeId> },
    #[error("law {version} holds wholly from {holds_from_ms} ms since 1970 on")]
    LawBeforeItsDay { version: LawVersion, holds_from_ms: u64 },
    #[error("the law in force says to whom {country} belongs: {by_law}", by_law = .by_law.as_ref().map_or_else(|| "to nobody".to_owned(), ToString::to_string))]
    LawSaysCountry {
        country: CountryCode,
        by_law: Option<Jurisdiction>,
    },
    #[error("{given} ms is not between {min} and {max} ms")]
    Duration { given: u64, min: u64, max: u64 },
}

/// What the matrix in force does not permit. Boxed: the rare refusal must not widen every answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("the law ({version}) forbids shard {shard} in cell {cell}, region {region}: {why}")]
pub struct LawForbids {
    pub shard: ShardId,
    pub cell: CellId,
    pub region: RegionId,
    pub version: LawVersion,
    /// Empty: no rule permits it.
    pub rule: String,
    pub article: String,
    pub why: String,
}

/// What the law forbids of a survival goal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error(
    "home {home} cannot survive the loss of a {goal}: the law ({version}) forbids the copy in {region}: {why}"
)]
pub struct SurvivalForbidden {
    pub home: HomeId,
    pub goal: Survival,
    pub region: RegionId,
    pub version: LawVersion,
    /// Empty: no rule permits it.
    pub rule: String,
    pub article: String,
    pub why: String,
}

impl SurvivalForbidden {
    pub(crate) fn new(
        home: &HomeId,
        goal: Survival,
        region: &RegionId,
        book: &LawBook,
        denied: &Denied,
    ) -> Self {
        let (rule, article) = rule_of(denied);
        Self {
            home: home.clone(),
            goal,
            region: region.clone(),
            version: version_of(book),
            rule,
            article,
            why: denied.to_string(),
        }
    }
}

/// The rule that says no, and the article that it stands for; both empty if none permits it.
pub fn rule_of(denied: &Denied) -> (String, String) {
    let rule = match denied {
        Denied::Point { rule, .. } => rule.clone(),
        Denied::NeedsConsent { rule, .. } => Some(rule.clone()),
        Denied::UnknownSink(_) | Denied::NoHome(_) => None,
    };
    rule.map_or_else(Default::default, |rule| (rule.id, rule.article))
}

fn version_of(book: &LawBook) -> LawVersion {
    book.matrix()
        .map_or(LawVersion(0), |matrix| matrix.stamp().version)
}

fn names(homes: &[HomeId]) -> String {
    homes
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(", ")
}

impl Refusal {
    /// What the matrix in force says of a copy.
    pub(crate) fn law_forbids(
        book: &LawBook,
        shard: &ShardId,
        cell: &CellId,
        region: &RegionId,
        denied: &Denied,
    ) -> Self {
        let (rule, article) = rule_of(denied);
        Self::LawForbids(Box::new(LawForbids {
            shard: shard.clone(),
            cell: cell.clone(),
            region: region.clone(),
            version: version_of(book),
            rule,
            article,
            why: denied.to_string(),
        }))
    }

    /// Its name, and what it names as JSON, as they stand in the ledger: taken from the stored form, which does not
    /// change with the words for people.
    pub fn on_record(&self) -> (String, String) {
        let written = match self {
            // By its own name: that it is about trust, or a configuration, says nothing.
            Self::Config(refusal) => serde_json::to_string(refusal),
            Self::Operation(refusal) => serde_json::to_string(refusal),
            Self::Trust(refusal) => serde_json::to_string(refusal),
            Self::Backup(refusal) => serde_json::to_string(refusal),
            Self::Recovery(refusal) => serde_json::to_string(refusal),
            refusal => serde_json::to_string(refusal),
        };
        let text = written.expect("ids, numbers and texts always write");
        // Names of variants hold no character that JSON escapes: `"no-world"` or `{"unknown-cell":...}`.
        let named = text.strip_prefix("{\"").and_then(|rest| rest.strip_suffix('}'));
        match named.and_then(|rest| rest.split_once("\":")) {
            Some((code, detail)) => (code.to_owned(), detail.to_owned()),
            None => (text.trim_matches('"').to_owned(), String::new()),
        }
    }
}

/// A text with a bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Text {
    Host,
    Address,
    KeyId,
    Reason,
    Law,
    Place,
    Name,
    Purpose,
    Engine,
}

/// What is counted against a bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Counted {
    Cells,
    NodesPerCell,
    Nodes,
    Homes,
    Countries,
    Shards,
    Regions,
    JoinTokens,
    Revocations,
    BreakGlass,
    Operations,
    OperationsOfCell,
    Certificates,
}

impl std::fmt::Display for Text {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Host => "the host name",
            Self::Address => "the address",
            Self::KeyId => "the key id",
            Self::Reason => "the reason",
            Self::Law => "the law",
            Self::Place => "the place",
            Self::Name => "the name",
            Self::Purpose => "the purpose",
            Self::Engine => "the name of the engine",
        })
    }
}

impl std::fmt::Display for Counted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Cells => "cells",
            Self::NodesPerCell => "nodes in a cell",
            Self::Nodes => "nodes",
            Self::Homes => "homes",
            Self::Countries => "countries",
            Self::Shards => "shards",
            Self::Regions => "attested regions",
            Self::JoinTokens => "join tokens",
            Self::Revocations => "revoked identities",
            Self::BreakGlass => "open break-glass windows",
            Self::Operations => "operations under way",
            Self::OperationsOfCell => "operations under way in a cell",
            Self::Certificates => "certificates of a verification",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_on_record_by_its_stored_name() {
        assert_eq!(Refusal::NoWorld.on_record(), ("no-world".into(), String::new()));
        let cell: CellId = "us-east-1".parse().expect("a cell");
        let (code, detail) = Refusal::UnknownCell(cell).on_record();
        assert_eq!(
            (code.as_str(), detail.as_str()),
            ("unknown-cell", r#""us-east-1""#)
        );
        let record = r#"cell "x": y}"#.to_owned();
        let refusal = Refusal::GenerationMismatch {
            record,
            have: Generation(3),
            expected: Generation(1),
        };
        let (code, detail) = refusal.on_record();
        assert_eq!(code, "generation-mismatch");
        assert_eq!(detail, r#"{"record":"cell \"x\": y}","have":3,"expected":1}"#);
    }
}
