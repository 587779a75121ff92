//! The command-line arguments, and the text of `--help`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::PossibleValuesParser;
use clap::builder::TypedValueParser as _;
use clap::{ArgAction, Parser, Subcommand, ValueEnum};

use crate::engine::EngineKind;
use crate::invariant::{self, Allow, NotAllowed};
use crate::protocol;
use crate::render;
use crate::script;
use crate::swarm::{Profile, SeedRange, Shard};

use super::conform::Conform;
use super::exit::EXIT_CODES;
use super::recorded::Trace;

/// Deterministic simulation testing for Kafka consumer groups.
#[derive(Debug, Parser)]
#[command(name = "groupsim", version, after_help = EXIT_CODES, arg_required_else_help = true)]
pub struct Args {
    /// The command to run.
    #[command(subcommand)]
    pub verb: Verb,
    /// Format of the results on stdout.
    #[arg(long, global = true, value_enum, default_value_t = Format::Text)]
    pub format: Format,
    /// Log diagnostics to stderr; -vv logs more. RUST_LOG sets targets and levels.
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub verbose: u8,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Run scripts and print their traces.
    Run(Run),
    /// Run many random schedules, check the invariants and print a summary.
    Swarm(Swarm),
    /// Run the schedule of one seed and print its trace.
    Replay(Replay),
    /// Print a trace that was recorded with `--format json`.
    Trace(Trace),
    /// Serve real Kafka clients over TCP and check the invariants of their groups.
    Serve(Serve),
    /// Run consumers against any Kafka-compatible broker and check its responses.
    Probe(Probe),
    /// Replay raw requests against a broker and compare its responses with Apache Kafka's.
    Conform(Conform),
    /// Reduce a failing schedule to a minimal script that violates the same invariant.
    Shrink(Shrink),
    /// Plant bugs in coordinators and consumers, and measure which invariants find them, and when.
    Mutants(Mutants),
    /// Evaluate the ledgers that swarms wrote.
    #[command(subcommand)]
    Report(Report),
    /// List scripts (local and built in), profiles, invariants and mutants.
    List,
    /// Print a built-in script.
    Show(Show),
    /// Describe the sim language: all of it, or single verbs, options and Kafka settings.
    Language(Language),
}

/// Arguments of `run`.
#[derive(Debug, clap::Args)]
pub struct Run {
    /// Scripts to run: files, `-` for stdin, or names of built-in scripts (see `list`).
    #[arg(required = true, value_name = "FILE.sim")]
    pub files: Vec<PathBuf>,
    /// Level of detail of the trace. JSON always has every event.
    #[arg(long, value_enum, default_value_t = Zoom::Group)]
    pub zoom: Zoom,
    /// Engine to run on.
    #[arg(long, value_name = "NAME", default_value_t, value_parser = engines())]
    pub engine: EngineKind,
    /// Plant this bug in the system under test (see `list`).
    #[arg(long, value_name = "NAME")]
    pub mutant: Option<String>,
}

/// Arguments of `show`.
#[derive(Debug, clap::Args)]
pub struct Show {
    /// Name of the script, such as cooperative/two-phases.
    #[arg(value_name = "NAME")]
    pub name: String,
}

/// Arguments of `language`.
#[derive(Debug, clap::Args)]
pub struct Language {
    /// Words to describe: verbs, options or Kafka settings [default: the whole language].
    #[arg(value_name = "WORD")]
    pub words: Vec<String>,
}

/// Arguments of `swarm`.
#[derive(Debug, clap::Args)]
pub struct Swarm {
    /// Range of seeds to run; B is excluded, `A..` has no end
    /// [default: 0..1000, or 0.. with --time].
    #[arg(long, value_name = "A..B", value_parser = SeedRange::open, allow_hyphen_values = true)]
    pub seeds: Option<SeedRange>,
    /// Run every Nth seed of the range, starting with the Ith, counted from 0.
    #[arg(long, value_name = "I/N", default_value_t, allow_hyphen_values = true)]
    pub shard: Shard,
    /// Start no new seed after this much wall time, such as 30m.
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    pub time: Option<Duration>,
    /// Write each finding to a ledger in this directory as soon as it is found. `report merge`
    /// reads ledgers.
    #[arg(long, value_name = "DIR")]
    pub ledger: Option<PathBuf>,
    /// Stop with a finding when one seed takes more wall time than this [default: 1m on sim and
    /// madsim, no limit on turmoil and tcp].
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    pub hang: Option<Duration>,
    /// Plant this bug in the system under test: a canary that the swarm has to find.
    #[arg(long, value_name = "NAME")]
    pub mutant: Option<String>,
    /// Number of threads [default: one per core]. The result does not depend on it.
    #[arg(long, value_name = "N", value_parser = jobs, allow_hyphen_values = true)]
    pub jobs: Option<usize>,
    /// Profile to draw schedules from (see `list`).
    #[arg(long, value_name = "NAME", default_value_t, value_parser = profiles())]
    pub profile: Profile,
    /// Engine to run on. Steps that an engine does not support are skipped and counted. A seed
    /// takes seconds on turmoil, and as long as its virtual minutes on tcp: run fewer seeds there.
    #[arg(long, value_name = "NAME", default_value_t, value_parser = engines())]
    pub engine: EngineKind,
    /// Coverage-guided exploration.
    #[command(flatten)]
    pub explore: Explore,
}

