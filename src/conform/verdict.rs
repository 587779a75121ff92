//! The verdict on a script: which differences from its recording are explained, and which are not.

use super::compare::{Comparison, Difference, Late};
use super::deviations::{DEVIATIONS, Deviating, Deviation, NOT_SERVED};

/// What a script came to.
#[derive(Debug, Default)]
pub struct Verdict {
    /// How many answers were compared.
    pub answers: usize,
    /// Differences that nothing explains.
    pub differences: Vec<Difference>,
    /// Differences that are meant, each with why.
    pub allowed: Vec<(Difference, &'static Deviation)>,
    /// Deviations that are none.
    pub stale: Vec<(&'static Deviation, &'static Deviating)>,
    /// Answers that took another time.
    pub late: Vec<Late>,
    /// The rule and the reason why nothing of the script is served; then all differences are
    /// explained.
    pub not_served: Option<(&'static str, &'static str)>,
}

impl Verdict {
    /// The verdict on any broker: what differs, differs.
    pub fn plain(comparison: Comparison) -> Verdict {
        let Comparison { answers, differences, late } = comparison;
        Verdict { answers, differences, late, ..Verdict::default() }
    }

    /// The verdict on this crate's brokers, which may deviate as the table says.
    pub fn own(script: &str, comparison: Comparison) -> Verdict {
        let mut verdict = Verdict::plain(comparison);
        verdict.not_served = not_served(script);
        let own = DEVIATIONS.iter().filter(|deviation| deviation.script == script);
        let own = own.flat_map(|all| all.answers.iter().map(move |answer| (all, answer)));
        verdict.stale = own.collect();
        for difference in std::mem::take(&mut verdict.differences) {
            let allowed = verdict.stale.iter().position(|(_, answer)| answer.allows(&difference));
            match allowed.map(|at| verdict.stale.remove(at)) {
                Some((deviation, _)) => verdict.allowed.push((difference, deviation)),
                None => verdict.differences.push(difference),
            }
        }
        verdict
    }

    /// Whether something is not as it should be. Late answers are for the caller to judge.
    pub fn differs(&self) -> bool {
        match self.not_served {
            Some(_) => self.differences.is_empty(),
            None => !self.differences.is_empty() || !self.stale.is_empty(),
        }
    }
}

/// Why nothing of a script is served here, with the rule, if that is so.
fn not_served(script: &str) -> Option<(&'static str, &'static str)> {
    let row = NOT_SERVED.iter().find(|(name, ..)| *name == script);
    row.map(|&(_, rule, why)| (rule, why))
}

impl Deviating {
    fn said(&self, text: &str) -> String {
        format!("{} {text}", self.conn)
    }

    fn allows(&self, difference: &Difference) -> bool {
        self.line == difference.line
            && difference.expected.contains(&self.said(self.kafka))
            && difference.got.as_ref() == Some(&self.said(self.here))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn comparison(differences: Vec<Difference>) -> Comparison {
        Comparison { answers: 9, differences, late: Vec::new() }
    }

    /// The differences that the table names for a script.
    fn meant(deviation: &Deviation) -> Vec<Difference> {
        let meant = |answer: &Deviating| Difference {
            line: answer.line,
            request: None,
            expected: vec![answer.said(answer.kafka)],
            got: Some(answer.said(answer.here)),
        };
        deviation.answers.iter().map(meant).collect()
    }

    #[test]
    fn the_table_allows_what_it_names_and_nothing_else() {
        let deviation = DEVIATIONS.first().expect("a deviation");
        let verdict = Verdict::own(deviation.script, comparison(meant(deviation)));
        assert!(!verdict.differs(), "{verdict:?}");
        assert_eq!(verdict.allowed.len(), deviation.answers.len());
        let mut other = meant(deviation);
        other[0].got = Some("a something else".to_owned());
        let verdict = Verdict::own(deviation.script, comparison(other));
        assert_eq!((verdict.differences.len(), verdict.stale.len()), (1, 1));
        assert!(verdict.differs());
        let plain = Verdict::plain(comparison(meant(deviation)));
        assert!(plain.differs(), "on any other broker it is a difference");
    }

    #[test]
    fn what_does_not_deviate_any_more_is_stale() {
        let deviation = DEVIATIONS.first().expect("a deviation");
        assert!(Verdict::own(deviation.script, comparison(Vec::new())).differs());
        let (served, ..) = NOT_SERVED[0];
        assert!(Verdict::own(served, comparison(Vec::new())).differs());
    }
}
