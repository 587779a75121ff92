//! `groupsim serve` with malicious and broken clients: it keeps responding to all others.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

#[path = "serve/judged.rs"]
mod judged;
#[path = "serve/members.rs"]
mod members;

/// A timeout longer than anything takes on a busy machine.
const TIMEOUT: Duration = Duration::from_secs(30);
/// The idle timeout of `serve` in these tests.
const IDLE: &str = "2s";

const FETCH: i16 = 1;
const METADATA: i16 = 3;
const API_VERSIONS: i16 = 18;

/// Runs tests one at a time, because they measure a process and open thousands of files.
fn alone() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A running `serve` process, killed on drop.
struct Served {
    child: Child,
    stdout: BufReader<ChildStdout>,
    address: SocketAddr,
    log: PathBuf,
}

impl Served {
    /// Starts it with `-v`, so that its log says why connections end.
    fn start(name: &str, flags: &[&str]) -> Served {
        Served::start_with(name, &[&["-v"], flags].concat())
    }

    fn start_with(name: &str, flags: &[&str]) -> Served {
        let log = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("serve-{name}.log"));
        let stderr = std::fs::File::create(&log).expect("the folder for test files can be written");
        let mut child = Command::new(env!("CARGO_BIN_EXE_groupsim"))
            .args(["serve", "--listen", "127.0.0.1:0", "--max-frame", "1048576"])
            .args(flags)
            .env_remove("RUST_LOG")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(stderr)
            .spawn()
            .expect("groupsim starts");
        let mut line = String::new();
        let mut stdout = BufReader::new(child.stdout.take().expect("it is a pipe"));
        stdout.read_line(&mut line).expect("it prints where it listens");
        let address = line.trim_end().strip_prefix("ready ").expect(&line).parse();
        Served { child, stdout, address: address.expect(&line), log }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect_timeout(&self.address, TIMEOUT).expect("it listens");
        stream.set_read_timeout(Some(TIMEOUT)).expect("a timeout");
        stream.set_write_timeout(Some(Duration::from_secs(1))).expect("a timeout");
        stream
    }

    /// Writes a step of the sim language to its standard input and waits until the step has been
    /// carried out.
    fn carry_out(&mut self, step: &str) {
        let stdin = self.child.stdin.as_mut().expect("it is a pipe");
        writeln!(stdin, "{step}").expect("it reads steps");
        for _ in 0..TIMEOUT.as_millis() / 50 {
            if self.log().contains(step) {
                return;
            }
            pause(50);
        }
        panic!("'{step}' was not carried out");
    }

    /// Asks it to end and expects no violation. Returns its last lines.
    fn end(&mut self) -> String {
        self.end_with(0)
    }

    /// Asks it to end and expects this exit code. Returns its last lines.
    fn end_with(&mut self, code: i32) -> String {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().expect("kill").success());
        let mut rest = String::new();
        self.stdout.read_to_string(&mut rest).expect("it prints a summary");
        assert_eq!(self.child.wait().expect("it ends").code(), Some(code), "{rest}");
        rest
    }

    /// Checks that another client gets a response.
    fn responds(&self) {
        let mut stream = self.connect();
        stream.write_all(&request_by(b'y', API_VERSIONS, 0, &[])).expect("it takes a request");
        assert!(response(&mut stream).len() > 20, "a list of versions");
    }

    /// Its resident memory in KiB.
    fn resident(&self) -> u64 {
        let status = format!("/proc/{}/status", self.child.id());
        let status = std::fs::read_to_string(status).expect("it runs, on Linux");
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect(&status);
        let number = line.split_whitespace().nth(1).map(str::parse);
        number.expect(line).expect(line)
    }

    /// Waits until the log has given this reason for the end of a connection this many times.
    fn ended(&self, why: &str, times: usize) {
        for _ in 0..TIMEOUT.as_millis() / 50 {
            if self.endings(why) >= times {
                return;
            }
            pause(50);
        }
        let log = self.log();
        let last: Vec<&str> = log.lines().rev().take(20).collect();
        panic!("not {times} connections ended with '{why}'; the last first: {last:#?}");
    }

    fn endings(&self, why: &str) -> usize {
        self.log().matches(&format!("why={why}")).count()
    }

    /// Waits for a log line with all of these parts and returns it.
    fn logs(&self, what: &[&str]) -> String {
        for _ in 0..TIMEOUT.as_millis() / 50 {
            let has_all = |line: &&str| what.iter().all(|part| line.contains(part));
            if let Some(line) = self.log().lines().find(has_all) {
                return line.to_owned();
            }
            pause(50);
        }
        panic!("no line with {what:?} in {}", self.log());
    }

    fn log(&self) -> String {
        std::fs::read_to_string(&self.log).expect("its log")
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[expect(clippy::disallowed_methods, reason = "serving happens in real time")]
fn pause(milliseconds: u64) {
    std::thread::sleep(Duration::from_millis(milliseconds));
}

fn framed(bytes: &[u8]) -> Vec<u8> {
    let length = i32::try_from(bytes.len()).expect("a short frame");
    [&length.to_be_bytes(), bytes].concat()
}

/// A frame with the header of a non-flexible version, from client x.
fn request(api: i16, version: i16, body: &[u8]) -> Vec<u8> {
    request_by(b'x', api, version, body)
}

fn request_by(client: u8, api: i16, version: i16, body: &[u8]) -> Vec<u8> {
    let header = [&api.to_be_bytes()[..], &version.to_be_bytes(), &7_i32.to_be_bytes()].concat();
    framed(&[&header[..], &[0, 1, client], body].concat())
}

/// A Fetch at version 4 of everything in topic-0.
fn fetch() -> Vec<u8> {
    let numbers = |all: &[i32]| all.iter().flat_map(|number| number.to_be_bytes()).collect();
    let begin: Vec<u8> = numbers(&[-1, 0, 0, 1 << 20]);
    let (topics, partitions): (Vec<u8>, Vec<u8>) = (numbers(&[1]), numbers(&[1, 0]));
    let end: Vec<u8> = numbers(&[0, 0, 1 << 20]);
    let body = [&begin[..], &[0], &topics, &[0, 5], b"topic", &partitions, &end].concat();
    request(FETCH, 4, &body)
}

fn response(stream: &mut TcpStream) -> Vec<u8> {
    let mut length = [0; 4];
    stream.read_exact(&mut length).expect("the length of a response");
    let mut bytes = vec![0; usize::try_from(i32::from_be_bytes(length)).expect("a length")];
    stream.read_exact(&mut bytes).expect("a response");
    bytes
}

/// Reads until the other end closes the connection.
fn disconnected(stream: &mut TcpStream) {
    let mut rest = Vec::new();
    match stream.read_to_end(&mut rest) {
        Ok(_) => {}
        Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset, "{error}"),
    }
}

