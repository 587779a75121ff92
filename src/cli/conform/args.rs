//! What can be asked of `conform`.

use std::path::PathBuf;
use std::time::Duration;

use crate::cli::args::jobs;

/// Arguments of `conform`.
#[derive(Debug, clap::Args)]
pub struct Conform {
    /// Scripts: files, or those that come with groupsim, by name or a part of it. All of those when
    /// none is named.
    #[arg(value_name = "NAME|FILE.txt")]
    pub scripts: Vec<String>,
    /// The broker, with topics t of 4 partitions and v of 2; without it our own, in virtual time.
    #[arg(long, value_name = "HOST:PORT")]
    pub bootstrap: Option<String>,
    /// How the broker is configured beyond what all scripts presume: only scripts that presume just
    /// these are run.
    #[arg(long, value_name = "NAME=VALUE", requires = "bootstrap", value_parser = setting)]
    pub config: Vec<(String, String)>,
    /// How many scripts run at once; most of the time they wait.
    #[arg(long, value_name = "N", default_value_t = 6, value_parser = jobs)]
    pub jobs: usize,
    /// Where the recordings of the files are; in a folder `recorded` beside them or their folder
    /// when not said.
    #[arg(long, value_name = "DIR")]
    pub recorded: Option<PathBuf>,
    /// Writes what the broker answers as recordings, instead of comparing it. Answers that differ
    /// from a recording that is there become variants of it.
    #[arg(long, value_name = "DIR", conflicts_with = "recorded")]
    pub record: Option<PathBuf>,
    /// The broker is `groupsim serve`: accepts what our own answers otherwise than Kafka on
    /// purpose.
    #[arg(long, requires = "bootstrap")]
    pub own: bool,
    /// How much sooner or later an answer may come before it is reported.
    #[arg(long, value_name = "DURATION", default_value = "700ms", value_parser = humantime::parse_duration)]
    pub times: Duration,
}

/// `NAME=VALUE`
fn setting(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("expected NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}
