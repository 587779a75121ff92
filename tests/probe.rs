//! `probe`: our consumers against brokers that nobody looks into; here our own, over real TCP, with and
//! without a mutant inside. What the mutant does is found from what the consumers are told.

#[path = "probe/rehearsed.rs"]
mod rehearsed;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::time::Duration;

use bytes::Bytes;
use groupsim::coordinator::{Coordinator, GroupCoordinator, Output};
use groupsim::engine::{Attendant, Limits, Refused, Serving, probe, serve};
use groupsim::invariant::{Allow, Violation};
use groupsim::mutant::{self, Altered, Wrapped};
use groupsim::protocol::Response;
use groupsim::run::{Finding, Report, Systems};
use groupsim::script;
use groupsim::trace::Event;

const BROKERS: &str = "
    broker count=2 initial-delay=200ms min-session=500ms
    topic orders partitions=4 rate=20/s
";

/// Tells whoever waits where the brokers are.
struct Door(Sender<SocketAddr>);

impl Attendant for Door {
    fn ready(&mut self, addresses: &[SocketAddr]) {
        self.0.send(addresses[0]).expect("somebody waits");
    }

    fn event(&mut self, _event: &Event) {}

    fn found(&mut self, _finding: &Finding) {}

    fn refused(&mut self, why: &str) {
        panic!("{why}");
    }
}

/// What a probe with this script comes to, of brokers with these systems; and what the brokers themselves
/// are found to be.
fn probed(systems: Systems, script: &str) -> (Result<Report, Refused>, Report) {
    probed_allowing(&[], systems, script)
}

