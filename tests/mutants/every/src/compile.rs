//! Builds the copy; returns the compiler's errors or the programs.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result};
use serde::Deserialize;

/// The tests that are about these rings, the quickest first.
pub const TESTS: [&str; 5] = ["sims", "timelines", "random_schedules", "regress", "assignors"];

/// An error of the compiler.
pub struct CompileError {
    /// The message, as the compiler prints it.
    pub text: String,
    /// The places of the error, the primary ones first: a file, and a byte of it.
    pub places: Vec<(String, usize)>,
}

/// The programs that judge mutants.
pub struct Programs {
    /// The `groupsim` command.
    pub groupsim: PathBuf,
    /// The unit tests.
    pub library: PathBuf,
    /// [`TESTS`], with their names.
    pub tests: Vec<(&'static str, PathBuf)>,
}

#[derive(Deserialize)]
#[serde(tag = "reason", rename_all = "kebab-case")]
enum Line {
    CompilerMessage {
        message: Message,
    },
    CompilerArtifact {
        target: Target,
        profile: Profile,
        executable: Option<PathBuf>,
    },
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
struct Message {
    level: String,
    rendered: Option<String>,
    spans: Vec<Span>,
}

#[derive(Deserialize)]
struct Span {
    file_name: String,
    byte_start: usize,
    is_primary: bool,
}

#[derive(Deserialize)]
struct Target {
    name: String,
    kind: Vec<String>,
}

#[derive(Deserialize)]
struct Profile {
    test: bool,
}

/// The folders for cargo: where it runs and where it writes.
pub struct BuildFolders<'a> {
    /// The copy.
    pub copy: &'a Path,
    /// The target folder.
    pub target: &'a Path,
}

impl BuildFolders<'_> {
    /// The compiler's errors in the library; empty when it compiles.
    ///
    /// # Errors
    ///
    /// When cargo fails without an error that names a place.
    pub fn check(&self) -> Result<Vec<CompileError>> {
        let (ok, lines) = self.cargo(&["check", "--lib", "--profile", "test"])?;
        let errors: Vec<CompileError> = lines.into_iter().filter_map(compile_error).collect();
        anyhow::ensure!(ok || !errors.is_empty(), "cargo check failed");
        Ok(if ok { Vec::new() } else { errors })
    }

    /// Builds all programs.
    ///
    /// # Errors
    ///
    /// When the copy does not build although its library compiles.
    pub fn build(&self) -> Result<Programs> {
        let mut arguments = vec!["test", "--no-run", "--lib", "--bins"];
        arguments.extend(TESTS.iter().flat_map(|test| ["--test", test]));
        let (ok, lines) = self.cargo(&arguments)?;
        let (mut programs, mut errors) = (Vec::new(), String::new());
        for line in lines {
            match line {
                Line::CompilerArtifact { target, profile, executable: Some(path) } => {
                    programs.push((target, profile, path));
                }
                other => errors.extend(compile_error(other).map(|compile_error| compile_error.text)),
            }
        }
        anyhow::ensure!(ok, "the copy does not build\n{errors}");
        let program = |kind: &str, name: &str, test: bool| {
            let is = |(target, profile, _): &&(Target, Profile, PathBuf)| {
                target.kind.iter().any(|it| it == kind)
                    && target.name == name
                    && profile.test == test
            };
            let found = programs.iter().find(is).map(|(_, _, path)| path.clone());
            found.with_context(|| format!("cargo built no {kind} {name}"))
        };
        Ok(Programs {
            groupsim: program("bin", "groupsim", false)?,
            library: program("lib", "groupsim", true)?,
            tests: TESTS
                .into_iter()
                .map(|name| Ok((name, program("test", name, true)?)))
                .collect::<Result<_>>()?,
        })
    }

    /// Runs cargo in the copy, without debug information, because the build is faster then.
    fn cargo(&self, arguments: &[&str]) -> Result<(bool, Vec<Line>)> {
        let output = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
            .current_dir(self.copy)
            .args(arguments)
            .args(["--quiet", "--message-format", "json", "--target-dir"])
            .arg(self.target)
            .env("CARGO_PROFILE_DEV_DEBUG", "0")
            .env("CARGO_INCREMENTAL", "0")
            .stderr(Stdio::inherit())
            .output()
            .context("cargo does not start")?;
        let text = String::from_utf8(output.stdout)?;
        let lines = text.lines().filter(|line| line.starts_with('{'));
        let lines = lines.map(|line| serde_json::from_str(line).context("cargo's messages"));
        Ok((output.status.success(), lines.collect::<Result<_>>()?))
    }
}

/// The error in a line of cargo's output, if it names a place.
fn compile_error(line: Line) -> Option<CompileError> {
    let Line::CompilerMessage { message } = line else { return None };
    if message.level != "error" || message.spans.is_empty() {
        return None;
    }
    let mut spans = message.spans;
    spans.sort_by_key(|span| !span.is_primary);
    let places = spans.into_iter().map(|span| (span.file_name, span.byte_start)).collect();
    Some(CompileError { text: message.rendered.unwrap_or_default(), places })
}
