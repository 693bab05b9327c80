//! How the engine of a node that runs is, for people at work. The server's trait is
//! [`crate::pb::store_checks_server::StoreChecks`].

use std::time::Duration;

use platform_model::{NodeId, RegionId, WorldId};
use platform_runtime::tls::{Expect, Identity};
use tonic::Status;

use crate::controllers::CallError;
use crate::frame::{self, FRAME_VERSION};
use crate::nodes::{self, Nodes, traced};
use crate::pb;
use crate::pb::store_checks_client::StoreChecksClient as Client;

/// A cluster that is not well answers late, and that is to be told.
const WITHIN: Duration = Duration::from_secs(8);
/// More things than this are told of no engine.
const FINDINGS_MAX: usize = 64;

/// How one thing was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreVerdict {
    Ok,
    /// The engine does not say, or it cannot be asked.
    NotTold,
    Bad,
}

/// One thing of an engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreFinding {
    pub verdict: StoreVerdict,
    /// A word: `serves`, `clock`.
    pub what: String,
    pub found: String,
    /// What helps, for what is bad.
    pub hint: Option<String>,
}

/// Asks nodes. Clone: a shared handle.
#[derive(Clone)]
pub struct StoreChecksClient {
    world: WorldId,
    nodes: Nodes,
}

impl StoreChecksClient {
    pub fn new(identity: Identity) -> Self {
        Self {
            world: identity.world().clone(),
            nodes: Nodes::new(identity),
        }
    }

    /// What the node finds of its engine, in the order in which it matters. It may be a few seconds old.
    ///
    /// # Errors
    /// `not-authorised` without an operator's certificate; [`CallError::InvalidAnswer`] for a verdict that this build does
    /// not know, or too many findings; as every call.
    pub async fn check(
        &self,
        (node, region): (&NodeId, &RegionId),
        address: &str,
    ) -> Result<Vec<StoreFinding>, CallError> {
        let request = pb::CheckStoreRequest {
            version: FRAME_VERSION,
            world: self.world.to_string(),
        };
        let expect = Expect::Node {
            node: node.clone(),
            region: region.clone(),
        };
        let mut client = Client::new(self.nodes.channel(node, address, expect)?);
        let reply = nodes::answer_within(address, WITHIN, client.check(traced(request))).await?;
        nodes::understood(address, reply.version)?;
        findings(reply.findings).ok_or_else(|| CallError::InvalidAnswer {
            address: address.to_owned(),
            cause: "findings that this build does not understand".to_owned(),
        })
    }
}

/// # Errors
/// A refusal as a status: another world or version.
pub fn check_store_of(request: &pb::CheckStoreRequest, ours: &WorldId) -> Result<(), Status> {
    frame::check(request.version, &request.world, ours)
}

/// The answer to who asks.
pub fn check_store_reply(findings: &[StoreFinding]) -> pb::CheckStoreReply {
    pb::CheckStoreReply {
        version: FRAME_VERSION,
        findings: findings.iter().map(Into::into).collect(),
    }
}

impl From<&StoreFinding> for pb::StoreFinding {
    fn from(finding: &StoreFinding) -> Self {
        let verdict = match finding.verdict {
            StoreVerdict::Ok => pb::StoreVerdict::Ok,
            StoreVerdict::NotTold => pb::StoreVerdict::NotTold,
            StoreVerdict::Bad => pb::StoreVerdict::Bad,
        };
        Self {
            verdict: verdict.into(),
            what: finding.what.clone(),
            found: finding.found.clone(),
            hint: finding.hint.clone().unwrap_or_default(),
        }
    }
}

/// None for what cannot be understood, and for more than are ever told.
fn findings(told: Vec<pb::StoreFinding>) -> Option<Vec<StoreFinding>> {
    if told.len() > FINDINGS_MAX {
        return None;
    }
    told.into_iter().map(finding).collect()
}

fn finding(told: pb::StoreFinding) -> Option<StoreFinding> {
    let verdict = match told.verdict() {
        pb::StoreVerdict::Unspecified => return None,
        pb::StoreVerdict::Ok => StoreVerdict::Ok,
        pb::StoreVerdict::NotTold => StoreVerdict::NotTold,
        pb::StoreVerdict::Bad => StoreVerdict::Bad,
    };
    Some(StoreFinding {
        verdict,
        what: told.what,
        found: told.found,
        hint: (!told.hint.is_empty()).then_some(told.hint),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::refusal::{Refusal, RefusalCode};

    #[test]
    fn what_is_told_reads_back_and_nothing_else_does() {
        let told = |verdict, hint: Option<&str>| StoreFinding {
            verdict,
            what: "clock".into(),
            found: "9 s apart".into(),
            hint: hint.map(str::to_owned),
        };
        let all = vec![
            told(StoreVerdict::Ok, None),
            told(StoreVerdict::NotTold, None),
            told(StoreVerdict::Bad, Some("set it right")),
        ];
        let reply = check_store_reply(&all);
        assert_eq!(findings(reply.findings.clone()), Some(all));
        let mut strange = reply.findings.clone();
        strange[0].verdict = 9;
        assert_eq!(findings(strange), None, "of a later build");
        let many = vec![reply.findings[0].clone(); FINDINGS_MAX + 1];
        assert_eq!(findings(many), None);
    }

    #[test]
    fn another_world_is_refused() {
        let ours = WorldId::new(&"a".repeat(64)).expect("an id");
        let mut request = pb::CheckStoreRequest {
            version: FRAME_VERSION,
            world: ours.to_string(),
        };
        assert!(check_store_of(&request, &ours).is_ok());
        request.world = "b".repeat(64);
        let status = check_store_of(&request, &ours).expect_err("another world");
        let refusal = Refusal::from_status(&status).expect("a refusal");
        assert_eq!(refusal.code, RefusalCode::WrongWorld);
    }
}
