//! A group: the transactions that become one batch and one log entry. Pure: it judges and gathers, others commit.

use bytes::Bytes;
use platform_model::{Epoch, EpochPosition, Position};
use tokio::sync::oneshot;

use crate::buffer::WriteBuffer;
use crate::committer::own_record_of;
use crate::keys::ShardKeys;
use crate::limits::{GROUP_BYTES_RESERVED, GROUP_MUTATIONS_MAX, GROUP_MUTATIONS_RESERVED, ShardLimits};
use crate::outbox::{Emitted, OutboxRow};
use crate::plant::Plant;
use crate::submission::{Submission, Verdict};
use crate::window::Window;

/// Whether a read set still holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Judgement {
    Valid,
    /// Against what stands at this position, or before.
    Lost(Position),
    /// Lost against a member of this group, whose own outcome is open.
    LostToPending,
}

/// The bounds of a group, of the shard and of its store together.
#[derive(Debug, Clone, Copy)]
pub(crate) struct GroupBounds {
    pub transactions: usize,
    pub bytes: usize,
    pub mutations: usize,
    pub cleared: usize,
}

impl GroupBounds {
    pub(crate) fn new(limits: &ShardLimits, store: &cell_store::Limits) -> Self {
        Self {
            transactions: limits.group_transactions_max,
            bytes: limits
                .group_bytes_max
                .min(store.batch_bytes_max - GROUP_BYTES_RESERVED),
            mutations: GROUP_MUTATIONS_MAX.min(store.batch_mutations_max - GROUP_MUTATIONS_RESERVED),
            cleared: store.clear_range_keys_max,
        }
    }
}

/// The members of one entry that is being made.
#[derive(Debug)]
pub(crate) struct Group {
    pub position: Position,
    pub writes: WriteBuffer,
    /// The records of the winners, in order.
    pub records: Vec<Bytes>,
    /// Of the winners, each with the place of its transaction.
    events: Vec<(u32, Emitted)>,
    winners: Vec<oneshot::Sender<Verdict>>,
    losers: Vec<oneshot::Sender<Verdict>>,
    bytes: usize,
    mutations: usize,
    cleared: usize,
    /// The latest log time that a winner went by.
    pub time_ms: u64,
    /// Whether a winner is answered only when the standbys have it.
    pub sync: bool,
}