/// The same, where both sides may violate these.
fn probed_allowing(
    allowed: &[&str],
    systems: Systems,
    script: &str,
) -> (Result<Report, Refused>, Report) {
    let allowed: Vec<Allow> =
        allowed.iter().map(|text| text.parse().expect("an invariant")).collect();
    let schedule = script::parse_outside("brokers", BROKERS).expect("a valid script");
    let script = script::parse("probe", script).expect("a valid script");
    let stop = AtomicBool::new(false);
    let (sender, ready) = channel();
    std::thread::scope(|scope| {
        // Also when this thread panics: the scope waits for the brokers.
        let end = EndOnDrop(&stop);
        let brokers = scope.spawn(|| {
            let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
            let limits = Limits::NONE;
            let allowed = allowed.clone();
            let serving = Serving { listen, advertise: None, limits, allowed };
            let (_steps, none) = channel();
            serve(&schedule, &systems, &serving, &none, &stop, &mut Door(sender))
        });
        let at = ready.recv_timeout(Duration::from_secs(10)).expect("the brokers listen");
        let never = Arc::new(AtomicBool::new(false));
        let correct = Systems::default();
        let found = probe(&script, &correct, (&at.to_string(), &allowed), &never, &mut |_| ());
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
        Box::new(Wrapped(Altered(Box::new(Coordinator::new(config, rng)), make())))
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
    assert!(report.processed > 0, "the consumers read what is fed");
    assert_eq!(brokers.finding, None);
    assert!(brokers.rebalances >= 4, "{} rebalances", brokers.rebalances);
    // What the brokers began without a member, nobody was told of.
    assert!(report.rebalances >= 4 && report.rebalances <= brokers.rebalances, "{report:?}");
}

/// Real time goes on between two lines.
#[test]
fn steps_of_one_instant_come_a_little_late_and_are_carried_out() {
    let script = JOIN_AND_SHARE.replace("join c", "at 0s join c")
        + "\
        at 2s pause c1\n at 2s pause c2\n at 2s reset c1 coordinator\n at 2s reset c2\n \
        advance 100ms\n resume c1\n resume c2\n settle\n expect stable members=2\n";
    let (found, brokers) = probed(Systems::default(), &script);
    assert_eq!(found.expect("the probe runs").finding, None);
    assert_eq!(brokers.finding, None);
}

#[test]
fn a_topic_that_is_not_there_or_has_other_partitions_is_refused() {
    for (wanted, why) in [
        ("topic others partitions=4", "has no topic others: create it first"),
        ("topic orders partitions=3", "with 4 partitions, and the script says 3"),
    ] {
        let script = format!("{wanted}\ngroup g\njoin c1\nsettle\n");
        let (found, _) = probed(Systems::default(), &script);
        let Err(Refused::Engine(said)) = found else { panic!("{found:?}") };
        assert!(said.ends_with(why), "{said}");
    }
}

/// Tells every member what the first one was told.
fn double_owner() -> impl FnMut(&mut Output) -> bool {
    let mut first = Bytes::new();
    move |output| {
        if let Output::Respond { response: Response::SyncGroup(answer), .. } = output
            && answer.error_code == 0
        {
            if first.is_empty() {
                first = answer.assignment.clone();
            }
            answer.assignment = first.clone();
        }
        true
    }
}

#[test]
fn a_double_owner_is_found_by_what_the_consumers_are_told() {
    let (found, brokers) = probed(altered(double_owner), JOIN_AND_SHARE);
    let (invariant, message) = violated(found);
    assert_eq!(invariant, "single-owner", "{message}");
    // Whoever serves sees it too.
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

/// Which invariants were violated in which groups.
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

/// Tells every member of a generation what the first one was told.
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
fn what_is_allowed_in_a_group_is_found_in_the_others_only() {
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

/// Answers fetches of offsets as if nothing had ever been committed.
fn forgetful(output: &mut Output) -> bool {
    if let Output::Respond { response: Response::OffsetFetch(answer), .. } = output {
        let topics = answer.groups.iter_mut().flat_map(|group| &mut group.topics);
        for partition in topics.flat_map(|topic| &mut topic.partitions) {
            partition.committed_offset = -1;
        }
    }
    true
}

#[test]
fn a_lost_commit_is_found() {
    let (invariant, message) = violated(probed(altered(|| forgetful), COME_AND_GO).0);
    assert_eq!(invariant, "no-loss", "{message}");
}

/// Tells of a generation that is long over.
fn rewinding(output: &mut Output) -> bool {
    if let Output::Respond { response: Response::JoinGroup(answer), .. } = output
        && answer.generation_id >= 3
    {
        answer.generation_id -= 2;
    }
    true
}

#[test]
fn an_earlier_generation_is_found() {
    // Its members never agree, and nobody waits for that.
    let script = COME_AND_GO.replace("settle\n", "settle within=3s\n");
    let (invariant, message) = violated(probed(altered(|| rewinding), &script).0);
    assert_eq!(invariant, "generation", "{message}");
}

/// Answers no SyncGroup.
fn mute(output: &mut Output) -> bool {
    !matches!(output, Output::Respond { response: Response::SyncGroup(_), .. })
}

#[test]
fn a_group_that_never_becomes_stable_is_found() {
    let script = format!("{JOIN_AND_SHARE} within=2s\n");
    let (found, _) =
        probed(altered(|| mute), script.replace("settle\n within", "settle within").as_str());
    let finding = found.expect("the probe runs").finding;
    let Some(Finding::NoConvergence(violation)) = finding else { panic!("{finding:?}") };
    assert!(violation.message.contains("SyncGroup response"), "{}", violation.message);
}

#[test]
fn what_cannot_be_done_to_foreign_brokers_is_refused() {
    let script = format!("{JOIN_AND_SHARE}\n    compact g\n");
    let (found, _) = probed(Systems::default(), &script);
    let Err(Refused::Line { line, why }) = found else { panic!("{found:?}") };
    assert_eq!((line, why), (9, "the brokers are third-party ones: only consumers act here"));
}

#[test]
fn where_nobody_listens_there_is_no_broker() {
    let schedule = script::parse("probe", JOIN_AND_SHARE).expect("a valid script");
    let nobody = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let at = nobody.local_addr().expect("an address").to_string();
    drop(nobody);
    let never = Arc::new(AtomicBool::new(false));
    let found = probe(&schedule, &Systems::default(), (&at, &[]), &never, &mut |_| ());
    let Err(Refused::Engine(why)) = found else { panic!("{found:?}") };
    assert!(why.starts_with(&format!("no Kafka broker at {at}: ")), "{why}");
}
