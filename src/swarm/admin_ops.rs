//! Administration of a running cluster: topics gain partitions and are deleted; an admin client
//! describes groups, commits and deletes offsets.

use std::time::Duration;

use crate::protocol::{BrokerId, TopicName, TopicPartition, str_bytes};
use crate::rng::Rng;
use crate::sim::schedule::{Action, AdminRequest};

use super::faults::{Steps, victim};
use super::options::Options;
use super::profile::FaultFamily;
use super::windows::Window;

/// A group without consumers: offsets that admin tools commit to it skip no record that a consumer
/// has to read.
pub const TOOLS: &str = "tools";

/// A topic gains partitions or is deleted. The first topic is never deleted.
pub fn topics(rng: &mut Rng, options: &Options, window: Window, steps: &mut Steps) {
    let index = rng.below(options.topics.len() as u64) as usize;
    let topic = options.topics[index].name.clone();
    if index > 0 && rng.chance(300) {
        return steps.at(window.from, Action::DeleteTopic(topic));
    }
    let partitions = options.topics[index].partitions + rng.within(1..=8) as i32;
    steps.at(window.from, Action::Grow { topic, partitions });
}

/// One to four admin requests.
pub fn admin(rng: &mut Rng, options: &Options, window: Window, steps: &mut Steps) {
    let mut at = window.from;
    for _ in 0..rng.within(1..=4) {
        let request = match rng.chance(300) {
            true => unusual(rng, options),
            false => request(rng, options),
        };
        steps.at(at, Action::Admin(request));
        at += super::windows::wide_millis(rng, &(1..=2_000));
    }
}

fn request(rng: &mut Rng, options: &Options) -> AdminRequest {
    let group = match rng.chance(300) {
        true => TOOLS.to_owned(),
        false => rng.pick(&options.groups).name.clone(),
    };
    match rng.below(14) {
        0 | 1 => AdminRequest::Describe { groups: vec![group, "nobody".to_owned()], version: None },
        2 => {
            let states = ["Stable", "empty", "PreparingRebalance"];
            AdminRequest::List {
                on: Some(BrokerId(rng.below(u64::from(options.broker.count)) as i32)),
                states: states[..rng.below(4) as usize].iter().map(|s| (*s).to_owned()).collect(),
                types: Vec::new(),
                version: None,
            }
        }
        3 => AdminRequest::DeleteGroups { groups: vec![group], version: None },
        4 => {
            let partitions = vec![partition(rng, options)];
            AdminRequest::DeleteOffsets { group, partitions }
        }
        5 => AdminRequest::Remove {
            instance: Some(instance(rng, options)),
            group,
            member: None,
            version: None,
        },
        6 | 7 => AdminRequest::Commit {
            group: TOOLS.to_owned(),
            partition: partition(rng, options),
            offset: rng.below(100) as i64,
            note: *rng.pick(&[0, 10, 4_096, 5_000]),
            retention: None,
        },
        8 | 9 => AdminRequest::Offsets { group, stable: rng.chance(500), version: None },
        10 | 11 => txn_commit(rng, options),
        _ => AdminRequest::EndTxn { group, producer: producer(rng), commit: rng.chance(600) },
    }
}

/// A rare request, some of them in old versions.
fn unusual(rng: &mut Rng, options: &Options) -> AdminRequest {
    let group = rng.pick(&options.groups).name.clone();
    match rng.below(7) {
        // Offset 0: if the group is Empty and accepts the commit, its consumers skip no records.
        0 => AdminRequest::Commit {
            group,
            partition: partition(rng, options),
            offset: 0,
            note: 0,
            retention: None,
        },
        1 => AdminRequest::Commit {
            group: TOOLS.to_owned(),
            partition: partition(rng, options),
            offset: rng.below(100) as i64,
            note: 0,
            retention: Some(super::windows::wide_millis(rng, &(1_000..=120_000))),
        },
        2 => AdminRequest::List {
            on: None,
            states: Vec::new(),
            types: vec![(*rng.pick(&["classic", "Classic", "consumer"])).to_owned()],
            version: rng.chance(300).then(|| rng.below(6) as i16),
        },
        3 => {
            let member = victim(rng, options);
            let version = rng.chance(300).then(|| rng.below(6) as i16);
            let (group, member) = (member.group.clone(), Some(member.name.clone()));
            AdminRequest::Remove { group, instance: None, member, version }
        }
        4 => AdminRequest::Offsets {
            group,
            stable: rng.chance(500),
            version: Some(rng.within(2..=9) as i16),
        },
        5 => AdminRequest::Describe {
            groups: vec![group, "nobody".to_owned()],
            version: Some(rng.below(7) as i16),
        },
        _ => AdminRequest::Join {
            group: if rng.chance(500) { group } else { TOOLS.to_owned() },
            protocol_type: "connect".to_owned(),
            session: Duration::from_secs(rng.within(6..=30)),
        },
    }
}

/// The number of transactional producers.
const PRODUCERS: u64 = 3;

fn producer(rng: &mut Rng) -> i64 {
    rng.below(PRODUCERS) as i64
}

/// A transactional commit of a tool, or of a producer that processes the records of a consumer
/// (KIP-447). The latter commits offset 0, so that it skips no records.
fn txn_commit(rng: &mut Rng, options: &Options) -> AdminRequest {
    let (partition, producer) = (partition(rng, options), producer(rng));
    if rng.chance(600) {
        let (group, offset) = (TOOLS.to_owned(), rng.below(100) as i64);
        return AdminRequest::TxnCommit { group, partition, offset, producer, consumer: None };
    }
    let fed_by = victim(rng, options);
    let (group, consumer) = (fed_by.group.clone(), Some(fed_by.name.clone()));
    AdminRequest::TxnCommit { group, partition, offset: 0, producer, consumer }
}

/// Aborts all open transactions. Consumers that require stable offsets cannot continue before that.
/// Kafka's transaction coordinator aborts a transaction that takes too long.
pub fn end_transactions(options: &Options) -> Vec<Action> {
    if !options.faults.families.contains(&FaultFamily::Admin) {
        return Vec::new();
    }
    let groups = options.groups.iter();
    let each =
        groups.flat_map(|group| (0..PRODUCERS as i64).map(|producer| (&group.name, producer)));
    let end = |(group, producer): (&String, i64)| {
        Action::Admin(AdminRequest::EndTxn { group: group.clone(), producer, commit: false })
    };
    each.map(end).collect()
}

fn partition(rng: &mut Rng, options: &Options) -> TopicPartition {
    let topic = rng.pick(&options.topics);
    let number = rng.below(topic.partitions as u64) as i32;
    TopicPartition::new(TopicName(str_bytes(&topic.name)), number)
}

/// The instance id of a static member, or one that no member has.
fn instance(rng: &mut Rng, options: &Options) -> String {
    let id = victim(rng, options).settings.instance.clone();
    id.unwrap_or_else(|| "nobody".to_owned())
}