/// Arguments of `swarm` for coverage-guided exploration.
#[derive(Debug, clap::Args)]
pub struct Explore {
    /// Keep schedules that reach new coverage in this directory, as scripts, and mutate kept ones
    /// for every second schedule. Requires the engine sim.
    #[arg(long, value_name = "DIR")]
    pub corpus: Option<PathBuf>,
    /// Stop after N schedules in a row that reach no new coverage. Requires the engine sim.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub until_quiet: Option<u64>,
}

/// Arguments of `replay`.
#[derive(Debug, clap::Args)]
pub struct Replay {
    /// Seed to replay.
    #[arg(value_parser = seed, allow_hyphen_values = true)]
    pub seed: u64,
    /// Profile that the schedule is drawn from.
    #[arg(long, value_name = "NAME", default_value_t, value_parser = profiles())]
    pub profile: Profile,
    /// Engine to run on. Steps that it does not support are skipped.
    #[arg(long, value_name = "NAME", default_value_t, value_parser = engines())]
    pub engine: EngineKind,
    /// Level of detail of the trace. JSON always has every event.
    #[arg(long, value_enum, default_value_t = Zoom::Group)]
    pub zoom: Zoom,
    /// Print the schedule as a script instead of running it.
    #[arg(long)]
    pub print: bool,
    /// Plant this bug in the system under test (see `list`).
    #[arg(long, value_name = "NAME")]
    pub mutant: Option<String>,
}

/// The subcommands of `report`.
#[derive(Debug, Subcommand)]
pub enum Report {
    /// Merge ledgers, with each bug once, by the seed that shows it in the least virtual time.
    Merge(Merge),
}

/// Arguments of `report merge`.
#[derive(Debug, clap::Args)]
pub struct Merge {
    /// Directories to search for ledgers, recursively.
    #[arg(required = true, value_name = "DIR")]
    pub folders: Vec<PathBuf>,
    /// Write the summary and a shrunk script of each bug to this directory.
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Wall time to spend on shrinking all scripts.
    #[arg(long, value_name = "DURATION", default_value = "5m", value_parser = humantime::parse_duration)]
    pub shrink: Duration,
    /// Fail unless this mutant was found: a run that misses a planted bug proves nothing.
    #[arg(long, value_name = "MUTANT")]
    pub expect_canary: Option<String>,
    /// Fail unless at least N seeds were run. Runs with a mutant do not count.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    pub expect_seeds: u64,
}

/// Arguments of `shrink`.
#[derive(Debug, clap::Args)]
pub struct Shrink {
    /// Seed or script to shrink.
    #[arg(value_name = "SEED|FILE.sim")]
    pub source: String,
    /// Profile that the schedule of the seed is drawn from.
    #[arg(long, value_name = "NAME", default_value_t, value_parser = profiles())]
    pub profile: Profile,
    /// Plant this bug in the system under test (see `list`).
    #[arg(long, value_name = "NAME")]
    pub mutant: Option<String>,
    /// Write the script to this file
    /// [default: INVARIANT.sim in the current directory, which must not exist yet].
    #[arg(long, value_name = "FILE.sim")]
    pub out: Option<PathBuf>,
    /// Stop after this much wall time and keep the smallest schedule so far, as Ctrl-C does.
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    pub time: Option<Duration>,
}

/// Arguments of `mutants`.
#[derive(Debug, clap::Args)]
pub struct Mutants {
    /// Mutants to hunt [default: all].
    #[arg(value_name = "NAME")]
    pub names: Vec<String>,
    /// Number of seeds to try from each starting point before a mutant counts as a survivor.
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(1..=1 << 32))]
    pub seeds: u64,
    /// Number of starting points, far apart in the range of seeds.
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=1_000))]
    pub starts: u64,
    /// Shrink the first finding of each mutant and print the sizes.
    #[arg(long)]
    pub shrink: bool,
    /// Write the shrunk scripts to this directory.
    #[arg(long, value_name = "DIR", requires = "shrink")]
    pub out: Option<PathBuf>,
    /// Mutate schedules that reached new coverage for every second schedule, to measure the
    /// benefit.
    #[arg(long)]
    pub evolve: bool,
    /// Leave this feature out of every schedule, to measure its benefit.
    #[arg(long, value_enum, value_name = "FEATURE")]
    pub without: Option<Without>,
}

