//! Under which conditions seeds are run.

use std::fmt;

use crate::engine::Engine;

use super::profile::Profile;

/// What a seed's run depends on besides the seed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Conditions {
    /// What kind of world the seed is drawn from.
    pub profile: Profile,
    /// Where its schedule is run, as much of it as can be expressed there.
    pub engine: Engine,
    /// What is broken on purpose, by name. It only says so: the systems are handed in.
    pub mutant: Option<&'static str>,
}

impl From<Profile> for Conditions {
    fn from(profile: Profile) -> Conditions {
        Conditions { profile, engine: Engine::Sim, mutant: None }
    }
}

/// As on the command line; the event engine goes without saying.
impl fmt::Display for Conditions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "--profile {}", self.profile)?;
        if self.engine != Engine::Sim {
            write!(f, " --engine {}", self.engine)?;
        }
        match self.mutant {
            None => Ok(()),
            Some(mutant) => write!(f, " --mutant {mutant}"),
        }
    }
}
