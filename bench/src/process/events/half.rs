//! What one event takes while the cells have half of what they can: single events are timed beside authors who change their
//! names at a steady rate, in open loop.

use std::time::Duration;

use anyhow::Result;
use cli_world::app::{App, Person};
use platform_runtime::clock::Clock;

/// Changes their names in turn, one each `every`, until it is dropped. A change that is late does not shift the next.
///
/// # Errors
/// A change is refused.
pub async fn load(app: &App, authors: &[Person], every: Duration) -> Result<std::convert::Infallible> {
    let clock = Clock::system();
    let begun = clock.monotonic();
    let mut under_way = futures::stream::FuturesUnordered::new();
    let mut turn: u32 = 0;
    loop {
        let due = begun + every * turn;
        tokio::select! {
            () = clock.sleep(due.saturating_sub(clock.monotonic())) => {
                let author = &authors[turn as usize % authors.len()];
                let name = format!("half {turn}");
                under_way.push(async move { app.rename(author, &name).await });
                turn += 1;
            }
            Some(done) = futures::StreamExt::next(&mut under_way), if !under_way.is_empty() => { done?; }
        }
    }
}