/// Features that `mutants` can leave out of schedules.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Without {
    /// Requests delayed until a coordinator deadline.
    Race,
}

/// Arguments of `serve`.
#[derive(Debug, clap::Args)]
#[command(after_help = SERVE_HELP)]
pub struct Serve {
    /// Script whose settings configure the cluster and whose steps inject faults. It names clients
    /// by client id.
    #[arg(value_name = "FILE.sim")]
    pub file: Option<PathBuf>,
    /// Address of the first broker. The other brokers listen on the ports that follow.
    #[arg(long, value_name = "IP:PORT", default_value = "127.0.0.1:9092")]
    pub listen: SocketAddr,
    /// Host that brokers advertise to clients [default: the one they listen on].
    #[arg(long, value_name = "HOST")]
    pub advertise: Option<String>,
    /// Seed of member ids and of all random faults [default: the script's, else random].
    #[arg(long, value_name = "SEED", value_parser = seed, allow_hyphen_values = true)]
    pub seed: Option<u64>,
    /// Number of brokers [default: the script's, else 1].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=16))]
    pub brokers: Option<u8>,
    /// Topic to create, with its number of partitions, such as orders:4.
    #[arg(long = "topic", value_name = "NAME:PARTITIONS", value_parser = topic)]
    pub topics: Vec<TopicArg>,
    /// Produce N records per second to a topic, to its partitions in turn. The values are
    /// `orders/1`, `orders/2`, …
    #[arg(long = "feed", value_name = "NAME=N/s", value_parser = feed)]
    pub feeds: Vec<FeedArg>,
    /// Delay of the first rebalance of a group (group.initial.rebalance.delay.ms), such as 3s or
    /// 500ms.
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    pub initial_delay: Option<Duration>,
    /// Stop after this time.
    #[arg(long = "for", value_name = "DURATION", value_parser = humantime::parse_duration)]
    pub duration: Option<Duration>,
    /// Write the trace to this file, as JSON lines if its name ends in .json or .jsonl. `-` is
    /// stdout.
    #[arg(long, value_name = "FILE")]
    pub trace: Option<PathBuf>,
    /// Level of detail of the trace. JSON always has every event.
    #[arg(long, value_enum, default_value_t = Zoom::Group)]
    pub zoom: Zoom,
    /// Size of the largest request that is accepted (socket.request.max.bytes).
    #[arg(long, value_name = "BYTES", default_value_t = 16 << 20, value_parser = max_frame,
          allow_hyphen_values = true)]
    pub max_frame: usize,
    /// Close connections that are idle for longer than this (connections.max.idle.ms).
    #[arg(long, value_name = "DURATION", default_value = "10m", value_parser = max_idle)]
    pub max_idle: Duration,
    /// Do not report violations of this invariant, in any group or in the given one.
    #[arg(long = "allow", value_name = "INVARIANT[:GROUP]", value_parser = allow)]
    pub allowed: Vec<Allow>,
}

/// Arguments of `probe`.
#[derive(Debug, clap::Args)]
pub struct Probe {
    /// Script that the consumers follow. Without one they join, crash, stall, leave and rejoin in
    /// turn.
    #[arg(value_name = "FILE.sim")]
    pub file: Option<PathBuf>,
    /// Address of one of the brokers.
    #[arg(long, value_name = "HOST:PORT")]
    pub bootstrap: String,
    /// Without a script: the group to join. It must have no other members.
    #[arg(long, value_name = "NAME", default_value = "groupsim-probe", conflicts_with = "file")]
    pub group: String,
    /// Without a script: a topic to subscribe to. It must exist.
    #[arg(
        long = "topic",
        value_name = "NAME",
        value_parser = topic_name,
        required_unless_present = "file",
        conflicts_with = "file"
    )]
    pub topics: Vec<String>,
    /// Without a script: the number of consumers.
    #[arg(long, value_name = "N", default_value_t = 3, conflicts_with = "file",
          value_parser = clap::value_parser!(u8).range(2..=100))]
    pub consumers: u8,
    /// Level of detail of the trace. JSON always has every event.
    #[arg(long, value_enum, default_value_t = Zoom::Group)]
    pub zoom: Zoom,
    /// Do not report violations of this invariant, in any group or in the given one.
    #[arg(long = "allow", value_name = "INVARIANT[:GROUP]", value_parser = allow)]
    pub allowed: Vec<Allow>,
}

