//! The durable state can be rebuilt from the log, compacted or not (R9.7 to R9.10).

use std::collections::{BTreeMap, BTreeSet};

use super::offset_world::*;
use super::*;
use crate::coordinator::offsets::View;
use crate::coordinator::{AppendId, Coordinator, CoordinatorConfig, Record, superseded};
use crate::protocol::{GroupId, TopicPartition};
use crate::rng::Rng;
use crate::time::Time;

const GROUPS: [&str; 2] = ["g", "h"];
const PARTITIONS: [&str; 3] = ["t-0", "t-1", "u-0"];
const PRODUCERS: u64 = 3;

/// R9.7, R9.8, R9.9, R9.10, R11.1.
#[test]
fn a_replay_rebuilds_the_durable_offsets() {
    let mut compacted_away = 0;
    for seed in 0..300 {
        let mut history = History::new(seed);
        for _ in 0..60 {
            history.step();
        }
        history.settle_all();
        let expected = contents(&history.bench.coordinator);
        let whole: Vec<(u64, &Record)> = history.durable();
        let compacted = compact(&whole);
        compacted_away += whole.len() - compacted.len();
        let (mut rebuilt, mut of_compacted) = (rebuild(&whole), rebuild(&compacted));
        assert_eq!(contents(&rebuilt.coordinator), expected, "seed {seed}: {whole:#?}");
        let found = contents(&of_compacted.coordinator);
        assert_eq!(found, expected, "seed {seed}: {compacted:#?}");
        // Pending offsets are still pending, and have the same positions.
        for bench in [&mut rebuilt, &mut of_compacted, &mut history.bench] {
            end_everything(bench);
        }
        assert_eq!(committed(&rebuilt), committed(&history.bench), "seed {seed}");
        assert_eq!(committed(&of_compacted), committed(&history.bench), "seed {seed}");
    }
    assert!(compacted_away > 1_000, "compaction had nothing to do");
}

/// A random history of a few groups that never have members.
struct History {
    rng: Rng,
    bench: Bench,
    settled: usize,
    failed: BTreeSet<AppendId>,
}

impl History {
    fn new(seed: u64) -> History {
        let config = CoordinatorConfig {
            offsets_retention: secs(40),
            offsets_retention_check: secs(15),
            ..Default::default()
        };
        let bench = Bench::with(config);
        let rng = Rng::stream(seed, "replay");
        History { rng, bench, settled: 0, failed: BTreeSet::new() }
    }

    fn step(&mut self) {
        let group = *self.rng.pick(&GROUPS);
        let partition = *self.rng.pick(&PARTITIONS);
        let offset = self.rng.below(100) as i64;
        let producer = self.rng.below(PRODUCERS) as i64;
        let bench = &mut self.bench;
        match self.rng.below(16) {
            0..=3 => drop(commit_to(bench, group, partition, offset)),
            4..=7 => drop(txn_to(bench, group, producer, partition, offset)),
            8 => drop(end_txn(bench, producer, true)),
            9 => drop(end_txn(bench, producer, false)),
            10 => drop(delete_offsets(bench, group, &[partition])),
            11 => drop(delete_groups(bench, &[group])),
            12 if self.rng.chance(300) => bench.delete_topic("u"),
            13 => bench.pass(secs(self.rng.below(20))),
            _ => self.settle_some(),
        }
    }

    fn settle_some(&mut self) {
        let open = self.bench.log.len() - self.settled;
        for _ in 0..self.rng.below(open as u64 + 1) {
            if self.settled < self.bench.log.len() {
                self.settle_next();
            }
        }
    }

    fn settle_all(&mut self) {
        while self.settled < self.bench.log.len() {
            self.settle_next();
        }
        assert_eq!(self.bench.without_response(), 0);
    }

    fn settle_next(&mut self) {
        let (append, _) = self.bench.log[self.settled];
        let error = self.rng.chance(150).then_some(E::NotEnoughReplicas);
        if error.is_some() {
            self.failed.insert(append);
        }
        self.settled += 1;
        self.bench.settle_one(append, error);
    }

    fn durable(&self) -> Vec<(u64, &Record)> {
        let kept = self.bench.log.iter().filter(|(append, _)| !self.failed.contains(append));
        kept.map(|(append, record)| (append.0, record)).collect()
    }
}

fn compact<'a>(log: &[(u64, &'a Record)]) -> Vec<(u64, &'a Record)> {
    let gone = superseded(log);
    log.iter().filter(|(position, _)| !gone.contains(position)).copied().collect()
}

fn rebuild(log: &[(u64, &Record)]) -> Bench {
    let mut bench = Bench::loading(Default::default(), "members", Time::ZERO);
    for (position, record) in log {
        bench.replay(*position, record, true);
    }
    loaded(&mut bench);
    bench
}

fn end_everything(bench: &mut Bench) {
    for producer in 0..PRODUCERS {
        end_txn(bench, producer as i64, true);
    }
    bench.commit();
}

/// The offsets alone.
fn committed(bench: &Bench) -> BTreeMap<(GroupId, TopicPartition), i64> {
    let all = contents(&bench.coordinator).into_iter();
    all.filter_map(|(key, (offset, _))| Some((key, offset?))).collect()
}

type Contents = BTreeMap<(GroupId, TopicPartition), (Option<i64>, bool)>;

/// The committed offset of each partition, in both views, and whether a transaction is open.
fn contents(coordinator: &Coordinator) -> Contents {
    let mut all = Contents::new();
    for id in coordinator.groups.keys() {
        let offsets = coordinator.offsets.of(id);
        for at in offsets.partitions_with_offset() {
            let get_in = |view| offsets.get(&at.topic, at.partition, view).map(|o| o.offset);
            assert_eq!(get_in(View::Newest), get_in(View::Committed), "nothing is in flight");
            let unstable = offsets.is_unstable(&at.topic, at.partition);
            all.insert((id.clone(), at.clone()), (get_in(View::Committed), unstable));
        }
    }
    all
}
