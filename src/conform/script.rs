//! The language of conformance scripts: parses a text into steps, or reports every mistake with its
//! line and a caret.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use super::apis::ScriptApi;
use super::options;
use crate::script::{self, Line, LoadError, Piece, ScriptError, ScriptErrors, help};

/// Broker properties and their values.
pub type Settings = BTreeMap<String, String>;

/// How long `a?` waits by default.
const PATIENCE: Duration = Duration::from_secs(10);

/// The longest wait of a script, in seconds.
const LONGEST: f64 = 3_600.0;

/// A script: the requests to send, and when to await responses.
#[derive(Clone, Debug, PartialEq)]
pub struct Script {
    /// Its file's name without `.txt`.
    pub name: String,
    /// `# broker: NAME=VALUE …`: the broker settings that it presumes, beyond those that all
    /// scripts presume.
    pub presumes: Settings,
    /// `# after: NAME …`: the scripts that precede it on the same broker, because it uses their
    /// groups.
    pub after: Vec<String>,
    /// Its steps.
    pub steps: Vec<ScriptStep>,
}

/// One line of a script.
#[derive(Clone, Debug, PartialEq)]
pub struct ScriptStep {
    /// Its line number, from 1.
    pub line: u32,
    /// The line, trimmed and without a comment.
    pub text: String,
    /// Its action.
    pub action: Action,
}

/// The action of a line.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// `a: Api/VERSION NAME=VALUE …` sends a request; the first one opens the connection.
    Send(Request),
    /// `a?` or `a? 3` awaits the response to the oldest outstanding request on a connection.
    Await {
        /// The connection.
        conn: String,
        /// For how long.
        patience: Duration,
    },
    /// `* 0.2` waits for that many seconds and takes all responses that have arrived.
    Collect(Duration),
    /// `wait 1.5`
    Wait(Duration),
    /// `close a`
    Close(String),
}

/// A request to send.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// The name of the connection.
    pub conn: String,
    /// The API and version, or the raw bytes.
    pub what: RequestKind,
    /// Its options as written.
    pub options: BTreeMap<String, String>,
}

/// The kind of a request.
#[derive(Clone, Debug, PartialEq)]
pub enum RequestKind {
    /// A request that is built from its options, in this version.
    Api(ScriptApi, i16),
    /// A raw body, for bytes that the codec would not write.
    Raw {
        /// The API key.
        key: i16,
        /// The version.
        version: i16,
        /// Whether the header has tagged fields.
        flexible: bool,
        /// The bytes after the header.
        body: Vec<u8>,
    },
}

/// Reads and parses a file.
///
/// # Errors
///
/// When the file cannot be read or contains mistakes.
pub fn load(path: &Path) -> Result<Script, LoadError> {
    let text = script::read_text(path)?;
    parse(&path.to_string_lossy(), &text).map_err(LoadError::Script)
}

/// Parses a script. `file` is the name that errors show and that the script gets.
///
/// # Errors
///
/// All mistakes in the text.
pub fn parse(file: &str, text: &str) -> Result<Script, ScriptErrors> {
    let mut reader = ScriptReader::default();
    let presumes = reader.presumes(text);
    let after = heads(text, "after:").map(|word| word.text.to_owned()).collect();
    let steps = script::lines(text).filter_map(|line| reader.step(text, &line)).collect();
    match reader.errors.is_empty() {
        true => Ok(Script { name: name_of(file), presumes, after, steps }),
        false => Err(ScriptErrors::new(file, text, reader.errors)),
    }
}

fn name_of(file: &str) -> String {
    let stem = Path::new(file).file_stem().unwrap_or_default();
    stem.to_string_lossy().into_owned()
}

#[derive(Default)]
struct ScriptReader {
    errors: Vec<ScriptError>,
    /// The connections on which a request was sent.
    opened: BTreeSet<String>,
}

impl ScriptReader {
    fn presumes(&mut self, text: &str) -> Settings {
        let mut presumes = Settings::new();
        for word in heads(text, "broker:") {
            match word.split_once("=") {
                Some((name, value)) => {
                    presumes.insert(name.text.to_owned(), value.text.to_owned());
                }
                None => {
                    let error =
                        ScriptError::new(word, "not a setting").label("expected NAME=VALUE");
                    self.errors.push(error);
                }
            }
        }
        presumes
    }

