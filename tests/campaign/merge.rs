//! Merging ledgers.

use std::path::PathBuf;

use groupsim::campaign::{Key, Ledger, Tally, signature};

use super::*;

/// A ledger without a mutant, with these findings: invariant, message, seed, virtual time.
pub(super) fn ledger(folder: &Path, shard: &str, found: &[(&str, &str, u64, u64)]) -> PathBuf {
    let began = serde_json::json!({
        "type": "began", "commit": "c0ffee", "shard": shard, "from": 0, "to": null,
        "profile": "default", "engine": "sim", "mutant": null, "time": "2026-01-01T00:00:00Z",
    });
    let ledger = Ledger::create(folder, "swarm").expect("a ledger");
    ledger.write(&serde_json::from_value(began).expect("a first line")).unwrap();
    for (invariant, message, seed, simulated_us) in found {
        let entry = serde_json::json!({
            "type": "finding", "commit": "c0ffee", "shard": shard, "seed": seed,
            "profile": "default", "engine": "sim", "mutant": null, "schedule": "0",
            "invariant": invariant, "place": signature(message), "message": message,
            "at_us": simulated_us, "trace": "0", "simulated_us": simulated_us, "wall_ms": 1,
            "time": "2026-01-01T00:00:00Z",
        });
        ledger.write(&serde_json::from_value(entry).expect("a finding")).unwrap();
    }
    let findings = found.len() as u64;
    ledger.write(&Line::Progress(Tally { seeds: 100, findings, ..Tally::default() })).unwrap();
    ledger.path().to_owned()
}

#[test]
fn each_bug_is_kept_once_by_its_fastest_seed() {
    let campaign = folder("dedup");
    let slow = ("fencing", "c1 of g1 was fenced at 3", 7, 900);
    let fast = ("fencing", "c2 of g4 was fenced at 12", 30, 500);
    let as_fast = ("fencing", "c9 of g1 was fenced at 1", 12, 500);
    let elsewhere = ("fencing", "c2 of g4 was accepted", 40, 600);
    let other = ("session", "c1 of g1 was fenced at 3", 50, 100);
    ledger(&campaign, "0/2", &[slow, fast, elsewhere]);
    ledger(&campaign, "1/2", &[as_fast, other]);
    let merged = merged(&campaign);
    let kept = merged.bugs().map(|(key, kept)| {
        (key.invariant.as_str(), key.signature.as_str(), kept.fastest.seed, kept.times)
    });
    assert_eq!(
        kept.collect::<Vec<_>>(),
        [
            ("fencing", "* of * was accepted", 40, 1),
            ("fencing", "* of * was fenced at *", 12, 3),
            ("session", "* of * was fenced at *", 50, 1),
        ]
    );
    assert_eq!((merged.tally(None).seeds, merged.tally(None).findings), (200, 5));

    let report = output("report merge", &[campaign.to_str().unwrap()]);
    let stdout = text(&report.stdout);
    assert_eq!(report.status.code(), Some(1), "{stdout}");
    assert!(stdout.starts_with("# The campaign found 3 bugs\n"), "{stdout}");
    assert!(stdout.contains("| `fencing` | 2 | 4 |\n"), "{stdout}");
    assert!(stdout.contains("replay 12 --profile default`"), "{stdout}");
}

