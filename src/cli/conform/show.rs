//! Prints the outcome of a script, as text or JSON.

use serde_json::{Value, json};

use super::Outcome;
use crate::cli::out::{Failure, Out};
use crate::conform::{Case, Difference, Transcript, Verdict, difference, late};

/// The word for a verdict.
pub(super) fn kind(verdict: &Verdict) -> &'static str {
    if verdict.differs() {
        "different"
    } else if verdict.not_served.is_some() {
        "not served"
    } else if !verdict.allowed.is_empty() {
        "deviates"
    } else if !verdict.late.is_empty() {
        "late"
    } else {
        "equal"
    }
}

/// Prints the outcome of a script.
pub(super) fn show(case: &Case, outcome: &Outcome, out: &mut Out) -> Result<(), Failure> {
    let name = &case.script.name;
    let (kind, what) = match outcome {
        Outcome::Skipped(why) => ("skipped", why.clone()),
        Outcome::Failed(why) => ("failed", why.clone()),
        Outcome::Recorded(path) => ("recorded", path.display().to_string()),
        Outcome::Compared(_, verdict) => (kind(verdict), about(verdict)),
    };
    out.line(format!("{kind:<10}  {name:<36}  {what}").trim_end())?;
    if let Outcome::Compared(transcript, verdict) = outcome {
        detail(case, transcript, verdict, out)?;
    }
    out.object(&object(case, kind, &what, outcome))?;
    out.flush()
}

fn about(verdict: &Verdict) -> String {
    let of = verdict.answers;
    let mut about = Vec::new();
    if let Some((rule, why)) = verdict.not_served {
        let equal = if verdict.differs() { "equal, though " } else { "" };
        about.push(format!("{equal}{why} ({rule})"));
    } else if !verdict.differences.is_empty() {
        about.push(format!("{} of {of} responses", verdict.differences.len()));
    }
    if let Some((_, deviation)) = verdict.allowed.first() {
        let count = verdict.allowed.len();
        about.push(format!("{count} of {of} responses: {} ({})", deviation.why, deviation.rule));
    }
    if !verdict.stale.is_empty() {
        let count = verdict.stale.len();
        about.push(format!("{count} of {of} responses no longer deviate as expected"));
    }
    if !verdict.late.is_empty() && verdict.not_served.is_none() {
        about.push(format!("{} of {of} responses early or late", verdict.late.len()));
    }
    match about.is_empty() {
        true => format!("{of} responses"),
        false => about.join("; "),
    }
}

fn detail(
    case: &Case,
    transcript: &Transcript,
    verdict: &Verdict,
    out: &mut Out,
) -> Result<(), Failure> {
    if verdict.not_served.is_some() {
        return Ok(());
    }
    for differs in &verdict.differences {
        out.line(difference(&case.file, transcript, differs).trim_end_matches('\n'))?;
    }
    for slow in &verdict.late {
        out.line(late(&case.file, transcript, slow).trim_end_matches('\n'))?;
    }
    for (deviation, response) in &verdict.stale {
        let place = format!("{}:{}", case.file, response.line);
        let rule = deviation.rule;
        out.line(format_args!("  {place}\n    no longer deviates as {rule} describes"))?;
    }
    Ok(())
}

fn object(case: &Case, kind: &str, what: &str, outcome: &Outcome) -> Value {
    let mut object = json!({
        "type": "conform",
        "script": case.script.name,
        "file": case.file,
        "outcome": kind,
        "about": what,
    });
    let Outcome::Compared(transcript, verdict) = outcome else { return object };
    let request = |line: Option<u32>| line.and_then(|line| transcript.step(line));
    let differs = |differs: &Difference| {
        json!({
            "line": differs.line,
            "request": request(differs.request),
            "expected": differs.expected,
            "got": differs.got,
        })
    };
    object["answers"] = json!(verdict.answers);
    object["differences"] = verdict.differences.iter().map(differs).collect();
    object["deviations"] = verdict
        .allowed
        .iter()
        .map(|(allowed, deviation)| {
            let mut object = differs(allowed);
            object["rule"] = json!(deviation.rule);
            object["why"] = json!(deviation.why);
            object
        })
        .collect();
    object["late"] = verdict
        .late
        .iter()
        .map(|late| {
            json!({
                "line": late.line,
                "request": request(late.request),
                "took_s": late.took,
                "recorded_s": late.recorded,
            })
        })
        .collect();
    object
}
