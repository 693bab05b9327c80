//! The life of one person, as good requests through every route, each value a canary.

mod wishes;

use std::collections::BTreeSet;

use anyhow::{Result, bail};
use platform_model::{IdempotencyKey, ShardId, UserId, header};
use serde_json::{Value, json};
use uuid::Uuid;

use super::client::{Came, Client, Door, Sent, node_home};
use super::files::{self, Told};
use super::values::Canaries;

/// Shards of each home of a development world.
const ROOT_SHARDS: u16 = 8;
/// Points of each workout.
const POINTS: usize = 5;

/// Somebody with his own canaries.
pub struct Person<'a> {
    client: &'a Client,
    door: Door,
    canaries: &'a mut Canaries,
    country: &'static str,
    email: String,
    password: String,
    pub user: UserId,
    pub home: String,
    host: String,
    pub access: String,
    refresh: String,
    /// Routes whose good requests were answered well.
    pub walked: BTreeSet<String>,
    /// `trace` of the request that leaves a line in the log of a node.
    pub trace: String,
}

impl<'a> Person<'a> {
    /// A person of a country who comes in at a door. Nothing is sent yet.
    pub fn new(client: &'a Client, door: Door, country: &'static str, canaries: &'a mut Canaries) -> Self {
        let email = canaries.value("e-mail address", |canary| {
            format!("{canary}+tag@{canary}.Example")
        });
        let password = canaries.value("password", |canary| format!("{canary} \"quoted\" pass"));
        Self {
            client,
            door,
            canaries,
            country,
            email,
            password,
            user: UserId::from_uuid(Uuid::nil()),
            home: String::new(),
            host: String::new(),
            access: String::new(),
            refresh: String::new(),
            walked: BTreeSet::new(),
            trace: format!("{:032x}", platform_runtime::random::uuid_v7().as_u128()),
        }
    }

    /// Walks every route that there is.
    ///
    /// # Errors
    /// A good request was refused: then its canaries are not where they should be looked for.
    pub async fn live(&mut self) -> Result<()> {
        self.register().await?;
        self.come_back().await?;
        self.profile().await?;
        // Before anything that followers are told of.
        let follower = self.admit_follower().await?;
        let name = self
            .canaries
            .value("display name", |canary| format!("{canary} é"));
        let title = self.canaries.text("workout title");
        for kind in ["gpx", "tcx", "fit"] {
            self.workout(kind, &title).await?;
        }
        self.rename(&name).await?;
        self.dismiss_follower(&follower).await?;
        self.wish().await?;
        self.take_along(&name).await?;
        self.leave().await
    }

    /// Comes in, and no more.
    ///
    /// # Errors
    /// As [`Self::live`].
    pub async fn register(&mut self) -> Result<()> {
        let name = self
            .canaries
            .value("first display name", |canary| format!("Zoë {canary}"));
        let key = self
            .canaries
            .key(&format!("idempotency key of a registration in {}", self.country));
        self.user = UserId::from_registration(IdempotencyKey::new(key)?);
        let body = json!({ "email": self.email, "password": self.password, "display_name": name });
        let mut sent = self.sent("POST", &format!("/v1/register/{}", self.country), Some(&body));
        sent.headers
            .push((header::IDEMPOTENCY_KEY.into(), key.to_string()));
        let came = self.good("POST /v1/register/{country}", &sent, 201).await?;
        self.take(&came.json());
        // A retry, which meets the stored outcome.
        let again = self.good("POST /v1/register/{country}", &sent, 201).await?;
        self.take(&again.json());
        Ok(())
    }

    async fn come_back(&mut self) -> Result<()> {
        let mut sent = self.sent("POST", "/v1/locate", Some(&json!({ "email": self.email })));
        sent.host.clear();
        self.good("POST /v1/locate", &sent, 200).await?;
        let body = json!({ "email": self.email, "password": self.password });
        let path = format!("/v1/homes/{}/login", self.home.replace('/', "~"));
        let sent = self.sent("POST", &path, Some(&body));
        let came = self.good("POST /v1/homes/{home}/login", &sent, 200).await?;
        self.take(&came.json());
        self.refresh().await
    }

    /// A refresh, and then the old token once too often: the session ends, and the node says so in its log.
    async fn refresh(&mut self) -> Result<()> {
        let spent = self.refresh.clone();
        for _ in 0..2 {
            let mut sent = self.sent("POST", "/v1/sessions/refresh", None);
            bear(&mut sent, &self.refresh);
            let came = self.good("POST /v1/sessions/refresh", &sent, 200).await?;
            self.take(&came.json());
        }
        let mut sent = self.sent("POST", "/v1/sessions/refresh", None);
        bear(&mut sent, &spent);
        let trace = format!("00-{}-b7ad6b7169203331-01", self.trace);
        sent.headers.push((header::TRACEPARENT.into(), trace));
        let refused = self.client.send(self.door, &sent).await?;
        if refused.status != 401 {
            bail!("a refresh token that was used twice: {}", refused.status);
        }
        let body = json!({ "email": self.email, "password": self.password });
        let path = format!("/v1/homes/{}/login", self.home.replace('/', "~"));
        let sent = self.sent("POST", &path, Some(&body));
        let came = self.good("POST /v1/homes/{home}/login", &sent, 200).await?;
        self.take(&came.json());
        Ok(())
    }

