//! The conditions of a run: everything besides the seed that it depends on.

use std::fmt;

use crate::engine::EngineKind;

use super::profile::Profile;

/// What a run depends on besides the seed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Conditions {
    /// The profile that the schedule is drawn from.
    pub profile: Profile,
    /// The engine that the schedule is run on. Steps that it does not support are skipped.
    pub engine: EngineKind,
    /// The name of the mutant, for reports and replay commands. The systems are passed separately.
    pub mutant: Option<&'static str>,
}

impl From<Profile> for Conditions {
    fn from(profile: Profile) -> Conditions {
        Conditions { profile, engine: EngineKind::Sim, mutant: None }
    }
}

/// The options of the command line. The engine sim is the default and is not printed.
impl fmt::Display for Conditions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "--profile {}", self.profile)?;
        if self.engine != EngineKind::Sim {
            write!(f, " --engine {}", self.engine)?;
        }
        match self.mutant {
            None => Ok(()),
            Some(mutant) => write!(f, " --mutant {mutant}"),
        }
    }
}
