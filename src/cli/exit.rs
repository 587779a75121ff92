//! Exit codes: the verdict, for scripts.

use std::process::ExitCode;

use crate::run::{Finding, Report};

/// What `--help` says about exit codes.
pub const EXIT_CODES: &str = "\
Exit codes:
  0    everything held
  1    an invariant or an expect line is violated; of `conform`: answers differ; of `mutants`: some survived;
       of `report merge`: there are findings, no seed was run, or what was expected is not there
  2    usage: bad arguments, an unreadable or wrong script, an impossible step
  3    a group did not converge
  4    the system under test crashed, or hangs
  130  interrupted before anything was found

When several things were found, the code is that of the worst: 4, then 1, 3, 2.";

/// How a command went, the worst last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Exit {
    /// Everything held.
    #[default]
    Held,
    /// Stopped by the user before anything was found.
    Interrupted,
    /// The user's mistake.
    Usage,
    /// A group did not converge.
    NoConvergence,
    /// Mutants survived.
    Survivors,
    /// Answers differ from those recorded.
    Different,
    /// An invariant or an `expect` line is violated.
    Violation,
    /// The system under test panicked, or did not return.
    Crash,
}

impl Exit {
    /// The exit code.
    pub const fn code(self) -> u8 {
        match self {
            Exit::Held => 0,
            Exit::Violation | Exit::Survivors | Exit::Different => 1,
            Exit::Usage => 2,
            Exit::NoConvergence => 3,
            Exit::Crash => 4,
            Exit::Interrupted => 130,
        }
    }

    /// The verdict on all that was found in a run.
    pub fn of_report(report: &Report) -> Exit {
        let verdicts = report.findings.iter().map(|found| Exit::of(Some(&found.finding)));
        verdicts.max().unwrap_or_default()
    }

    /// The verdict on one finding, or none.
    pub fn of(finding: Option<&Finding>) -> Exit {
        match finding {
            None => Exit::Held,
            Some(Finding::Violation(_)) => Exit::Violation,
            Some(Finding::NoConvergence(_)) => Exit::NoConvergence,
            Some(Finding::Crash { .. }) => Exit::Crash,
            Some(Finding::BadStep { .. }) => Exit::Usage,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn help_names_every_code() {
        for exit in [
            Exit::Held,
            Exit::Interrupted,
            Exit::Usage,
            Exit::NoConvergence,
            Exit::Violation,
            Exit::Survivors,
            Exit::Different,
            Exit::Crash,
        ] {
            assert!(EXIT_CODES.contains(&format!("\n  {:<3}  ", exit.code())), "{exit:?}");
        }
    }

    #[test]
    fn a_crash_is_worse_than_a_violation_and_that_than_no_convergence() {
        assert!(Exit::Crash > Exit::Violation && Exit::Violation > Exit::NoConvergence);
    }
}
