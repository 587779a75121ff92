//! What looks at every event of a run: the digest, the invariants, coverage, the counts of the report,
//! diagnostics, and whoever else wants to watch.

use std::collections::{BTreeMap, BTreeSet};

use crate::consumer;
use crate::coordinator;
use crate::invariant::{Allow, Checker};
use crate::protocol::{GroupId, Request, Response, StrBytes};
use crate::sometimes;
use crate::time::Time;
use crate::trace::{Coverage, Digest, Event, FaultKind, Kind, Message};

use super::diagnostics::Diagnostics;
use super::judge::Judge;
use super::{Checks, Finding, Found, Report};

/// The run is over: there is a finding.
#[derive(Debug)]
pub struct Stop;

pub(super) struct Watcher<'w> {
    watch: &'w mut dyn FnMut(&Event),
    checks: Checks,
    digest: Digest,
    checker: Checker,
    /// Who takes violations down where the run goes on after them.
    judge: Option<Judge>,
    coverage: Coverage,
    diagnostics: Diagnostics,
    now: Time,
    counts: Counts,
    finding: Option<Finding>,
}

#[derive(Default)]
struct Counts {
    events: u64,
    messages: u64,
    rebalances: u64,
    processed: u64,
    faults: BTreeMap<FaultKind, u64>,
    /// The generations that members of third-party groups have been told of, each with its leader: a
    /// coordinator that has lost one may issue its number again.
    told: BTreeSet<(GroupId, i32, StrBytes)>,
}

impl<'w> Watcher<'w> {
    pub(super) fn new(checks: Checks, watch: &'w mut dyn FnMut(&Event)) -> Self {
        // What ran on this thread before was somebody else's.
        sometimes::take();
        Watcher {
            watch,
            checks,
            digest: Digest::default(),
            checker: match checks.from_outside {
                true => Checker::from_outside(),
                false => Checker::new(None),
            },
            judge: None,
            coverage: Coverage::default(),
            diagnostics: Diagnostics::default(),
            now: Time::ZERO,
            counts: Counts::default(),
            finding: None,
        }
    }

    pub(super) fn observe(&mut self, event: &Event) -> Result<(), Stop> {
        self.now = event.at;
        if self.checks.digest {
            self.digest.observe(event);
        }
        if self.checks.coverage {
            self.coverage.observe(event);
        }
        self.counts.observe(event);
        if self.checks.from_outside {
            self.counts.observe_from_outside(event);
        }
        self.diagnostics.speak(event);
        (self.watch)(event);
        if !self.checks.invariants {
            return Ok(());
        }
        if let Some(judge) = &mut self.judge {
            judge.observe(&mut self.checker, event);
            return Ok(());
        }
        match self.checker.check(event) {
            None => Ok(()),
            Some(violation) => Err(self.stop(Finding::of(violation))),
        }
    }

    /// Takes a bad step back, if that is what was found.
    pub(super) fn forgive_bad_step(&mut self) -> Option<String> {
        match self.finding.take() {
            Some(Finding::BadStep { message, .. }) => Some(message),
            other => {
                self.finding = other;
                None
            }
        }
    }

    /// From now on a violation does not end the run.
    pub(super) fn go_on_after_violations(&mut self, allowed: Vec<Allow>) {
        self.judge = Some(Judge::new(allowed));
    }

    /// What was found since this was last asked, where violations do not end the run.
    pub(super) fn news(&mut self) -> Vec<Finding> {
        self.judge.as_mut().map(Judge::news).unwrap_or_default()
    }

    pub(super) fn bad_step(&mut self, line: u32, message: String) -> Stop {
        self.stop(Finding::BadStep { line, message })
    }

    pub(super) fn crashed(&mut self, message: String) {
        let (at, message) = (self.now, self.checker.names().shorten(&message));
        self.stop(Finding::Crash { at, message });
    }

    fn stop(&mut self, finding: Finding) -> Stop {
        self.finding.get_or_insert(finding);
        Stop
    }

    pub(super) fn into_report(self) -> Report {
        let mut findings = self.judge.map(Judge::into_found).unwrap_or_default();
        findings.extend(self.finding.map(|finding| Found { finding, times: 1 }));
        Report {
            digest: self.digest.value(),
            simulated: self.now.since(Time::ZERO),
            events: self.counts.events,
            messages: self.counts.messages,
            rebalances: self.counts.rebalances,
            processed: self.counts.processed,
            faults: self.counts.faults,
            reached: self.coverage.into_reached(sometimes::take()),
            finding: findings.first().map(|found| found.finding.clone()),
            findings,
        }
    }
}

impl Counts {
    fn observe(&mut self, event: &Event) {
        self.events += 1;
        match &event.kind {
            Kind::Sent { .. } => self.messages += 1,
            Kind::Coordinator(coordinator::Observation::GenerationBegan { .. }) => {
                self.rebalances += 1;
            }
            Kind::Consumer(consumer::Observation::Processed { first, next, .. }) => {
                self.processed += (next - first).unsigned_abs();
            }
            Kind::FaultBegan { fault, .. } => *self.faults.entry(*fault).or_default() += 1,
            _ => {}
        }
    }
}

impl Counts {
    /// Nothing is seen of a third-party coordinator's rebalances but what their members are told.
    fn observe_from_outside(&mut self, event: &Event) {
        let Kind::Received { message: Message::Response { request, response }, .. } = &event.kind
        else {
            return;
        };
        let (Request::JoinGroup(request), Response::JoinGroup(answer)) =
            (&request.body, &response.body)
        else {
            return;
        };
        if answer.error_code == 0 {
            let group = request.group_id.clone();
            let new = self.told.insert((group, answer.generation_id, answer.leader.clone()));
            self.rebalances += u64::from(new);
        }
    }
}
