//! The verdict on a script: which differences from its recording are explained, and which are not.

use super::compare::{Comparison, Difference, Late};
use super::deviations::{DEVIATIONS, Deviating, Deviation, NOT_SERVED};

/// The result of one script.
#[derive(Debug, Default)]
pub struct Verdict {
    /// The number of responses that were compared.
    pub answers: usize,
    /// Unexplained differences.
    pub differences: Vec<Difference>,
    /// Intended differences, each with its deviation.
    pub allowed: Vec<(Difference, &'static Deviation)>,
    /// Entries of the table without a difference.
    pub stale: Vec<(&'static Deviation, &'static Deviating)>,
    /// Responses that took much less or more time than recorded.
    pub late: Vec<Late>,
    /// The rule and the reason if the features of the script are not served. All differences are
    /// then explained.
    pub not_served: Option<(&'static str, &'static str)>,
}

impl Verdict {
    /// The verdict on any broker: no difference is explained.
    pub fn plain(comparison: Comparison) -> Verdict {
        let Comparison { answers, differences, late } = comparison;
        Verdict { answers, differences, late, ..Verdict::default() }
    }

    /// The verdict on this crate's brokers, whose deviations are in the table.
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

    /// Whether there is an unexplained difference or a stale entry. The caller judges late
    /// responses.
    pub fn differs(&self) -> bool {
        match self.not_served {
            Some(_) => self.differences.is_empty(),
            None => !self.differences.is_empty() || !self.stale.is_empty(),
        }
    }
}

/// The rule and the reason if the features of the script are not served here.
fn not_served(script: &str) -> Option<(&'static str, &'static str)> {
    let row = NOT_SERVED.iter().find(|(name, ..)| *name == script);
    row.map(|&(_, rule, why)| (rule, why))
}

impl Deviating {
    fn text_of(&self, text: &str) -> String {
        format!("{} {text}", self.conn)
    }

    fn allows(&self, difference: &Difference) -> bool {
        self.line == difference.line
            && difference.expected.contains(&self.text_of(self.kafka))
            && difference.got.as_ref() == Some(&self.text_of(self.here))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn comparison(differences: Vec<Difference>) -> Comparison {
        Comparison { answers: 9, differences, late: Vec::new() }
    }

    /// The differences that the table names for a script.
    fn intended(deviation: &Deviation) -> Vec<Difference> {
        let intended = |answer: &Deviating| Difference {
            line: answer.line,
            request: None,
            expected: vec![answer.text_of(answer.kafka)],
            got: Some(answer.text_of(answer.here)),
        };
        deviation.answers.iter().map(intended).collect()
    }

    #[test]
    fn the_table_allows_its_entries_and_nothing_else() {
        let deviation = DEVIATIONS.first().expect("a deviation");
        let verdict = Verdict::own(deviation.script, comparison(intended(deviation)));
        assert!(!verdict.differs(), "{verdict:?}");
        assert_eq!(verdict.allowed.len(), deviation.answers.len());
        let mut other = intended(deviation);
        other[0].got = Some("a something else".to_owned());
        let verdict = Verdict::own(deviation.script, comparison(other));
        assert_eq!((verdict.differences.len(), verdict.stale.len()), (1, 1));
        assert!(verdict.differs());
        let plain = Verdict::plain(comparison(intended(deviation)));
        assert!(plain.differs(), "on any other broker it is a difference");
    }

    #[test]
    fn a_deviation_without_a_difference_is_stale() {
        let deviation = DEVIATIONS.first().expect("a deviation");
        assert!(Verdict::own(deviation.script, comparison(Vec::new())).differs());
        let (served, ..) = NOT_SERVED[0];
        assert!(Verdict::own(served, comparison(Vec::new())).differs());
    }
}
