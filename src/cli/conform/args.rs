//! The command-line arguments of `conform`.

use std::path::PathBuf;
use std::time::Duration;

use crate::cli::args::jobs;

/// Arguments of `conform`.
#[derive(Debug, clap::Args)]
pub struct Conform {
    /// Scripts to replay: files, or built-in scripts by name or part of a name [default: all
    /// built-in scripts].
    #[arg(value_name = "NAME|FILE.txt")]
    pub scripts: Vec<String>,
    /// Address of the broker, which has the topics t (4 partitions) and v (2 partitions) [default:
    /// groupsim's own broker, in virtual time].
    #[arg(long, value_name = "HOST:PORT")]
    pub bootstrap: Option<String>,
    /// Setting of the broker that differs from what most scripts presume. Scripts that presume
    /// other settings than the given ones are skipped.
    #[arg(long, value_name = "NAME=VALUE", requires = "bootstrap", value_parser = setting)]
    pub config: Vec<(String, String)>,
    /// Number of scripts to run at once; they spend most of their time waiting.
    #[arg(long, value_name = "N", default_value_t = 6, value_parser = jobs)]
    pub jobs: usize,
    /// Directory with the recordings of the given files [default: `recorded`, beside the files or
    /// beside their directory].
    #[arg(long, value_name = "DIR")]
    pub recorded: Option<PathBuf>,
    /// Record the broker's responses in this directory instead of comparing them. Responses that
    /// differ from an existing recording are added to it as variants.
    #[arg(long, value_name = "DIR", conflicts_with = "recorded")]
    pub record: Option<PathBuf>,
    /// Accept the known deviations of groupsim's own broker: the broker is `groupsim serve`.
    #[arg(long, requires = "bootstrap")]
    pub own: bool,
    /// Tolerance for the time of a response before it is reported as early or late.
    #[arg(long, value_name = "DURATION", default_value = "700ms", value_parser = humantime::parse_duration)]
    pub times: Duration,
}

/// Parses `NAME=VALUE`.
fn setting(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("expected NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}
