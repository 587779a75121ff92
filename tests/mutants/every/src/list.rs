//! What `cargo mutants` would change, and where.

use std::env;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

/// The rings whose mutants are taken, in the order in which they are judged.
pub const RINGS: [&str; 3] = ["assignor", "coordinator", "consumer"];

const INSTALL: &str = "cargo install cargo-mutants --locked --version 27.1.0";

/// One change.
#[derive(Clone, Deserialize)]
pub struct Mutant {
    /// The number of its switch; 0 is none's.
    #[serde(skip)]
    pub number: u32,
    /// As `cargo mutants` writes it, which no other has.
    pub name: String,
    /// In which file.
    pub file: String,
    /// Of which sort it is.
    pub genre: Genre,
    /// What comes in place of what is there.
    pub replacement: String,
    /// What is replaced.
    pub span: Span,
}

/// A sort of change.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
pub enum Genre {
    /// A function that only returns a value.
    FnValue,
    /// Another binary operator.
    BinaryOperator,
    /// No unary operator.
    UnaryOperator,
    /// A guard that always or never holds.
    MatchArmGuard,
    /// No such arm.
    MatchArm,
    /// A field that is as in the base of the struct expression.
    StructField,
}

/// A piece of a file.
#[derive(Clone, Copy, Deserialize)]
pub struct Span {
    /// Where it begins.
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
    /// The ring it is in.
    pub fn ring(&self) -> &'static str {
        let of = |ring: &&str| self.file.starts_with(&format!("src/{ring}/"));
        RINGS.into_iter().find(of).expect("only these rings are listed")
    }
}

/// Asks `cargo mutants` for all of them, ring after ring.
///
/// # Errors
///
/// When it is not there or fails.
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
