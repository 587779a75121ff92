//! `probe`: our consumers against brokers that are tested as black boxes. Here these are our own,
//! over real TCP, with and without a mutant. A mutant is found from the responses that the
//! consumers receive.

#[path = "probe/virtual_time.rs"]
mod virtual_time;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::time::Duration;

use bytes::Bytes;
use groupsim::coordinator::{Coordinator, GroupCoordinator, Output};
use groupsim::engine::{Limits, Refused, ServeObserver, Serving, probe, serve};
use groupsim::invariant::{Allow, Violation};
use groupsim::model::Model;
use groupsim::mutant::{self, Intercepted, OutputFilter};
use groupsim::protocol::Response;
use groupsim::run::{Finding, Report, Systems};
use groupsim::script;
use groupsim::trace::Event;

const BROKERS: &str = "
    broker count=2 initial-delay=200ms min-session=500ms
    topic orders partitions=4 rate=20/s
";

/// Sends the brokers' address to the thread that waits for it.
struct ReadySender(Sender<SocketAddr>);

impl ServeObserver for ReadySender {
    fn ready(&mut self, addresses: &[SocketAddr]) {
        self.0.send(addresses[0]).expect("a thread waits");
    }

    fn event(&mut self, _event: &Event, _model: &Model) {}

    fn found(&mut self, _finding: &Finding) {}

    fn refused(&mut self, why: &str) {
        panic!("{why}");
    }
}

/// The result of a probe with this script against brokers with these systems, and the report of the
/// brokers themselves.
fn probed(systems: Systems, script: &str) -> (Result<Report, Refused>, Report) {
    probed_allowing(&[], systems, script)
}

/// Like [`probed`], with these violations allowed on both sides.
fn probed_allowing(
    allowed: &[&str],
    systems: Systems,
    script: &str,
) -> (Result<Report, Refused>, Report) {
    let allowed: Vec<Allow> =
        allowed.iter().map(|text| text.parse().expect("an invariant")).collect();
    let schedule = script::parse_for_external_clients("brokers", BROKERS).expect("a valid script");
    let script = script::parse("probe", script).expect("a valid script");
    let stop = AtomicBool::new(false);
    let (sender, ready) = channel();
    std::thread::scope(|scope| {
        // The guard also works if this thread panics, because the scope waits for the brokers.
        let end = EndOnDrop(&stop);
        let brokers = scope.spawn(|| {
            let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
            let limits = Limits::NONE;
            let allowed = allowed.clone();
            let serving = Serving { listen, advertise: None, limits, allowed };
            let (_steps, none) = channel();
            serve(&schedule, &systems, &serving, &none, &stop, &mut ReadySender(sender))
        });
        let at = ready.recv_timeout(Duration::from_secs(10)).expect("the brokers listen");
        let never = Arc::new(AtomicBool::new(false));
        let correct = Systems::default();
        let found = probe(&script, &correct, (&at.to_string(), &allowed), &never, &mut |_, _| ());
        drop(end);
        let brokers = brokers.join().expect("the brokers end").expect("the brokers listen");
        (found, brokers)
    })
}

struct EndOnDrop<'s>(&'s AtomicBool);

impl Drop for EndOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

const JOIN_AND_SHARE: &str = "
    broker min-session=500ms
    topic orders partitions=4
    group g topics=orders session=2s heartbeat=200ms rebalance=2s
    join c1
    join c2
    settle
";

const COME_AND_GO: &str = "
    broker min-session=500ms
    topic orders partitions=4
    group g topics=orders session=1s heartbeat=100ms rebalance=2s autocommit=100ms request=3s
    join c1
    join c2
    settle
    advance 500ms
    crash c1
    advance 1200ms
    settle
    expect c2 stable owns=orders-0,orders-1,orders-2,orders-3
    restart c1
    settle
    pause c2
    advance 1500ms
    resume c2
    advance 300ms
    settle
    leave c2
    advance 500ms
    expect c1 stable owns=orders-0,orders-1,orders-2,orders-3
";

fn altered<F: FnMut(&mut Output) -> bool + 'static>(make: fn() -> F) -> Systems {
    let coordinator = Arc::new(move |config, rng| -> Box<dyn GroupCoordinator> {
        Box::new(Intercepted(OutputFilter(Box::new(Coordinator::new(config, rng)), make())))
    });
    Systems { coordinator, ..Systems::default() }
}

