//! The task of a copy, the only one that writes: first what waits for the disk, then, while a term serves, one group of
//! transactions; while a batch is under way the next group gathers.

use std::sync::Arc;

use cell_replica::Event;

use super::inner::Inner;
use super::term::{Leading, Turn};
use super::writer::{Failed, Writer};
use crate::gate::End;
use crate::submission::Submission;

/// What the task waits for.
#[expect(clippy::large_enum_variant, reason = "one at a time, taken apart at once")]
enum Woken {
    Stopped,
    Called,
    Came(Submission),
    /// The shard's handle was closed.
    Closed,
}

pub(crate) async fn run(inner: Arc<Inner>, mut writer: Writer) {
    let _gone = Gone(Arc::clone(&inner));
    let mut leading: Option<Leading> = None;
    let failed = serve(&inner, &mut writer, &mut leading).await.err();
    if let Some(failed) = &failed {
        tracing::error!(shard = %inner.settings.shard, error = %failed, "the copy has stopped");
    }
    let end = match failed {
        None => End::Closed,
        Some(Failed::Fenced) => End::Fenced,
        Some(_) => End::Unavailable,
    };
    if let Some(leading) = leading.take() {
        leading.end(end);
    }
}

/// However the task ends (a panic, a runtime that shuts down): the copy leads and follows nothing any more.
struct Gone(Arc<Inner>);

impl Drop for Gone {
    fn drop(&mut self) {
        let mut core = self.0.core.lock();
        core.failed = true;
        core.closing = true;
        // One that has stopped already refuses.
        let _ = core.step(Event::DiskFailed);
        core.close_term();
        drop(core);
        self.0.ended.cancel();
    }
}

async fn serve(inner: &Arc<Inner>, writer: &mut Writer, leading: &mut Option<Leading>) -> Result<(), Failed> {
    loop {
        take_up(inner, leading);
        if write_some(inner, writer, leading).await? {
            continue;
        }
        if leading.as_ref().is_some_and(Leading::is_wanted) {
            // Who were answered together come again one after the other: all of them before the group is closed.
            tokio::task::yield_now().await;
        }
        let turn = match leading {
            Some(leading) => leading.turn(&mut inner.core.lock()),
            None => Turn::Idle,
        };
        if turn == Turn::Worked {
            continue;
        }
        match wait(inner, leading.as_mut(), turn).await {
            Woken::Stopped => {
                // Nothing more comes in.
                inner.core.lock().closing = true;
                while write_some(inner, writer, leading).await? {}
                if inner.core.lock().give_up() {
                    writer.release().await;
                }
                return Ok(());
            }
            Woken::Called => {}
            Woken::Came(submission) => {
                if let Some(leading) = leading {
                    leading.take_in(submission);
                }
            }
            Woken::Closed => {
                if let Some(leading) = leading.take() {
                    leading.end(End::Closed);
                }
            }
        }
    }
}

/// Takes up a term that has begun, ends one that is over.
fn take_up(inner: &Inner, leading: &mut Option<Leading>) {
    if let Some(over) = leading.take_if(|leading| leading.has_ended()) {
        over.end(End::Fenced);
    }
    let mut core = inner.core.lock();
    if let Some(opened) = core.opened.take() {
        let floor = core.machine.tail().position;
        drop(core);
        if let Some(over) = leading.replace(Leading::new(opened, floor)) {
            over.end(End::Fenced);
        }
    }
}

/// Makes durable what waits; false if nothing did.
async fn write_some(
    inner: &Arc<Inner>,
    writer: &mut Writer,
    leading: &mut Option<Leading>,
) -> Result<bool, Failed> {
    let (items, failed) = {
        let mut core = inner.core.lock();
        (core.take_items(), core.failed)
    };
    if failed {
        return Err(Failed::Damaged("an entry without its bytes".to_owned()));
    }
    if items.is_empty() {
        return Ok(false);
    }
    if let Some(pause) = leading.as_mut().and_then(Leading::answer_early) {
        inner.clock.sleep(pause).await;
    }
    let bytes = items.iter().map(super::item::Item::bytes).sum();
    let began = inner.clock.monotonic();
    inner.core.lock().pace.write_began(began);
    let written = writer.write(items).await?;
    let took = inner.clock.monotonic().saturating_sub(began);
    let durable = {
        let mut core = inner.core.lock();
        core.pace
            .write_ended(began, took, leading.as_ref().is_some_and(Leading::is_committing));
        core.written(bytes, written);
        core.proved(writer.proved.take());
        core.trim(&writer.index);
        core.machine.durable()
    };
    if let Some(leading) = leading.as_mut().filter(|leading| !leading.has_ended()) {
        leading.durable_up_to(durable);
    }
    Ok(true)
}

async fn wait(inner: &Inner, leading: Option<&mut Leading>, turn: Turn) -> Woken {
    let Some(leading) = leading else {
        return tokio::select! {
            biased;
            () = inner.stop.cancelled() => Woken::Stopped,
            () = inner.wake.notified() => Woken::Called,
        };
    };
    let stop = leading.stop.clone();
    tokio::select! {
        biased;
        () = inner.stop.cancelled() => Woken::Stopped,
        () = stop.cancelled() => Woken::Closed,
        () = inner.wake.notified() => Woken::Called,
        came = leading.inbox.recv(), if turn == Turn::Idle => came.map_or(Woken::Closed, Woken::Came),
    }
}
