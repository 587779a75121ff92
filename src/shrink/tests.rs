use crate::mutant;
use crate::swarm::{Profile, parts, schedule};

use super::*;

fn parsed(text: &str) -> Schedule {
    script::parse("test.sim", text).unwrap_or_else(|errors| panic!("{errors}"))
}

fn never_stop(_: &Schedule, _: u64) -> bool {
    true
}

#[test]
fn a_schedule_without_a_finding_cannot_be_shrunk() {
    let quiet = parsed("topic t partitions=2\ngroup g\njoin c1\nsettle\n");
    assert_eq!(shrink(&quiet, &Systems::default(), &mut never_stop), None);
}

#[test]
fn only_steps_and_settings_that_the_finding_needs_are_left() {
    let noisy = parsed(
        "seed 7\nnetwork latency=1ms..30ms\nbroker count=3 linger=5ms\ntopic t partitions=6 rate=5/s\ntopic u partitions=2\n\
         group g topics=t session=12s\ngroup h topics=u\n\
         join c1 group=g\njoin c2 group=g\njoin c3 group=h\nsettle\nat 20s pause c2\nat 22s skew c1 ppm=1000\n\
         at 30s resume c2\nsettle\nexpect stable group=g generation=9\nleave c1\nsettle\n",
    );
    let shrunk = shrink(&noisy, &Systems::default(), &mut never_stop).expect("it fails");
    let text = script::print(&shrunk.schedule);
    assert_eq!(text, "group g\n\nexpect stable generation=9 group=g\n");
    assert_eq!(parts(&shrunk.finding).name, "expect");
}

#[test]
fn a_shrunk_schedule_has_the_same_finding_and_few_steps() {
    let mutant = mutant::find("forgiving-heartbeats").expect("a mutant");
    let systems = mutant.systems();
    let found = (0..100).map(|seed| schedule(seed, Profile::Default)).find_map(|schedule| {
        let finding = Run::of(&schedule).systems(&systems).run().finding?;
        (parts(&finding).name == "fencing").then_some(schedule)
    });
    let shrunk = shrink(&found.expect("a seed"), &systems, &mut never_stop).expect("it fails");
    let again = Run::of(&shrunk.schedule).systems(&systems).run().finding;
    assert_eq!(again.as_ref(), Some(&shrunk.finding));
    assert_eq!(parts(&shrunk.finding).name, "fencing");
    let text = script::print(&shrunk.schedule);
    assert!(shrunk.schedule.steps.len() <= 6, "{text}");
    assert_eq!(script::parse("again", &text).as_ref(), Ok(&shrunk.schedule), "{text}");
}

#[test]
fn stopping_keeps_the_smallest_schedule_so_far() {
    let noisy =
        parsed("topic t partitions=6\ngroup g\njoin c1\njoin c2\nexpect stable generation=9\n");
    let mut calls = 0;
    let shrunk = shrink(&noisy, &Systems::default(), &mut |_, runs| {
        calls = runs;
        runs < 3
    });
    let shrunk = shrunk.expect("it fails");
    assert_eq!((shrunk.runs, calls), (3, 3));
    assert!(Run::of(&shrunk.schedule).run().finding.is_some());
}