#[test]
fn an_invalid_request_ends_its_connection_with_a_reason() {
    let _alone = alone();
    let served = Served::start("malformed", &["--topic", "topic:4"]);
    let cases: [(Vec<u8>, &str); 9] = [
        (b"GET / HTTP/1.1\r\n\r\n".to_vec(), "frame size too big"),
        (i32::MAX.to_be_bytes().to_vec(), "frame size too big"),
        ((-1_i32).to_be_bytes().to_vec(), "frame size too big"),
        (framed(&[]), "header: needs 8 bytes, but 0 are left"),
        (framed(&[0xff; 64]), "unknown API key -1"),
        (request(999, 0, &[]), "unknown API key 999"),
        (request(METADATA, 999, &[]), "Metadata version 999 is not supported"),
        (request(METADATA, 1, &i32::MAX.to_be_bytes()), "Metadata request v1: topics: array of"),
        (request(METADATA, 1, &[0, 0, 0, 1, 0, 5]), "Metadata request v1:"),
    ];
    for (bytes, why) in cases {
        let before = served.endings(why);
        let mut stream = served.connect();
        stream.write_all(&bytes).expect("it takes the bytes");
        disconnected(&mut stream);
        served.ended(why, before + 1);
        served.responds();
    }
}

#[test]
fn an_unsupported_api_versions_version_gets_a_response_and_keeps_the_connection() {
    let _alone = alone();
    let served = Served::start("versions", &["--topic", "topic:4"]);
    let mut stream = served.connect();
    stream.write_all(&request(API_VERSIONS, 99, &[])).expect("it takes a request");
    let refusal = response(&mut stream);
    assert_eq!(refusal[..6], [0, 0, 0, 7, 0, 35], "UNSUPPORTED_VERSION, in version 0 (KIP-511)");
    stream.write_all(&request(API_VERSIONS, 0, &[])).expect("it takes a request");
    assert_eq!(response(&mut stream)[..6], [0, 0, 0, 7, 0, 0]);
}

