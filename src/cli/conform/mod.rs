//! `conform [NAME|FILE.txt …]`: compares a broker's responses with recordings of Apache Kafka.

mod args;
mod show;
mod tally;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::time::{Duration, SystemTime};

use rayon::iter::{
    IndexedParallelIterator as _, IntoParallelRefIterator as _, ParallelIterator as _,
};

use crate::conform::{
    Case, Comparison, Recording, Settings, TcpBroker, Transcript, Verdict, VirtualBroker, compare,
    embedded, from_file, is_ready,
};
use crate::sim::Systems;

use super::exit::Exit;
use super::interrupt;
use super::out::{Failure, Out};
pub use args::Conform;
use show::show;
use tally::Tally;

/// Replays scripts and prints how the responses differ from the recorded ones.
pub fn conform(args: &Conform, out: &mut Out) -> Result<Exit, Failure> {
    let settings: Settings = args.config.iter().cloned().collect();
    let cases = chosen(args, &settings)?;
    if let Some(folder) = &args.record {
        let failed = |error| Failure::Usage(format!("cannot create {}: {error}", folder.display()));
        std::fs::create_dir_all(folder).map_err(failed)?;
    }
    let broker = args.bootstrap.as_deref().map(TcpBroker::find).transpose();
    let mut broker = broker.map_err(Failure::Usage)?;
    if let Some(broker) = &mut broker {
        // The user's own scripts can presume other topics.
        let presumed = args.scripts.is_empty() || !args.scripts.iter().all(|name| is_file(name));
        let address = broker.address();
        let wrong = |why: String| Failure::Usage(format!("the broker at {address}: {why}"));
        is_ready(broker, presumed).map_err(wrong)?;
    }
    let stop = interrupt::stop_on_interrupt()?;
    let target = ConformTarget {
        args,
        settings,
        broker: broker.map(|broker| broker.address()),
        stop: &stop,
    };
    let mut tally = Tally::default();
    target.replay(&cases, |case, outcome| {
        tally.count(&outcome);
        show(case, &outcome, out)
    })?;
    out.line(tally.text(target.broker.is_none()))?;
    out.object(&tally.object())?;
    if tally.ran() == 0 && tally.skipped > 0 {
        super::out::complain("all scripts were skipped; pass the broker's settings with --config");
    }
    Ok(tally.exit(&target))
}

/// Whether the name of a script is a path.
fn is_file(name: &str) -> bool {
    name.ends_with(".txt") || Path::new(name).components().count() > 1
}

/// The scripts that the arguments name; all built-in ones if they name none.
fn chosen(args: &Conform, settings: &Settings) -> Result<Vec<Case>, Failure> {
    let inside = embedded(settings);
    if args.scripts.is_empty() {
        return Ok(inside);
    }
    let mut chosen = Vec::new();
    for name in &args.scripts {
        if is_file(name) {
            let path = Path::new(name);
            chosen.push(from_file(path, args.recorded.as_deref()).map_err(Failure::Refused)?);
            continue;
        }
        let exact = inside.iter().filter(|case| case.script.name == *name);
        let exact: Vec<Case> = exact.cloned().collect();
        let like = inside.iter().filter(|case| exact.is_empty() && case.script.name.contains(name));
        let before = chosen.len();
        chosen.extend(like.cloned());
        chosen.extend(exact);
        if chosen.len() == before {
            let names = inside.iter().map(|case| case.script.name.as_str());
            let help = crate::script::help(name, names.collect::<Vec<_>>(), "scripts");
            return Err(Failure::Usage(format!("no script name contains `{name}`; {help}")));
        }
    }
    Ok(chosen)
}

/// The outcome of a script.
enum Outcome {
    /// The script presumes other settings of the broker.
    Skipped(String),
    /// The script could not be carried out or compared.
    Failed(String),
    /// The responses were recorded in this file.
    Recorded(PathBuf),
    /// The responses were compared with a recording.
    Compared(Transcript, Verdict),
}

/// The broker that scripts are replayed on, with the options of the command.
struct ConformTarget<'a> {
    args: &'a Conform,
    settings: Settings,
    /// The broker's address; `None` for groupsim's own broker in virtual time.
    broker: Option<std::net::SocketAddr>,
    stop: &'a AtomicBool,
}

