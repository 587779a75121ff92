use std::time::Duration;

use super::*;
use crate::sim::schedule::{Direction, GroupSpec, Settings, Tail};

fn consumer(name: &str) -> NodeName {
    NodeName::Consumer(name.to_owned())
}

fn broker(id: i32) -> NodeName {
    NodeName::Broker(BrokerId(id))
}

fn join(name: &str) -> Action {
    Action::Join { consumer: name.to_owned(), group: None, settings: Box::default() }
}

fn crash(node: NodeName) -> Action {
    Action::Crash(node, Tail::Random)
}

/// Two brokers, a topic of four partitions, and a group that c1 has joined.
fn cluster() -> ClusterState {
    let mut cluster = ClusterState::default();
    cluster.set_brokers(Some(2));
    cluster.declare_topic("orders", Some(4));
    cluster.declare_group(GroupSpec { name: "g".to_owned(), settings: Settings::default() });
    cluster.apply(&join("c1")).unwrap();
    cluster
}

/// Applies all but the last action, and returns why the last one is illegal.
fn refused(actions: &[Action]) -> String {
    let mut cluster = cluster();
    let (last, before) = actions.split_last().unwrap();
    for action in before {
        cluster.apply(action).unwrap_or_else(|why| panic!("{action:?}: {why}"));
    }
    cluster.apply(last).unwrap_err().to_string()
}

#[test]
fn a_process_that_runs_does_not_start_and_one_that_does_not_is_left_alone() {
    let (c1, b1) = (|| consumer("c1"), || broker(1));
    assert_eq!(refused(&[join("c1")]), "c1 is running already");
    assert_eq!(refused(&[Action::Restart(c1())]), "c1 is running already");
    assert_eq!(refused(&[Action::Restart(b1())]), "b1 is running already");
    assert_eq!(refused(&[crash(c1()), crash(c1())]), "c1 is not running");
    assert_eq!(refused(&[crash(b1()), crash(b1())]), "b1 is not running");
    assert_eq!(refused(&[crash(b1()), Action::Pause(b1())]), "b1 is not running");
    let to = Some(BrokerId(1));
    let (unaware, tail) = (Duration::ZERO, Tail::Random);
    let move_to = |to| Action::Move { group: None, to, unaware, tail };
    assert_eq!(refused(&[crash(b1()), move_to(to)]), "b1 is not running");
    assert_eq!(refused(&[crash(b1()), crash(broker(0)), move_to(None)]), "no broker is running");
}

#[test]
fn a_pause_and_a_resume_take_turns() {
    for node in [consumer("c1"), broker(0)] {
        let (pause, resume) = (Action::Pause(node.clone()), Action::Resume(node.clone()));
        let twice = format!("{node} is paused already");
        assert_eq!(refused(&[pause.clone(), pause.clone()]), twice);
        assert_eq!(refused(std::slice::from_ref(&resume)), format!("{node} is not paused"));
        let restarted = [pause, crash(node.clone()), Action::Restart(node.clone()), resume];
        assert_eq!(refused(&restarted), format!("{node} is not paused"));
    }
}

#[test]
fn whether_a_consumer_that_left_still_runs_is_left_to_the_run() {
    let mut cluster = cluster();
    cluster.apply(&Action::Leave("c1".to_owned())).unwrap();
    for action in [crash(consumer("c1")), Action::Restart(consumer("c1")), join("c1")] {
        assert_eq!(check(&cluster, &action), Ok(()), "{action:?}");
    }
}

#[test]
fn names_must_exist() {
    let (c9, b9) = (|| consumer("c9"), || broker(9));
    let both = Direction::Both;
    assert_eq!(refused(&[Action::Leave("c9".to_owned())]), "c9 has not joined yet");
    assert_eq!(refused(&[Action::Isolate(b9())]), "there is no broker b9");
    let partition = |a, b| Action::Partition(a, b, both);
    assert_eq!(refused(&[partition(consumer("c1"), b9())]), "there is no broker b9");
    assert_eq!(refused(&[partition(broker(0), c9())]), "c9 has not joined yet");
    let no_link = "there is no link between b0 and b1";
    assert_eq!(refused(&[partition(broker(0), broker(1))]), no_link);
    let quiesce = Action::Quiesce(Some(vec!["c1".to_owned(), "c9".to_owned()]));
    assert_eq!(refused(&[quiesce]), "c9 has not joined yet");
    let (group, settings) = (Some("h".to_owned()), Box::default());
    let join = Action::Join { consumer: "c2".to_owned(), group, settings };
    assert_eq!(refused(&[join]), "there is no such group");
}

#[test]
fn a_topic_only_grows_and_only_while_it_exists() {
    let grow = |partitions| Action::Grow { topic: "orders".to_owned(), partitions };
    let delete = || Action::DeleteTopic("orders".to_owned());
    let refusal = "orders has partitions=6 already, and can only get more";
    assert_eq!(refused(&[grow(6), grow(6)]), refusal);
    assert_eq!(refused(&[delete(), grow(8)]), "there is no topic orders");
    assert_eq!(refused(&[delete(), delete()]), "there is no topic orders");
}

#[test]
fn a_fault_of_a_link_is_redundant_while_it_is_on() {
    let mut cluster = cluster();
    let (c1, b0) = (|| consumer("c1"), || broker(0));
    let pairs = [
        (Action::Partition(b0(), c1(), Direction::Forward), Action::Heal(c1(), b0())),
        (Action::Clog(c1(), b0(), Duration::from_secs(1)), Action::Unclog(c1(), b0())),
        (Action::Isolate(c1()), Action::Reconnect(c1())),
        (Action::Isolate(b0()), Action::Reconnect(b0())),
    ];
    for (fault, end) in &pairs {
        assert!(!cluster.is_redundant(fault) && cluster.is_redundant(end), "{fault:?}");
        cluster.apply(fault).unwrap();
        assert!(cluster.is_redundant(fault) && !cluster.is_redundant(end), "{fault:?}");
    }
    assert_eq!(cluster.cut_links("c1").collect::<Vec<_>>(), [LinkState::ResponsesLost]);
    cluster.apply(&Action::Quiesce(None)).unwrap();
    assert!(pairs.iter().all(|(_, end)| cluster.is_redundant(end)));
}
