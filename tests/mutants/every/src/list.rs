//! The mutants that `cargo mutants` lists.

use std::env;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

/// The rings whose mutants are judged, in this order.
pub const RINGS: [&str; 3] = ["assignor", "coordinator", "client"];

const INSTALL: &str = "cargo install cargo-mutants --locked --version 27.1.0";

/// One mutant.
#[derive(Clone, Deserialize)]
pub struct Mutant {
    /// The number of its switch; 0 stands for no mutant.
    #[serde(skip)]
    pub number: u32,
    /// The name that `cargo mutants` gives it; it is unique.
    pub name: String,
    /// The file that it changes.
    pub file: String,
    /// The kind of change.
    pub genre: Genre,
    /// The replacement.
    pub replacement: String,
    /// The place of the replaced code.
    pub span: Span,
}

/// A kind of change.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
pub enum Genre {
    /// A function body becomes a return of a value.
    FnValue,
    /// A binary operator becomes another.
    BinaryOperator,
    /// A unary operator is deleted.
    UnaryOperator,
    /// A guard always or never holds.
    MatchArmGuard,
    /// A match arm is deleted.
    MatchArm,
    /// A field takes its value from the base of the struct expression.
    StructField,
}

/// A piece of a file.
#[derive(Clone, Copy, Deserialize)]
pub struct Span {
    /// The start of the piece.
    pub start: Place,
}

/// A place in a file, both counted from 1.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The line.
    pub line: usize,
    /// The column, in characters.
    pub column: usize,
}

impl Mutant {
    /// The ring that the mutant is in.
    pub fn ring(&self) -> &'static str {
        let of = |ring: &&str| self.file.starts_with(&format!("src/{ring}/"));
        RINGS.into_iter().find(of).expect("only these rings are listed")
    }
}

/// Runs `cargo mutants --list` for all rings.
///
/// # Errors
///
/// When it is not installed or fails.
pub fn mutants(root: &Path) -> Result<Vec<Mutant>> {
    let program = env::var_os("CARGO_MUTANTS").unwrap_or_else(|| "cargo-mutants".into());
    let mut command = Command::new(&program);
    command.current_dir(root).args(["mutants", "--list", "--json"]).stderr(Stdio::inherit());
    for ring in RINGS {
        command.arg("-f").arg(format!("src/{ring}/**"));
    }
    let listed = command
        .output()
        .with_context(|| format!("{} does not start; install it: {INSTALL}", program.display()))?;
    ensure!(listed.status.success(), "`cargo mutants --list` failed");
    let mut mutants: Vec<Mutant> = serde_json::from_slice(&listed.stdout)
        .context("not the list that cargo-mutants 27.1.0 prints")?;
    mutants.sort_by_key(|mutant| RINGS.iter().position(|ring| *ring == mutant.ring()));
    for (mutant, number) in mutants.iter_mut().zip(1..) {
        mutant.number = number;
    }
    Ok(mutants)
}