fn violated(found: Result<Report, Refused>) -> (&'static str, String) {
    match found.expect("the probe runs").finding {
        Some(Finding::Violation(violation)) => (violation.invariant, violation.message),
        other => panic!("no violation but {other:?}"),
    }
}

#[test]
fn correct_brokers_hold() {
    let (found, brokers) = probed(Systems::default(), COME_AND_GO);
    let report = found.expect("the probe runs");
    assert_eq!(report.finding, None);
    assert!(report.processed > 0, "the consumers read what the workload produces");
    assert_eq!(brokers.finding, None);
    assert!(brokers.rebalances >= 4, "{} rebalances", brokers.rebalances);
    // Generations without a member are not visible to the probe.
    assert!(report.rebalances >= 4 && report.rebalances <= brokers.rebalances, "{report:?}");
}

/// Real time passes between two lines.
#[test]
fn steps_that_are_due_at_the_same_time_run_a_little_late() {
    let script = JOIN_AND_SHARE.replace("join c", "at 0s join c")
        + "\
        at 2s pause c1\n at 2s pause c2\n at 2s reset c1 coordinator\n at 2s reset c2\n \
        advance 100ms\n resume c1\n resume c2\n settle\n expect stable members=2\n";
    let (found, brokers) = probed(Systems::default(), &script);
    assert_eq!(found.expect("the probe runs").finding, None);
    assert_eq!(brokers.finding, None);
}

#[test]
fn a_missing_topic_or_a_wrong_partition_count_is_refused() {
    for (wanted, why) in [
        ("topic others partitions=4", "has no topic others: create it first"),
        ("topic orders partitions=3", "with 4 partitions, but the script says 3"),
    ] {
        let script = format!("{wanted}\ngroup g\njoin c1\nsettle\n");
        let (found, _) = probed(Systems::default(), &script);
        let Err(Refused::Engine(message)) = found else { panic!("{found:?}") };
        assert!(message.ends_with(why), "{message}");
    }
}

/// Gives every member the assignment of the first one.
fn double_owner() -> impl FnMut(&mut Output) -> bool {
    let mut first = Bytes::new();
    move |output| {
        if let Output::Respond { response: Response::SyncGroup(response), .. } = output
            && response.error_code == 0
        {
            if first.is_empty() {
                first = response.assignment.clone();
            }
            response.assignment = first.clone();
        }
        true
    }
}

#[test]
fn a_double_owner_is_found_from_the_responses_to_consumers() {
    let (found, brokers) = probed(altered(double_owner), JOIN_AND_SHARE);
    let (invariant, message) = violated(found);
    assert_eq!(invariant, "single-owner", "{message}");
    // The brokers' own checks see it, too.
    assert!(
        matches!(&brokers.finding, Some(Finding::Violation(v)) if v.invariant == "single-owner")
    );
}

/// Two groups, one after the other.
const TWO_GROUPS: &str = "
    broker min-session=500ms
    topic orders partitions=4
    group g topics=orders session=2s heartbeat=200ms rebalance=2s
    group h topics=orders session=2s heartbeat=200ms rebalance=2s
    join c1 group=g
    join c2 group=g
    settle
    join c3 group=h
    join c4 group=h
    settle
";

/// The violated invariants with their groups.
fn places(report: &Report) -> Vec<(&'static str, &str)> {
    fn group(of: &Violation) -> &str {
        of.group.as_ref().map_or("", |group| group.as_str())
    }
    let violations = report.findings.iter().filter_map(|found| match &found.finding {
        Finding::Violation(violation) => Some(violation),
        _ => None,
    });
    violations.map(|of| (of.invariant, group(of))).collect()
}

/// Gives every member of a generation the assignment of the first one.
fn double_owners() -> Systems {
    mutant::find("shared-assignment").expect("a mutant").systems()
}

