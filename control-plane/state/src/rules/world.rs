//! Making the world, once: all of its spec or nothing.

use crate::changes::Changes;
use crate::command::WorldSpec;
use crate::limits::HOST_BYTES_MAX;
use crate::refusal::{Refusal, Text};
use crate::rules::{authority, cell, country, home, text};
use crate::state::{Made, State};

pub(crate) fn init(state: &mut State, spec: &WorldSpec) -> Result<Changes, Refusal> {
    if state.made.is_some() {
        return Err(Refusal::WorldExists);
    }
    text(Text::Host, &spec.common_host, 1, HOST_BYTES_MAX)?;
    // A part that is refused leaves nothing of the parts before it, hence the second state.
    let mut next = state.clone();
    next.made = Some(Made {
        time_ms: next.time_ms,
        common_host: spec.common_host.clone(),
    });
    let mut changes = Changes {
        common_host: true,
        ..Changes::default()
    };
    for spec in &spec.cells {
        changes.add(cell::create(&mut next, spec)?);
    }
    for spec in &spec.homes {
        changes.add(home::create(&mut next, spec)?);
    }
    for spec in &spec.authorities {
        changes.add(authority::create(&mut next, spec)?);
    }
    for (country, jurisdiction) in &spec.countries {
        changes.add(country::set(&mut next, *country, jurisdiction)?);
    }
    *state = next;
    Ok(changes)
}
