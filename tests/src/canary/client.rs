//! A client that sends what it is told and judges nothing: through the router as apps do, or straight to a node with
//! the router's own certificate.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use platform_model::{HomeId, NodeId, RegionId, ShardId, header};
use platform_runtime::tls::{Expect, Identity};
use reqwest::Method;
use serde_json::Value;

use crate::world::World;

/// For one request and its answer.
const WITHIN: Duration = Duration::from_secs(60);
/// The host name at which apps begin.
pub const COMMON_HOST: &str = "meridian.localhost";

/// The way into the platform.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Door {
    RouterHttp2,
    RouterHttp1,
    /// With the router's certificate, to the node of `eu/eu-central`.
    Node,
}

/// A request.
#[derive(Debug, Clone, Default)]
pub struct Sent {
    pub method: String,
    /// With its query.
    pub path: String,
    /// Empty: the common one.
    pub host: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// For a node only: the shard that a router would have named.
    pub shard: Option<ShardId>,
}

/// An answer.
#[derive(Debug, Clone)]
pub struct Came {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Came {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        let header = self.headers.iter().find(|(found, _)| found == name);
        header.map(|(_, value)| value.as_str())
    }
}

/// All three ways.
pub struct Client {
    http2: reqwest::Client,
    http1: reqwest::Client,
    node: reqwest::Client,
    router_port: u16,
    node_port: u16,
}

impl Client {
    /// # Errors
    /// The world's certificates cannot be used.
    pub fn new(world: &World) -> Result<Self> {
        let root = fs::read(world.root().join("authority/ca.pem"))?;
        let root = reqwest::Certificate::from_pem(&root)?;
        let app = || {
            let hosts =
                ["eu-central.eu", "eu-west.eu", "us-east.us"].map(|home| format!("{home}.{COMMON_HOST}"));
            let here = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
            let builder = reqwest::Client::builder()
                .tls_certs_only([root.clone()])
                .timeout(WITHIN)
                .resolve(COMMON_HOST, here);
            hosts
                .iter()
                .fold(builder, |builder, host| builder.resolve(host, here))
        };
        Ok(Self {
            http2: app().build()?,
            http1: app().http1_only().build()?,
            node: as_router(&world.root().join("routerd-1/identity"), world, expected_node()?)?,
            router_port: world.port("routerd-1"),
            node_port: world.port("celld-eu-central-1"),
        })
    }

    /// Sends, and reads the whole answer. `Err`: there was none.
    ///
    /// # Errors
    /// The request cannot be written, or the connection ended.
    pub async fn send(&self, door: Door, sent: &Sent) -> Result<Came> {
        let method = Method::from_bytes(sent.method.as_bytes())?;
        let mut request = match door {
            Door::RouterHttp2 => self.http2.request(method, self.router_url(sent)),
            Door::RouterHttp1 => self.http1.request(method, self.router_url(sent)),
            Door::Node => {
                let url = format!("https://127.0.0.1:{}{}", self.node_port, sent.path);
                self.node.request(method, url)
            }
        };
        if door == Door::Node {
            let shard = sent.shard.clone().unwrap_or_else(|| ShardId::Root {
                home: node_home(),
                index: 0,
            });
            request = request
                .header(header::SHARD, shard.to_string())
                .header(header::EPOCH, "1");
        }
        for (name, value) in &sent.headers {
            request = request.header(name, value);
        }
        let response = request.body(sent.body.clone()).send().await?;
        let headers = response.headers().iter();
        let headers = headers.map(|(name, value)| {
            let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
            (name.to_string(), value)
        });
        Ok(Came {
            status: response.status().as_u16(),
            headers: headers.collect(),
            body: response.bytes().await?.to_vec(),
        })
    }

    fn router_url(&self, sent: &Sent) -> String {
        let host = if sent.host.is_empty() {
            COMMON_HOST
        } else {
            &sent.host
        };
        format!("https://{host}:{}{}", self.router_port, sent.path)
    }
}

/// The home behind [`Door::Node`].
pub fn node_home() -> HomeId {
    "eu/eu-central".parse().expect("a home")
}

fn expected_node() -> Result<Expect> {
    let (node, region): (NodeId, RegionId) = ("eu-central-1/0".parse()?, "eu-central".parse()?);
    Ok(Expect::Node { node, region })
}

/// A client with the identity in a folder, which meets only whom it expects.
///
/// # Errors
/// The identity cannot be used.
pub fn as_router(identity: &Path, world: &World, expect: Expect) -> Result<reqwest::Client> {
    let identity = Identity::load(identity, &world.id()?)?;
    let tls = rustls::ClientConfig::clone(&identity.client_config(expect));
    let builder = reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .timeout(WITHIN);
    builder.build().context("a client with the router's identity")
}
