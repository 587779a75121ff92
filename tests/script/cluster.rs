//! Random steps of the cluster and of the admin client.

use groupsim::protocol::{BrokerId, TopicName, TopicPartition, str_bytes};
use groupsim::sim::schedule::{Action, AdminRequest, RefusedWith};

use super::{Builder, Raw};

const REFUSALS: [RefusedWith; 3] =
    [RefusedWith::NotEnoughReplicas, RefusedWith::KafkaStorageError, RefusedWith::MessageTooLarge];

impl Builder<'_> {
    pub(super) fn cluster(&mut self, raw: Raw, id: BrokerId) -> Action {
        let group = raw.flags.0.then(|| raw.other.get(self.groups).name.clone());
        let topic = raw.other.index(self.topics.len());
        let name = self.topics[topic].name.clone();
        match (raw.kind, self.partitions[topic]) {
            (21, _) => {
                let to = (raw.flags.1 || self.broker.count == 1).then_some(id);
                if to.is_some_and(|to| self.down.contains(&to)) {
                    return Action::Stall(group);
                }
                let unaware = raw.within.unwrap_or_default();
                Action::Move { group, to, unaware, tail: raw.tail() }
            }
            (22, _) if raw.flags.1 => Action::Stall(group),
            (22, _) => Action::Unstall(group),
            (23, _) => Action::Refuse(group, REFUSALS[raw.who.index(3)]),
            (24, _) => Action::Accept(group),
            (25, Some(count)) if count < 100_000 => {
                let partitions = (count + raw.number as i32).min(100_000);
                self.partitions[topic] = Some(partitions);
                Action::Grow { topic: name, partitions }
            }
            (26, Some(_)) if raw.flags.2 => {
                self.partitions[topic] = None;
                Action::DeleteTopic(name)
            }
            _ => Action::Compact(group),
        }
    }

    pub(super) fn admin(&self, who: String, raw: Raw, id: BrokerId) -> AdminRequest {
        let group = raw.other.get(self.groups).name.clone();
        let partition = TopicPartition::new(TopicName(str_bytes(&group)), raw.number as i32 % 9);
        let some = |flag: bool, names: &[&str]| -> Vec<String> {
            names.iter().filter(|_| flag).map(|name| name.to_string()).collect()
        };
        let number = raw.number as usize;
        let version = |known: i16| raw.flags.2.then_some((raw.number % (known as u32 + 1)) as i16);
        match (raw.kind, raw.flags) {
            (28, (true, ..)) => {
                AdminRequest::Describe { groups: vec![who, "no-such".into()], version: version(6) }
            }
            (28, _) => AdminRequest::DeleteGroups { groups: vec![group], version: version(2) },
            (29, (on, states, types)) => AdminRequest::List {
                on: on.then_some(id),
                states: some(states, &["Stable", "Empty"]),
                types: some(types, &["classic"]),
                version: version(5),
            },
            (30, _) => AdminRequest::DeleteOffsets { group, partitions: vec![partition] },
            (31, (instance, member, _)) => AdminRequest::Remove {
                group,
                instance: (instance || !member).then(|| "i1".to_owned()),
                member: member.then_some(who),
                version: raw.flags.2.then_some(3),
            },
            (32, _) => {
                let retention = raw.settings.0.autocommit;
                let note = number % 1_000_001;
                AdminRequest::Commit { group, partition, offset: raw.offset, note, retention }
            }
            (33, (stable, ..)) => {
                AdminRequest::Offsets { group, stable, version: version(7).map(|old| old + 2) }
            }
            (34, (true, consumer, _)) => AdminRequest::TxnCommit {
                group,
                partition,
                offset: raw.offset,
                producer: raw.offset,
                consumer: consumer.then_some(who),
            },
            (34, (_, commit, _)) => AdminRequest::EndTxn { group, producer: raw.offset, commit },
            (_, (named, usual, empty)) => AdminRequest::Join {
                group: if named { group } else { String::new() },
                protocol_type: match (usual, empty) {
                    (true, _) => "consumer".to_owned(),
                    (false, true) => String::new(),
                    (false, false) => "connect".to_owned(),
                },
                session: raw.settings.0.request.unwrap_or_default(),
            },
        }
    }
}
