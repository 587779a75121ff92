//! A few short scripts on real TCP in real time, to check the simulated networks against reality.

use groupsim::engine::EngineKind;
use groupsim::script;
use groupsim::sim::schedule::Schedule;

use crate::look;

fn parse(text: &str) -> Schedule {
    script::parse("tcp.sim", text).unwrap_or_else(|error| panic!("{error}"))
}

/// Checks that the event engine and TCP have the same outcome.
fn agrees(text: &str) {
    let schedule = parse(text);
    let [simulated, real] = [EngineKind::Sim, EngineKind::Tcp].map(|engine| {
        let (report, outcome) = look(engine, &schedule);
        assert_eq!(report.finding, None, "{engine}");
        outcome
    });
    assert_eq!(simulated, real);
}

#[test]
fn a_group_forms_reads_and_shrinks() {
    agrees(
        "broker initial-delay=300ms\ntopic orders partitions=4\n\
         group g heartbeat=100ms autocommit=200ms\n\
         join c1\njoin c2\nsettle\nproduce orders count=8\ndrain\nleave c2\nsettle\nadvance 1s\n\
         expect stable generation=2 members=1\nexpect committed orders-0=2\n",
    );
}

#[test]
fn a_lost_coordinator_is_found_again() {
    agrees(
        "broker count=2 initial-delay=300ms detect=500ms\ntopic orders partitions=2\n\
         group g heartbeat=100ms autocommit=200ms\n\
         join c1\nsettle\nmove g to=b1\nadvance 1s\nproduce orders count=4\ndrain\nadvance 1s\nsettle\n\
         expect stable generation=1 members=1\nexpect committed orders-1=2\n",
    );
}
