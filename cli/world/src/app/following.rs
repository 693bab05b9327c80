//! Following: a person lets another see what he shows, and sees what others show him.

use platform_model::UserId;
use reqwest::Method;
use serde::Deserialize;
use serde_json::json;
use uuid::Uuid;

use super::{App, Failure, Kind, Person, with_key};

/// Somebody whom the person follows, as far as the app looks at him.
#[derive(Debug, PartialEq, Eq, Deserialize)]
pub struct Followed {
    pub user: UserId,
    pub home: String,
    pub display_name: Option<String>,
    pub version: u64,
}

/// Somebody who follows the person.
#[derive(Debug, PartialEq, Eq, Deserialize)]
pub struct Follower {
    pub user: UserId,
    pub home: String,
}

/// A workout that somebody shows.
#[derive(Debug, PartialEq, Deserialize)]
pub struct Shared {
    /// In the order in which they came.
    pub number: u64,
    pub author: UserId,
    pub author_home: String,
    pub workout: Uuid,
    pub title: Option<String>,
    pub distance_m: Option<f64>,
    pub heart_rate_avg: Option<f64>,
}

#[derive(Debug, Deserialize)]
pub struct SharedPage {
    pub items: Vec<Shared>,
    pub next_cursor: Option<String>,
}

/// All of them: there are never more than one page.
#[derive(Deserialize)]
struct List<T> {
    items: Vec<T>,
}

impl App {
    /// The person lets somebody see what he shows to followers. May be sent again under the same key.
    pub async fn admit_follower(
        &self,
        person: &Person,
        follower: (UserId, &str),
        key: Uuid,
    ) -> Result<(), Failure> {
        let (user, home) = follower;
        let request = self
            .by(person, Method::POST, "/v1/followers")
            .json(&json!({ "user": user, "home": home }));
        self.send(Kind::AdmitFollower, with_key(request, key))
            .await
            .map(|_| ())
    }

    /// Whom the person follows, as they show themselves.
    pub async fn following(&self, person: &Person) -> Result<Vec<Followed>, Failure> {
        let request = self.by(person, Method::GET, "/v1/following");
        let list: List<Followed> = self.send(Kind::Following, request).await?.read()?;
        Ok(list.items)
    }

    /// Whom the person lets see what he shows to followers.
    pub async fn followers(&self, person: &Person) -> Result<Vec<Follower>, Failure> {
        let request = self.by(person, Method::GET, "/v1/followers");
        let list: List<Follower> = self.send(Kind::Followers, request).await?.read()?;
        Ok(list.items)
    }

    /// One page of what others show the person, newest first.
    pub async fn shared_page(&self, person: &Person, cursor: Option<&str>) -> Result<SharedPage, Failure> {
        let path = match cursor {
            Some(cursor) => format!("/v1/following/activities?limit=100&cursor={cursor}"),
            None => "/v1/following/activities?limit=100".to_owned(),
        };
        let request = self.by(person, Method::GET, &path);
        self.send(Kind::Shared, request).await?.read()
    }

    /// Everything that others show the person, in the order in which it came.
    pub async fn shared(&self, person: &Person) -> Result<Vec<Shared>, Failure> {
        let (mut all, mut cursor): (Vec<Shared>, Option<String>) = (Vec::new(), None);
        loop {
            let page = self.shared_page(person, cursor.as_deref()).await?;
            all.extend(page.items);
            match page.next_cursor {
                Some(next) => cursor = Some(next),
                None => break,
            }
        }
        all.reverse();
        Ok(all)
    }
}
