//! The README is true: its script prints its trace, and its table of invariants equals the code.

use groupsim::render::{Renderer, Zoom};
use groupsim::run::Run;
use groupsim::{invariant, script};

const README: &str = include_str!("../README.md");

/// The code blocks of the README, in order.
fn blocks() -> Vec<&'static str> {
    README.split("```").skip(1).step_by(2).collect()
}

#[test]
fn the_first_script_prints_the_trace() {
    let block = |with: &str| blocks().into_iter().find(|block| block.contains(with));
    let text = block("\ntopic ").expect("a script");
    let shown = block("── pause").expect("a trace");
    let schedule = script::parse("README.md", text).expect("the script is valid");
    let (mut renderer, mut trace) = (Renderer::new(Zoom::Group), String::new());
    let report =
        Run::of(&schedule).watch(|event, model| renderer.render(event, model, &mut trace)).run();
    assert_eq!(report.finding, None);
    let mut printed = trace.lines();
    for line in shown.lines().filter(|line| !line.is_empty()) {
        assert!(
            printed.any(|printed| printed == line),
            "not printed, or not in this order: {line}"
        );
    }
}

#[test]
fn every_invariant_is_in_the_table() {
    for invariant in invariant::all() {
        let row = format!("| `{}` | {} |", invariant.name(), invariant.statement());
        assert!(README.contains(&row), "the README lacks the row\n{row}");
    }
}
