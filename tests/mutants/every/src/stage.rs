//! The stages of judgement, the cheapest first, and how one is run.

use std::fmt;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::compile::Programs;

/// The stage that detects a mutant.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// The unit tests of its ring.
    Unit,
    /// Seeds of the swarm.
    Seeds,
    /// Scripts, their snapshots, and other tests of these rings.
    Scripts,
}

impl Stage {
    /// All of them, in order.
    pub const ALL: [Stage; 3] = [Stage::Unit, Stage::Seeds, Stage::Scripts];
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Stage::Unit => "unit tests",
            Stage::Seeds => "seeds",
            Stage::Scripts => "scripts",
        })
    }
}

/// How a program ended.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// It passed.
    Passed,
    /// A test failed, a seed had a finding, or it crashed.
    Failed,
    /// It exceeded its time limit.
    TimedOut,
}

/// A program to run.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Run<'a> {
    program: &'a Path,
    arguments: Vec<String>,
}

/// The memory limit of a program with a mutant, in KiB, so that an endless loop that allocates ends
/// soon.
const MEMORY: u64 = 4 << 20;

/// Unit tests that take long and are about other things: codecs, how seeds are chosen, real time.
const UNCONCERNED: [&str; 5] = ["wire::", "swarm::", "mutant::", "engine::", "campaign::"];

/// The seeds. The first ones detect most of what seeds detect, and a swarm does not stop at a
/// finding.
const SEEDS: [&str; 2] = ["0..10", "10..100"];

/// The profiles whose seeds are run.
const PROFILES: [&str; 2] = ["default", "failover"];

impl Stage {
    /// The programs to run for a mutant of this ring.
    pub fn runs<'a>(self, programs: &'a Programs, ring: &str) -> Vec<Run<'a>> {
        let run = |program: &'a Path, words: &[&str]| Run {
            program,
            arguments: words.iter().map(|word| (*word).to_owned()).collect(),
        };
        let own = format!("{ring}::");
        match self {
            Stage::Unit => vec![run(&programs.library, &[&own, "--test-threads=1"])],
            Stage::Seeds => {
                let swarms =
                    SEEDS.iter().flat_map(|seeds| PROFILES.map(|profile| (seeds, profile)));
                let words = ["swarm", "--jobs", "1", "--seeds"];
                swarms
                    .map(|(seeds, profile)| [&words[..], &[seeds, "--profile", profile]].concat())
                    .map(|words| run(&programs.groupsim, &words))
                    .collect()
            }
            Stage::Scripts => {
                let concerns = |test: &str| test != "assignors" || ring == "assignor";
                let tests = programs.tests.iter().filter(|(test, _)| concerns(test));
                let tests = tests.map(|(_, test)| run(test, &["--test-threads=1"]));
                let others = UNCONCERNED.into_iter().chain([own.as_str()]);
                let skipped = others.flat_map(|of| ["--skip", of]);
                let words: Vec<&str> = skipped.chain(["--test-threads=1"]).collect();
                let rest = run(&programs.library, &words);
                tests.chain([rest]).collect()
            }
        }
    }
}

impl Run<'_> {
    /// Runs the program with this mutant, in the copy, within the limit. Stops it at the first test
    /// that fails.
    ///
    /// # Errors
    ///
    /// When it does not start.
    pub fn end(&self, copy: &Path, mutant: u32, limit: Option<Duration>) -> Result<End> {
        let mut child = self.start(copy, mutant)?;
        let failures = failures(&mut child);
        let end = match failures.recv_timeout(limit.unwrap_or(Duration::MAX)) {
            Ok(()) => End::Failed,
            Err(RecvTimeoutError::Timeout) => End::TimedOut,
            // It has closed its output: it has ended or is about to.
            Err(RecvTimeoutError::Disconnected) => match child.wait()?.success() {
                true => return Ok(End::Passed),
                false => return Ok(End::Failed),
            },
        };
        child.kill()?;
        child.wait()?;
        Ok(end)
    }

    /// Starts the program. Insta fails where a snapshot differs, does not prompt and writes
    /// nothing.
    fn start(&self, copy: &Path, mutant: u32) -> Result<Child> {
        let mut command = Command::new("sh");
        command
            .current_dir(copy)
            .args(["-c", &format!("ulimit -v {MEMORY}; exec \"$0\" \"$@\"")])
            .arg(self.program)
            .args(&self.arguments)
            .env("GROUPSIM_MUTANT", mutant.to_string())
            .env("INSTA_UPDATE", "no")
            .env("INSTA_WORKSPACE_ROOT", copy)
            .env("RUST_BACKTRACE", "0")
            .env_remove("INSTA_FORCE_PASS")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        command.spawn().with_context(|| format!("{} does not start", self.program.display()))
    }
}

impl fmt::Display for Run<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.program.display(), self.arguments.join(" "))
    }
}

/// Sends a message when a test has failed; closed when the program has closed its output.
fn failures(child: &mut Child) -> Receiver<()> {
    let (sender, receiver) = channel();
    let output = child.stdout.take().expect("it is piped");
    thread::spawn(move || {
        for line in BufReader::new(output).split(b'\n').map_while(Result::ok) {
            if line.starts_with(b"test ") && line.ends_with(b"FAILED") && sender.send(()).is_err() {
                return;
            }
        }
    });
    receiver
}

/// Runs `work` and measures its time.
#[expect(clippy::disallowed_methods, reason = "what is measured is a program, from outside")]
pub fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let begin = Instant::now();
    let done = work();
    (done, begin.elapsed())
}
