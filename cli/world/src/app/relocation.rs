//! A person changes home, as he asks for it himself.

use platform_model::HomeId;
use reqwest::Method;
use serde::Deserialize;
use serde_json::json;

use super::{App, Failure, Kind, Person};

/// How a person's relocation stands, at the home where he lives.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Relocation {
    pub phase: String,
    /// The other home: where to, or where he came from.
    pub home: Option<String>,
    #[serde(default)]
    pub outcome: String,
}

impl App {
    /// He asks to live in another home, and consents to it. May be sent again.
    pub async fn relocate(&self, person: &Person, to: &HomeId) -> Result<Relocation, Failure> {
        let request = self
            .by(person, Method::PUT, "/v1/relocation")
            .json(&json!({ "home": to, "consent": true }));
        self.send(Kind::Relocate, request).await?.read()
    }

    pub async fn relocation(&self, person: &Person) -> Result<Relocation, Failure> {
        let request = self.by(person, Method::GET, "/v1/relocation");
        self.send(Kind::Relocation, request).await?.read()
    }

    /// He wants it no more.
    pub async fn withdraw_relocation(&self, person: &Person) -> Result<Relocation, Failure> {
        let request = self.by(person, Method::DELETE, "/v1/relocation");
        self.send(Kind::Relocate, request).await?.read()
    }
}
