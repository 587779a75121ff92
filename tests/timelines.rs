//! The timelines of a few seeds, one line per generation. A difference means that the generator or the
//! engine changed what these seeds do: review it before accepting it.

use groupsim::render::{Renderer, Zoom};
use groupsim::run::Run;
use groupsim::script;
use groupsim::swarm::{Profile, schedule};

#[test]
fn a_few_seeds_at_timeline_zoom() {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../snapshots/timelines");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    for (seed, profile) in [(1, "default"), (2, "default"), (3, "churn"), (4, "process")] {
        let profile: Profile = profile.parse().expect("a profile of that name");
        let (mut renderer, mut trace) = (Renderer::new(Zoom::Timeline), String::new());
        let schedule = schedule(seed, profile);
        let report = Run::of(&schedule)
            .watch(|event, model| renderer.render(event, model, &mut trace))
            .run();
        assert_eq!(report.finding, None, "seed {seed}");
        settings.bind(|| insta::assert_snapshot!(format!("seed-{seed}-{}", profile.name()), trace));
    }
}

/// The number of partitions that move when a group with 24 partitions grows from three members to six.
fn moves(assignor: &str) -> u32 {
    let script = format!(
        "topic orders partitions=24
         group g assignor={assignor} session=10s
         join c1
         join c2
         join c3
         settle
         join c4
         join c5
         join c6
         settle
         expect stable members=6"
    );
    let schedule = script::parse("moves", &script).expect("a valid script");
    let (mut renderer, mut trace) = (Renderer::new(Zoom::Timeline), String::new());
    let report =
        Run::of(&schedule).watch(|event, model| renderer.render(event, model, &mut trace)).run();
    assert_eq!(report.finding, None, "{trace}");
    let moved = trace.split_whitespace().filter_map(|word| word.strip_prefix("moved="));
    moved.map(|count| count.parse::<u32>().expect("a number")).sum()
}

/// Cooperative rebalancing moves as many partitions, in one more generation, during which the moving
/// partitions have no owner.
#[test]
fn moves_are_counted_against_the_last_owner() {
    let counted = ["range", "roundrobin", "sticky", "cooperative-sticky"].map(moves);
    assert_eq!(counted, [20, 12, 12, 12]);
}
