//! Profiles: a table of the ranges and probabilities that seeds draw from.

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

/// A range of whole numbers, including both ends.
type Span = RangeInclusive<u64>;

/// The fault families. Each is on or off for a whole seed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FaultFamily {
    /// Links are cut in one or both directions, one by one or all at once.
    Partition,
    /// Links are slow.
    Clog,
    /// Single messages are dropped.
    Drop,
    /// Connections are reset.
    Reset,
    /// Consumers or brokers are paused.
    Pause,
    /// Consumers crash; most of them restart.
    Crash,
    /// Clocks run fast or slow.
    Skew,
    /// Applications take too long to process their records.
    Slow,
    /// Consumers join and leave. Not a fault, but a cause of rebalances.
    Churn,
    /// Brokers crash and restart, leadership moves, old leaders continue as zombies.
    Failover,
    /// The offsets log stalls, refuses appends and is compacted.
    Log,
    /// Topics gain partitions and are deleted.
    Topics,
    /// An admin client describes groups, commits offsets and deletes groups and offsets.
    Admin,
}

impl FaultFamily {
    /// All families, in the order of [`Spec::families`].
    pub const ALL: [FaultFamily; 13] = [
        FaultFamily::Partition,
        FaultFamily::Clog,
        FaultFamily::Drop,
        FaultFamily::Reset,
        FaultFamily::Pause,
        FaultFamily::Crash,
        FaultFamily::Skew,
        FaultFamily::Slow,
        FaultFamily::Churn,
        FaultFamily::Failover,
        FaultFamily::Log,
        FaultFamily::Topics,
        FaultFamily::Admin,
    ];

    /// The name of the family.
    pub const fn name(self) -> &'static str {
        match self {
            FaultFamily::Partition => "partition",
            FaultFamily::Clog => "clog",
            FaultFamily::Drop => "drop",
            FaultFamily::Reset => "reset",
            FaultFamily::Pause => "pause",
            FaultFamily::Crash => "crash",
            FaultFamily::Skew => "skew",
            FaultFamily::Slow => "slow",
            FaultFamily::Churn => "churn",
            FaultFamily::Failover => "failover",
            FaultFamily::Log => "log",
            FaultFamily::Topics => "topics",
            FaultFamily::Admin => "admin",
        }
    }
}

impl fmt::Display for FaultFamily {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The distribution that a seed draws its options from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Profile {
    /// All fault families.
    #[default]
    Default,
    /// No faults.
    FaultFree,
    /// Faults of the network only.
    Network,
    /// Faults of processes only.
    Process,
    /// Consumers join and leave all the time.
    Churn,
    /// Tight timeouts, with requests and faults timed to hit them.
    Timers,
    /// Coordinators crash, move and continue as zombies.
    Failover,
}

impl Profile {
    /// All profiles.
    pub const ALL: [Profile; 7] = [
        Profile::Default,
        Profile::FaultFree,
        Profile::Network,
        Profile::Process,
        Profile::Churn,
        Profile::Timers,
        Profile::Failover,
    ];

    /// The row of the table.
    pub const fn spec(self) -> &'static Spec {
        match self {
            Profile::Default => &DEFAULT,
            Profile::FaultFree => &FAULT_FREE,
            Profile::Network => &NETWORK,
            Profile::Process => &PROCESS,
            Profile::Churn => &CHURN,
            Profile::Timers => &TIMERS,
            Profile::Failover => &FAILOVER,
        }
    }

    /// The name on the command line.
    pub const fn name(self) -> &'static str {
        self.spec().name
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// There is no profile of this name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownProfile(pub String);

impl fmt::Display for UnknownProfile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = Profile::ALL.iter().map(|profile| profile.name()).collect();
        write!(f, "unknown profile '{}': expected one of {}", self.0, names.join(", "))
    }
}

impl std::error::Error for UnknownProfile {}

impl FromStr for Profile {
    type Err = UnknownProfile;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Profile::ALL
            .into_iter()
            .find(|profile| profile.name() == name)
            .ok_or_else(|| UnknownProfile(name.to_owned()))
    }
}

