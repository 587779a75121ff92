//! What can be asked on the command line.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::PossibleValuesParser;
use clap::builder::TypedValueParser as _;
use clap::{ArgAction, Parser, Subcommand, ValueEnum};

use crate::engine::Engine;
use crate::invariant::{self, Allow, NotAllowed};
use crate::protocol;
use crate::script;
use crate::swarm::{Profile, SeedRange, Shard};
use crate::trace;

use super::conform::Conform;
use super::exit::EXIT_CODES;

/// Deterministic simulation testing for Kafka consumer groups.
#[derive(Debug, Parser)]
#[command(name = "groupsim", version, after_help = EXIT_CODES, arg_required_else_help = true)]
pub struct Args {
    /// What to do.
    #[command(subcommand)]
    pub verb: Verb,
    /// How results are written to stdout.
    #[arg(long, global = true, value_enum, default_value_t = Format::Text)]
    pub format: Format,
    /// Diagnostics on stderr; -vv for more. RUST_LOG selects them more finely.
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub verbose: u8,
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Run scripts and print their traces.
    Run(Run),
    /// Run many random schedules, look for violations and print a summary.
    Swarm(Swarm),
    /// Run the schedule of one seed and print its trace.
    Replay(Replay),
    /// Serve real Kafka clients over TCP, and judge what happens.
    Serve(Serve),
    /// Let our consumers join a group on any Kafka-compatible broker, and judge what they are told.
    Probe(Probe),
    /// Replay scripts of raw requests on any broker, and compare its answers with a real Kafka's.
    Conform(Conform),
    /// Find the smallest schedule that still violates the same invariant.
    Shrink(Shrink),
    /// Break coordinators and consumers on purpose, and see which invariant notices, and how soon.
    Mutants(Mutants),
    /// Look at what swarms have left in ledgers.
    #[command(subcommand)]
    Report(Report),
    /// List the scripts, here and in this program, the profiles, the invariants and the mutants.
    List,
    /// Print one of the scripts that are in this program.
    Show(Show),
    /// Describe the sim language, or one of its words: a verb, an option, or one of Kafka's settings.
    Language(Language),
}

/// Arguments of `run`.
#[derive(Debug, clap::Args)]
pub struct Run {
    /// The scripts: files, `-` for stdin, or names of those that `list` says are in this program.
    #[arg(required = true, value_name = "FILE.sim")]
    pub files: Vec<PathBuf>,
    /// How closely to look; JSON has every event.
    #[arg(long, value_enum, default_value_t = Zoom::Group)]
    pub zoom: Zoom,
    /// Where to run them.
    #[arg(long, value_name = "NAME", default_value_t, value_parser = engines())]
    pub engine: Engine,
    /// Breaks the system under test on purpose.
    #[arg(long, value_name = "NAME")]
    pub mutant: Option<String>,
}

/// Arguments of `show`.
#[derive(Debug, clap::Args)]
pub struct Show {
    /// Its name, like cooperative/two-phases.
    #[arg(value_name = "NAME")]
    pub name: String,
}

/// Arguments of `language`.
#[derive(Debug, clap::Args)]
pub struct Language {
    /// Which words; the whole language without one.
    #[arg(value_name = "WORD")]
    pub words: Vec<String>,
}

/// Arguments of `swarm`.
#[derive(Debug, clap::Args)]
pub struct Swarm {
    /// Which seeds; B is excluded, and `A..` has no end. Default: 0..1000, or 0.. with --time
    #[arg(long, value_name = "A..B", value_parser = SeedRange::open, allow_hyphen_values = true)]
    pub seeds: Option<SeedRange>,
    /// Runs every Nth of the seeds, beginning with the Ith, counted from 0.
    #[arg(long, value_name = "I/N", default_value_t, allow_hyphen_values = true)]
    pub shard: Shard,
    /// Begins no seed after this time, like 30m.
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    pub time: Option<Duration>,
    /// A folder. Each finding is written to a file in it the moment it is made; `report merge` reads them.
    #[arg(long, value_name = "DIR")]
    pub ledger: Option<PathBuf>,
    /// Ends with a finding when a seed takes longer than this. Default: 1m, on engines where a seed takes
    /// less.
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    pub hang: Option<Duration>,
    /// Breaks the system under test on purpose: a canary.
    #[arg(long, value_name = "NAME")]
    pub mutant: Option<String>,
    /// How many threads; default: one a core. The result does not depend on it.
    #[arg(long, value_name = "N", value_parser = jobs, allow_hyphen_values = true)]
    pub jobs: Option<usize>,
    /// What kind of world to draw.
    #[arg(long, value_name = "NAME", default_value_t, value_parser = profiles())]
    pub profile: Profile,
    /// Where to run them; what an engine cannot express is left out and counted. A seed takes seconds on
    /// turmoil and its virtual minutes on tcp, so name fewer seeds there.
    #[arg(long, value_name = "NAME", default_value_t, value_parser = engines())]
    pub engine: Engine,
    /// Looking for something new.
    #[command(flatten)]
    pub explore: Explore,
}

