//! The verdict of one run: the lines after its trace, from its report or from the JSON of that.

use std::time::Duration;

use serde_json::{Map, Value};

use crate::run::{Finding, Found, Report};

use super::out::{Failure, Out};
use super::{human, json};

/// What is printed about a run after its trace.
#[derive(Debug, PartialEq, Eq)]
pub struct Verdict {
    findings: Vec<String>,
    /// There is no finding, not even one that is printed elsewhere.
    held: bool,
    simulated: Duration,
    messages: u64,
    rebalances: u64,
    processed: u64,
    digest: String,
}

impl Verdict {
    /// The verdict of a report.
    pub fn of(report: &Report) -> Verdict {
        // The caller knows the script's name and prints a bad step with its position.
        let shown = |found: &&Found| !matches!(found.finding, Finding::BadStep { line: 1.., .. });
        Verdict {
            findings: report.findings.iter().filter(shown).map(counted).collect(),
            held: report.findings.is_empty(),
            simulated: report.simulated,
            messages: report.messages,
            rebalances: report.rebalances,
            processed: report.processed,
            digest: json::digest(report.digest),
        }
    }

    /// The verdict in the object that [`json::report`] made of a report; `None` if it is another
    /// object.
    pub fn read(report: &Map<String, Value>) -> Option<Verdict> {
        let number = |key: &str| report.get(key)?.as_u64();
        let findings = report.get("findings")?.as_array()?;
        let mut shown = Vec::new();
        for found in findings {
            if found["line"].as_u64().is_none_or(|line| line == 0) {
                shown.push(with_count(found["text"].as_str()?, found["times"].as_u64()?));
            }
        }
        Some(Verdict {
            findings: shown,
            held: findings.is_empty(),
            simulated: Duration::from_micros(number("simulated_us")?),
            messages: number("messages")?,
            rebalances: number("rebalances")?,
            processed: number("records")?,
            digest: report.get("digest")?.as_str()?.to_owned(),
        })
    }

    /// The digest of the trace, as text.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// Prints the verdict, below an empty line.
    pub fn print(&self, out: &mut Out) -> Result<(), Failure> {
        out.line("")?;
        self.findings.iter().try_for_each(|finding| out.line(finding))?;
        if self.held {
            out.line("held")?;
        }
        out.line(format_args!(
            "{} simulated, {}, {}, {} processed, digest {}",
            human::duration(self.simulated),
            human::number(self.messages, "message"),
            human::number(self.rebalances, "rebalance"),
            human::number(self.processed, "record"),
            self.digest,
        ))
    }
}

/// The text of a finding, with its count if it was made more than once.
pub(super) fn counted(found: &Found) -> String {
    with_count(&found.finding.to_string(), found.times)
}

fn with_count(text: &str, times: u64) -> String {
    if times == 1 {
        return text.to_owned();
    }
    let (first, rest) = text.split_once('\n').unwrap_or((text, ""));
    format!("{first}, {} times\n{rest}", human::thousands(times))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::Run;
    use crate::script;

    #[test]
    fn a_finding_shows_how_often_it_was_made() {
        let finding = Finding::BadStep { line: 3, message: "a\nb".to_owned() };
        let shown = |times| counted(&Found { finding: finding.clone(), times });
        assert_eq!(shown(1), "bad step in line 3\n  a\n  b");
        assert_eq!(shown(1_200), "bad step in line 3, 1,200 times\n  a\n  b");
    }

    #[test]
    fn the_json_of_a_report_has_its_verdict() {
        let script = "topic t partitions=1\ngroup g\njoin c1\nsettle\nexpect stable members=2\n";
        let schedule = script::parse("inline", script).expect("a valid script");
        let mut report = Run::of(&schedule).run();
        report.findings[0].times = 2_000;
        let bad_step = Finding::BadStep { line: 3, message: "c1 is not paused".to_owned() };
        report.findings.push(Found { finding: bad_step, times: 1 });
        let object = json::report(("file", "a.sim".into()), &report);
        let verdict = Verdict::of(&report);
        assert_eq!(verdict.findings.len(), 1);
        assert_eq!(Verdict::read(object.as_object().expect("an object")), Some(verdict));
    }
}
