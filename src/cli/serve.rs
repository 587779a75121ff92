//! `serve`: serves Kafka clients over TCP and checks the invariants of their groups.

use std::fs::File;
use std::io::{self, BufRead as _, LineWriter, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::Duration;

use crate::engine::{self, Limits, ServeObserver, Serving};
use crate::model::Model;
use crate::render::Renderer;
use crate::run::{Finding, Systems};
use crate::script;
use crate::sim::schedule::{GroupSpec, Schedule, Settings, Step, TopicSpec};
use crate::trace::{Event, jsonl};

use super::args;
use super::exit::Exit;
use super::out::{Failure, Out};
use super::run::print_error;
use super::verdict::counted;
use super::{human, interrupt, json};

/// Serves until it is interrupted or its time is up, then prints the verdict.
pub fn serve(args: &args::Serve, out: &mut Out) -> Result<Exit, Failure> {
    let Some(schedule) = schedule(args)? else { return Ok(Exit::Usage) };
    let stop = interrupt::stop_on_interrupt()?;
    stop_after(args.duration, Arc::clone(&stop))?;
    let steps = steps_from_stdin(&schedule)?;
    let serving = Serving {
        listen: args.listen,
        advertise: args.advertise.clone(),
        limits: Limits { max_frame: args.max_frame, idle: Some(args.max_idle) },
        allowed: args.allowed.clone(),
    };
    // Each connection takes a file descriptor. If the limit cannot be raised, fewer clients can
    // connect.
    let _ = rlimit::increase_nofile_limit(u64::MAX);
    let mut output =
        ServeOutput { out, seed: schedule.seed, trace: Tracer::new(args)?, failure: None };
    let systems = Systems::default();
    let report = engine::serve(&schedule, &systems, &serving, &steps, &stop, &mut output)
        .map_err(|refused| Failure::Usage(refused.to_string()))?;
    output.trace.finish()?;
    if let Some(failure) = output.failure {
        return Err(failure);
    }
    let exit = Exit::of_report(&report);
    let verdict = if report.findings.is_empty() { "held" } else { "VIOLATED" };
    report.findings.iter().try_for_each(|found| out.line(counted(found)))?;
    out.line(format_args!(
        "{verdict}: served for {}, {}, {}, {}",
        human::duration(report.simulated),
        human::number(report.messages, "message"),
        human::number(report.rebalances, "rebalance"),
        human::number(report.faults.values().sum(), "fault"),
    ))?;
    let mut object = json::report(("served", args.listen.to_string().into()), &report);
    object["seed"] = schedule.seed.into();
    out.object(&object)?;
    Ok(exit)
}

/// The cluster and the steps of the script, with the options of the command line applied. Prints
/// the error and returns `None` if the script is invalid.
fn schedule(args: &args::Serve) -> Result<Option<Schedule>, Failure> {
    let mut schedule = match &args.file {
        None => Schedule::default(),
        Some(file) => match script::load_for_external_clients(file) {
            Ok(schedule) => schedule,
            Err(error) => {
                print_error(&error.to_string());
                return Ok(None);
            }
        },
    };
    let written = args.file.as_ref().is_some_and(|file| writes_seed(file));
    schedule.seed = match args.seed {
        Some(seed) => seed,
        None if written => schedule.seed,
        None => random_seed(),
    };
    if let Some(brokers) = args.brokers {
        schedule.broker.count = brokers;
    }
    if let Some(delay) = args.initial_delay {
        schedule.broker.initial_delay = delay;
    }
    for topic in &args.topics {
        let (name, partitions) = (topic.name.clone(), topic.partitions);
        if schedule.topics.iter().any(|other| other.name == name) {
            return Err(Failure::Usage(format!("topic '{name}' is defined twice")));
        }
        schedule.topics.push(TopicSpec { name, partitions, rate: 0 });
    }
    for feed in &args.feeds {
        let topic = schedule.topics.iter_mut().find(|topic| topic.name == feed.topic);
        let missing = || Failure::Usage(format!("there is no topic '{}' to feed", feed.topic));
        topic.ok_or_else(missing)?.rate = feed.rate;
    }
    if schedule.topics.is_empty() {
        let message = "there is no topic: add one, such as --topic orders:4";
        return Err(Failure::Usage(message.to_owned()));
    }
    if schedule.groups.is_empty() {
        // The group of steps that do not name one.
        let settings = Settings::default();
        schedule.groups.push(GroupSpec { name: "group1".to_owned(), settings });
    }
    Ok(Some(schedule))
}

/// Whether a script sets its seed. A schedule does not record that: its seed is 0 by default.
fn writes_seed(file: &Path) -> bool {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    text.lines().any(|line| line.split_whitespace().next() == Some("seed"))
}

/// A seed that differs in each process. Member ids are drawn from the seed: with a fixed one, a
/// client of an earlier process would be taken for a client of this one.
#[expect(clippy::disallowed_types, reason = "the seed has to differ from process to process")]
fn random_seed() -> u64 {
    use std::hash::{BuildHasher as _, RandomState};
    // The operating system provides the random keys, and the hash of nothing is as random as they
    // are.
    RandomState::new().hash_one(())
}

/// Starts a thread that stops serving after this time.
fn stop_after(after: Option<Duration>, stop: Arc<AtomicBool>) -> Result<(), Failure> {
    let Some(after) = after else { return Ok(()) };
    thread(move || {
        #[expect(clippy::disallowed_methods, reason = "serving happens in real time")]
        std::thread::sleep(after);
        stop.store(true, Ordering::Relaxed);
    })
}

/// Reads steps from stdin line by line. The end of the input does not stop the server.
fn steps_from_stdin(schedule: &Schedule) -> Result<Receiver<Step>, Failure> {
    let (sender, steps) = mpsc::channel();
    let settings = Schedule { steps: Vec::new(), ..schedule.clone() };
    thread(move || read_steps(&settings, &sender))?;
    Ok(steps)
}

fn read_steps(settings: &Schedule, sender: &Sender<Step>) {
    let mut console = script::Console::new(settings);
    for line in io::stdin().lock().lines() {
        let Ok(line) = line else { return };
        match console.read(&line) {
            Ok(step) => {
                if step.is_some_and(|step| sender.send(step).is_err()) {
                    return;
                }
            }
            Err(errors) => print_error(&errors.to_string()),
        }
    }
}

/// Spawns a detached thread.
fn thread(work: impl FnOnce() + Send + 'static) -> Result<(), Failure> {
    let spawned = std::thread::Builder::new().spawn(work);
    let failed = |error| Failure::Usage(format!("cannot start a thread: {error}"));
    spawned.map(drop).map_err(failed)
}

/// Prints findings and writes the trace while clients are served.
struct ServeOutput<'o> {
    out: &'o mut Out,
    seed: u64,
    trace: Tracer,
    /// The first error of writing, reported at the end.
    failure: Option<Failure>,
}

