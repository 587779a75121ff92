//! What a few seeds of the swarm come to, one line a generation. A change here says that the generator or
//! the engine now does something else with the same seed: read the difference before accepting it.

use groupsim::run::Systems;
use groupsim::swarm::{Profile, run_seed};
use groupsim::trace::{Renderer, Zoom};

#[test]
fn a_few_seeds_at_timeline_zoom() {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../snapshots/timelines");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    for (seed, profile) in [(1, "default"), (2, "default"), (3, "churn"), (4, "process")] {
        let profile: Profile = profile.parse().expect("a profile of that name");
        let (mut renderer, mut trace) = (Renderer::new(Zoom::Timeline), String::new());
        let mut watch = |event: &_| renderer.render(event, &mut trace);
        let report = run_seed(seed, profile, &Systems::default(), &mut watch);
        assert_eq!(report.finding, None, "seed {seed}");
        settings.bind(|| insta::assert_snapshot!(format!("seed-{seed}-{}", profile.name()), trace));
    }
}