    fn step(&mut self, text: &str, line: &Line<'_>) -> Option<ScriptStep> {
        let (first, last) = (line.words.first()?, line.words.last()?);
        let trimmed = &text[first.start..last.span().end];
        match self.action(&line.words) {
            Ok(action) => Some(ScriptStep { line: line.number, text: trimmed.to_owned(), action }),
            Err(error) => {
                self.errors.push(error);
                None
            }
        }
    }

    fn action(&mut self, words: &[Piece<'_>]) -> Result<Action, ScriptError> {
        let (first, rest) = (words[0], &words[1..]);
        match first.text {
            "wait" => Ok(Action::Wait(seconds(only(first, rest, "a number of seconds")?)?)),
            "*" => Ok(Action::Collect(seconds(only(first, rest, "a number of seconds")?)?)),
            "close" => {
                let conn = only(first, rest, "a connection")?;
                Ok(Action::Close(self.open(connection(conn)?, conn)?))
            }
            _ => self.on_a_connection(first, rest),
        }
    }

    fn on_a_connection(
        &mut self,
        first: Piece<'_>,
        rest: &[Piece<'_>],
    ) -> Result<Action, ScriptError> {
        let end = first.text.find([':', '?']);
        let Some(end) = end else {
            let message = "neither a request nor a wait";
            return Err(ScriptError::new(first, message).label(
                "expected `a: Api/VERSION …`, `a?`, `wait SECONDS`, `* SECONDS` or `close a`",
            ));
        };
        let place = first.part(0, end);
        let conn = connection(place)?;
        let sends = first.text.as_bytes()[end] == b':';
        let behind = first.part(end + 1, first.text.len());
        let behind = (!behind.text.is_empty()).then_some(behind);
        let words: Vec<Piece<'_>> = behind.into_iter().chain(rest.iter().copied()).collect();
        if sends {
            self.opened.insert(conn.clone());
            return Ok(Action::Send(request(conn, first, &words)?));
        }
        let conn = self.open(conn, place)?;
        let patience = match words.as_slice() {
            [] => PATIENCE,
            words => seconds(only(first, words, "a number of seconds")?)?,
        };
        Ok(Action::Await { conn, patience })
    }

    fn open(&self, conn: String, place: Piece<'_>) -> Result<String, ScriptError> {
        match self.opened.contains(&conn) {
            true => Ok(conn),
            false => {
                let label = "nothing has been sent on it above";
                Err(ScriptError::new(place, "no such connection").label(label))
            }
        }
    }
}

/// The words of comments that begin with `mark`.
fn heads<'a>(text: &'a str, mark: &'a str) -> impl Iterator<Item = Piece<'a>> {
    let mut start = 0;
    text.split('\n').flat_map(move |line| {
        let comment = line.trim_start().strip_prefix('#').map(str::trim_start);
        let words = comment.and_then(|comment| comment.strip_prefix(mark)).unwrap_or_default();
        let from = start + line.len() - words.len();
        start += line.len() + 1;
        words_of(Piece { text: words, start: from })
    })
}

fn words_of(comment: Piece<'_>) -> impl Iterator<Item = Piece<'_>> {
    let mut start = 0;
    comment.text.split(' ').filter_map(move |word| {
        let piece = comment.part(start, start + word.trim_end().len());
        start += word.len() + 1;
        (!piece.text.is_empty()).then_some(piece)
    })
}

/// The one word after `head`.
fn only<'a>(head: Piece<'a>, rest: &[Piece<'a>], what: &str) -> Result<Piece<'a>, ScriptError> {
    match rest {
        [word] => Ok(*word),
        [] => Err(ScriptError::new(head, "something is missing").label(format!("expected {what}"))),
        [_, more, ..] => Err(ScriptError::new(*more, "too much").label("nothing goes here")),
    }
}

fn seconds(word: Piece<'_>) -> Result<Duration, ScriptError> {
    let seconds = word.text.parse().ok().filter(|seconds| (0.0..=LONGEST).contains(seconds));
    seconds.map(Duration::from_secs_f64).ok_or_else(|| {
        let label = format!("expected seconds, like 1.5, and at most {LONGEST}");
        ScriptError::new(word, "not a time").label(label)
    })
}

fn connection(word: Piece<'_>) -> Result<String, ScriptError> {
    let named = |c: char| c.is_ascii_alphanumeric() || c == '_';
    match !word.text.is_empty() && word.text.chars().all(named) {
        true => Ok(word.text.to_owned()),
        false => Err(ScriptError::new(word, "not the name of a connection")
            .label("expected letters, digits and _")),
    }
}

fn request(conn: String, head: Piece<'_>, words: &[Piece<'_>]) -> Result<Request, ScriptError> {
    const EXPECTED: &str = "expected an API and its version, like JoinGroup/9";
    let Some((first, rest)) = words.split_first() else {
        return Err(ScriptError::new(head, "no request").label(EXPECTED));
    };
    let Some((name, version)) = first.split_once("/") else {
        return Err(ScriptError::new(*first, "no version").label(EXPECTED));
    };
    let mut options = BTreeMap::new();
    for word in rest {
        // The last value of an option wins, so that one can be appended to a copied line.
        let (name, value) = options::read(*word)?;
        options.insert(name.to_owned(), value.to_owned());
    }
    let what = match name.text {
        "Raw" => raw(version, &options)?,
        _ => what(name, version)?,
    };
    Ok(Request { conn, what, options })
}

fn what(name: Piece<'_>, version: Piece<'_>) -> Result<RequestKind, ScriptError> {
    let Some(api) = ScriptApi::named(name.text) else {
        let names = ScriptApi::ALL.iter().map(|api| api.name()).chain(["Raw"]);
        let help = help(name.text, names.collect::<Vec<_>>(), "APIs");
        return Err(ScriptError::new(name, "no such API").help(help));
    };
    let versions = api.versions();
    let read = version.text.parse().ok().filter(|version| versions.contains(version));
    read.map(|version| RequestKind::Api(api, version)).ok_or_else(|| {
        let (from, to) = (versions.start(), versions.end());
        ScriptError::new(version, format!("{} has no such version", api.name()))
            .label(format!("expected {from} to {to}"))
            .help("`Raw/KEY.VERSION hex=…` sends any")
    })
}

fn raw(place: Piece<'_>, options: &BTreeMap<String, String>) -> Result<RequestKind, ScriptError> {
    let numbers = place.text.split_once('.');
    let numbers =
        numbers.and_then(|(key, version)| Some((key.parse().ok()?, version.parse().ok()?)));
    let Some((key, version)) = numbers else {
        let label = "expected the API's key and a version, like 11.9";
        return Err(ScriptError::new(place, "not a key and a version").label(label));
    };
    let body = bytes(options.get("hex").map_or("", String::as_str));
    Ok(RequestKind::Raw { key, version, flexible: options.contains_key("flex"), body })
}

/// Decodes hexadecimal digits, two for each byte.
pub(super) fn bytes(hex: &str) -> Vec<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16).unwrap_or(0) as u8;
    hex.as_bytes()
        .chunks(2)
        .map(|pair| pair.iter().fold(0, |sum, &d| sum << 4 | digit(d)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn actions(text: &str) -> Vec<Action> {
        let script = parse("s.txt", text).unwrap_or_else(|errors| panic!("{errors}"));
        script.steps.into_iter().map(|step| step.action).collect()
    }

    #[test]
    fn every_line_of_the_language_is_read() {
        let text = "# broker: group.max.size=2 a.b=c\r\n# after: one two\n\n\
            a_2:Heartbeat/4  gen=$a.g # a comment\n a? \na?0.5\na? 3\nwait 1.5\n* 0.2\nclose a\n";
        let text = text.replace("a_2:", "a:");
        let script = parse("dir/s.txt", &text).unwrap_or_else(|errors| panic!("{errors}"));
        assert_eq!(script.name, "s");
        let presumes: Vec<_> =
            script.presumes.iter().map(|(name, value)| (&**name, &**value)).collect();
        assert_eq!(presumes, [("a.b", "c"), ("group.max.size", "2")]);
        assert_eq!(script.after, ["one", "two"]);
        let lines: Vec<_> =
            script.steps.iter().map(|step| (step.line, step.text.as_str())).collect();
        assert_eq!(lines[0], (4, "a:Heartbeat/4  gen=$a.g"));
        let seconds = Duration::from_secs_f64;
        let conn = || "a".to_owned();
        let options = [("gen".to_owned(), "$a.g".to_owned())].into();
        let actions: Vec<Action> = script.steps.into_iter().map(|step| step.action).collect();
        assert_eq!(
            actions,
            [
                Action::Send(Request {
                    conn: conn(),
                    what: RequestKind::Api(ScriptApi::Heartbeat, 4),
                    options
                }),
                Action::Await { conn: conn(), patience: PATIENCE },
                Action::Await { conn: conn(), patience: seconds(0.5) },
                Action::Await { conn: conn(), patience: seconds(3.0) },
                Action::Wait(seconds(1.5)),
                Action::Collect(seconds(0.2)),
                Action::Close(conn()),
            ]
        );
    }

    #[test]
    fn a_raw_request_has_any_key_and_body() {
        let Action::Send(request) = &actions("a: Raw/999.-1 flex=1 hex=00fF")[0] else { panic!() };
        let raw = RequestKind::Raw { key: 999, version: -1, flexible: true, body: vec![0, 255] };
        assert_eq!(request.what, raw);
    }

    #[test]
    fn the_last_value_of_an_option_wins() {
        let Action::Send(request) = &actions("a: JoinGroup/9 session=1 session=2")[0] else {
            panic!()
        };
        assert_eq!(request.options["session"], "2");
    }

    #[test]
    fn no_option_is_padded_beyond_what_can_be_sent() {
        for option in [
            "group=a~9999999999",
            "protocols=range:t~9999999999",
            "protocols=a~9999999999",
            "parts=u~9999999999",
            "members=a/b~9999999999",
            "assign=$a.m=t~9999999999:0",
        ] {
            let text = format!("a: JoinGroup/5 {option}\n");
            let errors = parse("s.txt", &text).expect_err(option).to_string();
            assert!(errors.contains("longer than anything that can be sent"), "{option}: {errors}");
        }
        parse("s.txt", "a: JoinGroup/5 group=a~40000\n").expect("a long group id");
    }

    #[test]
    fn a_topic_name_that_is_too_long_for_a_payload_is_a_mistake() {
        let mistake = |option: &str| {
            let errors = parse("s.txt", &format!("a: SyncGroup/5 {option}\n")).expect_err(option);
            assert!(errors.to_string().contains("longer than what a member"), "{errors}");
        };
        mistake("protocols=range:t~40000");
        mistake("assign=$a.m=t:0+u~40000");
        mistake(&format!("protocols=range:{}", "t".repeat(40_000)));
        let many = vec!["t:0,1,2"; 9_000].join("+");
        for fits in ["protocols=range:t~32767", &format!("assign=$a.m={many}")] {
            parse("s.txt", &format!("a: SyncGroup/5 {fits}\n")).expect("it fits");
        }
    }

    #[test]
    fn every_mistake_is_shown_with_its_line_and_what_was_expected() {
        let text = "\
            a: JoinGrup/5\na: JoinGroup\na: JoinGroup/10\na: JoinGroup/9 sesion=1\n\
            a: JoinGroup/9 session=long\na: JoinGroup/9 session=9999999999\na: JoinGroup/9 session\n\
            b?\na? soon\na? 1 2\nwait\nwait -1\nclose b\n* 1e9\njump\na-b: Heartbeat/4\na:\n\
            a: Raw/11 hex=00\na: Raw/11.1 hex=0\na: DescribeGroups/5 authops=yes\n\
            a: Heartbeat/4 member=$a.x\na: OffsetCommit/8 parts=t:zero\n\
            a: SyncGroup/5 assign=$a.m=t:0,x\na: JoinGroup/9 protocols=range:hex=0g\n# broker: many\n";
        let errors = parse("s.txt", text).expect_err("every line is wrong");
        insta::with_settings!({
            snapshot_path => "../../snapshots",
            prepend_module_to_snapshot => false,
            omit_expression => true,
        }, {
            insta::assert_snapshot!("conform-mistakes", errors.to_string());
        });
        assert_eq!(errors.errors().len(), text.lines().count());
    }
}
