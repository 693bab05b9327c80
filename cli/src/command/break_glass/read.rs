//! `break-glass read`: what an open window lets its opener see.

use anyhow::{Context, Result};
use clap::Args;
use platform_model::{BreakGlass, ShardId};
use platform_runtime::tls::{Expect, Identity};
use platform_wire::heads::{self, FetchError};

use crate::command::{As, WorldFolder};
use crate::exit::{Ended, Hinted, NOT_AUTHORISED};
use crate::printer::Printer;
use crate::world::{Folder, Layout, operator};

/// Reads the newest workouts of the person whom a window of yours is open for, as JSON. The node that is asked notes it.
#[derive(Debug, Args)]
#[command(after_help = "Example: cellctl break-glass read 3")]
pub struct Read {
    /// The window's number.
    #[arg(value_parser = clap::value_parser!(u64).range(1..))]
    number: u64,
    /// With whose certificate: the window must be his.
    #[arg(long = "as", value_enum, default_value_t = As::Sre, value_name = "ROLE")]
    who: As,
    #[command(flatten)]
    pub(super) world: WorldFolder,
}

impl Read {
    pub async fn run(&self, printer: &Printer) -> Result<Ended> {
        let client = operator::trust(&self.world.dir, self.who.person())?;
        let windows = client.read().await.map_err(operator::explain)?.break_glass;
        let found = windows.iter().find(|(number, _)| *number == self.number);
        let Some((_, window)) = found else {
            let message = format!("there is no open window {}", self.number);
            return Err(Hinted::new(message, &["cellctl break-glass list"]).into());
        };
        let status = operator::connect(&self.world.dir)?.status().await;
        let table = status.map_err(operator::explain)?.table;
        let shard: ShardId = table
            .shard_of_user(&window.home, window.subject)
            .with_context(|| format!("there is no home {}", window.home))?;
        let (route, node) = table
            .primary_of(&shard)
            .with_context(|| format!("nobody serves shard {shard}"))?;
        let layout = Layout::new(&self.world.dir);
        let world = Folder::look(&layout)?.world(&layout)?;
        let identity = Identity::load(&self.who.person().identity(&layout), &world)?;
        let cell = table
            .cells
            .get(&route.node.cell)
            .context("the shard's cell is not known")?;
        let expect = Expect::Node {
            node: route.node.clone(),
            region: cell.region.clone(),
        };
        let path = path(window)?;
        let body = heads::get(&node.address, &identity, expect, &path).await;
        let body = body.map_err(explain)?;
        printer.script(&String::from_utf8_lossy(&body));
        Ok(Ended::Ok)
    }
}

/// Where the node is asked.
fn path(window: &BreakGlass) -> Result<String> {
    let (home, subject) = (&window.home, window.subject);
    let url = format!("http://node/operator/v1/users/{home}/{subject}/training");
    let url = reqwest::Url::parse_with_params(&url, [("purpose", window.purpose.as_str())])?;
    Ok(format!("{}?{}", url.path(), url.query().unwrap_or_default()))
}

fn explain(error: FetchError) -> anyhow::Error {
    let refused = matches!(&error, FetchError::Refused { status, .. } if status.as_u16() == 403);
    let hinted = if refused {
        let message = "no window is open for you on this person: nothing was read";
        Hinted::new(message, &["cellctl break-glass open"]).exit(NOT_AUTHORISED)
    } else {
        Hinted::new("the person's node gives no answer", &["cellctl cell list"])
    };
    anyhow::Error::new(error).context(hinted)
}