#[test]
fn a_partitioned_client_does_not_even_get_api_versions() {
    let _alone = alone();
    let mut served = Served::start("cut", &["--topic", "topic:4"]);
    served.carry_out("partition x b0");
    let mut stream = served.connect();
    stream.write_all(&request(API_VERSIONS, 0, &[])).expect("the kernel takes it");
    stream.set_read_timeout(Some(Duration::from_millis(500))).expect("a timeout");
    stream.read_exact(&mut [0]).expect_err("x is cut off");
    stream.set_read_timeout(Some(TIMEOUT)).expect("a timeout");
    served.carry_out("heal x b0");
    assert!(response(&mut stream).len() > 20, "the earlier request gets a late response");
    served.carry_out("reset x");
    disconnected(&mut stream);
    let summary = served.end();
    assert!(summary.contains("held") && summary.contains("2 faults"), "{summary}");
}

#[test]
fn a_connection_with_half_a_frame_is_closed_when_idle_for_too_long() {
    let _alone = alone();
    let served = Served::start("half", &["--topic", "topic:4", "--max-idle", IDLE]);
    let whole = request(METADATA, 1, &[0; 4]);
    for half in [&whole[..2], &whole[..9]] {
        let before = served.endings("idle for too long");
        let mut stream = served.connect();
        stream.write_all(half).expect("it takes the bytes");
        served.responds();
        disconnected(&mut stream);
        served.ended("idle for too long", before + 1);
    }
}

#[test]
fn a_client_that_never_reads_responses_blocks_no_other_and_costs_little_memory() {
    let _alone = alone();
    let flags = ["--topic", "topic:1", "--feed", "topic=500/s", "--max-idle", IDLE];
    let served = Served::start("unread", &flags);
    pause(1_000);
    let before = served.resident();
    let (mut unread, requests) = (Vec::new(), fetch().repeat(1_000));
    for _ in 0..4 {
        let mut stream = served.connect();
        // Until the responses have filled all buffers on the way and no more of its requests are
        // handled.
        while stream.write_all(&requests).is_ok() {}
        unread.push(stream);
        served.responds();
    }
    let grown = served.resident().saturating_sub(before);
    assert!(grown < 128 << 10, "{grown} KiB more");
    served.ended("the response was not read", unread.len());
    served.responds();
}

