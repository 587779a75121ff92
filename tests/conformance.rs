//! Every script under `tests/conformance/`, each as one test: in virtual time, over Kafka's bytes,
//! the cluster's responses and their times equal those of a real Kafka 4.4.0. Intended differences
//! are in one table; an entry without a difference is a failure, too.
//!
//! `cargo test --test conformance static` runs those with `static` in their names.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use groupsim::conform::{
    Case, DEVIATIONS, NOT_SERVED, Settings, TOLERANCE, Transcript, Verdict, VirtualBroker, compare,
    difference, embedded, from_file, late,
};
use groupsim::mutant;
use groupsim::sim::Systems;
use libtest_mimic::{Arguments, Failed, Trial};

/// Mutants that at least one script must detect.
const MUTANTS: &[&str] = &[
    "zombie-commits",
    "forgiving-heartbeats",
    "shared-assignment",
    "all-members-lead",
    "generation-behind",
    "stale-offsets",
    "replaces-by-rebalance",
    "fences-the-new",
    "deletes-stable-groups",
    "returns-pending-offsets",
    "silent-replacement",
    "no-size-limit",
];

fn main() -> std::process::ExitCode {
    let cases = embedded(&Settings::new());
    let mut trials = vec![
        Trial::test("the binary contains what is in the folder", in_the_binary),
        Trial::test("every deviation belongs to a script", every_deviation_belongs_to_a_script),
        Trial::test("mutants of the coordinator are detected", mutants_are_detected),
        Trial::test("the same bytes get the same responses", deterministic),
        Trial::test("over TCP the responses are the same", over_tcp),
        Trial::test("a broker that is not ready is reported at once", not_ready),
        Trial::test("a difference is shown and has its exit code", shown),
        Trial::test("after recording a script the broker conforms to it", recorded),
        Trial::test("usage errors are refused", refused),
    ];
    trials.extend(cases.into_iter().map(|case| {
        Trial::test(case.script.name.clone(), move || check(&case, &Systems::default()))
    }));
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

fn transcript(case: &Case, systems: &Systems) -> Result<Transcript, String> {
    let mut broker = VirtualBroker::new(&case.script.presumes, systems)?;
    case.replay(&mut broker, |script| format!("conform-{script}"))
}

fn check(case: &Case, systems: &Systems) -> Result<(), Failed> {
    let transcript = transcript(case, systems)?;
    let recording = case.recording.as_ref().ok_or("it has no recording")?;
    let compared = compare(recording, &transcript, TOLERANCE).map_err(|error| error.to_string())?;
    let verdict = Verdict::own(&case.script.name, compared);
    if let Some((rule, why)) = verdict.not_served {
        return match verdict.differs() {
            false => Ok(()),
            true => {
                Err(format!("no differences: remove it from NOT_SERVED ({rule}: {why})").into())
            }
        };
    }
    let mut wrong = String::new();
    for differs in &verdict.differences {
        wrong.push_str(&difference(&case.file, &transcript, differs));
    }
    for slow in &verdict.late {
        wrong.push_str(&late(&case.file, &transcript, slow));
    }
    for (deviation, answer) in &verdict.stale {
        wrong.push_str(&format!(
            "  {}:{}: does not deviate as in the table ({})\n    - {}\n    + {}\n",
            case.file, answer.line, deviation.rule, answer.kafka, answer.here
        ));
    }
    if wrong.is_empty() {
        Ok(())
    } else {
        Err(format!("- Kafka 4.4.0, + groupsim\n{wrong}").into())
    }
}

/// The compiler does not notice new files.
fn in_the_binary() -> Result<(), Failed> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/conformance");
    let mut files: Vec<_> = std::fs::read_dir(folder.join("scripts"))?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()?;
    files.sort();
    let inside = embedded(&Settings::new());
    assert_eq!(inside.len(), files.len(), "touch src/conform/suite.rs");
    for (case, file) in inside.iter().zip(&files) {
        let outside = from_file(file, None)?;
        assert_eq!(case.script, outside.script, "touch src/conform/suite.rs");
        let text = |case: &Case| case.recording.as_ref().map(|it| it.text(&case.script.name));
        assert_eq!(text(case), text(&outside), "touch src/conform/suite.rs");
        assert!(case.recording.is_some(), "{} has no recording", case.file);
    }
    Ok(())
}

