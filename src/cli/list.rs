//! `list` and `show`: what can be run, what is checked, and the text of built-in scripts.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::swarm::Profile;
use crate::{invariant, mutant};

use super::args;
use super::exit::Exit;
use super::out::{Failure, Out};
use super::scripts::{self, BuiltIn, SIMS};

/// Lists scripts, profiles, invariants and mutants.
pub fn list(out: &mut Out) -> Result<Exit, Failure> {
    let sims = sims(Path::new(SIMS))
        .map_err(|error| Failure::Usage(format!("cannot read {SIMS}/: {error}")))?;
    if !sims.is_empty() {
        out.line(format_args!("scripts under {SIMS}/"))?;
        for sim in &sims {
            out.line(format_args!("  {:<44} {}", sim.path.display(), sim.about))?;
        }
        out.line("")?;
    }
    let built_in = only_built_in(&sims);
    if !built_in.is_empty() {
        out.line(
            "built-in scripts (`groupsim show NAME` prints one, `groupsim run NAME` runs one)",
        )?;
        for script in &built_in {
            out.line(format_args!("  {:<44} {}", script.name, about(script.text)))?;
        }
        out.line("")?;
    }
    out.line("profiles")?;
    for profile in Profile::ALL {
        out.line(format_args!("  {:<12} {}", profile.name(), profile.spec().about))?;
    }
    out.line("\ninvariants")?;
    for (name, statement) in invariants() {
        out.line(format_args!("  {name:<18} {statement}"))?;
    }
    out.line(
        "\nmutants (`groupsim mutants` hunts them, `--mutant NAME` of other commands plants one)",
    )?;
    for mutant in mutant::all() {
        out.line(format_args!("  {:<32} {}", mutant.name, mutant.breaks))?;
    }
    out.object(&as_json(&sims, &built_in))?;
    Ok(Exit::Held)
}

/// Prints a built-in script.
pub fn show(args: &args::Show, out: &mut Out) -> Result<Exit, Failure> {
    let script = scripts::find(&args.name).map_err(Failure::Usage)?;
    if !out.is_json() {
        out.text(script.text)?;
    }
    out.object(&json!({ "type": "script", "name": script.name, "script": script.text }))?;
    Ok(Exit::Held)
}

/// The built-in scripts that are not among the local ones.
fn only_built_in(sims: &[Sim]) -> Vec<BuiltIn> {
    let is_local = |script: &BuiltIn| {
        let path = Path::new(SIMS).join(format!("{}.sim", script.name));
        sims.iter().any(|sim| sim.path == path)
    };
    scripts::built_in().into_iter().filter(|script| !is_local(script)).collect()
}

/// The names and statements of all invariants.
pub fn invariants() -> Vec<(&'static str, &'static str)> {
    invariant::all().iter().map(|each| (each.name(), each.statement())).collect()
}

fn as_json(sims: &[Sim], built_in: &[BuiltIn]) -> Value {
    json!({
        "type": "list",
        "sims": sims
            .iter()
            .map(|sim| json!({ "path": sim.path.display().to_string(), "about": sim.about }))
            .collect::<Vec<_>>(),
        "built_in": built_in
            .iter()
            .map(|script| json!({ "name": script.name, "about": about(script.text) }))
            .collect::<Vec<_>>(),
        "profiles": Profile::ALL
            .map(|profile| json!({ "name": profile.name(), "about": profile.spec().about })),
        "invariants": invariants()
            .iter()
            .map(|(name, statement)| json!({ "name": name, "statement": statement }))
            .collect::<Vec<_>>(),
        "mutants": mutant::all()
            .map(|mutant| json!({ "name": mutant.name, "breaks": mutant.breaks }))
            .collect::<Vec<_>>(),
    })
}

/// A local script.
struct Sim {
    path: PathBuf,
    about: String,
}

/// The scripts in a directory, recursively, sorted by path; empty if the directory does not exist.
fn sims(folder: &Path) -> io::Result<Vec<Sim>> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        let entries = match fs::read_dir(&folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            entries => entries?,
        };
        for entry in entries {
            let entry = entry?;
            let path = entry.path();
            // Links are not followed: a link to a parent would make the search endless.
            if entry.file_type()?.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "sim") {
                let text = fs::read_to_string(&path);
                let about = text.map_or("(cannot be read)".to_owned(), |text| about(&text));
                found.push(Sim { about, path });
            }
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(found)
}

/// The first sentence of the comment at the head of a script.
fn about(text: &str) -> String {
    let comment = text.lines().take_while(|line| line.starts_with('#'));
    let comment = comment.map(|line| line.trim_start_matches('#').trim());
    let comment = comment.collect::<Vec<_>>().join(" ");
    let end = comment.find(". ").map_or(comment.len(), |dot| dot + 1);
    comment[..end].trim().to_owned()
}
