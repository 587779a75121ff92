//! Profiles: what a seed may draw, as one table of ranges and probabilities.

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

/// A range of whole numbers, both ends included.
type Span = RangeInclusive<u64>;

/// The families of what can happen to a fleet. Per seed each is on or off as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    /// Links are cut, one way or both, one by one or all at once.
    Partition,
    /// Links are slow.
    Clog,
    /// Single messages are swallowed.
    Drop,
    /// Connections are reset.
    Reset,
    /// Consumers or the broker do not run for a while.
    Pause,
    /// Consumers die, and mostly come back.
    Crash,
    /// Clocks run fast or slow.
    Skew,
    /// Applications take too long for their records.
    Slow,
    /// Consumers come and go. Not a fault, but what rebalances are made of.
    Churn,
    /// Brokers die and come back, leadership moves, old leaders go on without knowing.
    Failover,
    /// The offsets log stalls, refuses appends, is compacted.
    Log,
    /// Topics grow and go.
    Topics,
    /// An administrator looks at groups, commits, deletes.
    Admin,
}

impl Family {
    /// Every family, in the order of a [`Spec`]'s table.
    pub const ALL: [Family; 13] = [
        Family::Partition,
        Family::Clog,
        Family::Drop,
        Family::Reset,
        Family::Pause,
        Family::Crash,
        Family::Skew,
        Family::Slow,
        Family::Churn,
        Family::Failover,
        Family::Log,
        Family::Topics,
        Family::Admin,
    ];

    /// The family's name.
    pub const fn name(self) -> &'static str {
        match self {
            Family::Partition => "partition",
            Family::Clog => "clog",
            Family::Drop => "drop",
            Family::Reset => "reset",
            Family::Pause => "pause",
            Family::Crash => "crash",
            Family::Skew => "skew",
            Family::Slow => "slow",
            Family::Churn => "churn",
            Family::Failover => "failover",
            Family::Log => "log",
            Family::Topics => "topics",
            Family::Admin => "admin",
        }
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A kind of world to draw seeds from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Profile {
    /// A bit of everything.
    #[default]
    Default,
    /// No faults.
    Calm,
    /// The network is bad, the processes are well.
    Network,
    /// The processes are bad, the network is well.
    Process,
    /// Consumers come and go all the time.
    Churn,
    /// Tight timeouts, and much that happens right at them.
    Timers,
    /// Coordinators die, move and are replaced without knowing it.
    Failover,
}

impl Profile {
    /// Every profile.
    pub const ALL: [Profile; 7] = [
        Profile::Default,
        Profile::Calm,
        Profile::Network,
        Profile::Process,
        Profile::Churn,
        Profile::Timers,
        Profile::Failover,
    ];