fn every_deviation_belongs_to_a_script() -> Result<(), Failed> {
    let cases = embedded(&Settings::new());
    let names = DEVIATIONS.iter().map(|deviation| deviation.script);
    for name in names.chain(NOT_SERVED.iter().map(|(name, ..)| *name)) {
        assert!(
            cases.iter().any(|case| case.script.name == name),
            "{name} deviates, but there is no such script"
        );
    }
    Ok(())
}

/// A comparison that cannot fail proves nothing.
fn mutants_are_detected() -> Result<(), Failed> {
    let right = embedded(&Settings::new()).into_iter();
    let right: Vec<Case> = right.filter(|case| check(case, &Systems::default()).is_ok()).collect();
    for name in MUTANTS {
        let systems = Systems::from(&mutant::find(name).ok_or(name)?.systems());
        let detects = |case: &&Case| check(case, &systems).is_err();
        assert!(right.iter().any(|case| detects(&case)), "no script detects {name}");
    }
    Ok(())
}

fn deterministic() -> Result<(), Failed> {
    let systems = Systems::default();
    for case in &embedded(&Settings::new()) {
        assert_eq!(transcript(case, &systems)?, transcript(case, &systems)?, "{}", case.file);
    }
    Ok(())
}

fn groupsim(args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_groupsim"));
    command.args(args).stdin(Stdio::null()).output().expect("groupsim starts")
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("groupsim writes UTF-8")
}

/// A new folder for one test.
fn folder(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).expect("the folder for test files can be written");
    folder
}

struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill().and_then(|()| self.0.wait());
    }
}

fn over_tcp() -> Result<(), Failed> {
    let sim = folder("conform-serve").join("broker.sim");
    std::fs::write(
        &sim,
        "broker initial-delay=0s min-session=1s offsets-partitions=1\n\
         topic t partitions=4\ntopic v partitions=2\n",
    )?;
    let sim = sim.to_string_lossy();
    let mut serve = Command::new(env!("CARGO_BIN_EXE_groupsim"));
    serve.args(["serve", &sim, "--listen", "127.0.0.1:0"]);
    let serve = serve.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
    let mut serve = Killed(serve);
    let mut ready = String::new();
    BufReader::new(serve.0.stdout.take().ok_or("no stdout")?).read_line(&mut ready)?;
    let address = ready.trim().strip_prefix("ready ").ok_or("serve is not ready")?;
    let scripts = ["two_step_join", "leave_batch", "pipelined", "connection_closed", "unsupported"];
    let scripts = scripts.into_iter().chain(["parked_sync_twice", "fetch_groups", "k_offsets"]);
    let args: Vec<&str> =
        ["conform", "--own", "--bootstrap", address].into_iter().chain(scripts).collect();
    let output = groupsim(&args);
    let printed = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{printed}{}", text(&output.stderr));
    let kinds: Vec<&str> = printed.lines().filter_map(|line| line.split("  ").next()).collect();
    assert_eq!(
        kinds[..8],
        ["equal", "equal", "equal", "equal", "equal", "deviates", "equal", "not served"]
    );
    Ok(())
}