/// One row of the table. Times are in milliseconds, probabilities in permille.
#[derive(Clone, Debug)]
pub struct Spec {
    /// The name on the command line.
    pub name: &'static str,
    /// The description in the list of profiles, one line.
    pub about: &'static str,
    /// The number of consumers at the start.
    pub consumers: Span,
    /// The probability of a larger fleet: 9 to 16 consumers.
    pub crowd: u64,
    /// The number of consumers that can join later, if [`FaultFamily::Churn`] is on.
    pub spares: Span,
    /// The probability of more than one broker.
    pub several_brokers: u64,
    /// session.timeout.ms
    pub session: Span,
    /// The number of heartbeat intervals in a session timeout.
    pub heartbeats: Span,
    /// max.poll.interval.ms
    pub rebalance: Span,
    /// group.initial.rebalance.delay.ms
    pub initial_delay: Span,
    /// The number of requests in 1,000 that are delayed to race a coordinator deadline.
    pub race: Span,
    /// The probability that requests race deadlines at all; otherwise [`Self::race`] is not drawn.
    pub race_seeds: u64,
    /// The probability that messages are lost at random.
    pub lossy_seeds: u64,
    /// The probability that a fault lasts as long as one of the timeouts, ±5 ms.
    pub timeout_faults: u64,
    /// The minimum time healthy between two faults of a lane.
    pub healthy: Span,
    /// The minimum time broken.
    pub broken: Span,
    /// The mean time between two rounds of joins and leaves.
    pub churn: Span,
    /// The probability that each family is on, in the order of [`FaultFamily::ALL`].
    pub families: [u64; 13],
}

const DEFAULT: Spec = Spec {
    name: "default",
    about: "all fault families; each is off in about half of the seeds",
    consumers: 1..=8,
    crowd: 60,
    spares: 1..=6,
    several_brokers: 500,
    session: 6_000..=30_000,
    heartbeats: 3..=10,
    rebalance: 10_000..=60_000,
    initial_delay: 0..=3_000,
    race: 5..=200,
    race_seeds: 500,
    lossy_seeds: 100,
    timeout_faults: 250,
    healthy: 200..=15_000,
    broken: 20..=30_000,
    churn: 2_000..=60_000,
    families: [500, 500, 500, 500, 500, 500, 500, 500, 600, 500, 400, 300, 400],
};

const FAULT_FREE: Spec = Spec {
    name: "fault-free",
    about: "no faults; consumers join and leave",
    race_seeds: 0,
    lossy_seeds: 0,
    families: [0, 0, 0, 0, 0, 0, 0, 0, 900, 0, 0, 0, 300],
    ..DEFAULT
};

const NETWORK: Spec = Spec {
    name: "network",
    about: "network faults only: partitions, clogs, drops and resets",
    families: [800, 600, 800, 700, 0, 0, 0, 0, 400, 0, 0, 0, 200],
    healthy: 100..=8_000,
    ..DEFAULT
};

const PROCESS: Spec = Spec {
    name: "process",
    about: "process faults only: pauses, crashes, skewed clocks and slow applications",
    families: [0, 0, 0, 0, 800, 800, 600, 600, 400, 200, 0, 0, 200],
    healthy: 100..=8_000,
    ..DEFAULT
};

const CHURN: Spec = Spec {
    name: "churn",
    about: "frequent joins, leaves and restarts: many rebalances",
    consumers: 2..=8,
    crowd: 120,
    spares: 8..=20,
    churn: 500..=10_000,
    families: [200, 200, 300, 200, 300, 700, 200, 200, 1_000, 200, 200, 300, 200],
    ..DEFAULT
};

const TIMERS: Spec = Spec {
    name: "timers",
    about: "tight timeouts, with requests and faults timed to hit them",
    session: 6_000..=8_000,
    heartbeats: 3..=4,
    rebalance: 10_000..=15_000,
    race: 200..=700,
    race_seeds: 1_000,
    timeout_faults: 700,
    families: [500, 500, 500, 300, 700, 500, 500, 400, 600, 300, 300, 100, 200],
    ..DEFAULT
};

const FAILOVER: Spec = Spec {
    name: "failover",
    about: "coordinators crash, move and continue as zombies; their logs stall and lose records",
    several_brokers: 850,
    families: [300, 200, 300, 300, 300, 500, 200, 200, 700, 1_000, 700, 200, 400],
    healthy: 100..=10_000,
    ..DEFAULT
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_profile_parses_from_its_name() {
        for profile in Profile::ALL {
            assert_eq!(profile.name().parse(), Ok(profile));
        }
        let error = "defualt".parse::<Profile>().unwrap_err().to_string();
        assert!(error.contains("default, ") && error.contains(", failover"), "{error}");
    }

    #[test]
    fn the_fault_free_profile_has_no_faults() {
        assert_eq!(Profile::FaultFree.spec().families[..8], [0; 8]);
    }
}
