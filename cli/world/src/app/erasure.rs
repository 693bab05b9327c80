//! A person asks to be erased.

use reqwest::Method;
use serde::Deserialize;
use serde_json::json;

use super::{App, Failure, Kind, Person};

/// It was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct Certified {
    /// Number of the decision in the ledger.
    pub certificate: Option<u64>,
}

impl App {
    /// For ever, by the person's password.
    pub async fn erase(&self, person: &Person) -> Result<Certified, Failure> {
        let request = self
            .by(person, Method::POST, "/v1/erasure")
            .json(&json!({ "password": person.password, "forever": true }));
        self.send(Kind::Erase, request).await?.read()
    }
}