/// Arguments of `swarm` for those who look for something new.
#[derive(Debug, clap::Args)]
pub struct Explore {
    /// Keeps the schedules that reach something new in this folder, as scripts, and draws every second
    /// schedule from those that are there. Goes with the engine sim.
    #[arg(long, value_name = "FOLDER")]
    pub corpus: Option<PathBuf>,
    /// Stops when so many schedules in a row have reached nothing new.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub until_quiet: Option<u64>,
}

/// Arguments of `replay`.
#[derive(Debug, clap::Args)]
pub struct Replay {
    /// The seed.
    #[arg(value_parser = seed, allow_hyphen_values = true)]
    pub seed: u64,
    /// What kind of world it was drawn from.
    #[arg(long, value_name = "NAME", default_value_t, value_parser = profiles())]
    pub profile: Profile,
    /// Where to run it; what the engine cannot express is left out.
    #[arg(long, value_name = "NAME", default_value_t, value_parser = engines())]
    pub engine: Engine,
    /// How closely to look; JSON has every event.
    #[arg(long, value_enum, default_value_t = Zoom::Group)]
    pub zoom: Zoom,
    /// Print the schedule as a script instead of running it.
    #[arg(long)]
    pub print: bool,
    /// Breaks the system under test on purpose.
    #[arg(long, value_name = "NAME")]
    pub mutant: Option<String>,
}

/// What `report` does.
#[derive(Debug, Subcommand)]
pub enum Report {
    /// Merge the ledgers of many shards: each bug once, by the seed that shows it soonest.
    Merge(Merge),
}

/// Arguments of `report merge`.
#[derive(Debug, clap::Args)]
pub struct Merge {
    /// The folders; ledgers are sought below them too.
    #[arg(required = true, value_name = "DIR")]
    pub folders: Vec<PathBuf>,
    /// Where to write a script for each bug, made smaller, and the summary.
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// How long to spend in all on making scripts smaller.
    #[arg(long, value_name = "DURATION", default_value = "5m", value_parser = humantime::parse_duration)]
    pub shrink: Duration,
    /// This mutant must have been found, else nothing proves that a bug would have been.
    #[arg(long, value_name = "MUTANT")]
    pub expect_canary: Option<String>,
    /// At least so many seeds must have been run, those of mutants not counted.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    pub expect_seeds: u64,
}

/// Arguments of `shrink`.
#[derive(Debug, clap::Args)]
pub struct Shrink {
    /// A seed, or a script.
    #[arg(value_name = "SEED|FILE.sim")]
    pub what: String,
    /// What kind of world the seed was drawn from.
    #[arg(long, value_name = "NAME", default_value_t, value_parser = profiles())]
    pub profile: Profile,
    /// Breaks the system under test on purpose, as `mutants` does.
    #[arg(long, value_name = "NAME")]
    pub mutant: Option<String>,
    /// Where to write the script; default: INVARIANT.sim in the current folder, if there is no such file.
    #[arg(long, value_name = "FILE.sim")]
    pub out: Option<PathBuf>,
    /// Stops after this time with the best so far, as Ctrl-C does.
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    pub time: Option<Duration>,
}

/// Arguments of `mutants`.
#[derive(Debug, clap::Args)]
pub struct Mutants {
    /// Which; all when none is named.
    #[arg(value_name = "NAME")]
    pub names: Vec<String>,
    /// How many seeds to try before a mutant has survived.
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(1..=1 << 32))]
    pub seeds: u64,
    /// From how many starting points, far apart.
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=1_000))]
    pub starts: u64,
    /// Shrinks what each mutant was first found with, and prints how small it gets.
    #[arg(long)]
    pub shrink: bool,
    /// Where to write the shrunk scripts.
    #[arg(long, value_name = "FOLDER", requires = "shrink")]
    pub out: Option<PathBuf>,
    /// Makes every second schedule a child of those that reached something new, to see what that is worth.
    #[arg(long)]
    pub evolve: bool,
    /// Leaves something out of every schedule, to see what it is worth.
    #[arg(long, value_enum, value_name = "WHAT")]
    pub without: Option<Without>,
}

