//! A trace that was recorded as JSON lines is read back as the same events, and `trace` prints what
//! the command that recorded it printed.

use std::fmt::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use groupsim::model::Model;
use groupsim::render::{Renderer, Zoom};
use groupsim::run::Run;
use groupsim::script;
use groupsim::sim::schedule::Schedule;
use groupsim::swarm::{Options, Profile, expand};
use groupsim::trace::jsonl::{Entry, Reader, Writer};
use groupsim::trace::{Digest, Event};
use xxhash_rust::xxh3::Xxh3;

/// Everything that is derived from the events of one run.
struct Seen {
    events: u64,
    digest: Digest,
    /// Of the events' debug format, which has all of their fields, also those that no visitor sees.
    everything: Xxh3,
    renderers: [Renderer; 3],
    texts: [String; 3],
    writer: Writer,
    lines: String,
}

impl Seen {
    fn new() -> Seen {
        Seen {
            events: 0,
            digest: Digest::default(),
            everything: Xxh3::new(),
            renderers: [Zoom::Wire, Zoom::Group, Zoom::Timeline].map(Renderer::new),
            texts: [const { String::new() }; 3],
            writer: Writer::default(),
            lines: String::new(),
        }
    }

    fn take(&mut self, event: &Event, model: &Model) {
        self.events += 1;
        self.digest.observe(event);
        write!(Hashed(&mut self.everything), "{event:?}").expect("a hash takes all text");
        for (renderer, text) in self.renderers.iter_mut().zip(&mut self.texts) {
            renderer.render(event, model, text);
        }
        self.writer.render(event, &mut self.lines);
    }
}

/// Hashes the text that is written to it.
struct Hashed<'a>(&'a mut Xxh3);

impl fmt::Write for Hashed<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.update(text.as_bytes());
        Ok(())
    }
}

/// Runs the schedule, reads its recorded trace, and compares.
fn check(name: &str, schedule: &Schedule) {
    let mut first = Seen::new();
    Run::of(schedule).watch(|event, model| first.take(event, model)).run();
    let (mut again, mut model) = (Seen::new(), Model::default());
    for entry in Reader::new(name, first.lines.as_bytes()) {
        match entry.unwrap_or_else(|error| panic!("{error}")) {
            Entry::Event(event) => {
                model.feed(&event);
                again.take(&event, &model);
            }
            Entry::Header(_) => {}
            Entry::Other(kind, _) => panic!("{name}: a line of type {kind}"),
        }
    }
    assert_eq!(again.events, first.events, "{name}: events");
    assert_eq!(again.digest.value(), first.digest.value(), "{name}: digest");
    assert_eq!(again.everything.digest(), first.everything.digest(), "{name}: debug format");
    assert!(again.texts == first.texts, "{name}: text");
    assert!(again.lines == first.lines, "{name}: JSON");
}

fn scripts(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("the sims folder can be read");
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    let (folders, files): (Vec<_>, Vec<_>) = paths.into_iter().partition(|path| path.is_dir());
    let files = files.into_iter().filter(|path| path.extension().is_some_and(|end| end == "sim"));
    files.chain(folders.iter().flat_map(|folder| scripts(folder))).collect()
}

#[test]
fn the_traces_of_all_scripts_are_read_back_as_they_were() {
    let all = scripts(&Path::new(env!("CARGO_MANIFEST_DIR")).join("sims"));
    assert!(all.len() > 100, "only {} scripts", all.len());
    for path in all {
        let schedule = script::load(&path).unwrap_or_else(|error| panic!("{error}"));
        check(&path.display().to_string(), &schedule);
    }
}

/// Seeds use more versions of the APIs than the scripts do.
#[test]
fn the_traces_of_seeds_of_every_profile_are_read_back_as_they_were() {
    for profile in Profile::ALL {
        check(profile.name(), &expand(&Options::draw(1, profile)));
    }
}

fn groupsim(args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_groupsim"));
    command.args(args).stdin(Stdio::null()).env_remove("RUST_LOG");
    command.output().expect("groupsim starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("groupsim writes UTF-8")
}

/// A file for one test.
fn file(name: &str, content: &[u8]) -> String {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&path, content).expect("the folder for test files can be written");
    path.to_str().expect("a UTF-8 path").to_owned()
}

/// Records the output of a command, and compares what `trace` prints with what it prints.
fn check_command(name: &str, args: &[&str]) {
    let recorded = groupsim(&[args, &["--format", "json"]].concat());
    assert_eq!(recorded.stdout, groupsim(&[args, &["--format", "json"]].concat()).stdout);
    let path = file(name, &recorded.stdout);
    for zoom in ["wire", "group", "timeline"] {
        let printed = groupsim(&[args, &["--zoom", zoom]].concat());
        let again = groupsim(&["trace", &path, "--zoom", zoom]);
        assert_eq!(again.status.code(), Some(0), "{}", text(&again.stderr));
        assert_eq!(text(&again.stdout), text(&printed.stdout), "{name}");
        assert_eq!(text(&again.stderr), "", "{name}");
    }
    let again = groupsim(&["trace", &path, "--format", "json"]);
    assert_eq!(text(&again.stdout), text(&recorded.stdout), "{name}");
}

#[test]
fn a_recorded_trace_is_printed_as_by_the_command_that_recorded_it() {
    check_command("recorded-held.jsonl", &["run", "lifecycle"]);
    check_command("recorded-two.jsonl", &["run", "cooperative/two-phases", "lifecycle"]);
    let wrong = b"topic t partitions=1\ngroup g\njoin c1\nsettle\nexpect stable members=2\n";
    check_command("recorded-found.jsonl", &["run", &file("recorded-found.sim", wrong)]);
}

#[test]
fn what_is_wrong_with_a_recorded_trace_is_said_with_file_and_line() {
    let recorded = text(&groupsim(&["run", "lifecycle", "--format", "json"]).stdout);
    let (first, rest) = recorded.split_at(recorded.len() / 2);
    let cut = file("recorded-cut.jsonl", first.as_bytes());
    let output = groupsim(&["trace", &cut]);
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(
        text(&output.stderr),
        format!(
            "error: the last line is cut off: the trace was not written to its end\n  --> \
             {cut}:{}\n",
            first.lines().count()
        )
    );
    let printed = text(&groupsim(&["run", "lifecycle"]).stdout);
    assert!(printed.starts_with(&text(&output.stdout)) && !output.stdout.is_empty());

    let whole_lines = &recorded[..first.len() + rest.find('\n').expect("a line break") + 1];
    let early = file("recorded-early.jsonl", whole_lines.as_bytes());
    let output = groupsim(&["trace", &early]);
    assert_eq!(output.status.code(), Some(0));
    let warning = format!("warning: {early}: the trace ends before the end of the run\n");
    assert_eq!(text(&output.stderr), warning);

    let changed =
        file("recorded-changed.jsonl", recorded.replace("\"at\":0,", "\"at\":1,").as_bytes());
    let output = groupsim(&["trace", &changed]);
    let warning =
        format!("warning: {changed}: the trace was changed: the digest of its events is ");
    assert!(text(&output.stderr).starts_with(&warning), "{}", text(&output.stderr));

    let script = file("recorded-no-trace.jsonl", b"join c1\n");
    let output = groupsim(&["trace", &script]);
    assert_eq!(output.status.code(), Some(2));
    let expected = "error: this is not a recorded trace: expected {\"groupsim-trace\":1,…} in the \
                    first line, as `groupsim run --format json` writes it\n";
    assert_eq!(text(&output.stderr), format!("{expected}  --> {script}:1\n"));
}
