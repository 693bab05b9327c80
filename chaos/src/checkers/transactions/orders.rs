//! In which order the versions of each key came, by what was read of it; the edges that follow; and what is wrong
//! whatever the order.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::graph::{Graph, NOT_SEEN, ON, OVERWRITTEN, READ, number};
use super::{Step, Transaction, describe};
use crate::history::Outcome;
use crate::verdict::Verdict;

/// Who saw a whole list and appended to it unseen: as many are looked at of one list.
const BOTH_MAX: usize = 100;

/// What was done with one key: by whom, which value.
#[derive(Default)]
struct Key<'a> {
    /// Appends and writes; `last`: no later one of the same transaction.
    writes: Vec<Write<'a>>,
    lists: Vec<(u32, &'a [String])>,
    reads: Vec<(u32, Option<&'a str>)>,
    is_list: bool,
}

#[derive(Clone, Copy)]
struct Write<'a> {
    by: u32,
    value: &'a str,
    version: Option<(u64, u64)>,
    last: bool,
}

/// Everything about one key in one place.
struct Context<'a, 'b> {
    history: &'a [Transaction],
    graph: &'b mut Graph,
    verdict: &'b mut Verdict,
    name: &'a str,
    key: u32,
}

pub(super) fn read(history: &[Transaction], graph: &mut Graph, verdict: &mut Verdict) {
    let (keys, internal) = collect(history);
    for (i, key) in internal {
        let text = format!("`{key}` is not what it wrote itself\n{}", describe(history, i));
        verdict.add("internal", text);
    }
    for (key, (name, found)) in keys.into_iter().enumerate() {
        graph.keys.push(name.to_owned());
        let key = number(key);
        let mut context = Context {
            history,
            graph,
            verdict,
            name,
            key,
        };
        context.check_values(&found);
        if found.is_list {
            context.list(&found);
        } else {
            context.register(&found);
        }
    }
}

/// Everything by key; and who did not read what he had written himself: the value of a register, the end of a list.
fn collect(history: &[Transaction]) -> (BTreeMap<&str, Key<'_>>, Vec<(usize, &str)>) {
    let mut keys: BTreeMap<&str, Key<'_>> = BTreeMap::new();
    let mut internal = Vec::new();
    for (i, transaction) in history.iter().enumerate() {
        let by = number(i);
        let is_read = transaction.outcome == Outcome::Done;
        let mut own: HashMap<&str, &str> = HashMap::new();
        let mut appended: HashMap<&str, Vec<&str>> = HashMap::new();
        for step in &transaction.steps {
            let (name, is_list) = match step {
                Step::Append { key, .. } | Step::ReadList { key, .. } => (key.as_str(), true),
                Step::Write { key, .. } | Step::Read { key, .. } => (key.as_str(), false),
            };
            let key = keys.entry(name).or_default();
            key.is_list |= is_list;
            match step {
                Step::Append { value, .. } => {
                    key.write(by, value, None);
                    appended.entry(name).or_default().push(value);
                }
                Step::Write { value, version, .. } => {
                    key.write(by, value, *version);
                    own.insert(name, value);
                }
                Step::ReadList { values, .. } if is_read => {
                    let own = appended.get(name).map_or(&[][..], Vec::as_slice);
                    let from = values.len().checked_sub(own.len());
                    if from.is_none_or(|from| values[from..] != *own) {
                        internal.push((i, name));
                    }
                    key.lists.push((by, values));
                }
                Step::Read { value, .. } if is_read => match own.get(name) {
                    // What it wrote itself says nothing of the others.
                    Some(written) if value.as_deref() == Some(written) => {}
                    Some(_) => internal.push((i, name)),
                    None => key.reads.push((by, value.as_deref())),
                },
                Step::ReadList { .. } | Step::Read { .. } => {}
            }
        }
    }
    (keys, internal)
}

impl<'a> Key<'a> {
    fn write(&mut self, by: u32, value: &'a str, version: Option<(u64, u64)>) {
        if let Some(before) = self.writes.last_mut().filter(|before| before.by == by) {
            before.last = false;
        }
        self.writes.push(Write {
            by,
            value,
            version,
            last: true,
        });
    }

    fn writers(&self) -> HashMap<&'a str, Write<'a>> {
        self.writes.iter().map(|write| (write.value, *write)).collect()
    }
}

impl Context<'_, '_> {
    fn describe(&self, i: u32) -> String {
        describe(self.history, i as usize)
    }

    /// What was read that nobody wrote, that failed, that was not the last word of its writer.
    fn check_values(&mut self, found: &Key<'_>) {
        let writers = found.writers();
        if writers.len() < found.writes.len() {
            let text = format!("`{}`: a value was written twice", self.name);
            self.verdict.undecided.push(text);
        }
        let lists = found.lists.iter().flat_map(|(by, values)| {
            let end = values.len();
            values
                .iter()
                .enumerate()
                .map(move |(i, value)| (*by, value.as_str(), i + 1 == end))
        });
        let reads = found
            .reads
            .iter()
            .filter_map(|(by, value)| Some((*by, (*value)?, true)));
        let mut told = HashSet::new();
        for (reader, value, is_last) in lists.chain(reads) {
            let name = match writers.get(value) {
                None => "read-of-nothing",
                Some(write) if self.history[write.by as usize].outcome == Outcome::Failed => "g1a",
                Some(write) if is_last && !write.last && write.by != reader => "g1b",
                Some(_) => continue,
            };
            // A list shows a bad value to each of its readers: once is enough.
            if told.insert(value) {
                let writer = writers
                    .get(value)
                    .map_or_else(String::new, |write| self.describe(write.by) + "\n");
                let text = format!("`{}` of `{value}`\n{writer}{}", self.name, self.describe(reader));
                self.verdict.add(name, text);
            }
        }
    }

