//! The JSON objects that `--format json` prints.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::coverage::Cells;
use crate::run::{Finding, Found, Report};
use crate::swarm::{Replay, SeedFinding, Summary, parts};
use crate::trace::FaultKind;

use super::human;

/// A digest in hexadecimal, because many JSON parsers cannot represent 64 bits in a number.
pub fn digest(digest: u64) -> String {
    format!("{digest:016x}")
}

/// The report of one run. `name` is the key and value that identify the run: a file or a seed.
pub fn report(name: (&str, Value), report: &Report) -> Value {
    let mut object = json!({
        "type": "report",
        "digest": digest(report.digest),
        "simulated_us": micros(report.simulated),
        "events": report.events,
        "messages": report.messages,
        "rebalances": report.rebalances,
        "records": report.processed,
        "faults": faults(&report.faults),
        "cells": report.reached.cells.len(),
        "vacuous": report.vacuous(),
        "finding": report.finding.as_ref().map(finding),
        "findings": report.findings.iter().map(found).collect::<Vec<_>>(),
    });
    object[name.0] = name.1;
    object
}

/// The summary of a swarm.
pub fn summary(summary: &Summary, invariants: &[&str], wall: Duration, exit: u8) -> Value {
    json!({
        "type": "summary",
        "profile": summary.conditions.profile.name(),
        "engine": summary.conditions.engine.name(),
        "mutant": summary.conditions.mutant,
        "shard": summary.shard.to_string(),
        "left_out": {
            "lines": summary.left_out.lines,
            "seeds": summary.left_out.seeds,
            "races": summary.left_out.races,
            "losses": summary.left_out.losses,
        },
        "seeds": { "from": summary.seeds.start, "to": summary.seeds.end, "ran": summary.ran },
        "simulated_us": micros(summary.simulated),
        "wall_us": micros(wall),
        "messages_per_second": human::per_second(summary.messages, wall),
        "events": summary.events,
        "messages": summary.messages,
        "rebalances": summary.rebalances,
        "records": summary.processed,
        "faults": faults(&summary.faults),
        "invariants": invariants,
        "cells": { "reached": summary.reached.cells.len(), "possible": Cells::possible() },
        "never_met": summary.reached.missing(),
        "vacuous": { "seeds": summary.vacuous, "permille": summary.vacuous_permille() },
        "findings": summary.findings.iter().map(|f| seed_finding(summary, f)).collect::<Vec<_>>(),
        "digest": digest(summary.digest),
        "exit": exit,
    })
}

/// A finding of a run that continues after findings, with its rule, its group and how often it was
/// made, and as it is printed.
fn found(found: &Found) -> Value {
    let mut object = finding(&found.finding);
    object["text"] = json!(found.finding.to_string());
    if let Finding::BadStep { line, .. } = &found.finding {
        object["line"] = json!(line);
    }
    if let Finding::Violation(violation) | Finding::NoConvergence(violation) = &found.finding {
        object["rule"] = json!(violation.rule);
        object["group"] = json!(violation.group.as_ref().map(|group| group.as_str()));
    }
    object["times"] = json!(found.times);
    object
}

/// A finding without rule, group and count.
pub fn finding(finding: &Finding) -> Value {
    let parts = parts(finding);
    json!({
        "kind": parts.kind,
        "invariant": parts.name,
        "at_us": parts.at.map(|at| at.micros()),
        "message": parts.message,
    })
}

fn seed_finding(summary: &Summary, found: &SeedFinding) -> Value {
    let mut object = finding(&found.finding);
    object["seed"] = json!(found.seed);
    object["replay"] = json!(Replay::Cli.command(found.seed, summary.conditions));
    object
}

fn faults(faults: &BTreeMap<FaultKind, u64>) -> Value {
    let counts = faults.iter().map(|(fault, count)| (fault.name().to_owned(), json!(count)));
    Value::Object(counts.collect::<Map<_, _>>())
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
