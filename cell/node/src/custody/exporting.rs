//! All that is held of a person, for whoever answers for his rights: what he can ask for himself (`GET /v1/export`), in one
//! stream. Who is given it, and why, is on record before the first byte leaves. What it says is in no log.

use std::collections::VecDeque;

use cell_sdk::{ExportCursor, ExportItem, RootCtx};
use futures::stream::{self, Stream};
use platform_model::{Code, Problem};
use platform_wire::{Refusal, RefusalCode};

use super::Custody;
use super::erasing::{Asked, refused, root_of};

/// Bytes of one message, about; one item alone may be more.
const MESSAGE_BYTES: usize = 256 << 10;

/// An export on its way: one page of a domain after the other, each of one moment.
pub(super) struct Export {
    custody: Custody,
    root: RootCtx,
    /// Where it goes on; none: that was all.
    next: Option<ExportCursor>,
    /// Lists in JSON that have not left yet.
    ready: VecDeque<Vec<u8>>,
}

impl Custody {
    /// Puts on record who asks; then everything may be read. Answers the number of the decision, too.
    pub(super) async fn export(&self, asked: &Asked) -> Result<(u64, Export), Refusal> {
        let shared = &self.shared;
        let (home, user) = (&asked.home, asked.user);
        let table = shared.followed.current();
        let shard = table.shard_of_user(home, user);
        let shard =
            shard.ok_or_else(|| Refusal::new(RefusalCode::Unknown, format!("there is no home {home}")))?;
        let open = shared.lent.open_user(home, user).await;
        let open = open.map_err(|problem| not_here(asked, &problem))?;
        let by = (asked.by.as_str(), asked.reason.as_str());
        let noted = shared.register.note_export(&shard, user, by).await;
        let sequence = noted.map_err(|error| {
            let code = error
                .refusal()
                .map_or(RefusalCode::Unavailable, |refusal| refusal.code);
            Refusal::new(
                code,
                format!("nothing was read: no controller has put it on record: {error}"),
            )
        })?;
        tracing::warn!(target: "audit", by = asked.by, %home, %user, sequence, "somebody is given what is held of a person");
        let export = Export {
            custody: self.clone(),
            root: root_of(asked, shard, open),
            next: Some(ExportCursor::default()),
            // An empty list: the decision arrives before anything of the person, and also where nothing is held of him.
            ready: [b"[]".to_vec()].into(),
        };
        Ok((sequence, export))
    }
}

impl Export {
    pub(super) fn pages(self) -> impl Stream<Item = Result<Vec<u8>, Refusal>> + Send {
        stream::try_unfold(self, |mut export| async move {
            let page = export.page().await?;
            Ok(page.map(|page| (page, export)))
        })
    }

    async fn page(&mut self) -> Result<Option<Vec<u8>>, Refusal> {
        loop {
            if let Some(ready) = self.ready.pop_front() {
                return Ok(Some(ready));
            }
            let Some(from) = self.next.take() else {
                return Ok(None);
            };
            let page = self.custody.shared.lent.export(&self.root, &from).await;
            let page = page.map_err(|problem| refused(&problem))?;
            self.next = page.next;
            self.ready = packed(&page.items);
        }
    }
}

/// Nobody is here of that id, or not any more.
fn not_here(asked: &Asked, problem: &Problem) -> Refusal {
    let (home, user) = (&asked.home, asked.user);
    match problem.code {
        Code::NotFound => Refusal::new(RefusalCode::Unknown, format!("home {home} has nobody {user}")),
        Code::HomeMoved => {
            let message = format!("{user} has moved away from {home}");
            let hint = format!("cellctl user relocation show {home}/{user}");
            Refusal::new(RefusalCode::Placement, message).hint(hint)
        }
        _ => refused(problem),
    }
}

/// Lists of about so many bytes.
fn packed(items: &[ExportItem]) -> VecDeque<Vec<u8>> {
    let (mut lists, mut list) = (VecDeque::new(), Vec::new());
    for item in items {
        let item = serde_json::to_vec(item).expect("texts and numbers always write");
        if !list.is_empty() && list.len() + item.len() > MESSAGE_BYTES {
            lists.push_back(closed(std::mem::take(&mut list)));
        }
        list.push(if list.is_empty() { b'[' } else { b',' });
        list.extend_from_slice(&item);
    }
    if !list.is_empty() {
        lists.push_back(closed(list));
    }
    lists
}

fn closed(mut list: Vec<u8>) -> Vec<u8> {
    list.push(b']');
    list
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn item(text: &str) -> ExportItem {
        ExportItem {
            domain: "training",
            kind: "activity",
            value: json!({ "name": text }),
            files: Vec::new(),
        }
    }

    #[test]
    fn every_item_leaves_once_in_order_in_lists_of_a_bounded_size() {
        let long = "x".repeat(MESSAGE_BYTES);
        let third = "y".repeat(MESSAGE_BYTES / 3);
        let items: Vec<ExportItem> = ["a", &long, "b", &third, &third, &third, "c"]
            .into_iter()
            .map(item)
            .collect();
        let lists = packed(&items);
        assert!(lists.len() > 2 && lists.iter().all(|list| list.len() < MESSAGE_BYTES + 200));
        let all: Vec<Value> = lists
            .iter()
            .flat_map(|list| serde_json::from_slice::<Vec<Value>>(list).expect("a list"))
            .collect();
        assert_eq!(json!(all), json!(items));
        assert!(packed(&[]).is_empty());
    }
}
