//! What `world check` looks at, all at once. Nothing is judged here.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Result;
use futures::future::join_all;
use platform_runtime::clock::Clock;
use platform_runtime::tls::{Expect, Identity};
use platform_wire::admin::{AdminClient, WorldStatus};
use platform_wire::inside;

use crate::contexts::Target;
use crate::world::ledgers::{Ledgers, Seen as Heads};

/// How long one controller has to answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(4);

/// One look at a world.
pub struct Seen {
    /// Name of the context -> what that controller knows, and the answer's clock beside ours.
    pub controllers: Vec<(String, Result<Controller, String>)>,
    /// Name -> figures of the router.
    pub routers: Vec<(String, Result<Router, String>)>,
    /// As the leader tells it: the fullest answer.
    pub world: Option<WorldStatus>,
    /// Whose certificate -> how long it is still good.
    pub certificates: BTreeMap<String, Duration>,
    /// Nodes of which no certificate could be seen, and why.
    pub silent_nodes: Vec<(String, String)>,
    /// Ends of the ledger: who -> (sequence, hash in hex).
    pub ends: Vec<(String, u64, String)>,
    pub heads: Heads,
    /// Address -> name in the context.
    pub addresses: BTreeMap<String, String>,
}

pub struct Controller {
    pub status: WorldStatus,
    /// Its clock less ours, in milliseconds; half of the time that the call took is the error.
    pub ahead_ms: i64,
    pub error_ms: i64,
}

pub struct Router {
    pub table: Option<u64>,
}

/// Looks once.
///
/// # Errors
/// When the certificate of whoever asks cannot be used.
pub async fn at(target: &Target, clock: &Clock) -> Result<Seen> {
    let identity = target.identity()?;
    let controllers = ask_controllers(target, &identity, clock).await?;
    let leader = fullest(&controllers);
    let world = match leader {
        Some(_) => target.admin()?.status().await.ok(),
        None => None,
    };
    let ledgers = Ledgers::of_known(target, world.as_ref())?;
    let (heads, ends) = (ledgers.seen().await, ends(&ledgers).await);
    let mut seen = Seen {
        controllers,
        routers: Vec::new(),
        world,
        certificates: BTreeMap::new(),
        silent_nodes: Vec::new(),
        ends,
        heads,
        addresses: target
            .controllers
            .iter()
            .map(|(name, address)| (address.clone(), name.clone()))
            .collect(),
    };
    let own = identity.expires_s().saturating_sub(clock.unix_s());
    seen.certificates
        .insert("your own".to_owned(), Duration::from_secs(own));
    certificates(target, &identity, &mut seen).await;
    Ok(seen)
}

fn fullest(controllers: &[(String, Result<Controller, String>)]) -> Option<&WorldStatus> {
    controllers
        .iter()
        .find_map(|(_, answer)| answer.as_ref().ok().map(|known| &known.status))
}

async fn ask_controllers(
    target: &Target,
    identity: &Identity,
    clock: &Clock,
) -> Result<Vec<(String, Result<Controller, String>)>> {
    let mut asked = Vec::new();
    for (name, address) in &target.controllers {
        let alone = AdminClient::connect(vec![address.clone()], identity.clone(), clock.clone())?;
        asked.push(async move {
            let (began, sent) = (clock.monotonic(), clock.unix_ms());
            let answer = match tokio::time::timeout(ANSWER_WITHIN, alone.insight(true)).await {
                Ok(answer) => answer.map_err(|error| error.to_string()),
                Err(_) => Err(format!("no answer within {} s", ANSWER_WITHIN.as_secs())),
            };
            let took_ms =
                i64::try_from(clock.monotonic().saturating_sub(began).as_millis()).unwrap_or(i64::MAX);
            let ours = i64::try_from(sent)
                .unwrap_or(i64::MAX)
                .saturating_add(took_ms / 2);
            let known = answer.map(|status| {
                let theirs = status.insight.as_ref().map(|insight| insight.clock_ms);
                let theirs = theirs.and_then(|ms| i64::try_from(ms).ok()).unwrap_or(ours);
                Controller {
                    status,
                    ahead_ms: theirs.saturating_sub(ours),
                    error_ms: took_ms / 2,
                }
            });
            (name.clone(), known)
        });
    }
    Ok(join_all(asked).await)
}

async fn ends(ledgers: &Ledgers) -> Vec<(String, u64, String)> {
    let answers = ledgers.each().await.into_iter();
    let ends = answers.filter_map(|(name, held)| held.ok().map(|held| (name, held.head)));
    ends.map(|(name, head)| (name, head.sequence, head.hash.to_string()))
        .collect()
}

/// Every other process shows its certificate; routers tell their table besides.
async fn certificates(target: &Target, identity: &Identity, seen: &mut Seen) {
    let mut asked = Vec::new();
    for (name, address) in &target.controllers {
        asked.push((name.clone(), address.clone(), Expect::Controller));
    }
    for (name, address) in &target.routers {
        asked.push((name.clone(), address.clone(), Expect::Router));
    }
    for (id, node) in seen.world.iter().flat_map(|world| &world.table.nodes) {
        let cell = seen
            .world
            .as_ref()
            .and_then(|world| world.table.cells.get(&id.cell));
        let Some(cell) = cell else { continue };
        let (node_id, region) = (id.clone(), cell.region.clone());
        let expect = Expect::Node {
            node: node_id,
            region,
        };
        asked.push((format!("node {id}"), node.address.clone(), expect));
    }
    let answers = join_all(asked.into_iter().map(|(name, address, expect)| async move {
        let answer = inside::get(&address, identity, expect, inside::METRICS).await;
        (
            name,
            answer.map_err(|error| format!("{:#}", anyhow::Error::new(error))),
        )
    }))
    .await;
    for (name, answer) in answers {
        take(name, answer, target, seen);
    }
}

fn take(name: String, answer: Result<inside::Answer, String>, target: &Target, seen: &mut Seen) {
    if let Ok(answer) = &answer
        && let Some(left) = answer.certificate_left
    {
        seen.certificates.insert(name.clone(), left);
    }
    if target.routers.contains_key(&name) {
        let router = answer.map(|answer| Router {
            table: inside::gauge(&String::from_utf8_lossy(&answer.body), "router_table_generation"),
        });
        seen.routers.push((name, router));
    } else if let Err(why) = answer
        && !target.controllers.contains_key(&name)
    {
        seen.silent_nodes.push((name, why));
    }
}