impl ConformTarget<'_> {
    /// Replays scripts concurrently and shows the outcomes in the order of the scripts.
    fn replay(
        &self,
        cases: &[Case],
        mut show: impl FnMut(&Case, Outcome) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(self.args.jobs).build();
        let pool =
            pool.map_err(|error| Failure::Usage(format!("cannot start threads: {error}")))?;
        let (sender, outcomes) = mpsc::channel();
        std::thread::scope(|scope| {
            scope.spawn(move || {
                pool.install(|| {
                    // One script per task: a thread with a batch of them would delay the output.
                    let cases = cases.par_iter().with_max_len(1).enumerate();
                    cases.for_each_with(sender, |sender, (at, case)| {
                        if !self.stop.load(Ordering::Relaxed) {
                            // After an error of writing the receiver is gone.
                            let _ = sender.send((at, self.outcome(at, case)));
                        }
                    });
                });
            });
            let (mut waiting, mut next) = (BTreeMap::new(), 0);
            for (at, outcome) in outcomes {
                waiting.insert(at, outcome);
                while let Some(outcome) = waiting.remove(&next) {
                    show(&cases[next], outcome).inspect_err(|_| {
                        self.stop.store(true, Ordering::Relaxed);
                    })?;
                    next += 1;
                }
            }
            // After an interrupt the scripts before these were never started.
            waiting.into_iter().try_for_each(|(at, outcome)| show(&cases[at], outcome))
        })
    }

    fn outcome(&self, at: usize, case: &Case) -> Outcome {
        if self.broker.is_some() && case.settings != self.settings {
            return Outcome::Skipped(presumes(&case.settings));
        }
        let transcript = match self.transcript(at, case) {
            Ok(transcript) => transcript,
            Err(why) => return Outcome::Failed(why),
        };
        if let Some(folder) = &self.args.record {
            let path = folder.join(format!("{}.txt", transcript.name));
            return match record(&path, &transcript) {
                Ok(()) => Outcome::Recorded(path),
                Err(why) => Outcome::Failed(why),
            };
        }
        let Some(recording) = &case.recording else {
            return Outcome::Failed(format!(
                "{}: there is no recording; locate it with --recorded or make one with --record",
                case.file
            ));
        };
        match compare(recording, &transcript, self.args.times) {
            Err(error) => Outcome::Failed(error.to_string()),
            Ok(comparison) => {
                let verdict = self.verdict(&case.script.name, comparison);
                Outcome::Compared(transcript, verdict)
            }
        }
    }

    fn verdict(&self, script: &str, comparison: Comparison) -> Verdict {
        match self.broker.is_none() || self.args.own {
            true => Verdict::own(script, comparison),
            false => Verdict::plain(comparison),
        }
    }

    fn transcript(&self, at: usize, case: &Case) -> Result<Transcript, String> {
        let Some(address) = self.broker else {
            let mut broker = VirtualBroker::new(&case.script.presumes, &Systems::default())
                .map_err(|why| format!("{}: {why}", case.file))?;
            return case.replay(&mut broker, |script| format!("conform-{script}"));
        };
        // No group name is used twice, not even by concurrent processes.
        let run = format!("{}-{}-{at}", std::process::id(), since_the_epoch().as_millis());
        case.replay(&mut TcpBroker::at(address), |script| format!("conform-{script}-{run}"))
    }
}

#[expect(clippy::disallowed_methods, reason = "no earlier run on the broker has used the name")]
fn since_the_epoch() -> Duration {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
}

fn presumes(settings: &Settings) -> String {
    let settings: Vec<String> =
        settings.iter().map(|(name, value)| format!("{name}={value}")).collect();
    match settings.is_empty() {
        true => "presumes a broker without --config".to_owned(),
        false => format!("presumes --config {}", settings.join(" --config ")),
    }
}

/// Writes a recording. An existing one keeps its variants.
fn record(path: &Path, transcript: &Transcript) -> Result<(), String> {
    let before = path.exists().then(|| Recording::load(path)).transpose();
    let before = before.map_err(|error| error.to_string())?;
    let text = Recording::merged(before.as_ref(), transcript).text(&transcript.name);
    std::fs::write(path, text).map_err(|error| format!("cannot write {}: {error}", path.display()))
}
