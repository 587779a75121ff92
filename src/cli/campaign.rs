//! Supervises a swarm: the time limit, the watchdog and the ledger.

use std::collections::BTreeMap;
use std::io::{self, Write as _};
use std::path::Path;
use std::process::{self, Command};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use crate::campaign::{
    Dedup, EndReason, Ledger, LedgerError, Line, ProcessEnded, ProcessStarted, Tally, Watchdog,
    entry, hang,
};
use crate::run::Report;
use crate::swarm::{Conditions, Progress, Replay, SeedRange, Shard, Summary, SwarmObserver};

use super::bar::Bar;
use super::exit::Exit;
use super::out::{Failure, Out};

/// The interval at which the clock is read.
const TICK: Duration = Duration::from_millis(100);

/// The interval at which the tally is written to the ledger.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(2);

/// The limits on wall time.
pub struct Limits {
    /// The limit for the swarm. No seed starts after it.
    pub time: Option<Duration>,
    /// The limit for one seed.
    pub hang: Option<Duration>,
}

/// The supervisor of a swarm. It observes the workers and writes their findings to the ledger.
pub struct Campaign<'a> {
    started: ProcessStarted,
    conditions: Conditions,
    ledger: Option<Ledger>,
    time: Option<Duration>,
    time_is_up: AtomicBool,
    watchdog: Watchdog,
    state: Mutex<State>,
    started_at: Instant,
    stop: &'a AtomicBool,
    bar: &'a Bar,
    json: bool,
}

#[derive(Default)]
struct State {
    tally: Tally,
    /// The time at which each worker started its seed.
    since: BTreeMap<usize, Instant>,
    dedup: Dedup,
}