    /// Its row of the table.
    pub const fn spec(self) -> &'static Spec {
        match self {
            Profile::Default => &DEFAULT,
            Profile::Calm => &CALM,
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

/// A name that is no profile's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownProfile(pub String);

impl fmt::Display for UnknownProfile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = Profile::ALL.iter().map(|profile| profile.name()).collect();
        write!(f, "no profile is called '{}'; there are {}", self.0, names.join(", "))
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
    /// One line for the list of profiles.
    pub about: &'static str,
    /// How many consumers the fleet starts with.
    pub consumers: Span,
    /// How often a fleet is larger than that: up to 16.
    pub crowd: u64,
    /// How many more may join while the run goes on, when [`Family::Churn`] is on.
    pub spares: Span,
    /// How often there are several brokers.
    pub several_brokers: u64,
    /// session.timeout.ms
    pub session: Span,
    /// How many heartbeats fit into a session.
    pub heartbeats: Span,
    /// max.poll.interval.ms
    pub rebalance: Span,
    /// group.initial.rebalance.delay.ms
    pub initial_delay: Span,
    /// How many of 1,000 requests are held back to arrive at a deadline.
    pub aim: Span,
    /// How often [`Self::aim`] is drawn at all, rather than 0.
    pub aimed_seeds: u64,
    /// How often messages are lost by luck.
    pub lossy_seeds: u64,
    /// How often a fault lasts as long as one of the timeouts, give or take a few milliseconds.
    pub aimed_faults: u64,
    /// The minimum time healthy between two faults of a lane is drawn from this.
    pub healthy: Span,
    /// The minimum time broken is drawn from this.
    pub broken: Span,
    /// The mean time between two rounds of coming and going is drawn from this.
    pub churn: Span,
    /// How often each family is on, in the order of [`Family::ALL`].
    pub families: [u64; 13],
}

const DEFAULT: Spec = Spec {
    name: "default",
    about: "a bit of everything; each family of faults is off in half of the seeds",
    consumers: 1..=8,
    crowd: 60,
    spares: 1..=6,
    several_brokers: 500,
    session: 6_000..=30_000,
    heartbeats: 3..=10,
    rebalance: 10_000..=60_000,
    initial_delay: 0..=3_000,
    aim: 5..=200,
    aimed_seeds: 500,
    lossy_seeds: 100,
    aimed_faults: 250,
    healthy: 200..=15_000,
    broken: 20..=30_000,
    churn: 2_000..=60_000,
    families: [500, 500, 500, 500, 500, 500, 500, 500, 600, 500, 400, 300, 400],
};

const CALM: Spec = Spec {
    name: "calm",
    about: "no faults; consumers come and go",
    aimed_seeds: 0,
    lossy_seeds: 0,
    families: [0, 0, 0, 0, 0, 0, 0, 0, 900, 0, 0, 0, 300],
    ..DEFAULT
};

const NETWORK: Spec = Spec {
    name: "network",
    about: "partitions, clogs, drops and resets; the processes are well",
    families: [800, 600, 800, 700, 0, 0, 0, 0, 400, 0, 0, 0, 200],
    healthy: 100..=8_000,
    ..DEFAULT
};

const PROCESS: Spec = Spec {
    name: "process",
    about: "pauses, crashes, skewed clocks and slow applications; the network is well",
    families: [0, 0, 0, 0, 800, 800, 600, 600, 400, 200, 0, 0, 200],
    healthy: 100..=8_000,
    ..DEFAULT
};

const CHURN: Spec = Spec {
    name: "churn",
    about: "joins, leaves and restarts all the time: many rebalances",
    consumers: 2..=8,
    crowd: 120,
    spares: 8..=20,
    churn: 500..=10_000,
    families: [200, 200, 300, 200, 300, 700, 200, 200, 1_000, 200, 200, 300, 200],
    ..DEFAULT
};

const TIMERS: Spec = Spec {
    name: "timers",
    about: "tight timeouts, with messages and faults aimed right at them",
    session: 6_000..=8_000,
    heartbeats: 3..=4,
    rebalance: 10_000..=15_000,
    aim: 200..=700,
    aimed_seeds: 1_000,
    aimed_faults: 700,
    families: [500, 500, 500, 300, 700, 500, 500, 400, 600, 300, 300, 100, 200],
    ..DEFAULT
};

const FAILOVER: Spec = Spec {
    name: "failover",
    about: "coordinators die, move and are replaced without knowing it; their logs stall and are lost",
    several_brokers: 850,
    families: [300, 200, 300, 300, 300, 500, 200, 200, 700, 1_000, 700, 200, 400],
    healthy: 100..=10_000,
    ..DEFAULT
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_profile_is_found_by_its_name() {
        for profile in Profile::ALL {
            assert_eq!(profile.name().parse(), Ok(profile));
        }
        assert!("defualt".parse::<Profile>().unwrap_err().to_string().contains("default, calm"));
    }

    #[test]
    fn calm_has_no_faults() {
        assert_eq!(Profile::Calm.spec().families[..8], [0; 8]);
    }
}