/// What can be left out of schedules.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Without {
    /// Requests that are held back until a deadline of the coordinator.
    Aim,
}

/// Arguments of `serve`.
#[derive(Debug, clap::Args)]
#[command(after_help = SERVE_HELP)]
pub struct Serve {
    /// A script: its settings make the cluster, its steps break it. Clients are known by their client ids.
    #[arg(value_name = "FILE.sim")]
    pub file: Option<PathBuf>,
    /// Where the first broker listens; the others listen on the ports behind it.
    #[arg(long, value_name = "IP:PORT", default_value = "127.0.0.1:9092")]
    pub listen: SocketAddr,
    /// The host that brokers tell clients they are on, if it is not where they listen.
    #[arg(long, value_name = "HOST")]
    pub advertise: Option<String>,
    /// The seed of member ids and of what happens by chance; random when neither this nor the script says it.
    #[arg(long, value_name = "SEED", value_parser = seed, allow_hyphen_values = true)]
    pub seed: Option<u64>,
    /// How many brokers; 1, or what the script says.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=16))]
    pub brokers: Option<u8>,
    /// A topic, with its partitions.
    #[arg(long = "topic", value_name = "NAME:PARTITIONS", value_parser = topic)]
    pub topics: Vec<TopicArg>,
    /// Produces to a topic at this rate, in turn to its partitions: `orders/1`, `orders/2`, …
    #[arg(long = "feed", value_name = "NAME=N/s", value_parser = feed)]
    pub feeds: Vec<FeedArg>,
    /// group.initial.rebalance.delay.ms, like 3s or 500ms.
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    pub initial_delay: Option<Duration>,
    /// Ends by itself after this time.
    #[arg(long = "for", value_name = "DURATION", value_parser = humantime::parse_duration)]
    pub duration: Option<Duration>,
    /// Writes the trace to a file, `-` for stdout.
    #[arg(long, value_name = "FILE")]
    pub trace: Option<PathBuf>,
    /// How closely the trace looks; JSON has every event.
    #[arg(long, value_enum, default_value_t = Zoom::Group)]
    pub zoom: Zoom,
    /// The longest request, in bytes (socket.request.max.bytes).
    #[arg(long, value_name = "BYTES", default_value_t = 16 << 20, value_parser = max_frame,
          allow_hyphen_values = true)]
    pub max_frame: usize,
    /// How long a connection may be idle (connections.max.idle.ms).
    #[arg(long, value_name = "DURATION", default_value = "10m", value_parser = max_idle)]
    pub max_idle: Duration,
    /// An invariant that may be violated, everywhere or in one group.
    #[arg(long = "allow", value_name = "INVARIANT[:GROUP]", value_parser = allow)]
    pub allowed: Vec<Allow>,
}

/// Arguments of `probe`.
#[derive(Debug, clap::Args)]
pub struct Probe {
    /// What the consumers do; without it they join, crash, stall, leave and come back in turn.
    #[arg(value_name = "FILE.sim")]
    pub file: Option<PathBuf>,
    /// A broker.
    #[arg(long, value_name = "HOST:PORT")]
    pub bootstrap: String,
    /// The group they join, without a script. Nobody else may be in it.
    #[arg(long, value_name = "NAME", default_value = "groupsim-probe", conflicts_with = "file")]
    pub group: String,
    /// The topics they read, without a script; they must exist.
    #[arg(
        long = "topic",
        value_name = "NAME",
        value_parser = topic_name,
        required_unless_present = "file",
        conflicts_with = "file"
    )]
    pub topics: Vec<String>,
    /// How many consumers, without a script.
    #[arg(long, value_name = "N", default_value_t = 3, conflicts_with = "file",
          value_parser = clap::value_parser!(u8).range(2..=100))]
    pub consumers: u8,
    /// How closely to look; JSON has every event.
    #[arg(long, value_enum, default_value_t = Zoom::Group)]
    pub zoom: Zoom,
    /// An invariant that may be violated, everywhere or in one group.
    #[arg(long = "allow", value_name = "INVARIANT[:GROUP]", value_parser = allow)]
    pub allowed: Vec<Allow>,
}

/// What `serve --help` says at its end.
const SERVE_HELP: &str = "\
Steps of the sim language that are written to its standard input, one a line,
are carried out while it serves: `move GROUP`, `crash b0`, `reset CLIENT-ID`, `partition CLIENT-ID b0`, `produce TOPIC count=10`, …";

