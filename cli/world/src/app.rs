//! An app: a client of the router that knows one URL to begin with, and learns each person's home from the answers.
//!
//! It repeats nothing: whether a failed request may be sent again is for the steps to say.

mod answer;
mod erasure;
mod export;
mod following;
mod kind;
mod relocation;
pub mod track;
mod views;

use std::sync::Arc;

use anyhow::Result;
use bytes::Bytes;
use platform_model::header::{IDEMPOTENCY_KEY, POSITION};
use platform_model::{CountryCode, EpochPosition, HomeId, UserId};
use platform_runtime::clock::Clock;
use platform_runtime::random;
use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value, json};
use uuid::Uuid;

pub use answer::{Answer, Failure};
pub use erasure::Certified;
pub use export::{Item, TakenAlong};
pub use following::{Followed, Follower, Shared, SharedPage};
pub use kind::{Kind, Nobody, Observer};
pub use relocation::Relocation;
pub use views::{Activity, Figures, Page, Place, Profile, Tokens};

use crate::door::in_path;

/// Cheap to clone; clones share connections.
#[derive(Clone)]
pub struct App {
    http: Client,
    /// The one URL: scheme, common host, port.
    url: String,
    /// Homes are behind the same door: their hosts have its port.
    port: String,
    observer: Arc<dyn Observer>,
}

/// Somebody who uses the app.
#[derive(Clone)]
pub struct Person {
    pub name: String,
    pub country: CountryCode,
    pub email: String,
    pub password: String,
    pub user: UserId,
    pub home: HomeId,
    pub host: String,
    pub access: String,
    pub refresh: String,
}

impl Person {
    /// The tokens of a later answer take the place of those before.
    pub fn take(&mut self, tokens: Tokens) {
        self.access = tokens.access_token;
        self.refresh = tokens.refresh_token;
    }
}

/// Who comes in: name, country, address.
pub struct Newcomer {
    pub name: String,
    pub country: CountryCode,
    pub email: String,
}

/// The password of everyone.
const PASSWORD: &str = "correct horse battery staple";

impl App {
    pub fn new(http: Client, url: &str) -> Self {
        let port = url.rsplit(':').next().unwrap_or_default().to_owned();
        Self {
            http,
            url: url.to_owned(),
            port,
            observer: Arc::new(Nobody),
        }
    }

