//! What goes on beside a swarm: the clock, the watchdog and the ledger.

use std::collections::BTreeMap;
use std::io::{self, Write as _};
use std::path::Path;
use std::process::{self, Command};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use crate::night::{
    Began, Ended, Ledger, LedgerError, Line, News, Tally, Watchdog, Why, entry, hang,
};
use crate::run::Report;
use crate::swarm::{Conditions, Progress, Replay, SeedRange, Shard, Summary, Watch};

use super::bar::Bar;
use super::exit::Exit;
use super::out::{Failure, Out};

/// How often the clock is looked at.
const TICK: Duration = Duration::from_millis(100);

/// How often the ledger is told how far the swarm is.
const TELLING: Duration = Duration::from_secs(2);

/// How long things may take.
pub struct Limits {
    /// The swarm.
    pub time: Option<Duration>,
    /// A seed.
    pub hang: Option<Duration>,
}

/// A swarm's company.
pub struct Night<'a> {
    began: Began,
    conditions: Conditions,
    ledger: Option<Ledger>,
    time: Option<Duration>,
    time_is_up: AtomicBool,
    dog: Watchdog,
    state: Mutex<State>,
    begun: Instant,
    stop: &'a AtomicBool,
    bar: &'a Bar,
    json: bool,
}

#[derive(Default)]
struct State {
    tally: Tally,
    /// Since when each worker has been at its seed.
    since: BTreeMap<usize, Instant>,
    news: News,
}

/// How a swarm introduces itself to its ledger.
pub fn began(seeds: &SeedRange, shard: Shard, conditions: Conditions) -> Began {
    Began {
        commit: commit(),
        shard: shard.to_string(),
        from: seeds.range().start,
        to: (!seeds.is_endless()).then(|| seeds.range().end),
        profile: conditions.profile.name().to_owned(),
        engine: conditions.engine.name().to_owned(),
        mutant: conditions.mutant.map(str::to_owned),
        time: time_of_day(),
    }
}

/// What a CI says that it builds, else what is checked out here.
fn commit() -> String {
    let told = std::env::var("GITHUB_SHA").ok().filter(|commit| !commit.is_empty());
    let asked = || {
        let git = Command::new("git").args(["rev-parse", "HEAD"]).output().ok()?;
        let commit = String::from_utf8(git.stdout).ok()?;
        (git.status.success()).then(|| commit.trim().to_owned())
    };
    told.or_else(asked).unwrap_or_else(|| "unknown".to_owned())
}

#[allow(clippy::disallowed_methods, reason = "a ledger says when, for people; no run sees it")]
fn time_of_day() -> String {
    humantime::format_rfc3339_seconds(SystemTime::now()).to_string()
}

/// `swarm-1-of-4-20260102T030405Z-4711`: two nights on one folder, or two lives of one container, have two ledgers.
fn name(began: &Began) -> String {
    let what = began.mutant.as_deref().unwrap_or("swarm");
    let shard = began.shard.replace('/', "-of-");
    let time = began.time.replace(['-', ':'], "");
    format!("{what}-{shard}-{time}-{}", process::id())
}

#[allow(clippy::disallowed_methods, reason = "a night is measured in wall time")]
fn now() -> Instant {
    Instant::now()
}

