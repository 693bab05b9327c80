//! What lies in the home where a person will live, counted row by row: that it is what was sent, and that it opens there.
//!
//! Before the fence, stretch by stretch: the source sends nothing else meanwhile, so that nothing changes under it.

use bytes::Bytes;
use cell_layers::place::{Tally, Whole, digest};
use cell_shard::{Shard, Tx};
use platform_model::HomeId;
use platform_wire::relocation::Take;

use super::Parts;
use super::copier::Stretch;
use super::standing::{self, StepError, request};
use super::target::{Not, incoming, not_now};

/// Rows that one read opens.
const ROWS_AT_ONCE: usize = 500;

impl Parts {
    pub(super) async fn check(
        &self,
        shard: &Shard,
        home: &HomeId,
        take: &Take,
        stretch: Stretch,
    ) -> Result<u64, Not> {
        let standing = standing::read(shard, take.user).await.map_err(not_now)?;
        incoming(standing, take).map_err(Not::Refused)?;
        let key = &self.key(home, take.user).await?;
        let Stretch { after, upto, tally } = stretch;
        let is_within = |row: &Bytes| upto.is_empty() || *row <= upto;
        let (mut found, mut after) = (Tally::default(), Some(after).filter(|after| !after.is_empty()));
        loop {
            let from = after.as_ref();
            let page = |tx: Tx| async move {
                Ok::<_, StepError>(Whole::new(tx, take.user, key).page(from, ROWS_AT_ONCE).await?)
            };
            let page = shard.read(&request(take.user), page).await.map_err(not_now)?;
            let (rows, more) = page.value;
            let within = rows.iter().take_while(|row| is_within(&row.key));
            within.filter_map(digest).for_each(|row| found.add(&row));
            let last = rows.last().map(|row| row.key.clone());
            match last.filter(|last| more && is_within(last)) {
                Some(last) => after = Some(last),
                None => break,
            }
        }
        if found == tally {
            return Ok(0);
        }
        let (lie, sent) = (found.rows, tally.rows);
        Err(Not::Refused(format!(
            "{lie} rows lie there where {sent} others were sent"
        )))
    }
}