impl Group {
    pub(crate) fn new(position: Position) -> Self {
        Self {
            position,
            writes: WriteBuffer::default(),
            records: Vec::new(),
            events: Vec::new(),
            winners: Vec::new(),
            losers: Vec::new(),
            bytes: 0,
            mutations: 0,
            cleared: 0,
            time_ms: 0,
            sync: false,
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    pub(crate) fn winners(&self) -> usize {
        self.winners.len()
    }

    /// Whether the transaction still fits. The first one always does: its own limits are below the group's.
    pub(crate) fn fits(&self, submission: &Submission, bounds: &GroupBounds) -> bool {
        self.is_empty()
            || (self.records.len() < bounds.transactions
                && self.bytes + submission.bytes <= bounds.bytes
                && self.mutations + mutations(submission) <= bounds.mutations
                && self.cleared + submission.cleared <= bounds.cleared)
    }

    /// Validates a transaction against the window and against the members before it. Who wins is in; who lost
    /// against the window is told at once; who lost against a member is told when that one's outcome is known.
    /// Returns whether it lost.
    pub(crate) fn judge(&mut self, submission: Submission, window: &mut Window, plant: &Plant) -> bool {
        match judge(&submission, window, self.position, plant) {
            // The caller may have gone: then nobody wants the verdict.
            Judgement::Lost(at) => {
                let _ = submission.reply.send(Verdict::Conflict(at));
            }
            Judgement::LostToPending => self.losers.push(submission.reply),
            Judgement::Valid if submission.is_check_only() => {
                let before = Position(self.position.0.saturating_sub(1));
                let _ = submission.reply.send(Verdict::Committed(before));
                return false;
            }
            Judgement::Valid => {
                self.take(submission, window);
                return false;
            }
        }
        true
    }

    /// Puts what its winners tell other roots into the outbox, as a record of the shard's own: in the same batch, so that
    /// there is no cause without its event and no event without its cause. Answers the rows.
    pub(crate) fn post(&mut self, keys: &ShardKeys, epoch: Epoch, window: &mut Window) -> Vec<OutboxRow> {
        let at = EpochPosition {
            epoch,
            position: self.position,
        };
        let (mut rows, mut writes) = (Vec::new(), WriteBuffer::default());
        for (index, emitted) in std::mem::take(&mut self.events) {
            let bridged = emitted.bridged;
            let (row, value) = emitted.at(at, index);
            if bridged {
                writes.set(row.key.bridged(keys), Some(value.clone()));
            }
            writes.set(row.key.stored(keys), Some(value));
            rows.push(row);
        }
        if !rows.is_empty() {
            window.note(self.position, &writes);
            let record = own_record_of(keys, &writes);
            self.append(writes, record);
        }
        rows
    }

    /// Adds a record of the shard's own behind all others.
    pub(crate) fn append(&mut self, writes: WriteBuffer, record: Bytes) {
        self.writes.absorb(writes);
        self.records.push(record);
    }

    /// Tells every member how it ended.
    pub(crate) fn answer(&mut self, winners: Verdict) {
        let losers = match winners {
            Verdict::Committed(at) => Verdict::Conflict(at),
            other => other,
        };
        for reply in self.winners.drain(..) {
            let _ = reply.send(winners);
        }
        for reply in self.losers.drain(..) {
            let _ = reply.send(if losers == Verdict::Unknown {
                Verdict::NotWritten
            } else {
                losers
            });
        }
    }

    fn take(&mut self, submission: Submission, window: &mut Window) {
        window.note(self.position, &submission.writes);
        self.mutations += mutations(&submission);
        // It waits no more.
        drop(submission.place);
        self.bytes += submission.bytes;
        self.cleared += submission.cleared;
        self.time_ms = self.time_ms.max(submission.log_time_ms);
        self.sync |= submission.sync;
        let index = u32::try_from(self.records.len()).expect("a group has few members");
        self.events
            .extend(submission.events.into_iter().map(|event| (index, event)));
        self.records.push(submission.record);
        self.winners.push(submission.reply);
        if self.writes.is_empty() {
            self.writes = submission.writes;
        } else {
            self.writes.absorb(submission.writes);
        }
    }
}

/// What it adds to the batch, its events included: each may stand there for a broker too.
fn mutations(submission: &Submission) -> usize {
    let rows = |event: &Emitted| 1 + usize::from(event.bridged);
    submission.writes.len() + submission.events.iter().map(rows).sum::<usize>()
}

fn judge(submission: &Submission, window: &Window, pending: Position, plant: &Plant) -> Judgement {
    let Some(read) = submission.read else {
        return Judgement::Valid;
    };
    if let Some(floor) = window.is_older(read).filter(|_| !plant.skips_floor()) {
        return Judgement::Lost(floor);
    }
    let keys = if plant.skips_keys() {
        None
    } else {
        window.hits_key(&submission.reads.keys, read)
    };
    let hit = keys.or_else(|| {
        if plant.skips_ranges() {
            None
        } else {
            window.hits_range(&submission.reads.ranges, read)
        }
    });
    match hit {
        None => Judgement::Valid,
        Some(at) if at == pending => Judgement::LostToPending,
        Some(at) => Judgement::Lost(at),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::window::ReadSet;

    fn submission(read: &'static str, write: &'static str) -> (Submission, oneshot::Receiver<Verdict>) {
        let (reply, verdict) = oneshot::channel();
        let mut writes = WriteBuffer::default();
        writes.set(write.into(), Some("v".into()));
        let reads = ReadSet {
            keys: vec![read.into()],
            ranges: Vec::new(),
        };
        let record = Bytes::from_static(&[0; 100]);
        (
            Submission {
                read: Some(Position(4)),
                reads,
                writes,
                record,
                events: Vec::new(),
                bytes: 100,
                cleared: 0,
                sync: false,
                log_time_ms: 0,
                place: None,
                reply,
            },
            verdict,
        )
    }

    #[test]
    fn who_reads_what_an_earlier_member_writes_loses_and_is_told_with_the_group() {
        let mut window = Window::new(Position(4), 10, 100);
        let mut group = Group::new(Position(5));
        let (first, mut first_verdict) = submission("a", "b");
        let (second, mut second_verdict) = submission("b", "c");
        let (third, mut third_verdict) = submission("c", "d");
        assert!(!group.judge(first, &mut window, &Plant::none()));
        assert!(group.judge(second, &mut window, &Plant::none()));
        assert!(
            !group.judge(third, &mut window, &Plant::none()),
            "a loser's writes do not count"
        );
        assert!(
            second_verdict.try_recv().is_err(),
            "told before the group's outcome"
        );
        group.answer(Verdict::Committed(Position(5)));
        assert_eq!(first_verdict.try_recv(), Ok(Verdict::Committed(Position(5))));
        assert_eq!(second_verdict.try_recv(), Ok(Verdict::Conflict(Position(5))));
        assert_eq!(third_verdict.try_recv(), Ok(Verdict::Committed(Position(5))));
    }

    #[test]
    fn a_group_closes_at_its_bytes() {
        let bounds = GroupBounds {
            transactions: 10,
            bytes: 150,
            mutations: 10,
            cleared: 10,
        };
        let (mut window, mut group) = (Window::new(Position(4), 10, 100), Group::new(Position(5)));
        let ((first, _one), (second, _two)) = (submission("a", "b"), submission("x", "y"));
        assert!(group.fits(&first, &bounds));
        group.judge(first, &mut window, &Plant::none());
        assert!(!group.fits(&second, &bounds));
    }

    #[test]
    fn a_group_closes_at_what_any_engine_commits_in_time_and_the_first_is_always_in() {
        let bounds = GroupBounds::new(&ShardLimits::default(), &cell_store::Limits::PORTABLE);
        assert_eq!(bounds.mutations, GROUP_MUTATIONS_MAX);
        let (mut window, mut group) = (Window::new(Position(4), 10, 100), Group::new(Position(5)));
        let ((mut first, _one), (second, _two)) = (submission("a", "b"), submission("x", "y"));
        for row in 0..GROUP_MUTATIONS_MAX {
            first.writes.set(format!("row {row}").into(), None);
        }
        assert!(group.fits(&first, &bounds));
        group.judge(first, &mut window, &Plant::none());
        assert!(!group.fits(&second, &bounds));
    }
}
