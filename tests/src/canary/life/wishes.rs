//! What a person asks for that would take him away: asked for so that it stays a wish, for what is looked for is looked for where he
//! lives.

use anyhow::{Result, bail};
use serde_json::json;

use super::Person;

impl Person<'_> {
    pub(super) async fn wish(&mut self) -> Result<()> {
        self.ask_for_another_home().await?;
        self.ask_to_be_erased().await
    }

    /// A home abroad, where the law lets no credentials of the EU go, or the one where he lives: it stays a wish.
    async fn ask_for_another_home(&mut self) -> Result<()> {
        let wish = "us/us-east";
        let status = if self.home == wish { 202 } else { 451 };
        let mut sent = self.own("PUT", "/v1/relocation");
        sent.body = json!({ "home": wish, "consent": true }).to_string().into_bytes();
        self.good("PUT /v1/relocation", &sent, status).await?;
        let sent = self.own("GET", "/v1/relocation");
        let came = self.good("GET /v1/relocation", &sent, 200).await?;
        if came.json()["phase"] != "at-home" {
            bail!("somebody moves: {}", came.json());
        }
        let sent = self.own("DELETE", "/v1/relocation");
        self.good("DELETE /v1/relocation", &sent, 409).await?;
        Ok(())
    }

    /// By a password that is not his.
    async fn ask_to_be_erased(&mut self) -> Result<()> {
        let wrong = self.canaries.text("password of nobody");
        let body = json!({ "password": wrong, "forever": true });
        let mut sent = self.own("POST", "/v1/erasure");
        sent.headers
            .push(("content-type".into(), "application/json".into()));
        sent.body = body.to_string().into_bytes();
        self.good("POST /v1/erasure", &sent, 401).await?;
        Ok(())
    }
}