impl<'a> Night<'a> {
    /// Opens the ledger, and says in it what is to be run.
    pub fn begin(
        began: Began,
        conditions: Conditions,
        folder: Option<&Path>,
        limits: Limits,
        (stop, bar): (&'a AtomicBool, &'a Bar),
        out: &Out,
    ) -> Result<Night<'a>, Failure> {
        let usage = |error: LedgerError| Failure::Usage(error.to_string());
        let ledger = folder.map(|folder| Ledger::create(folder, &name(&began))).transpose();
        let ledger = ledger.map_err(usage)?;
        if let Some(ledger) = &ledger {
            ledger.write(&Line::Began(began.clone())).map_err(usage)?;
        }
        Ok(Night {
            began,
            conditions,
            ledger,
            time: limits.time,
            time_is_up: AtomicBool::new(false),
            dog: Watchdog::new(limits.hang),
            state: Mutex::default(),
            begun: now(),
            stop,
            bar,
            json: out.is_json(),
        })
    }

    /// Looks at the clock while the swarm works.
    pub fn watch_over<T>(&self, swarm: impl FnOnce() -> T) -> T {
        let (over, until) = mpsc::channel();
        thread::scope(|scope| {
            scope.spawn(move || self.keep_watch(&until));
            let done = swarm();
            drop(over);
            done
        })
    }

    fn keep_watch(&self, until: &Receiver<()>) {
        let (mut last, mut told) = (now(), now());
        while let Err(RecvTimeoutError::Timeout) = until.recv_timeout(TICK) {
            let time = now();
            if let Some((seed, taken)) = self.dog.tick(time - last) {
                self.end_for(seed, taken);
            }
            if self.time.is_some_and(|most| time - self.begun >= most) {
                self.time_is_up.store(true, Ordering::Relaxed);
                self.stop.store(true, Ordering::Relaxed);
            }
            if time - told >= TELLING {
                told = time;
                self.write(&Line::Progress(self.tally()));
            }
            last = time;
        }
    }

    /// A thread that does not return cannot be ended; the process can.
    fn end_for(&self, seed: u64, taken: Duration) -> ! {
        let found = hang(&self.began, self.conditions, seed, (taken, time_of_day()));
        let (message, replay) = (&found.message, Replay::Cli.command(seed, self.conditions));
        let for_people = format!("seed {seed}: hang\n  {message}\nrun it again: {replay}");
        let found = Line::Finding(Box::new(found));
        self.write(&found);
        self.write(&Line::Ended(Ended { why: Why::Hang, tally: self.tally() }));
        let told = match self.json {
            true => serde_json::to_string(&found).expect("lines of a ledger are JSON"),
            false => for_people,
        };
        let mut out = io::stdout().lock();
        let _ = writeln!(out, "{told}");
        if let Some(error) = self.error() {
            super::out::complain(&error.to_string());
        }
        process::exit(i32::from(Exit::Crash.code()))
    }

    /// Says in the ledger how the swarm has ended. Why it did, and how long it took.
    pub fn end(&self, summary: &Summary) -> (Why, Duration) {
        let wall = now() - self.begun;
        let why = match (summary.interrupted(), self.time_is_up.load(Ordering::Relaxed)) {
            (false, _) => Why::Done,
            (true, true) => Why::Time,
            (true, false) => Why::Interrupted,
        };
        self.write(&Line::Ended(Ended { why, tally: self.tally() }));
        (why, wall)
    }

    /// Where the ledger is.
    pub fn path(&self) -> Option<&Path> {
        self.ledger.as_ref().map(Ledger::path)
    }

    /// Why the ledger is not whole, if it is not.
    pub fn error(&self) -> Option<LedgerError> {
        self.ledger.as_ref().and_then(Ledger::error)
    }

    /// A night that nobody would hear of is not worth going on with.
    fn write(&self, line: &Line) {
        if let Some(ledger) = &self.ledger
            && ledger.write(line).is_err()
        {
            self.stop.store(true, Ordering::Relaxed);
        }
    }

    fn tally(&self) -> Tally {
        let wall = now() - self.begun;
        let wall_ms = u64::try_from(wall.as_millis()).unwrap_or(u64::MAX);
        Tally { wall_ms, ..self.state().tally }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Watch for Night<'_> {
    fn begins(&self, worker: usize, seed: u64) {
        self.dog.begins(worker, seed);
        self.state().since.insert(worker, now());
    }

    fn ends(&self, worker: usize, seed: u64, report: &Report) {
        self.dog.ends(worker);
        self.bar.step(Progress::of(report));
        let since = self.state().since.remove(&worker);
        let wall = since.map_or(Duration::ZERO, |since| now() - since);
        let found = entry(&self.began, self.conditions, seed, report, (wall, time_of_day()));
        if let Some(found) = found.filter(|found| self.state().news.is_news(found)) {
            self.write(&Line::Finding(Box::new(found)));
        }
        self.state().tally.add(report);
    }
}
