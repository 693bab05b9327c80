//! What whoever leads the control plane does for one shard: detects a dead primary, carries promotions and handovers
//! to their end, has useless copies made anew. Pure: reports and answers come in with a time, commands and orders go
//! out. A new leader starts with an empty driver and the record.

use std::collections::BTreeMap;

use platform_model::{Epoch, Generation, NodeId, ReplicaId};

use super::command::{Candidate, ConfigCommand};
use super::record::{ConfigPhase, CopyState, ShardConfig};

/// Thresholds, in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DriverSettings {
    /// A new leader declares nothing failed before it has listened for so long.
    pub listen_micros: u64,
    /// A primary that has not reported for so long may be dead.
    pub missing_micros: u64,
    /// A promotion waits so long for candidates that report and do not answer. One that answers has waited for its own
    /// promise.
    pub prepare_wait_micros: u64,
    /// A handover that takes longer is cancelled.
    pub handover_micros: u64,
    /// What was not answered is said again.
    pub retry_micros: u64,
    /// Planted: a promotion is given up.
    pub abandons: bool,
    /// Planted: copies that are not in-sync are asked too.
    pub asks_everyone: bool,
}

/// The newest report of a copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    pub at_micros: u64,
    /// How long it has not heard a serving primary.
    pub silent_micros: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DriverEvent {
    Reported {
        replica: ReplicaId,
        silent_micros: u64,
    },
    /// The copy is not what the configuration says. `fresh` is a name that was never used.
    Unusable {
        replica: ReplicaId,
        fresh: ReplicaId,
    },
    Prepared {
        epoch: Epoch,
        answer: Candidate,
    },
    Confirmed {
        generation: Generation,
        target: ReplicaId,
    },
    Tick,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DriverAction {
    /// Propose to the replicated log.
    Commit {
        expected: Generation,
        command: ConfigCommand,
    },
    /// Order of the step committed at `index`.
    Prepare {
        node: NodeId,
        replica: ReplicaId,
        index: u64,
        epoch: Epoch,
    },
}

/// The volatile part of a leader, for one shard.
#[derive(Debug, Clone)]
pub struct Driver {
    settings: DriverSettings,
    since_micros: u64,
    seen: BTreeMap<ReplicaId, Seen>,
    /// Answers to the `Prepare` of this epoch.
    answers: (Epoch, Vec<Candidate>),
    /// Since when the configuration stands at this generation, as far as this leader saw.
    phase_since: (Generation, u64),
    ordered_micros: u64,
    committed_micros: u64,
    /// On which node which copy leads, and until when it is left alone: one that went to another node in a store that
    /// nodes share waits for whoever had it before it serves and reports.
    leads: Option<(NodeId, ReplicaId)>,
    spared_until: u64,
    /// The latest time that was given.
    latest_micros: u64,
}

impl Driver {
    pub fn new(settings: DriverSettings, now_micros: u64) -> Self {
        Self {
            settings,
            since_micros: now_micros,
            seen: BTreeMap::new(),
            answers: (Epoch(0), Vec::new()),
            phase_since: (Generation(0), now_micros),
            ordered_micros: 0,
            committed_micros: 0,
            leads: None,
            spared_until: 0,
            latest_micros: now_micros,
        }
    }

    /// A time that is before one that was given counts as that one: who waits for a lock may come late with his.
    pub fn step(&mut self, now_micros: u64, config: &ShardConfig, event: DriverEvent) -> Vec<DriverAction> {
        let now_micros = now_micros.max(self.latest_micros);
        self.latest_micros = now_micros;
        if self.phase_since.0 != config.generation {
            self.phase_since = (config.generation, now_micros);
            self.ordered_micros = 0;
            self.committed_micros = 0;
            self.seen.retain(|replica, _| config.names(*replica));
            self.note_who_leads(now_micros, config);
        }
        match event {
            DriverEvent::Reported {
                replica,
                silent_micros,
            } => {
                let at_micros = now_micros;
                let seen = Seen {
                    at_micros,
                    silent_micros,
                };
                self.seen.insert(replica, seen);
                Vec::new()
            }
            DriverEvent::Unusable { replica, fresh } => Self::unusable(config, replica, fresh),
            DriverEvent::Prepared { epoch, answer } => {
                if self.answers.0 != epoch {
                    self.answers = (epoch, Vec::new());
                }
                self.answers.1.retain(|known| known.replica != answer.replica);
                self.answers.1.push(answer);
                self.promotion(now_micros, config)
            }
            DriverEvent::Confirmed { generation, target } => {
                let current = config.generation == generation;
                let command = ConfigCommand::FinishHandover { target };
                match config.phase {
                    ConfigPhase::Handover { .. } if current => vec![commit(config, command)],
                    _ => Vec::new(),
                }
            }
            DriverEvent::Tick => self.tick(now_micros, config),
        }
    }

    /// How long the configuration has stood as it is, as far as this leader saw: the least that it may be.
    pub fn stands_micros(&self, now_micros: u64, config: &ShardConfig) -> u64 {
        match self.phase_since {
            (generation, since) if generation == config.generation => now_micros.saturating_sub(since),
            _ => 0,
        }
    }

    fn note_who_leads(&mut self, now_micros: u64, config: &ShardConfig) {
        let (node, replica) = (config.primary.node.clone(), config.primary.replica);
        if let Some((before, same)) = &self.leads
            && *same == replica
            && *before != node
        {
            self.spared_until = now_micros + 2 * config.lease_micros + self.settings.missing_micros;
        }
        self.leads = Some((node, replica));
    }

    /// A copy that is of no use is made anew; a primary that is none any more is replaced by a promotion.
    fn unusable(config: &ShardConfig, replica: ReplicaId, fresh: ReplicaId) -> Vec<DriverAction> {
        if config.phase != ConfigPhase::Steady {
            return Vec::new();
        }
        if config.primary.replica == replica {
            let others = config.candidates().nth(1).is_some();
            return others
                .then(|| commit(config, ConfigCommand::BeginPromote))
                .into_iter()
                .collect();
        }
        match config.standby(replica) {
            // Its primary drops it first.
            Some(copy) if copy.state == CopyState::InSync => Vec::new(),
            Some(_) => vec![commit(config, ConfigCommand::ReplaceCopy { replica, by: fresh })],
            None => Vec::new(),
        }
    }

    fn tick(&mut self, now_micros: u64, config: &ShardConfig) -> Vec<DriverAction> {
        match &config.phase {
            ConfigPhase::Promoting { .. } => self.promotion(now_micros, config),
            ConfigPhase::Handover { .. } => {
                let late = now_micros - self.phase_since.1 > self.settings.handover_micros;
                if self.primary_is_dead(now_micros, config) {
                    self.once(now_micros, config, ConfigCommand::BeginPromote)
                } else if late {
                    self.once(now_micros, config, ConfigCommand::CancelHandover)
                } else {
                    Vec::new()
                }
            }
            ConfigPhase::Steady if self.primary_is_dead(now_micros, config) => {
                self.once(now_micros, config, ConfigCommand::BeginPromote)
            }
            ConfigPhase::Steady => Vec::new(),
        }
    }

    /// Two witnesses: its reports are missing, and an in-sync standby has not heard it serve for a lease.
    fn primary_is_dead(&self, now_micros: u64, config: &ShardConfig) -> bool {
        let settings = &self.settings;
        let spared = now_micros < self.spared_until;
        if spared || now_micros - self.since_micros < settings.listen_micros || config.unborn {
            return false;
        }
        let reported = self.seen.get(&config.primary.replica);
        let missing = reported.is_none_or(|seen| now_micros - seen.at_micros >= settings.missing_micros);
        let silent = config.candidates().skip(1).any(|copy| {
            self.seen.get(&copy.replica).is_some_and(|seen| {
                let fresh = now_micros - seen.at_micros < settings.missing_micros;
                fresh && seen.silent_micros >= config.lease_micros
            })
        });
        missing && silent
    }

    /// Carries a promotion on: orders, answers, the choice.
    fn promotion(&mut self, now_micros: u64, config: &ShardConfig) -> Vec<DriverAction> {
        let ConfigPhase::Promoting { epoch, index, forced } = &config.phase else {
            return Vec::new();
        };
        let waited = now_micros - self.phase_since.1;
        if self.settings.abandons && waited > self.settings.retry_micros {
            return self.once(now_micros, config, ConfigCommand::AbandonPromote);
        }
        let asked: Vec<_> = match forced {
            Some(forced) => config
                .copies()
                .filter(|copy| copy.replica == forced.target)
                .collect(),
            None if self.settings.asks_everyone => config.copies().collect(),
            None => config.candidates().collect(),
        };
        let answers: Vec<Candidate> = if self.answers.0 == *epoch {
            let named = |answer: &&Candidate| asked.iter().any(|copy| copy.replica == answer.replica);
            self.answers.1.iter().filter(named).copied().collect()
        } else {
            Vec::new()
        };
        let answered = |replica: ReplicaId| answers.iter().any(|answer| answer.replica == replica);
        let mut unanswered = asked.iter().filter(|copy| !answered(copy.replica));
        let all = !unanswered.any(|copy| self.may_answer(now_micros, copy.replica));
        let enough = !answers.is_empty() && (all || waited >= self.settings.prepare_wait_micros);
        if enough {
            return self.once(now_micros, config, ConfigCommand::FinishPromote { answers });
        }
        if self.ordered_micros != 0 && now_micros - self.ordered_micros < self.settings.retry_micros {
            return Vec::new();
        }
        self.ordered_micros = now_micros;
        let order = |copy: &&super::record::ShardCopy| DriverAction::Prepare {
            node: copy.node.clone(),
            replica: copy.replica,
            index: *index,
            epoch: *epoch,
        };
        asked.iter().map(order).collect()
    }

    /// Whether an answer of the copy may be on its way: one whose node does not report is not waited for. What counts
    /// are the in-sync ones, each of which has everything that was acknowledged as sync.
    fn may_answer(&self, now_micros: u64, replica: ReplicaId) -> bool {
        let listens = now_micros - self.since_micros < self.settings.listen_micros;
        let missing_micros = self.settings.missing_micros;
        let reports = |seen: &Seen| now_micros - seen.at_micros < missing_micros;
        listens || self.seen.get(&replica).is_some_and(reports)
    }

    /// A command, again only after a while: the record tells whether it went through.
    fn once(&mut self, now_micros: u64, config: &ShardConfig, command: ConfigCommand) -> Vec<DriverAction> {
        if self.committed_micros != 0 && now_micros - self.committed_micros < self.settings.retry_micros {
            return Vec::new();
        }
        self.committed_micros = now_micros;
        vec![commit(config, command)]
    }
}

fn commit(config: &ShardConfig, command: ConfigCommand) -> DriverAction {
    DriverAction::Commit {
        expected: config.generation,
        command,
    }
}
