//! Sees every event of a run and feeds it to the digest, the model, the invariants, coverage, the
//! counts of the report, the diagnostics, and the caller's `watch` function.

use std::collections::{BTreeMap, BTreeSet};

use crate::client;
use crate::coordinator;
use crate::coverage::Coverage;
use crate::invariant::{Allow, Checker, MakeInvariant};
use crate::marks;
use crate::model::Model;
use crate::protocol::{GroupId, Request, Response, StrBytes};
use crate::time::Time;
use crate::trace::{Digest, Event, EventKind, FaultKind, Message};

use super::diagnostics::Diagnostics;
use super::judge::Judge;
use super::{Checks, Finding, Found, Report};

/// The run is over because there is a finding.
#[derive(Debug)]
pub struct Stop;

pub(super) struct Watcher<'w> {
    watch: &'w mut dyn FnMut(&Event, &Model),
    checks: Checks,
    digest: Digest,
    /// The model of the run, which everyone reads.
    model: Model,
    checker: Checker,
    /// Records violations in a run that continues after them.
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
    /// The generations that members of third-party groups have joined, each with its leader. A
    /// coordinator that has lost a generation may issue its number again.
    joined_generations: BTreeSet<(GroupId, i32, StrBytes)>,
}

impl<'w> Watcher<'w> {
    pub(super) fn new(
        checks: Checks,
        invariants: &[MakeInvariant],
        watch: &'w mut dyn FnMut(&Event, &Model),
    ) -> Self {
        // Discards the marks that other runs left on this thread.
        marks::take();
        let checker = match checks.black_box {
            true => Checker::black_box(),
            false => Checker::new(None),
        };
        Watcher {
            watch,
            checks,
            digest: Digest::default(),
            model: Model::default(),
            checker: checker.with(invariants.iter().map(|make| make())),
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
            self.coverage.observe(&self.model, event);
        }
        self.model.feed(event);
        self.counts.observe(event);
        if self.checks.black_box {
            self.counts.observe_black_box(event);
        }
        self.diagnostics.emit(event);
        (self.watch)(event, &self.model);
        if !self.checks.invariants {
            return Ok(());
        }
        if let Some(judge) = &mut self.judge {
            judge.observe(&mut self.checker, &self.model, event);
            return Ok(());
        }
        match self.checker.check(&self.model, event) {
            None => Ok(()),
            Some(violation) => Err(self.stop(Finding::of(violation))),
        }
    }

    /// The model after all events so far.
    pub(super) fn model(&self) -> &Model {
        &self.model
    }

    /// Removes the finding if it is a bad step, and returns its message.
    pub(super) fn take_bad_step(&mut self) -> Option<String> {
        match self.finding.take() {
            Some(Finding::BadStep { message, .. }) => Some(message),
            other => {
                self.finding = other;
                None
            }
        }
    }

    /// Makes the run continue after violations.
    pub(super) fn go_on_after_violations(&mut self, allowed: Vec<Allow>) {
        self.judge = Some(Judge::new(allowed));
    }

    /// The findings since the last call, in a run that continues after violations.
    pub(super) fn new_findings(&mut self) -> Vec<Finding> {
        self.judge.as_mut().map(Judge::new_findings).unwrap_or_default()
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
            reached: self.coverage.into_reached(marks::take()),
            finding: findings.first().map(|found| found.finding.clone()),
            findings,
        }
    }
}

impl Counts {
    fn observe(&mut self, event: &Event) {
        self.events += 1;
        match &event.kind {
            EventKind::Sent { .. } => self.messages += 1,
            EventKind::Coordinator(coordinator::Observation::Classic(
                coordinator::ClassicObservation::GenerationBegan { .. },
            )) => {
                self.rebalances += 1;
            }
            EventKind::Consumer(client::ClientObservation::Processed { first, next, .. }) => {
                self.processed += (next - first).unsigned_abs();
            }
            EventKind::FaultBegan { fault, .. } => *self.faults.entry(*fault).or_default() += 1,
            _ => {}
        }
    }
}

impl Counts {
    /// Counts the rebalances of a third-party coordinator by the JoinGroup responses of its
    /// members, since nothing else of them is visible.
    fn observe_black_box(&mut self, event: &Event) {
        let EventKind::Received { message: Message::Response { request, response }, .. } =
            &event.kind
        else {
            return;
        };
        let (Request::JoinGroup(request), Response::JoinGroup(response)) =
            (&request.body, &response.body)
        else {
            return;
        };
        if response.error_code == 0 {
            let group = request.group_id.clone();
            let new = self.joined_generations.insert((
                group,
                response.generation_id,
                response.leader.clone(),
            ));
            self.rebalances += u64::from(new);
        }
    }
}