    /// The same app; how its requests end is told here.
    #[must_use]
    pub fn counted<O: Observer + 'static>(&self, observer: &Arc<O>) -> Self {
        let observer: Arc<dyn Observer> = Arc::<O>::clone(observer);
        Self {
            observer,
            ..self.clone()
        }
    }

    pub async fn register(&self, newcomer: Newcomer) -> Result<Person, Failure> {
        self.register_under(newcomer, random::uuid_v7()).await
    }

    /// As [`Self::register`], under a key with which it can be sent again.
    pub async fn register_under(&self, newcomer: Newcomer, key: Uuid) -> Result<Person, Failure> {
        let body = json!({ "email": newcomer.email, "password": PASSWORD, "display_name": newcomer.name });
        let request = self.at_door(Method::POST, &format!("/v1/register/{}", newcomer.country));
        let tokens: Tokens = self
            .send(Kind::Register, with_key(request.json(&body), key))
            .await?
            .read()?;
        let Newcomer { name, country, email } = newcomer;
        Ok(Person {
            name,
            country,
            email,
            password: PASSWORD.to_owned(),
            user: tokens.user,
            home: tokens.home,
            host: tokens.host,
            access: tokens.access_token,
            refresh: tokens.refresh_token,
        })
    }

    /// Where the holder of an address lives.
    pub async fn locate(&self, email: &str) -> Result<Place, Failure> {
        let request = self
            .at_door(Method::POST, "/v1/locate")
            .json(&json!({ "email": email }));
        self.send(Kind::Locate, request).await?.read()
    }

    /// A session of its own, beside the one that the person has.
    pub async fn log_in(&self, place: &Place, person: &Person) -> Result<Tokens, Failure> {
        let body = json!({ "email": person.email, "password": person.password });
        let path = format!("/v1/homes/{}/login", in_path(&place.home));
        self.send(Kind::Login, self.at(Method::POST, &place.host, &path).json(&body))
            .await?
            .read()
    }

    /// As [`Self::log_in`], by an address alone: everyone has the same password.
    pub async fn log_in_as(&self, place: &Place, email: &str) -> Result<Tokens, Failure> {
        let body = json!({ "email": email, "password": PASSWORD });
        let path = format!("/v1/homes/{}/login", in_path(&place.home));
        self.send(Kind::Login, self.at(Method::POST, &place.host, &path).json(&body))
            .await?
            .read()
    }

    pub async fn refresh(&self, person: &Person) -> Result<Tokens, Failure> {
        let request = self
            .at(Method::POST, &person.host, "/v1/sessions/refresh")
            .bearer_auth(&person.refresh);
        self.send(Kind::Refresh, request).await?.read()
    }

    /// Ends the session of an access token.
    pub async fn log_out(&self, host: &str, access: &str) -> Result<(), Failure> {
        let request = self
            .at(Method::DELETE, host, "/v1/sessions/current")
            .bearer_auth(access);
        self.send(Kind::LogOut, request).await.map(|_| ())
    }

    pub async fn profile(&self, person: &Person) -> Result<Profile, Failure> {
        self.send(Kind::ReadProfile, self.by(person, Method::GET, "/v1/profile"))
            .await?
            .read()
    }

    /// A profile that is not older than a write that the app has seen.
    pub async fn profile_since(
        &self,
        person: &Person,
        seen: Option<EpochPosition>,
    ) -> Result<Profile, Failure> {
        let mut request = self.by(person, Method::GET, "/v1/profile");
        if let Some(seen) = seen {
            request = request.header(POSITION, seen.to_string());
        }
        self.send(Kind::ReadProfile, request).await?.read()
    }

    pub async fn rename(&self, person: &Person, name: &str) -> Result<Profile, Failure> {
        self.rename_under(person, name, random::uuid_v7()).await?.read()
    }

    /// As [`Self::rename`], under a key with which it can be sent again.
    pub async fn rename_under(&self, person: &Person, name: &str, key: Uuid) -> Result<Answer, Failure> {
        let body = json!({ "display_name": name });
        let request = self.by(person, Method::PATCH, "/v1/profile").json(&body);
        self.send(Kind::ChangeProfile, with_key(request, key)).await
    }

    /// Sends a file under a key; the answer says whether it is new (201) or was there (200).
    pub async fn upload(&self, person: &Person, bytes: Bytes, key: Uuid) -> Result<(u16, Activity), Failure> {
        let answer = self.send_file(person, bytes, key).await?;
        Ok((answer.status, answer.read()?))
    }

    /// As [`Self::upload`]: the answer as it came, which also says where the write stands in the shard's log.
    pub async fn send_file(&self, person: &Person, bytes: Bytes, key: Uuid) -> Result<Answer, Failure> {
        let request = with_key(self.by(person, Method::POST, "/v1/activities"), key);
        let request = request
            .header("content-type", "application/octet-stream")
            .body(bytes);
        self.send(Kind::Upload, request).await
    }

    pub async fn activity(&self, person: &Person, id: Uuid) -> Result<Activity, Failure> {
        self.send(
            Kind::Detail,
            self.by(person, Method::GET, &format!("/v1/activities/{id}")),
        )
        .await?
        .read()
    }

    /// Whether an activity is not there (any more): the refusal is the answer that is wanted.
    pub async fn is_gone(&self, person: &Person, id: Uuid) -> Result<bool, Failure> {
        let request = self.by(person, Method::GET, &format!("/v1/activities/{id}"));
        let gone = |outcome: &Result<Answer, Failure>| {
            outcome
                .as_ref()
                .is_err_and(|failure| failure.code() == "not-found")
        };
        match self.counted_exchange(Kind::Detail, request, gone).await {
            Ok(_) => Ok(false),
            Err(failure) if failure.code() == "not-found" => Ok(true),
            Err(failure) => Err(failure),
        }
    }

    /// The very bytes that were sent.
    pub async fn original(&self, person: &Person, id: Uuid) -> Result<Bytes, Failure> {
        let request = self.by(person, Method::GET, &format!("/v1/activities/{id}/original"));
        Ok(self.send(Kind::Original, request).await?.body)
    }

    /// Gives an activity a title, under a key with which it can be sent again.
    pub async fn retitle_under(
        &self,
        person: &Person,
        id: Uuid,
        title: &str,
        key: Uuid,
    ) -> Result<Answer, Failure> {
        let request = self.by(person, Method::PATCH, &format!("/v1/activities/{id}"));
        let request = request.json(&json!({ "name": title }));
        self.send(Kind::ChangeTitle, with_key(request, key)).await
    }

    pub async fn delete(&self, person: &Person, id: Uuid) -> Result<(), Failure> {
        let request = with_key(
            self.by(person, Method::DELETE, &format!("/v1/activities/{id}")),
            random::uuid_v7(),
        );
        self.send(Kind::Delete, request).await.map(|_| ())
    }

    /// One page of a person's activities, newest first.
    pub async fn page(&self, person: &Person, cursor: Option<&str>) -> Result<Page, Failure> {
        let path = match cursor {
            Some(cursor) => format!("/v1/activities?limit=100&cursor={cursor}"),
            None => "/v1/activities?limit=100".to_owned(),
        };
        self.send(Kind::List, self.by(person, Method::GET, &path))
            .await?
            .read()
    }

    /// Ids of all activities of a person, page by page.
    pub async fn all_ids(&self, person: &Person) -> Result<Vec<Uuid>, Failure> {
        let (mut ids, mut cursor) = (Vec::new(), None);
        loop {
            let page = self.page(person, cursor.as_deref()).await?;
            ids.extend(page.items.iter().map(|activity| activity.id));
            match page.next_cursor {
                Some(next) => cursor = Some(next),
                None => return Ok(ids),
            }
        }
    }

    fn at_door(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.url))
    }

    fn at(&self, method: Method, host: &str, path: &str) -> RequestBuilder {
        self.http
            .request(method, format!("https://{host}:{}{path}", self.port))
    }

    fn by(&self, person: &Person, method: Method, path: &str) -> RequestBuilder {
        self.at(method, &person.host, path).bearer_auth(&person.access)
    }

    async fn send(&self, kind: Kind, request: RequestBuilder) -> Result<Answer, Failure> {
        self.counted_exchange(kind, request, |outcome| outcome.is_ok())
            .await
    }

    /// Sends; what is not `wanted` counts as failed.
    async fn counted_exchange(
        &self,
        kind: Kind,
        request: RequestBuilder,
        wanted: impl Fn(&Result<Answer, Failure>) -> bool,
    ) -> Result<Answer, Failure> {
        let clock = Clock::system();
        let begun = clock.monotonic();
        let outcome = answer::exchange(kind, request).await;
        let took = clock.monotonic().saturating_sub(begun);
        match &outcome {
            _ if wanted(&outcome) => self.observer.answered(kind, took),
            Ok(answer) => self.observer.failed(
                kind,
                took,
                &format!("{}: answered {}", kind.as_str(), answer.status),
            ),
            Err(failure) => self.observer.failed(kind, took, &failure.to_string()),
        }
        outcome
    }
}

fn with_key(request: RequestBuilder, key: Uuid) -> RequestBuilder {
    request.header(IDEMPOTENCY_KEY, key.to_string())
}

/// The `code` of a problem document, if it is one.
fn code_of(document: &Value) -> Option<&str> {
    document.get("code")?.as_str()
}
