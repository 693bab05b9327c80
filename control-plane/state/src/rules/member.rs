//! Changes of the controllers: put on record here and made by Raft, which keeps the members itself.

use crate::changes::Changes;
use crate::limits::ADDRESS_BYTES_MAX;
use crate::refusal::{Refusal, Text};
use crate::rules::text;

pub(crate) fn change(address: Option<&str>) -> Result<Changes, Refusal> {
    if let Some(address) = address {
        text(Text::Address, address, 1, ADDRESS_BYTES_MAX)?;
    }
    Ok(Changes {
        hidden: true,
        ..Changes::default()
    })
}