#[test]
fn three_thousand_idle_connections_block_no_client_and_cost_little_memory() {
    let _alone = alone();
    let files = rlimit::increase_nofile_limit(4_000).expect("a limit on files");
    let count = usize::try_from(files.saturating_sub(500).min(3_000)).expect("a small number");
    let served = Served::start("idle", &["--topic", "topic:4"]);
    served.responds();
    let before = served.resident();
    let mut idle: Vec<TcpStream> = (0..count).map(|_| served.connect()).collect();
    // Half of them have sent a request before.
    for stream in idle.iter_mut().step_by(2) {
        stream.write_all(&request(API_VERSIONS, 0, &[])).expect("it takes a request");
        response(stream);
    }
    served.responds();
    let each = served.resident().saturating_sub(before) * 1024 / count as u64;
    assert!(each < 16 << 10, "{each} bytes for each of {count} connections");
    drop(idle);
    served.ended("the client closed it", count);
    served.responds();
}

#[test]
fn members_of_any_protocol_type_may_exchange_any_payload() {
    let _alone = alone();
    let trace = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("serve-opaque.trace");
    let flags = ["--topic", "topic:4", "--initial-delay", "300ms", "--zoom", "wire", "--trace"];
    let flags = [&flags[..], &[trace.to_str().expect("a path of text")]].concat();
    let mut served = Served::start("opaque", &flags);
    let registry = br#"{"version":1,"host":"localhost","port":8081,"master_eligibility":true}"#;
    let master = br#"{"error":0,"master":"sr-1","master_identity":{"host":"localhost"}}"#;
    members::run_group(&served, ("registry", "sr", "v0"), registry, master);
    // A Connect worker: a version, its address, an offset; then a version, no error, a leader and
    // no tasks.
    let worker = b"\0\x01\0\x05a:808\0\0\0\0\0\0\0\x07";
    let tasks = b"\0\x01\0\0\0\x01w\0\x05a:808\0\0\0\0\0\0\0\x07\0\0\0\0";
    members::run_group(&served, ("workers", "connect", "sessioned"), worker, tasks);
    // If they were consumers, this would assign topic-0 to both.
    let topic = b"\0\x01\0\0\0\x01\0\x05topic\0\0\0\x01\0\0\0\0\xff\xff\xff\xff";
    members::run_group(&served, ("election", "leader", "range"), b"", topic);
    // Consumers whose payload only their own assignor can read.
    members::run_group(&served, ("own", "consumer", "mine"), registry, master);
    served.responds();
    let summary = served.end();
    assert!(summary.contains("held"), "{summary}");
    let trace = std::fs::read_to_string(trace).expect("a trace");
    assert!(trace.contains(r#"{\"version\":1,\"host\":"#), "a member's payload is shown");
}

#[test]
fn an_absurd_count_in_a_payload_does_no_harm() {
    let _alone = alone();
    let trace = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("serve-counts.trace");
    let flags = ["--topic", "topic:4", "--initial-delay", "300ms", "--zoom", "wire", "--trace"];
    let flags = [&flags[..], &[trace.to_str().expect("a path of text")]].concat();
    let mut served = Served::start("counts", &flags);
    let before = served.resident();
    for (number, count) in [i32::MAX, i32::MIN, 1_000_000].into_iter().enumerate() {
        let group = |kind: &str| format!("{kind}{number}");
        let count = count.to_be_bytes();
        // A count of topics; of owned partitions, after no topics and no user data; of a sticky
        // member's previous partitions.
        let topics = [&[0, 1][..], &count].concat();
        let owned = [&[0, 1, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff][..], &count].concat();
        let sticky = [&[0, 1, 0, 0, 0, 0, 0, 0, 0, 4][..], &count, &[0; 4]].concat();
        let assigned = [&[0, 1][..], &count].concat();
        for (kind, assignor, metadata) in
            [("topics", "mine", topics), ("owned", "mine", owned), ("had", "sticky", sticky)]
        {
            let given = if assignor == "mine" { &assigned[..] } else { b"" };
            members::run_group(&served, (&group(kind), "consumer", assignor), &metadata, given);
        }
    }
    let grown = served.resident().saturating_sub(before);
    assert!(grown < 32 << 10, "{grown} KiB more");
    served.responds();
    let summary = served.end();
    assert!(summary.contains("held"), "{summary}");
}