impl ServeOutput<'_> {
    fn print(&mut self, line: std::fmt::Arguments<'_>) {
        let printed = self.out.line(line).and_then(|()| self.out.flush());
        if let Err(failure) = printed {
            self.failure.get_or_insert(failure);
        }
    }
}

impl ServeObserver for ServeOutput<'_> {
    fn ready(&mut self, addresses: &[SocketAddr]) {
        let all: Vec<String> = addresses.iter().map(ToString::to_string).collect();
        self.print(format_args!("ready {}", all.join(",")));
        let seed = self.seed;
        self.print(format_args!("seed {seed}"));
    }

    fn event(&mut self, event: &Event, model: &Model) {
        if let Err(failure) = self.trace.take(event, model) {
            self.failure.get_or_insert(failure);
        }
    }

    fn found(&mut self, finding: &Finding) {
        self.print(format_args!("{finding}"));
    }

    fn refused(&mut self, why: &str) {
        super::out::complain(why);
    }
}

/// The destination and the format of the trace.
enum Tracer {
    Off,
    Text(Renderer, Box<dyn Write>),
    Json(jsonl::Writer, Box<dyn Write>),
}

impl Tracer {
    fn new(args: &args::Serve) -> Result<Tracer, Failure> {
        let Some(path) = &args.trace else { return Ok(Tracer::Off) };
        let to: Box<dyn Write> = if path.as_os_str() == "-" {
            Box::new(io::stdout())
        } else {
            let file = File::create(path).map_err(|error| {
                Failure::Usage(format!("cannot write the trace to {}: {error}", path.display()))
            })?;
            Box::new(LineWriter::new(file))
        };
        Ok(match path.extension().is_some_and(|end| end == "json" || end == "jsonl") {
            true => Tracer::Json(jsonl::Writer::default(), to),
            false => Tracer::Text(Renderer::new(args.zoom.into()), to),
        })
    }

    fn take(&mut self, event: &Event, model: &Model) -> Result<(), Failure> {
        let mut text = String::new();
        let to = match self {
            Tracer::Off => return Ok(()),
            Tracer::Text(renderer, to) => {
                renderer.render(event, model, &mut text);
                to
            }
            Tracer::Json(writer, to) => {
                writer.render(event, &mut text);
                to
            }
        };
        Ok(to.write_all(text.as_bytes())?)
    }

    fn finish(&mut self) -> Result<(), Failure> {
        match self {
            Tracer::Off => Ok(()),
            Tracer::Text(renderer, to) => {
                let mut text = String::new();
                renderer.finish(&mut text);
                to.write_all(text.as_bytes())?;
                Ok(to.flush()?)
            }
            Tracer::Json(_, to) => Ok(to.flush()?),
        }
    }
}
