//! What a coordinator receives from its broker, with one that writes it down.

use std::cell::RefCell;
use std::rc::Rc;

use kafka_protocol::messages::LeaveGroupResponse;

use super::testing::*;
use super::*;
use crate::coordinator::{self, AppendId, GroupCoordinator, Input, Release, TopicChange};
use crate::protocol::str_bytes;
use crate::time::Time;

type Inputs = Rc<RefCell<Vec<String>>>;

/// Writes down its inputs. It answers every request like a LeaveGroup, when the three records that
/// it appends for it are durable.
struct Recorder {
    inputs: Inputs,
    appended: u64,
}

impl GroupCoordinator for Recorder {
    fn handle(&mut self, _now: Time, input: Input<'_>, out: &mut Vec<coordinator::Output>) {
        let text = match input {
            Input::Request(call) => {
                let id = AppendId(self.appended);
                self.appended += 1;
                let records = ["x", "y", "z"].map(tombstone).to_vec();
                out.push(coordinator::Output::Append { id, records });
                let response = LeaveGroupResponse::default().into();
                let release = Release::WhenDurable;
                out.push(coordinator::Output::Respond { to: call.id, response, release });
                "request".to_owned()
            }
            Input::Replay { records, committed } => {
                let positions: Vec<u64> = records.iter().map(|(position, _)| *position).collect();
                format!("replay {positions:?} committed={committed}")
            }
            Input::Metadata { image, change } => {
                let mut text = change.map_or("image".to_owned(), |change| format!("{change:?}"));
                for (name, topic) in &image.topics {
                    let racks = topic.racks_of(topic.partitions - 1).iter();
                    let racks: Vec<&str> = racks.map(|rack| rack.as_str()).collect();
                    text += &format!(" {}={} {racks:?}", name.as_str(), topic.partitions);
                }
                text
            }
            other => format!("{other:?}"),
        };
        self.inputs.borrow_mut().push(text);
    }

    fn advance(&mut self, _now: Time, _out: &mut Vec<coordinator::Output>) {}

    fn next_deadline(&self) -> Option<Time> {
        None
    }
}

fn with_recorder(config: ClusterConfig, test: impl FnOnce(&mut Bench<'_>, &Inputs)) {
    let inputs = Inputs::default();
    let make = |_, _| -> Box<dyn GroupCoordinator> {
        Box::new(Recorder { inputs: Rc::clone(&inputs), appended: 0 })
    };
    test(&mut Bench::new(config, &make), &inputs);
}

/// R10.6.
#[test]
fn a_coordinator_knows_all_topics_and_learns_of_each_change() {
    let racks = ["r0", "r1", "r2"].map(str_bytes).to_vec();
    with_recorder(ClusterConfig { racks, ..config() }, |bench, inputs| {
        bench.cluster.create_topic(topic("t"), 1);
        bench.cluster.create_topic(topic("u"), 2);
        bench.send(B0, 3, leave("g"));
        bench.cluster.grow_topic(&topic("t"), 4);
        let grown = TopicChange::Grown(topic("t"));
        for at in [B0, B1] {
            bench.at(at, |cluster, now, out| cluster.learn_topic(now, at, &grown, out));
        }
        bench.at(B0, |cluster, now, out| cluster.delete_topic(now, B0, &topic("u"), out));
        let all = r#"["r0", "r1", "r2"]"#;
        let expected = [
            format!("image t=1 {all} u=2 {all}"),
            "Loaded".to_owned(),
            "request".to_owned(),
            format!("{grown:?} t=4 {all} u=2 {all}"),
            format!("{:?} t=4 {all}", TopicChange::Deleted(topic("u"))),
        ];
        assert_eq!(*inputs.borrow(), expected);
    });
}

/// R3.8, R3.13.
#[test]
fn an_append_of_three_records_is_durable_lost_and_replayed_as_one() {
    for (fate, left) in [(Uncommitted::Kept, 3), (Uncommitted::Lost, 2)] {
        with_recorder(config(), |bench, inputs| {
            let first = bench.send(B0, 3, leave("g"));
            let second = bench.send(B0, 3, leave("g"));
            bench.pass(ms(2));
            assert_eq!((bench.code(first), bench.code(second)), (Some(0), Some(0)));
            bench.cluster.stall(0, true);
            bench.send(B0, 3, leave("g"));
            inputs.borrow_mut().clear();
            assert_eq!(bench.elect(Some(B1), fate).lost, 9 - 3 * left);
            bench.learn(B1);
            bench.pass(ms(100));
            let batch = |n: u64| {
                let positions: Vec<u64> = (3 * n..3 * n + 3).collect();
                format!("replay {positions:?} committed={}", n < 2)
            };
            let mut expected = vec!["image".to_owned()];
            expected.extend((0..left).map(batch));
            expected.push("Loaded".to_owned());
            assert_eq!(*inputs.borrow(), expected, "{fate:?}");
            let uncommitted = if left == 3 { vec![(1, 3)] } else { Vec::new() };
            assert_eq!(bench.uncommitted, uncommitted);
        });
    }
}
