//! Building the copy: which errors the compiler finds in it, and the programs that come out.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result};
use serde::Deserialize;

/// The tests that are about these rings, the quickest first.
pub const TESTS: [&str; 5] = ["sims", "timelines", "random_schedules", "regress", "assignors"];

/// An error of the compiler.
pub struct Complaint {
    /// As the compiler prints it.
    pub text: String,
    /// Where, the places that matter most first: a file, and a byte of it.
    pub places: Vec<(String, usize)>,
}

/// The programs that judge.
pub struct Programs {
    /// The command.
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

/// A folder that cargo is run in, and where it puts what it makes.
pub struct Workshop<'a> {
    /// The copy.
    pub copy: &'a Path,
    /// The target folder.
    pub target: &'a Path,
}

impl Workshop<'_> {
    /// What the compiler finds wrong with the library; nothing when it compiles.
    ///
    /// # Errors
    ///
    /// When cargo fails and does not say where.
    pub fn check(&self) -> Result<Vec<Complaint>> {
        let (ok, lines) = self.cargo(&["check", "--lib", "--profile", "test"])?;
        let complaints: Vec<Complaint> = lines.into_iter().filter_map(complaint).collect();
        anyhow::ensure!(ok || !complaints.is_empty(), "cargo check failed");
        Ok(if ok { Vec::new() } else { complaints })
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
        let (mut programs, mut complaints) = (Vec::new(), String::new());
        for line in lines {
            match line {
                Line::CompilerArtifact { target, profile, executable: Some(path) } => {
                    programs.push((target, profile, path));
                }
                other => complaints.extend(complaint(other).map(|complaint| complaint.text)),
            }
        }
        anyhow::ensure!(ok, "the copy does not build\n{complaints}");
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

    /// Runs cargo in the copy. Without debug information, which nobody looks at, it is done sooner.
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

/// An error that says where it is.
fn complaint(line: Line) -> Option<Complaint> {
    let Line::CompilerMessage { message } = line else { return None };
    if message.level != "error" || message.spans.is_empty() {
        return None;
    }
    let mut spans = message.spans;
    spans.sort_by_key(|span| !span.is_primary);
    let places = spans.into_iter().map(|span| (span.file_name, span.byte_start)).collect();
    Some(Complaint { text: message.rendered.unwrap_or_default(), places })
}