    async fn profile(&mut self) -> Result<()> {
        let sent = self.own("GET", "/v1/profile");
        let came = self.good("GET /v1/profile", &sent, 200).await?;
        let shown = came.json()["email"].as_str().unwrap_or_default().to_owned();
        // What is looked for must have been stored: else nothing that is found proves anything.
        if !shown.eq_ignore_ascii_case(&self.email) {
            bail!("the profile shows {shown}, not the canary");
        }
        Ok(())
    }

    /// Somebody whom nobody knows, in the same home: what he is told stays where it was told, sealed.
    async fn admit_follower(&mut self) -> Result<String> {
        let follower = platform_runtime::random::uuid_v7().to_string();
        let mut sent = self.own("POST", "/v1/followers");
        sent.body = json!({ "user": follower, "home": self.home })
            .to_string()
            .into_bytes();
        self.keyed(&mut sent, "a follower who is let in");
        self.good("POST /v1/followers", &sent, 204).await?;
        Ok(follower)
    }

    async fn dismiss_follower(&mut self, follower: &str) -> Result<()> {
        let sent = self.own("GET", "/v1/followers");
        let came = self.good("GET /v1/followers", &sent, 200).await?;
        if came.json()["items"][0]["user"] != *follower {
            bail!("the follower is not there: {}", came.json());
        }
        for (route, path) in [
            ("GET /v1/following", "/v1/following"),
            ("GET /v1/following/activities", "/v1/following/activities?limit=1"),
        ] {
            let sent = self.own("GET", path);
            self.good(route, &sent, 200).await?;
        }
        let mut sent = self.own("DELETE", &format!("/v1/followers/{follower}"));
        self.keyed(&mut sent, "a follower who is let go");
        self.good("DELETE /v1/followers/{user}", &sent, 204).await?;
        Ok(())
    }

    /// Everything that is held of him, to its end.
    async fn take_along(&mut self, name: &str) -> Result<()> {
        let (mut path, mut held) = (Some("/v1/export".to_owned()), String::new());
        while let Some(asked) = path {
            let sent = self.own("GET", &asked);
            let page = self.good("GET /v1/export", &sent, 200).await?.json();
            held.push_str(&page["items"].to_string());
            let next = page["next_cursor"].as_str();
            path = next.map(|cursor| format!("/v1/export?cursor={cursor}"));
        }
        // The third workout was removed.
        if !held.contains(name) || held.matches("\"kind\":\"activity\"").count() != 2 {
            bail!("not all that is held of him comes along: {held}");
        }
        Ok(())
    }

    async fn rename(&mut self, name: &str) -> Result<()> {
        let mut sent = self.own("PATCH", "/v1/profile");
        sent.body = json!({ "display_name": name }).to_string().into_bytes();
        self.keyed(&mut sent, "a change");
        sent.headers.push(("if-match".into(), "\"1\"".into()));
        let came = self.good("PATCH /v1/profile", &sent, 200).await?;
        if came.json()["display_name"] != *name {
            bail!("the name was not changed");
        }
        Ok(())
    }

    async fn workout(&mut self, kind: &str, title: &str) -> Result<()> {
        let told = self.told(title);
        let body = match kind {
            "gpx" => files::gpx(&told),
            "tcx" => files::tcx(&told),
            _ => files::fit(&told, platform_runtime::random::u64() as u32 | 0x8000_0000),
        };
        self.canaries
            .bytes("piece of a workout file", &body[body.len() / 2..][..24]);
        let mut sent = self.own("POST", "/v1/activities");
        sent.body = body.clone();
        self.keyed(&mut sent, "an upload");
        sent.headers
            .push(("content-type".into(), "application/octet-stream".into()));
        let came = self.good("POST /v1/activities", &sent, 201).await?;
        let id = came.json()["id"].as_str().unwrap_or_default().to_owned();
        self.read_workout(&id, &body, title, &told.positions[1].latitude)
            .await?;
        self.retitle(&id).await?;
        if kind == "gpx" {
            let mut sent = self.own("DELETE", &format!("/v1/activities/{id}"));
            self.keyed(&mut sent, "a removal");
            self.good("DELETE /v1/activities/{id}", &sent, 204).await?;
        }
        Ok(())
    }

    async fn retitle(&mut self, id: &str) -> Result<()> {
        let title = self.canaries.text("changed workout title");
        let mut sent = self.own("PATCH", &format!("/v1/activities/{id}"));
        sent.body = json!({ "name": title }).to_string().into_bytes();
        self.keyed(&mut sent, "a change of a title");
        let came = self.good("PATCH /v1/activities/{id}", &sent, 200).await?;
        if came.json()["name"] != *title {
            bail!("the title was not changed");
        }
        Ok(())
    }

    fn told(&mut self, title: &str) -> Told {
        Told {
            title: title.to_owned(),
            notes: self.canaries.text("workout notes"),
            device: self.canaries.text("device name"),
            serial: self.canaries.text("device serial"),
            positions: (0..POINTS).map(|_| self.canaries.position("position")).collect(),
        }
    }