#[test]
fn judging_goes_on_on_both_sides_after_a_violation() {
    let (found, brokers) = probed(double_owners(), TWO_GROUPS);
    for report in [found.expect("the probe runs"), brokers] {
        let places = places(&report);
        for group in ["g", "h"] {
            let count = places.iter().filter(|place| **place == ("single-owner", group)).count();
            assert!(count > 0, "{group}: {places:?}");
        }
        let distinct: std::collections::BTreeSet<_> = report
            .findings
            .iter()
            .map(|found| match &found.finding {
                Finding::Violation(of) | Finding::NoConvergence(of) => {
                    (of.invariant, of.rule, of.group.clone())
                }
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(distinct.len(), report.findings.len(), "each is reported once");
    }
}

#[test]
fn a_violation_allowed_in_one_group_is_found_in_the_others_only() {
    let allowed = ["single-owner:g", "no-overlap"];
    let (found, brokers) = probed_allowing(&allowed, double_owners(), TWO_GROUPS);
    for report in [found.expect("the probe runs"), brokers] {
        let places = places(&report);
        assert!(places.contains(&("single-owner", "h")), "{places:?}");
        assert!(!places.contains(&("single-owner", "g")), "{places:?}");
    }
}

#[test]
fn a_member_that_is_not_fenced_is_found() {
    let (invariant, message) = violated(
        probed(mutant::find("forgiving-heartbeats").expect("a mutant").systems(), COME_AND_GO).0,
    );
    assert_eq!(invariant, "fencing", "{message}");
}

/// Responds to OffsetFetch as if nothing had ever been committed.
fn forget_commits(output: &mut Output) -> bool {
    if let Output::Respond { response: Response::OffsetFetch(response), .. } = output {
        let topics = response.groups.iter_mut().flat_map(|group| &mut group.topics);
        for partition in topics.flat_map(|topic| &mut topic.partitions) {
            partition.committed_offset = -1;
        }
    }
    true
}

#[test]
fn a_lost_commit_is_found() {
    let (invariant, message) = violated(probed(altered(|| forget_commits), COME_AND_GO).0);
    assert_eq!(invariant, "no-loss", "{message}");
}

/// Responds to JoinGroup with an earlier generation.
fn rewind_generation(output: &mut Output) -> bool {
    if let Output::Respond { response: Response::JoinGroup(response), .. } = output
        && response.generation_id >= 3
    {
        response.generation_id -= 2;
    }
    true
}

#[test]
fn an_earlier_generation_is_found() {
    // Its members never agree, so the settle must not wait for that.
    let script = COME_AND_GO.replace("settle\n", "settle within=3s\n");
    let (invariant, message) = violated(probed(altered(|| rewind_generation), &script).0);
    assert_eq!(invariant, "generation", "{message}");
}

/// Never responds to SyncGroup.
fn drop_sync_responses(output: &mut Output) -> bool {
    !matches!(output, Output::Respond { response: Response::SyncGroup(_), .. })
}

#[test]
fn a_group_that_never_becomes_stable_is_found() {
    let script = format!("{JOIN_AND_SHARE} within=2s\n");
    let (found, _) = probed(
        altered(|| drop_sync_responses),
        script.replace("settle\n within", "settle within").as_str(),
    );
    let finding = found.expect("the probe runs").finding;
    let Some(Finding::NoConvergence(violation)) = finding else { panic!("{finding:?}") };
    assert!(violation.message.contains("SyncGroup response"), "{}", violation.message);
}

#[test]
fn an_action_that_third_party_brokers_do_not_support_is_refused() {
    let script = format!("{JOIN_AND_SHARE}\n    compact g\n");
    let (found, _) = probed(Systems::default(), &script);
    let Err(Refused::Line { line, why }) = found else { panic!("{found:?}") };
    assert_eq!(
        (line, why),
        (9, "the brokers are third-party ones: a probe can only act on consumers")
    );
}

#[test]
fn a_port_without_a_listener_has_no_broker() {
    let schedule = script::parse("probe", JOIN_AND_SHARE).expect("a valid script");
    let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let at = listener.local_addr().expect("an address").to_string();
    drop(listener);
    let never = Arc::new(AtomicBool::new(false));
    let found = probe(&schedule, &Systems::default(), (&at, &[]), &never, &mut |_, _| ());
    let Err(Refused::Engine(why)) = found else { panic!("{found:?}") };
    assert!(why.starts_with(&format!("no Kafka broker at {at}: ")), "{why}");
}