/// `session`, `session:orders`
fn allow(text: &str) -> Result<Allow, String> {
    text.parse().map_err(|error| match error {
        NotAllowed::UnknownInvariant(name) => {
            let help = script::help(&name, invariant::NAMES, "there are");
            format!("there is no invariant '{name}': {help}")
        }
        NotAllowed::NoGroup(name) => {
            format!("no group is named: write {name}:GROUP for one, {name} alone for every group")
        }
    })
}

fn max_idle(text: &str) -> Result<Duration, String> {
    let wrong = || format!("'{text}' is no length of time above zero: write one like 30s or 10m");
    humantime::parse_duration(text).ok().filter(|idle| !idle.is_zero()).ok_or_else(wrong)
}

/// Kafka takes the length of a frame as a 32-bit number with a sign.
const LARGEST_FRAME: usize = i32::MAX as usize;

fn max_frame(text: &str) -> Result<usize, String> {
    let bytes = text.parse().ok().filter(|bytes| (1..=LARGEST_FRAME).contains(bytes));
    bytes.ok_or_else(|| format!("'{text}' is no number of bytes from 1 to {LARGEST_FRAME}"))
}

/// `orders:4`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicArg {
    /// Its name.
    pub name: String,
    /// How many partitions it has.
    pub partitions: i32,
}

/// `orders=10/s`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedArg {
    /// The topic.
    pub topic: String,
    /// Records a minute.
    pub rate: u32,
}

fn topic(text: &str) -> Result<TopicArg, String> {
    let wrong = || format!("'{text}' is no topic with its partitions: write one like orders:4");
    let (name, partitions) = text.rsplit_once(':').ok_or_else(wrong)?;
    let partitions = partitions.parse().map_err(|_| wrong())?;
    if name.is_empty() || !(1..=10_000).contains(&partitions) {
        return Err(wrong());
    }
    Ok(TopicArg { name: topic_name(name)?, partitions })
}

fn topic_name(text: &str) -> Result<String, String> {
    match protocol::is_legal_topic(text) {
        true => Ok(text.to_owned()),
        false => Err(format!(
            "'{text}' is no name of a topic: 1 to 249 letters, digits, '.', '_' and '-', and neither '.' nor '..'"
        )),
    }
}

fn feed(text: &str) -> Result<FeedArg, String> {
    let wrong = || format!("'{text}' is no topic with a rate: write one like orders=10/s");
    let (topic, rate) = text.split_once('=').ok_or_else(wrong)?;
    let a_second = rate.strip_suffix("/s").ok_or_else(wrong)?;
    match a_second.parse::<u32>() {
        Ok(rate @ 1..=1_000_000) => Ok(FeedArg { topic: topic.to_owned(), rate: rate * 60 }),
        Ok(_) | Err(_) => Err(wrong()),
    }
}

/// How results are written to stdout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    Text,
    /// For machines: one JSON object a line.
    Json,
}

/// How closely to look at a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Zoom {
    /// Every message.
    Wire,
    /// What happens to groups and members.
    Group,
    /// One line a generation.
    Timeline,
}

impl From<Zoom> for trace::Zoom {
    fn from(zoom: Zoom) -> Self {
        match zoom {
            Zoom::Wire => trace::Zoom::Wire,
            Zoom::Group => trace::Zoom::Group,
            Zoom::Timeline => trace::Zoom::Timeline,
        }
    }
}

/// As [`Profile`]'s own parser, but clap knows the names, so it suggests the nearest one.
fn profiles() -> impl clap::builder::TypedValueParser<Value = Profile> {
    PossibleValuesParser::new(Profile::ALL.map(Profile::name))
        .try_map(|name| name.parse::<Profile>())
}

fn engines() -> impl clap::builder::TypedValueParser<Value = Engine> {
    PossibleValuesParser::new(Engine::ALL.map(Engine::name)).map(|name| {
        Engine::ALL.into_iter().find(|engine| engine.name() == name).unwrap_or_default()
    })
}

/// More threads than this are a slip of the finger.
const MOST_JOBS: usize = 1_024;

pub(super) fn jobs(text: &str) -> Result<usize, String> {
    match text.parse::<usize>() {
        Ok(0) => Err("0 jobs do no work: give at least 1".to_owned()),
        Ok(jobs) if jobs > MOST_JOBS => Err(format!("{jobs} jobs are more than {MOST_JOBS}")),
        Ok(jobs) => Ok(jobs),
        Err(_) => Err(format!("'{text}' is not a number of jobs: write 1 to {MOST_JOBS}")),
    }
}

fn seed(text: &str) -> Result<u64, String> {
    text.parse()
        .map_err(|_| format!("the seed '{text}' is not a whole number from 0 to {}", u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_arguments_are_consistent() {
        Args::command().debug_assert();
    }
}