/// The text after the options in `serve --help`.
const SERVE_HELP: &str = "\
While it serves, groupsim reads steps of the sim language from stdin, one per line, and carries
them out: `move GROUP`, `crash b0`, `reset CLIENT-ID`, `partition CLIENT-ID b0`,
`produce TOPIC count=10`, …";

/// Parses `session` or `session:orders`.
fn allow(text: &str) -> Result<Allow, String> {
    text.parse().map_err(|error| match error {
        NotAllowed::UnknownInvariant(name) => {
            let help = script::help(&name, invariant::names(), "expected one of");
            format!("unknown invariant '{name}': {help}")
        }
        NotAllowed::NoGroup(name) => {
            format!(
                "the group is missing: write {name}:GROUP for one group, {name} for every group"
            )
        }
    })
}

fn max_idle(text: &str) -> Result<Duration, String> {
    let wrong = || format!("'{text}' is not a duration above zero: write one such as 30s or 10m");
    humantime::parse_duration(text).ok().filter(|idle| !idle.is_zero()).ok_or_else(wrong)
}

/// Kafka encodes the length of a frame as a signed 32-bit number.
const LARGEST_FRAME: usize = i32::MAX as usize;

fn max_frame(text: &str) -> Result<usize, String> {
    let bytes = text.parse().ok().filter(|bytes| (1..=LARGEST_FRAME).contains(bytes));
    bytes.ok_or_else(|| format!("'{text}' is not a number of bytes from 1 to {LARGEST_FRAME}"))
}

/// A topic to create, `orders:4`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicArg {
    /// The topic's name.
    pub name: String,
    /// The number of partitions.
    pub partitions: i32,
}

/// A topic to produce to, `orders=10/s`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedArg {
    /// The topic's name.
    pub topic: String,
    /// Records per minute.
    pub rate: u32,
}

fn topic(text: &str) -> Result<TopicArg, String> {
    let wrong =
        || format!("'{text}' is not a topic and its partitions: write one such as orders:4");
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
            "'{text}' is not a valid topic name: use 1 to 249 letters, digits, '.', '_' and '-', \
             but not '.' or '..'"
        )),
    }
}

fn feed(text: &str) -> Result<FeedArg, String> {
    let wrong = || format!("'{text}' is not a topic and its rate: write one such as orders=10/s");
    let (topic, rate) = text.split_once('=').ok_or_else(wrong)?;
    let per_second = rate.strip_suffix("/s").ok_or_else(wrong)?;
    match per_second.parse::<u32>() {
        Ok(rate @ 1..=1_000_000) => Ok(FeedArg { topic: topic.to_owned(), rate: rate * 60 }),
        Ok(_) | Err(_) => Err(wrong()),
    }
}

/// Format of the results on stdout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Text for people.
    Text,
    /// JSON for programs, one object per line.
    Json,
}

/// Level of detail of a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Zoom {
    /// Every message.
    Wire,
    /// Events of groups and members.
    Group,
    /// One line per generation.
    Timeline,
}

impl From<Zoom> for render::Zoom {
    fn from(zoom: Zoom) -> Self {
        match zoom {
            Zoom::Wire => render::Zoom::Wire,
            Zoom::Group => render::Zoom::Group,
            Zoom::Timeline => render::Zoom::Timeline,
        }
    }
}

/// Accepts what [`Profile`]'s own parser accepts. Clap knows the names, so it can suggest the
/// nearest.
fn profiles() -> impl clap::builder::TypedValueParser<Value = Profile> {
    PossibleValuesParser::new(Profile::ALL.map(Profile::name))
        .try_map(|name| name.parse::<Profile>())
}

fn engines() -> impl clap::builder::TypedValueParser<Value = EngineKind> {
    PossibleValuesParser::new(EngineKind::ALL.map(EngineKind::name)).map(|name| {
        EngineKind::ALL.into_iter().find(|engine| engine.name() == name).unwrap_or_default()
    })
}

/// A larger number of threads is taken for a typing mistake.
const MOST_JOBS: usize = 1_024;

pub(super) fn jobs(text: &str) -> Result<usize, String> {
    match text.parse::<usize>() {
        Ok(0) => Err("at least 1 job is needed".to_owned()),
        Ok(jobs) if jobs > MOST_JOBS => Err(format!("at most {MOST_JOBS} jobs are possible")),
        Ok(jobs) => Ok(jobs),
        Err(_) => Err(format!("'{text}' is not a number of jobs from 1 to {MOST_JOBS}")),
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
