//! A replay gives the same state before and after compaction, whatever the log has (R9.10).

use crate::coordinator::{
    CommittedOffset, Coordinator, CoordinatorConfig, GroupCoordinator, GroupDescription,
    GroupMetadata, Input, Inspect, ProducerId, Record, superseded,
};
use crate::protocol::{Generation, GroupId, StrBytes, TopicName, TopicPartition, str_bytes};
use crate::rng::Rng;
use crate::time::Time;

const PRODUCERS: u64 = 3;

/// R9.10, R11.1.
#[test]
fn a_compacted_log_replays_to_the_same_state() {
    let mut dropped = 0;
    for seed in 0..2_000 {
        let mut rng = Rng::stream(seed, "compaction");
        let log: Vec<Record> = (0..rng.within(1..=40)).map(|_| record(&mut rng)).collect();
        let whole: Vec<(u64, &Record)> = (0..).zip(&log).collect();
        // The rest of the log is not committed: compaction does not see it.
        let committed = rng.below(whole.len() as u64 + 1) as usize;
        let gone = superseded(&whole[..committed]);
        let compacted: Vec<_> =
            whole.iter().filter(|(at, _)| !gone.contains(at)).copied().collect();
        dropped += gone.len();
        // What follows in the log also has the same effect, so the same offsets are pending in
        // both.
        let ends = [(0, true), (1, false), (2, true)].map(|(producer, committed)| {
            Record::TxnMarker { producer: ProducerId(producer), committed }
        });
        for suffix in [&[][..], &ends[..]] {
            let rest = || (log.len() as u64..).zip(suffix);
            let expected = state_of(whole.iter().copied().chain(rest()));
            let found = state_of(compacted.iter().copied().chain(rest()));
            assert_eq!(found, expected, "seed {seed}, without {gone:?} of {log:#?}");
        }
    }
    assert!(dropped > 1_000, "compaction had nothing to do");
}

/// R9.10. Without the tombstone an OffsetFetch with RequireStable would wait for ever.
#[test]
fn a_tombstone_behind_an_open_transaction_is_kept() {
    let log = [txn(0, 5), tombstone(), commit(9)];
    assert_eq!(superseded(&numbered(&log)), [].into());
    let log = [commit(3), txn(0, 5), tombstone(), commit(9), marker(0, true)];
    assert_eq!(superseded(&numbered(&log)), [0, 1, 2].into());
    let log = [txn(0, 5), commit(9), txn(1, 6), marker(0, false), commit(10)];
    assert_eq!(superseded(&numbered(&log)), [0].into(), "up to the transaction of 1");
}

fn numbered(log: &[Record]) -> Vec<(u64, &Record)> {
    (0..).zip(log).collect()
}

/// Every group with its committed offsets and which of them are unstable.
type State = Vec<(GroupId, GroupDescription, Vec<TopicPartition>)>;

fn state_of<'a>(log: impl Iterator<Item = (u64, &'a Record)>) -> State {
    let mut coordinator = Coordinator::new(CoordinatorConfig::default(), Rng::stream(1, "members"));
    for (position, record) in log {
        let batch = Input::Replay { records: &[(position, record.clone())], committed: true };
        coordinator.handle(Time::ZERO, batch, &mut Vec::new());
    }
    coordinator.handle(Time::ZERO, Input::Loaded, &mut Vec::new());
    let unstable = |id: &GroupId| {
        let offsets = coordinator.offsets.of(id);
        let has_pending = |at: &TopicPartition| offsets.is_unstable(&at.topic, at.partition);
        offsets.partitions_with_offset().into_iter().filter(has_pending).collect()
    };
    let ids = coordinator.groups().into_iter();
    ids.map(|id| (id.clone(), coordinator.describe(&id).expect("a group"), unstable(&id))).collect()
}

fn record(rng: &mut Rng) -> Record {
    let (group, partition) = (pick(rng, &["g", "h"]), at(rng.below(2) as i32));
    let producer = ProducerId(rng.below(PRODUCERS) as i64);
    let offset = offset(rng.below(100) as i64);
    match rng.below(12) {
        0..=2 => Record::OffsetCommit { group, partition, offset },
        3..=5 => Record::TxnOffsetCommit { producer, group, partition, offset },
        6 | 7 => Record::TxnMarker { producer, committed: rng.chance(600) },
        8 | 9 => Record::OffsetTombstone { group, partition },
        10 => Record::GroupTombstone { group },
        _ => Record::GroupMetadata(GroupMetadata {
            group,
            protocol_type: Some(str_bytes("consumer")),
            generation: Generation(rng.below(100) as i32),
            protocol: None,
            leader: None,
            state_since: Time::ZERO,
            members: Vec::new(),
        }),
    }
}

fn pick(rng: &mut Rng, names: &[&str]) -> GroupId {
    let name: &&str = rng.pick(names);
    GroupId(str_bytes(name))
}

fn at(partition: i32) -> TopicPartition {
    TopicPartition::new(TopicName(str_bytes("t")), partition)
}

fn offset(offset: i64) -> CommittedOffset {
    CommittedOffset {
        offset,
        leader_epoch: -1,
        metadata: StrBytes::new(),
        committed_at: Time::ZERO,
        expires_at: None,
    }
}

fn group() -> GroupId {
    GroupId(str_bytes("g"))
}

fn commit(to: i64) -> Record {
    Record::OffsetCommit { group: group(), partition: at(0), offset: offset(to) }
}

fn txn(producer: i64, to: i64) -> Record {
    let (producer, offset) = (ProducerId(producer), offset(to));
    Record::TxnOffsetCommit { producer, group: group(), partition: at(0), offset }
}

fn marker(producer: i64, committed: bool) -> Record {
    Record::TxnMarker { producer: ProducerId(producer), committed }
}

fn tombstone() -> Record {
    Record::OffsetTombstone { group: group(), partition: at(0) }
}