    async fn read_workout(&mut self, id: &str, body: &[u8], title: &str, latitude: &f64) -> Result<()> {
        let sent = self.own("GET", "/v1/activities?limit=1");
        let came = self.good("GET /v1/activities", &sent, 200).await?;
        if let Some(cursor) = came.json()["next_cursor"].as_str() {
            self.canaries.token("cursor", cursor);
            let sent = self.own("GET", &format!("/v1/activities?limit=1&cursor={cursor}"));
            self.good("GET /v1/activities", &sent, 200).await?;
        }
        let sent = self.own("GET", &format!("/v1/activities/{id}"));
        let detail = self.good("GET /v1/activities/{id}", &sent, 200).await?.json();
        let sent = self.own("GET", &format!("/v1/activities/{id}/streams?from=0"));
        let streams = self.good("GET /v1/activities/{id}/streams", &sent, 200).await?;
        let sent = self.own("GET", &format!("/v1/activities/{id}/original"));
        let original = self.good("GET /v1/activities/{id}/original", &sent, 200).await?;
        let shown = streams.json();
        let degrees = shown["channels"]["latitude"]["values"][1].as_f64();
        // Each format keeps its own number of digits; the coarsest of them keeps six.
        let same = degrees.is_some_and(|degrees| (degrees - latitude).abs() < 1e-6);
        if original.body != body || detail["name"] != *title || !same {
            bail!("the workout {id} does not come back as it was sent: {detail} {shown}");
        }
        Ok(())
    }

    async fn leave(&mut self) -> Result<()> {
        // A session beside the own one, ended by its id.
        let body = json!({ "email": self.email, "password": self.password });
        let path = format!("/v1/homes/{}/login", self.home.replace('/', "~"));
        let sent = self.sent("POST", &path, Some(&body));
        let other = self.good("POST /v1/homes/{home}/login", &sent, 200).await?.json();
        for token in ["access_token", "refresh_token"] {
            self.canaries
                .token(token, other[token].as_str().unwrap_or_default());
        }
        let sent = self.own("GET", "/v1/sessions");
        let sessions = self.good("GET /v1/sessions", &sent, 200).await?.json();
        let items = sessions["items"].as_array().cloned().unwrap_or_default();
        let Some(id) = items
            .iter()
            .find(|item| item["current"] == false)
            .and_then(|item| item["id"].as_str())
        else {
            bail!("there is no second session: {sessions}");
        };
        let sent = self.own("DELETE", &format!("/v1/sessions/{id}"));
        self.good("DELETE /v1/sessions/{id}", &sent, 204).await?;
        let sent = self.own("DELETE", "/v1/sessions/current");
        self.good("DELETE /v1/sessions/current", &sent, 204).await?;
        Ok(())
    }

    /// Tokens of an answer: from now on they are this person's, and canaries.
    fn take(&mut self, tokens: &Value) {
        let text = |name: &str| tokens[name].as_str().unwrap_or_default().to_owned();
        (self.home, self.host) = (text("home"), text("host"));
        (self.access, self.refresh) = (text("access_token"), text("refresh_token"));
        self.canaries.token("access token", &self.access);
        self.canaries.token("refresh token", &self.refresh);
    }

    fn own(&mut self, method: &str, path: &str) -> Sent {
        let mut sent = self.sent(method, path, None);
        bear(&mut sent, &self.access);
        sent
    }

    /// Every request carries what an app and the networks on its way add.
    fn sent(&mut self, method: &str, path: &str, body: Option<&Value>) -> Sent {
        let mut headers = Vec::new();
        for name in [
            "user-agent",
            "cookie",
            "referer",
            "x-forwarded-for",
            "accept-language",
        ] {
            let canary = self.canaries.text(name);
            headers.push((name.to_owned(), canary));
        }
        if body.is_some() {
            headers.push(("content-type".into(), "application/json".into()));
        }
        Sent {
            method: method.to_owned(),
            path: path.to_owned(),
            host: self.host.clone(),
            headers,
            body: body.map(|body| body.to_string().into_bytes()).unwrap_or_default(),
            shard: Some(ShardId::of_user(&node_home(), ROOT_SHARDS, self.user)),
        }
    }

    fn keyed(&mut self, sent: &mut Sent, name: &str) {
        let name = format!("idempotency key of {name} in {}", self.country);
        let key = self.canaries.key(&name).to_string();
        sent.headers.push((header::IDEMPOTENCY_KEY.into(), key));
    }

    async fn good(&mut self, route: &str, sent: &Sent, status: u16) -> Result<Came> {
        let came = self.client.send(self.door, sent).await?;
        if came.status != status {
            let said = String::from_utf8_lossy(&came.body);
            bail!(
                "{route} through {:?}: {} instead of {status}: {said}",
                self.door,
                came.status
            );
        }
        self.walked.insert(route.to_owned());
        Ok(came)
    }
}

fn bear(sent: &mut Sent, token: &str) {
    sent.headers
        .push(("authorization".into(), format!("Bearer {token}")));
}
