//! Where this crate's coordinator answers otherwise than Kafka 4.4.0 on purpose: one table, answer by answer.
//!
//! An entry names a line of a script, what Kafka answers there and what is answered here. It allows nothing else;
//! and when nothing differs there any more, it is stale, which the tests do not let pass.

use super::compare::Difference;

/// An answer that is meant to be another one.
#[derive(Debug)]
pub struct Deviation {
    /// The script's name.
    pub script: &'static str,
    /// The line of the script that takes the answer.
    pub line: u32,
    /// What Kafka answers, as `CONNECTION TEXT`.
    pub kafka: &'static str,
    /// What is answered here.
    pub here: &'static str,
    /// The rule that says so.
    pub rule: &'static str,
    /// Why.
    pub why: &'static str,
}

/// Every deviation.
pub const DEVIATIONS: &[Deviation] = &[];

/// Scripts of which nothing is served here, with the rule and the reason.
pub const NOT_SERVED: &[(&str, &str, &str)] = &[
    ("k_classic_requests_to_consumer_group", "R15.2", KIP_848),
    ("k_epoch_fencing", "R15.2", KIP_848),
    ("k_offsets", "R15.2", KIP_848),
    ("k_range_assignor", "R15.2", KIP_848),
    ("k_static", "R15.2", KIP_848),
    ("k_two_members", "R15.2", KIP_848),
    ("k_validation", "R15.2", KIP_848),
];

const KIP_848: &str = "the consumer group protocol (KIP-848) is not served";

/// Why nothing of a script is served here, with the rule, if that is so.
pub fn not_served(script: &str) -> Option<(&'static str, &'static str)> {
    let row = NOT_SERVED.iter().find(|(name, ..)| *name == script);
    row.map(|&(_, rule, why)| (rule, why))
}

/// The differences of a script, sorted.
#[derive(Debug, Default)]
pub struct Judged {
    /// Those that nothing explains.
    pub differences: Vec<Difference>,
    /// Those that are meant.
    pub allowed: Vec<(Difference, &'static Deviation)>,
    /// Deviations of this script that are none.
    pub stale: Vec<&'static Deviation>,
}

/// Sorts the differences of a script.
pub fn judge(script: &str, differences: Vec<Difference>) -> Judged {
    let mut judged = Judged::default();
    let own = DEVIATIONS.iter().filter(|deviation| deviation.script == script);
    let mut unused: Vec<&'static Deviation> = own.collect();
    for difference in differences {
        match unused.iter().position(|deviation| deviation.allows(&difference)) {
            Some(at) => judged.allowed.push((difference, unused.remove(at))),
            None => judged.differences.push(difference),
        }
    }
    judged.stale = unused;
    judged
}

impl Deviation {
    fn allows(&self, difference: &Difference) -> bool {
        self.line == difference.line
            && difference.expected.iter().any(|expected| expected == self.kafka)
            && difference.got.as_deref() == Some(self.here)
    }
}
