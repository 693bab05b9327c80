//! The router's door as an app sees it: an HTTPS client that trusts the world's root and nothing else.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use anyhow::{Context, Result};
use platform_model::HomeId;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::layout::Layout;
use super::seats::places;

/// For one request, its body and its answer.
const REQUEST_WITHIN: Duration = Duration::from_secs(30);

/// Resolves names below `localhost` to the loopback, as RFC 6761 wants it, and no others: an app of a development
/// world finds every home's host without any entry on this machine.
struct Loopback;

impl Resolve for Loopback {
    fn resolve(&self, name: Name) -> Resolving {
        let is_local = name.as_str() == "localhost" || name.as_str().ends_with(".localhost");
        let name = name.as_str().to_owned();
        Box::pin(async move {
            if is_local {
                let address: Addrs = Box::new(std::iter::once(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))));
                Ok(address)
            } else {
                Err(format!("{name} is not below localhost").into())
            }
        })
    }
}

/// A client of the door.
///
/// # Errors
/// When the root certificate cannot be read.
pub fn client(layout: &Layout) -> Result<reqwest::Client> {
    let path = layout.root_certificate();
    let pem = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let root = reqwest::Certificate::from_pem(&pem)
        .with_context(|| format!("{} is no certificate", path.display()))?;
    let builder = reqwest::Client::builder()
        .tls_certs_only([root])
        .dns_resolver(Loopback)
        .timeout(REQUEST_WITHIN);
    builder
        .https_only(true)
        .build()
        .context("cannot make an HTTPS client")
}

/// The home as it stands in a path: `eu~eu-central`.
pub fn in_path(home: &HomeId) -> String {
    format!("{}~{}", home.jurisdiction, home.region)
}

/// Why the door does not let everyone through yet: an empty login is sent to each home, whose node must refuse it.
pub async fn not_ready(client: &reqwest::Client, url: &str) -> Option<String> {
    for home in places().into_iter().map(|place| place.home) {
        let path = format!("{url}/v1/homes/{}/login", in_path(&home));
        let sent = client
            .post(path)
            .header("content-type", "application/json")
            .body("{}")
            .send();
        match sent.await.map(|answer| answer.status().as_u16()) {
            // Refused by the node, which therefore was reached.
            Ok(400 | 401 | 415 | 422) => {}
            Ok(status) => return Some(format!("the door answers {status} for {home}")),
            Err(error) => return Some(format!("the door does not answer: {}", innermost(&error))),
        }
    }
    None
}

/// The cause that says most.
pub fn innermost(error: &(dyn std::error::Error + 'static)) -> String {
    let mut cause = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn names_below_localhost_are_this_machine_and_no_others_are_known() {
        let addresses = |text: &str| Loopback.resolve(text.parse().expect("a name"));
        let found: Vec<_> = addresses("eu-central.eu.meridian.localhost")
            .await
            .expect("local")
            .collect();
        assert_eq!(found, [SocketAddr::from(([127, 0, 0, 1], 0))]);
        assert!(addresses("example.com").await.is_err());
    }
}
