//! A person takes along all that is held of him: every page, and each file that a page names.

use bytes::Bytes;
use reqwest::Method;
use serde::Deserialize;
use serde_json::Value;

use super::{App, Failure, Kind, Person};

/// One thing that is held of him.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Item {
    pub domain: String,
    pub kind: String,
    pub value: Value,
    /// Paths of what belongs to it.
    #[serde(default)]
    pub files: Vec<String>,
}

/// All of it.
#[derive(Debug, Default)]
pub struct TakenAlong {
    pub items: Vec<Item>,
    /// By the path at which each was fetched.
    pub files: Vec<(String, Bytes)>,
}

#[derive(Deserialize)]
struct Page {
    items: Vec<Item>,
    next_cursor: Option<String>,
}

impl App {
    pub async fn take_along(&self, person: &Person) -> Result<TakenAlong, Failure> {
        let (mut all, mut path) = (TakenAlong::default(), Some("/v1/export".to_owned()));
        while let Some(asked) = path {
            let request = self.by(person, Method::GET, &asked);
            let page: Page = self.send(Kind::Export, request).await?.read()?;
            all.items.extend(page.items);
            let next = |cursor| format!("/v1/export?cursor={cursor}");
            path = page.next_cursor.map(next);
        }
        for path in all.items.iter().flat_map(|item| &item.files) {
            let request = self.by(person, Method::GET, path);
            let file = self.send(Kind::Export, request).await?.body;
            all.files.push((path.clone(), file));
        }
        Ok(all)
    }
}
