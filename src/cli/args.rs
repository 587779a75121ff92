//! What can be asked on the command line.

use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use clap::builder::TypedValueParser as _;
use clap::{ArgAction, Parser, Subcommand, ValueEnum};

use crate::engine::Engine;
use crate::swarm::{Profile, SeedRange};
use crate::trace;

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
    /// List the scripts under sims/, the profiles and the invariants.
    List,
    /// Describe the sim language: every verb, every option, every limit.
    Language,
}

/// Arguments of `run`.
#[derive(Debug, clap::Args)]
pub struct Run {
    /// The scripts.
    #[arg(required = true, value_name = "FILE.sim")]
    pub files: Vec<PathBuf>,
    /// How closely to look; JSON has every event.
    #[arg(long, value_enum, default_value_t = Zoom::Group)]
    pub zoom: Zoom,
    /// Where to run them.
    #[arg(long, value_name = "NAME", default_value_t, value_parser = engines())]
    pub engine: Engine,
}

/// Arguments of `swarm`.
#[derive(Debug, clap::Args)]
pub struct Swarm {
    /// Which seeds; B is excluded.
    #[arg(long, value_name = "A..B", default_value = "0..1000", allow_hyphen_values = true)]
    pub seeds: SeedRange,
    /// How many threads; all cores when not said. The result does not depend on it.
    #[arg(long, value_name = "N", value_parser = jobs, allow_hyphen_values = true)]
    pub jobs: Option<usize>,
    /// What kind of world to draw.
    #[arg(long, value_name = "NAME", default_value_t, value_parser = profiles())]
    pub profile: Profile,
    /// Where to run them; what an engine cannot express is left out and counted. A seed takes seconds on
    /// turmoil and its virtual minutes on tcp, so name fewer seeds there.
    #[arg(long, value_name = "NAME", default_value_t, value_parser = engines())]
    pub engine: Engine,
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

fn jobs(text: &str) -> Result<usize, String> {
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