/// The first line of the ledger.
pub fn process_started(seeds: &SeedRange, shard: Shard, conditions: Conditions) -> ProcessStarted {
    ProcessStarted {
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

/// The commit that the CI builds, else the one that is checked out in the current directory.
fn commit() -> String {
    let from_ci = std::env::var("GITHUB_SHA").ok().filter(|commit| !commit.is_empty());
    let from_git = || {
        let git = Command::new("git").args(["rev-parse", "HEAD"]).output().ok()?;
        let commit = String::from_utf8(git.stdout).ok()?;
        (git.status.success()).then(|| commit.trim().to_owned())
    };
    from_ci.or_else(from_git).unwrap_or_else(|| "unknown".to_owned())
}

#[allow(clippy::disallowed_methods, reason = "ledgers show it to people; no run sees it")]
fn time_of_day() -> String {
    humantime::format_rfc3339_seconds(SystemTime::now()).to_string()
}

/// The name of the ledger, such as `swarm-1-of-4-20260102T030405Z-4711`. It differs between two
/// campaigns in one directory, and between two starts of one container.
fn ledger_name(started: &ProcessStarted) -> String {
    let system = started.mutant.as_deref().unwrap_or("swarm");
    let shard = started.shard.replace('/', "-of-");
    let time = started.time.replace(['-', ':'], "");
    format!("{system}-{shard}-{time}-{}", process::id())
}

#[allow(clippy::disallowed_methods, reason = "a campaign is measured in wall time")]
fn now() -> Instant {
    Instant::now()
}

impl<'a> Campaign<'a> {
    /// Opens the ledger and writes its first line.
    pub fn start(
        started: ProcessStarted,
        conditions: Conditions,
        folder: Option<&Path>,
        limits: Limits,
        (stop, bar): (&'a AtomicBool, &'a Bar),
        out: &Out,
    ) -> Result<Campaign<'a>, Failure> {
        let usage = |error: LedgerError| Failure::Usage(error.to_string());
        let ledger = folder.map(|folder| Ledger::create(folder, &ledger_name(&started)));
        let ledger = ledger.transpose().map_err(usage)?;
        if let Some(ledger) = &ledger {
            ledger.write(&Line::Started(started.clone())).map_err(usage)?;
        }
        Ok(Campaign {
            started,
            conditions,
            ledger,
            time: limits.time,
            time_is_up: AtomicBool::new(false),
            watchdog: Watchdog::new(limits.hang),
            state: Mutex::default(),
            started_at: now(),
            stop,
            bar,
            json: out.is_json(),
        })
    }

    /// Runs the swarm while another thread checks the limits and writes the progress.
    pub fn supervise<T>(&self, swarm: impl FnOnce() -> T) -> T {
        let (over, until) = mpsc::channel();
        thread::scope(|scope| {
            scope.spawn(move || self.check_limits(&until));
            let done = swarm();
            drop(over);
            done
        })
    }

    fn check_limits(&self, until: &Receiver<()>) {
        let (mut last, mut written) = (now(), now());
        while let Err(RecvTimeoutError::Timeout) = until.recv_timeout(TICK) {
            let time = now();
            if let Some((seed, taken)) = self.watchdog.tick(time - last) {
                self.exit_for_hang(seed, taken);
            }
            if self.time.is_some_and(|most| time - self.started_at >= most) {
                self.time_is_up.store(true, Ordering::Relaxed);
                self.stop.store(true, Ordering::Relaxed);
            }
            if time - written >= PROGRESS_INTERVAL {
                written = time;
                self.write(&Line::Progress(self.tally()));
            }
            last = time;
        }
    }

    /// Reports a seed that hangs and ends the process: a thread that does not return cannot be
    /// ended.
    fn exit_for_hang(&self, seed: u64, taken: Duration) -> ! {
        let found = hang(&self.started, self.conditions, seed, (taken, time_of_day()));
        let (message, replay) = (&found.message, Replay::Cli.command(seed, self.conditions));
        let text = format!("seed {seed}: hang\n  {message}\nreplay: {replay}");
        let found = Line::Finding(Box::new(found));
        self.write(&found);
        self.write(&Line::Ended(ProcessEnded { reason: EndReason::Hang, tally: self.tally() }));
        let output = match self.json {
            true => serde_json::to_string(&found).expect("lines of a ledger are JSON"),
            false => text,
        };
        let mut out = io::stdout().lock();
        let _ = writeln!(out, "{output}");
        if let Some(error) = self.error() {
            super::out::complain(&error.to_string());
        }
        process::exit(i32::from(Exit::Crash.code()))
    }

    /// Writes the last line of the ledger. Returns the reason why the swarm ended, and its wall
    /// time.
    pub fn end(&self, summary: &Summary) -> (EndReason, Duration) {
        let wall = now() - self.started_at;
        let reason = match (summary.interrupted(), self.time_is_up.load(Ordering::Relaxed)) {
            (false, _) => EndReason::Done,
            (true, true) => EndReason::Time,
            (true, false) => EndReason::Interrupted,
        };
        self.write(&Line::Ended(ProcessEnded { reason, tally: self.tally() }));
        (reason, wall)
    }

    /// The path of the ledger, if there is one.
    pub fn path(&self) -> Option<&Path> {
        self.ledger.as_ref().map(Ledger::path)
    }

    /// The error of writing the ledger, if there was one.
    pub fn error(&self) -> Option<LedgerError> {
        self.ledger.as_ref().and_then(Ledger::error)
    }

    /// Writes a line to the ledger. If that fails the swarm stops: its findings would be lost.
    fn write(&self, line: &Line) {
        if let Some(ledger) = &self.ledger
            && ledger.write(line).is_err()
        {
            self.stop.store(true, Ordering::Relaxed);
        }
    }

    fn tally(&self) -> Tally {
        let wall = now() - self.started_at;
        let wall_ms = u64::try_from(wall.as_millis()).unwrap_or(u64::MAX);
        Tally { wall_ms, ..self.state().tally }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SwarmObserver for Campaign<'_> {
    fn begins(&self, worker: usize, seed: u64) {
        self.watchdog.begins(worker, seed);
        self.state().since.insert(worker, now());
    }

    fn ends(&self, worker: usize, seed: u64, report: &Report) {
        self.watchdog.ends(worker);
        self.bar.step(Progress::of(report));
        let since = self.state().since.remove(&worker);
        let wall = since.map_or(Duration::ZERO, |since| now() - since);
        let found = entry(&self.started, self.conditions, seed, report, (wall, time_of_day()));
        if let Some(found) = found.filter(|found| self.state().dedup.is_new(found)) {
            self.write(&Line::Finding(Box::new(found)));
        }
        self.state().tally.add(report);
    }
}