    /// The longest list that was read is the order; each other read must be a beginning of it.
    fn list(&mut self, found: &Key<'_>) {
        let mut lists = found.lists.clone();
        lists.sort_by_key(|(_, values)| values.len());
        let Some((longest_by, longest)) = lists.last().copied() else {
            return;
        };
        let writers = found.writers();
        let place: HashMap<&str, usize> = longest
            .iter()
            .enumerate()
            .map(|(i, value)| (value.as_str(), i))
            .collect();
        if place.len() < longest.len() {
            let text = format!("`{}` has a value twice\n{}", self.name, self.describe(longest_by));
            self.verdict.add("incompatible-order", text);
            return;
        }
        let order: Vec<Option<u32>> = longest
            .iter()
            .map(|value| writers.get(value.as_str()).map(|write| write.by))
            .collect();
        let mut whole = Vec::new();
        for (reader, values) in &lists {
            if longest[..values.len()] != **values {
                let text = format!(
                    "`{}`\n{}\n{}",
                    self.name,
                    self.describe(*reader),
                    self.describe(longest_by)
                );
                self.verdict.add("incompatible-order", text);
                continue;
            }
            self.read_at(*reader, values.len(), &order);
            if values.len() == longest.len() {
                whole.push(*reader);
            }
        }
        self.overwrite(&order);
        // Whoever appended what nobody has seen stands behind all who saw the whole list.
        let unseen = found
            .writes
            .iter()
            .filter(|write| !place.contains_key(write.value));
        let unseen: Vec<u32> = unseen
            .map(|write| write.by)
            .filter(|by| self.history[*by as usize].outcome == Outcome::Done)
            .collect();
        self.unseen(&whole, &unseen);
    }

    /// All readers before all writers, through one node; who is both stands before the others by himself.
    fn unseen(&mut self, readers: &[u32], writers: &[u32]) {
        let own: HashSet<u32> = writers.iter().copied().collect();
        let (both, readers): (Vec<u32>, Vec<u32>) = readers.iter().partition(|reader| own.contains(*reader));
        for reader in both.into_iter().take(BOTH_MAX) {
            for writer in writers {
                self.graph.add(reader, *writer, NOT_SEEN, self.key);
            }
        }
        if writers.is_empty() || readers.is_empty() {
            return;
        }
        let hub = self.graph.hub(self.history.len());
        for reader in readers {
            self.graph.add(reader, hub, NOT_SEEN, self.key);
        }
        for writer in writers {
            self.graph.add(hub, *writer, ON, self.key);
        }
    }

    /// The order is that of the pairs.
    fn register(&mut self, found: &Key<'_>) {
        let mut named: Vec<((u64, u64), Write<'_>)> = found
            .writes
            .iter()
            .filter_map(|write| Some((write.version?, *write)))
            .collect();
        named.sort_by_key(|(version, _)| *version);
        for pair in named.windows(2) {
            let (one, other) = (&pair[0], &pair[1]);
            if one.0 == other.0 && one.1.by != other.1.by {
                let text = format!(
                    "`{}`\n{}\n{}",
                    self.name,
                    self.describe(one.1.by),
                    self.describe(other.1.by)
                );
                self.verdict.add("two-at-one-version", text);
            }
        }
        let place: HashMap<&str, usize> = named
            .iter()
            .enumerate()
            .map(|(i, (_, write))| (write.value, i))
            .collect();
        let order: Vec<Option<u32>> = named.iter().map(|(_, write)| Some(write.by)).collect();
        let writers = found.writers();
        for (reader, value) in &found.reads {
            match value {
                None => self.read_at(*reader, 0, &order),
                Some(value) => match (place.get(value), writers.get(value)) {
                    (Some(place), _) => self.read_at(*reader, place + 1, &order),
                    // Its place is not known: only that it was there.
                    (None, Some(write)) => self.graph.add(write.by, *reader, READ, self.key),
                    (None, None) => {}
                },
            }
        }
        self.overwrite(&order);
        self.lost_updates(found);
    }

    /// A reader who saw `seen` versions.
    fn read_at(&mut self, reader: u32, seen: usize, order: &[Option<u32>]) {
        let before = seen.checked_sub(1).and_then(|last| order[last]);
        if let Some(writer) = before {
            self.graph.add(writer, reader, READ, self.key);
        }
        // Its own write may be next; then whoever came after that is told of by the writers' order.
        if let Some(Some(writer)) = order.get(seen) {
            self.graph.add(reader, *writer, NOT_SEEN, self.key);
        }
    }

    fn overwrite(&mut self, order: &[Option<u32>]) {
        for pair in order.windows(2) {
            if let [Some(one), Some(other)] = pair {
                self.graph.add(*one, *other, OVERWRITTEN, self.key);
            }
        }
    }

    /// Two that read the same version and both wrote the next.
    fn lost_updates(&mut self, found: &Key<'_>) {
        let done = |by: &u32| self.history[*by as usize].outcome == Outcome::Done;
        let writers: HashSet<u32> = found.writes.iter().map(|write| write.by).filter(done).collect();
        let mut updates: HashMap<Option<&str>, u32> = HashMap::new();
        let mut seen = HashSet::new();
        for (by, value) in &found.reads {
            // Only the first read of a transaction is of the version that it updates.
            if !writers.contains(by) || !seen.insert(*by) {
                continue;
            }
            if let Some(other) = updates.insert(*value, *by) {
                let text = format!(
                    "`{}`\n{}\n{}",
                    self.name,
                    self.describe(other),
                    self.describe(*by)
                );
                self.verdict.add("lost-update", text);
            }
        }
    }
}
