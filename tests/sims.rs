//! Each script under `sims/` is a test, except those of `regress/`, which `tests/regress.rs` runs.
//! A script must hold, and its trace must be the committed one under `snapshots/`.
//!
//! `cargo test --test sims lifecycle` runs one script; `cargo insta review` shows changes.

use std::path::{Path, PathBuf};

use groupsim::render::{Renderer, Zoom};
use groupsim::run::Run;
use groupsim::script;
use libtest_mimic::{Arguments, Failed, Trial};

fn main() -> std::process::ExitCode {
    let sims = Path::new(env!("CARGO_MANIFEST_DIR")).join("sims");
    let trials = scripts(&sims).into_iter().map(|path| {
        let name = name_of(&sims, &path);
        Trial::test(name.clone(), move || check(&name, &path))
    });
    libtest_mimic::run(&Arguments::from_args(), trials.collect()).exit_code()
}

fn scripts(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("the sims folder can be read");
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    let (folders, files): (Vec<_>, Vec<_>) = paths.into_iter().partition(|path| path.is_dir());
    let folders: Vec<_> = folders.into_iter().filter(|path| !path.ends_with("regress")).collect();
    let files = files.into_iter().filter(|path| path.extension().is_some_and(|end| end == "sim"));
    files.chain(folders.iter().flat_map(|folder| scripts(folder))).collect()
}

/// The name `topic/name` for `sims/topic/name.sim`.
fn name_of(sims: &Path, path: &Path) -> String {
    let inside = path.strip_prefix(sims).expect("a path below the sims folder");
    inside.with_extension("").to_string_lossy().replace('\\', "/")
}

/// The scripts whose snapshot shows every message; the others show the events of groups and
/// members.
const IN_FULL: [&str; 1] = ["lifecycle"];

fn check(name: &str, path: &Path) -> Result<(), Failed> {
    let schedule = script::load(path).map_err(|error| error.to_string())?;
    let zoom = if IN_FULL.contains(&name) { Zoom::Wire } else { Zoom::Group };
    let (mut renderer, mut trace) = (Renderer::new(zoom), String::new());
    let report =
        Run::of(&schedule).watch(|event, model| renderer.render(event, model, &mut trace)).run();
    if let Some(finding) = report.finding {
        return Err(format!("{trace}\n{finding:?}").into());
    }
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../snapshots/sims");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name.replace('/', "__"), trace));
    Ok(())
}
