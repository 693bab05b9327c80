//! Public token keys of homes: published by the node that serves the home's key shard. The newest are kept; a token
//! under an older one is no longer good.

use platform_model::{HomeId, ShardId, TokenKey};

use crate::changes::Changes;
use crate::command::Author;
use crate::limits::{KID_BYTES_MAX, TOKEN_KEYS_MAX};
use crate::refusal::{Refusal, Text};
use crate::rules::text;
use crate::state::State;

pub(crate) fn publish(
    state: &mut State,
    author: &Author,
    home: &HomeId,
    key: &TokenKey,
) -> Result<Changes, Refusal> {
    text(Text::KeyId, &key.kid, 1, KID_BYTES_MAX)?;
    serves_keys(state, author, home)?;
    let record = state
        .homes
        .get_mut(home)
        .ok_or_else(|| Refusal::UnknownHome(home.clone()))?;
    match record.token_keys.iter().find(|known| known.kid == key.kid) {
        Some(known) if known == key => return Ok(Changes::default()),
        Some(_) => {
            return Err(Refusal::KeyIdReused {
                home: home.clone(),
                kid: key.kid.clone(),
            });
        }
        None => record.token_keys.push(key.clone()),
    }
    let surplus = record.token_keys.len().saturating_sub(TOKEN_KEYS_MAX);
    record.token_keys.drain(..surplus);
    Ok(Changes {
        homes: [home.clone()].into(),
        ..Changes::default()
    })
}

fn serves_keys(state: &State, author: &Author, home: &HomeId) -> Result<(), Refusal> {
    let shard = ShardId::Keys { home: home.clone() };
    let record = state
        .shards
        .get(&shard)
        .ok_or_else(|| Refusal::UnknownHome(home.clone()))?;
    match author {
        Author::Node { id, .. } if record.primary() == Some(id) => Ok(()),
        Author::Node { id, .. } => Err(Refusal::NotPrimary {
            node: id.clone(),
            shard,
        }),
        Author::Operator { .. } | Author::Controller { .. } => Err(Refusal::NotYours {
            author: author.to_string(),
            subject: format!("home {home}"),
        }),
    }
}
