//! Exit codes: the verdict of a command, for shell scripts.

use std::process::ExitCode;

use crate::run::{Finding, Report};

/// The section of `--help` about exit codes.
pub const EXIT_CODES: &str = "\
Exit codes:
  0    everything held
  1    an invariant or an `expect` step was violated; `conform`: responses differ;
       `mutants`: some survived; `report merge`: there are findings, no seed was run,
       or an --expect-… option was not met
  2    usage error: bad arguments, an unreadable or invalid script, an impossible step
  3    a group did not converge
  4    the system under test crashed or hung
  130  interrupted before anything was found

With several findings, the worst decides the exit code: 4, then 1, 3, 2.";

/// The outcome of a command, ordered from best to worst.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Exit {
    /// Everything held.
    #[default]
    Held,
    /// The user interrupted the command before anything was found.
    Interrupted,
    /// A usage error.
    Usage,
    /// A group did not converge.
    NoConvergence,
    /// Mutants survived.
    Survivors,
    /// Responses differ from the recorded ones.
    Different,
    /// An invariant or an `expect` step was violated.
    Violation,
    /// The system under test panicked or did not return.
    Crash,
}

impl Exit {
    /// The exit code of the process.
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

    /// The verdict on a run: that of its worst finding.
    pub fn of_report(report: &Report) -> Exit {
        let verdicts = report.findings.iter().map(|found| Exit::of(Some(&found.finding)));
        verdicts.max().unwrap_or_default()
    }

    /// The verdict on one finding; [`Exit::Held`] without one.
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
    fn a_crash_is_worse_than_a_violation_which_is_worse_than_no_convergence() {
        assert!(Exit::Crash > Exit::Violation && Exit::Violation > Exit::NoConvergence);
    }
}
