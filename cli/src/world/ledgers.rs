//! The ledger as each controller holds it, and the routers and nodes that have seen its end.

use std::time::Duration;

use anyhow::Result;
use control_plane_ledger::{Digest, Head, Sealed, Witness};
use futures::future::join_all;
use platform_model::WorldId;
use platform_runtime::clock::Clock;
use platform_runtime::tls::{Expect, Identity};
use platform_wire::CallError;
use platform_wire::admin::WorldStatus;
use platform_wire::heads;
use platform_wire::ledger::{LedgerClient, LedgerHead, Overview, SealedSegment};

use super::operator;
use crate::contexts::Target;
use crate::exit::Hinted;

/// How long one controller has to answer: a dead one must not hold the others up.
const ANSWER_WITHIN: Duration = Duration::from_secs(4);

/// How to reach all who hold or have seen the ledger. Does no I/O on the network.
pub struct Ledgers {
    world: WorldId,
    identity: Identity,
    controllers: Vec<(String, LedgerClient)>,
    /// Name, address, and who must answer there.
    witnesses: Vec<(String, String, Expect)>,
}

/// A controller that answered, and what it says of the ledger.
pub struct Held {
    /// Its seat.
    pub name: String,
    pub client: LedgerClient,
    pub begins: Head,
    pub head: Head,
    pub sealed: Vec<Sealed>,
    pub held_to: u64,
}

/// What was seen, and by whom nothing could be learned.
#[derive(Debug, Default)]
pub struct Seen {
    pub witnesses: Vec<Witness>,
    /// How many routers and nodes answered.
    pub answered: usize,
    /// Name and why.
    pub silent: Vec<(String, String)>,
}

impl Ledgers {
    /// # Errors
    /// When the certificate cannot be used, or the controllers refuse it.
    pub async fn of(target: &Target) -> Result<Self> {
        match target.admin()?.status().await {
            Ok(status) => Self::of_known(target, Some(&status)),
            // There is no ledger to verify then, and no witness is asked.
            Err(CallError::Unreachable { .. }) => Self::of_known(target, None),
            Err(error) => Err(operator::explain(error)),
        }
    }

    /// As [`Self::of`], where it is known already what the controllers say of the nodes. Does no I/O on the network.
    ///
    /// # Errors
    /// When the certificate cannot be used.
    pub fn of_known(target: &Target, status: Option<&WorldStatus>) -> Result<Self> {
        let identity = target.identity()?;
        let mut controllers = Vec::new();
        for (name, address) in &target.controllers {
            let client = LedgerClient::of_one(address.clone(), identity.clone(), Clock::system())?;
            controllers.push((name.clone(), client));
        }
        let routers = target.routers.iter();
        let routers = routers.map(|(name, address)| (name.clone(), address.clone(), Expect::Router));
        let witnesses = status
            .map(nodes)
            .unwrap_or_default()
            .into_iter()
            .chain(routers)
            .collect();
        Ok(Self {
            world: target.world.clone(),
            identity,
            controllers,
            witnesses,
        })
    }

    pub fn world(&self) -> &WorldId {
        &self.world
    }

    /// What each controller says, in the order of their seats.
    pub async fn each(&self) -> Vec<(String, Result<Held, CallError>)> {
        let asked = self.controllers.iter().map(|(name, client)| async move {
            let answer = match tokio::time::timeout(ANSWER_WITHIN, client.overview()).await {
                Ok(answer) => answer.map(|overview| Held::new(name, client, &overview)),
                Err(_) => Err(CallError::Unreachable {
                    addresses: name.clone(),
                    last: format!("no answer within {} s", ANSWER_WITHIN.as_secs()),
                }),
            };
            (name.clone(), answer)
        });
        join_all(asked).await
    }

    /// The controller that holds most of it.
    ///
    /// # Errors
    /// When none answers, or none of them to this certificate.
    pub async fn fullest(&self) -> Result<Held> {
        let mut failed = None;
        let mut best: Option<Held> = None;
        for (_, answer) in self.each().await {
            match answer {
                Ok(held) if best.as_ref().is_none_or(|best| held.held_to > best.held_to) => best = Some(held),
                Ok(_) => {}
                Err(error) => failed = Some(error),
            }
        }
        match (best, failed) {
            (Some(best), _) => Ok(best),
            (None, Some(error)) => Err(operator::explain(error)),
            (None, None) => Err(Hinted::new("the world has no controllers", &["cellctl dev status"]).into()),
        }
    }

    /// What routers and nodes have seen.
    pub async fn seen(&self) -> Seen {
        let asked = self.witnesses.iter().map(|(name, address, expect)| async move {
            (name, heads::fetch(address, &self.identity, expect.clone()).await)
        });
        let mut seen = Seen::default();
        for (name, answer) in join_all(asked).await {
            match answer {
                Ok(heads) => {
                    seen.answered += 1;
                    let witness = |told: &heads::SeenHead| Witness {
                        name: name.clone(),
                        head: head(told.head),
                    };
                    seen.witnesses.extend(heads.iter().map(witness));
                }
                Err(error) => {
                    let why = anyhow::Error::new(error);
                    seen.silent.push((name.clone(), format!("{why:#}")));
                }
            }
        }
        seen
    }
}

/// The nodes, as the controllers know them.
fn nodes(status: &WorldStatus) -> Vec<(String, String, Expect)> {
    let table = &status.table;
    let known = table.nodes.iter().filter_map(|(id, node)| {
        let region = table.cells.get(&id.cell)?.region.clone();
        let expect = Expect::Node {
            node: id.clone(),
            region,
        };
        Some((format!("node {id}"), node.address.clone(), expect))
    });
    known.collect()
}

impl Held {
    fn new(name: &str, client: &LedgerClient, overview: &Overview) -> Self {
        Self {
            name: name.to_owned(),
            client: client.clone(),
            begins: head(overview.begins),
            head: head(overview.head),
            sealed: overview.sealed.iter().map(sealed).collect(),
            held_to: overview.held_to,
        }
    }
}

fn head(told: LedgerHead) -> Head {
    Head {
        sequence: told.sequence,
        hash: Digest::from_bytes(told.hash),
    }
}

fn sealed(told: &SealedSegment) -> Sealed {
    Sealed {
        first: told.first,
        last: told.last,
        previous: Digest::from_bytes(told.previous),
        hash: Digest::from_bytes(told.hash),
        bytes: told.bytes,
        digest: Digest::from_bytes(told.digest),
    }
}