/// A server that is not a broker, or lacks what the scripts presume, is reported at once.
fn not_ready() -> Result<(), Failed> {
    let mut serve = Command::new(env!("CARGO_BIN_EXE_groupsim"));
    serve.args(["serve", "--topic", "t:3", "--listen", "127.0.0.1:0"]);
    let serve = serve.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
    let mut serve = Killed(serve);
    let mut ready = String::new();
    BufReader::new(serve.0.stdout.take().ok_or("no stdout")?).read_line(&mut ready)?;
    let address = ready.trim().strip_prefix("ready ").ok_or("serve is not ready")?;
    let output = groupsim(&["conform", "heartbeat", "--bootstrap", address]);
    let printed = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{printed}");
    assert!(printed.contains("its topic t has 3 partitions, not 4"), "{printed}");

    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?.to_string();
    let http = std::thread::spawn(move || {
        // The first connection only checks that the port is open.
        for stream in listener.incoming().take(2).flatten() {
            let mut stream = stream;
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
        }
    });
    let output = groupsim(&["conform", "heartbeat", "--bootstrap", &address]);
    let printed = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{printed}");
    assert!(printed.contains("no Kafka broker"), "{printed}");
    http.join().map_err(|_| "the listener")?;
    Ok(())
}

const SCRIPT: &str = "a: Heartbeat/4 gen=1 member=@x\na?\nwait 3\na: ListGroups/0\na?\n";

fn shown() -> Result<(), Failed> {
    let folder = folder("conform-shown");
    std::fs::create_dir(folder.join("recorded"))?;
    let script = folder.join("mine.txt");
    std::fs::write(&script, SCRIPT)?;
    std::fs::write(
        folder.join("recorded/mine.txt"),
        "== mine.txt\na: Heartbeat/4 gen=1 member=@x\n  a 0.0 Heartbeat ILLEGAL_GENERATION\nwait 3\n\
         a: ListGroups/0\n  a 9.0 ListGroups NONE own=[]\n",
    )?;
    let script = script.to_string_lossy();
    let output = groupsim(&["conform", &script]);
    let printed = text(&output.stdout).replace(&*script, "mine.txt");
    assert_eq!(output.status.code(), Some(1), "{printed}");
    insta::with_settings!({
        snapshot_path => "../snapshots",
        prepend_module_to_snapshot => false,
        omit_expression => true,
    }, {
        insta::assert_snapshot!("conform-different", printed);
    });
    let output = groupsim(&["conform", &script, "--format", "json"]);
    let objects: Vec<serde_json::Value> =
        text(&output.stdout).lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    assert_eq!(objects[0]["outcome"], "different");
    assert_eq!(objects[0]["differences"][0]["got"], "a Heartbeat UNKNOWN_MEMBER_ID");
    assert_eq!(objects[0]["late"][0]["line"], 5);
    assert_eq!(objects[1]["differences"], 1);
    Ok(())
}

fn recorded() -> Result<(), Failed> {
    let folder = folder("conform-recorded");
    let script = folder.join("mine.txt");
    std::fs::write(&script, SCRIPT)?;
    let (script, into) = (script.to_string_lossy(), folder.join("recorded"));
    let output = groupsim(&["conform", &script]);
    assert_eq!(output.status.code(), Some(2), "{}", text(&output.stdout));
    let output = groupsim(&["conform", &script, "--record", &into.to_string_lossy()]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stdout));
    let output = groupsim(&["conform", &script]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stdout));
    Ok(())
}

fn refused() -> Result<(), Failed> {
    let script = folder("conform-refused").join("wrong.txt");
    std::fs::write(&script, "a: Heartbeat/4\na: Heartbeat/9\n")?;
    let script = script.to_string_lossy();
    let fails_with = |args: &[&str], what: &str| {
        let output = groupsim(args);
        let printed = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {printed}");
        assert!(printed.contains(what), "{args:?}: {printed}");
    };
    fails_with(&["conform", &script], "wrong.txt:2");
    fails_with(&["conform", "no/such/file.txt"], "no/such/file.txt");
    fails_with(&["conform", "retenton"], "did you mean `retention`?");
    fails_with(&["conform", "--bootstrap", "127.0.0.1:1"], "no broker at 127.0.0.1:1");
    fails_with(&["conform", "--config", "a=b"], "--bootstrap");
    fails_with(&["conform", "--jobs", "0"], "at least 1 job");
    Ok(())
}