#[test]
fn truncated_and_unknown_lines_are_counted_and_the_rest_is_read() {
    let campaign = folder("torn");
    let found = [("fencing", "a", 1, 1), ("session", "b", 2, 1)];
    let path = ledger(&campaign, "0/1", &found);
    let whole = fs::read_to_string(&path).unwrap();
    let lines: Vec<&str> = whole.lines().collect();
    // The process was killed within the second finding. The first line is that of another version.
    let torn = format!("{}\n{}\n{}", r#"{"type":"news"}"#, lines[1], &lines[2][..40]);
    fs::write(&path, torn).unwrap();
    let merged = merged(&campaign);
    let [ledger] = &merged.ledgers[..] else { panic!("one ledger") };
    assert_eq!((ledger.torn, &ledger.unreadable[..], &ledger.started), (true, &[1][..], &None));
    assert_eq!(merged.bugs().count(), 1);

    let report = output("report merge --format json", &[campaign.to_str().unwrap()]);
    let stderr = text(&report.stderr);
    assert!(stderr.contains("truncated") && stderr.contains("line 1 cannot be read"), "{stderr}");
    assert_eq!(json(&report)["torn"], 1);
}

#[test]
fn a_shard_without_a_ledger_is_reported() {
    let campaign = folder("missing");
    ledger(&campaign, "0/3", &[]);
    ledger(&campaign, "2/3", &[]);
    assert_eq!(merged(&campaign).missing(), ["1/3 of profile default on sim from seed 0"]);
    let report = output("report merge", &[campaign.to_str().unwrap()]);
    assert_eq!(report.status.code(), Some(0));
    assert!(text(&report.stderr).contains("warning: no ledger of shard 1/3"));
}

#[test]
fn a_campaign_that_misses_its_canary_fails() {
    let campaign = folder("no-canary");
    ledger(&campaign, "0/1", &[]);
    let arguments = [campaign.to_str().unwrap(), "--expect-canary", CANARY.0];
    let report = output("report merge", &arguments);
    assert_eq!(report.status.code(), Some(1));
    assert!(text(&report.stderr).contains("the canary commits-ahead was not found by no-loss"));
    assert!(text(&report.stdout).starts_with("# The campaign proves nothing\n"));
    assert!(text(&report.stdout).contains("**not found**"));

    let swarm = format!("swarm --seeds 0..10 --mutant {} --ledger", CANARY.0);
    output(&swarm, &[campaign.to_str().unwrap()]);
    let report = output("report merge", &arguments);
    let stdout = text(&report.stdout);
    assert_eq!(report.status.code(), Some(0), "{stdout}{}", text(&report.stderr));
    assert!(
        stdout.starts_with("# The campaign held\n") && stdout.contains("by `no-loss`"),
        "{stdout}"
    );
}

#[test]
fn a_campaign_without_ledgers_or_with_too_few_seeds_fails() {
    let empty = folder("empty");
    let report = output("report merge", &[empty.to_str().unwrap()]);
    assert_eq!(report.status.code(), Some(2));
    assert!(text(&report.stderr).contains("there is no ledger"));
    let missing = output("report merge", &[empty.join("nothing").to_str().unwrap()]);
    assert_eq!(missing.status.code(), Some(2));

    ledger(&empty, "0/1", &[]);
    let report = output("report merge --expect-seeds 101", &[empty.to_str().unwrap()]);
    assert_eq!(report.status.code(), Some(1));
    assert!(text(&report.stderr).contains("only 100 seeds of 101 were run"));
}

/// A shard that is killed before its first seed ends leaves a ledger without seeds.
#[test]
fn a_campaign_without_a_seed_proves_nothing() {
    let campaign = folder("no-seed");
    let path = ledger(&campaign, "0/1", &[]);
    let whole = fs::read_to_string(&path).unwrap();
    fs::write(&path, whole.lines().next().unwrap().to_owned() + "\n").unwrap();
    let merge = || output("report merge", &[campaign.to_str().unwrap()]);
    let proves_nothing = |report: Output| {
        assert_eq!(report.status.code(), Some(1), "{}", text(&report.stderr));
        assert!(text(&report.stderr).contains("no seed was run"), "{}", text(&report.stderr));
        assert!(text(&report.stdout).starts_with("# The campaign proves nothing\n"));
    };
    proves_nothing(merge());
    let swarm = format!("swarm --seeds 0..10 --mutant {} --ledger", CANARY.0);
    output(&swarm, &[campaign.to_str().unwrap()]);
    proves_nothing(merge());
    ledger(&campaign, "0/1", &[]);
    assert_eq!(merge().status.code(), Some(0));
}

/// The script of a found canary is violated with the mutant, and holds without it.
#[test]
fn a_finding_becomes_a_script_and_the_summary_is_written() {
    let (campaign, out) = (folder("script"), folder("script-out"));
    ledger(&campaign, "0/1", &[]);
    let swarm = format!("swarm --seeds 0..10 --mutant {} --ledger", CANARY.0);
    output(&swarm, &[campaign.to_str().unwrap()]);
    let job = out.join("job.md");
    fs::write(&job, "before\n").unwrap();
    let report = groupsim(&["report", "merge", campaign.to_str().unwrap(), "--out"])
        .args([out.to_str().unwrap(), "--shrink", "2s", "--expect-canary", CANARY.0])
        .env("GITHUB_STEP_SUMMARY", &job)
        .output()
        .unwrap();
    assert_eq!(report.status.code(), Some(0), "{}", text(&report.stderr));
    let stdout = text(&report.stdout);
    assert_eq!(fs::read_to_string(out.join("summary.md")).unwrap(), stdout);
    assert_eq!(fs::read_to_string(&job).unwrap(), format!("before\n{stdout}"));

    let files = fs::read_dir(&out).unwrap().map(|entry| entry.unwrap().path());
    let scripts: Vec<PathBuf> =
        files.filter(|path| path.extension().is_some_and(|e| e == "sim")).collect();
    let [script] = &scripts[..] else { panic!("one script, not {scripts:?}") };
    let name = script.file_name().unwrap().to_str().unwrap();
    assert!(name.starts_with("no-loss-") && stdout.contains(name), "{name}\n{stdout}");
    let run = |more: &[&str]| output("run", &[&[script.to_str().unwrap()], more].concat());
    assert_eq!(run(&["--mutant", CANARY.0]).status.code(), Some(1));
    assert_eq!(run(&[]).status.code(), Some(0));
}

/// Findings of mutants are not bugs, and findings of two mutants are never the same bug.
#[test]
fn findings_of_mutants_are_not_bugs() {
    let campaign = folder("purpose");
    ledger(&campaign, "0/1", &[]);
    for mutant in [CANARY.0, "starts-too-late"] {
        let swarm = format!("swarm --seeds 0..10 --mutant {mutant} --ledger");
        output(&swarm, &[campaign.to_str().unwrap()]);
    }
    let merged = merged(&campaign);
    assert_eq!(merged.bugs().count(), 0);
    let of = |name: &str| {
        merged.findings.keys().filter(|key: &&Key| key.mutant.as_deref() == Some(name)).count()
    };
    assert!(of(CANARY.0) > 0 && of("starts-too-late") > 0);
    assert_eq!(output("report merge", &[campaign.to_str().unwrap()]).status.code(), Some(0));
}
