//! `serve` under heartbeats of 1,000 members: heartbeats per second, and memory.
//!
//! The members are in 20 groups, each with a connection of its own. They join, then each sends a
//! heartbeat as soon as it has the response to the previous one, for a few seconds; for comparison
//! the same with 100 members. This process generates the load, on the same two cores, so the
//! numbers are a lower bound. The ratio of the two is the cost of ten times as many connections.

use std::cell::Cell;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::rc::Rc;
use std::time::{Duration, Instant};

use futures_util::{SinkExt, StreamExt};
use groupsim::protocol::subscription::{Subscription, encode_subscription};
use groupsim::protocol::{
    Api, GroupId, Request, RequestFrame, Response, StrBytes, TopicName, error_name, str_bytes,
};
use groupsim::wire;
use kafka_protocol::messages::join_group_request::JoinGroupRequestProtocol;
use kafka_protocol::messages::{HeartbeatRequest, JoinGroupRequest, SyncGroupRequest};
use tokio::net::TcpStream;
use tokio::task::LocalSet;
use tokio_util::codec::Framed;

const GROUPS: usize = 20;

/// A `serve` process, killed on drop.
struct Served(Child, SocketAddr);

impl Served {
    fn start() -> Served {
        let mut command = Command::new(env!("CARGO_BIN_EXE_groupsim"));
        command.args(["serve", "--listen", "127.0.0.1:0", "--topic", "orders:100"]);
        command.args(["--initial-delay", "500ms"]);
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("groupsim starts");
        let mut line = String::new();
        let out = child.stdout.take().expect("its output is piped");
        BufReader::new(out).read_line(&mut line).expect("it prints that it is ready");
        let address = line.trim().strip_prefix("ready ").expect("the line `ready ADDRESS`");
        let address = address.parse().expect("an address");
        Served(child, address)
    }

    /// Its resident memory in kB; `None` where the system does not report it.
    fn resident(&self) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.0.id())).ok()?;
        let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
        line.split_whitespace().nth(1)?.parse().ok()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// One member, on a connection of its own.
struct Member {
    frames: Framed<TcpStream, wire::Framing>,
    name: StrBytes,
    group: GroupId,
    id: StrBytes,
    generation: i32,
    correlation: i32,
}

impl Member {
    async fn connect(to: SocketAddr, number: usize) -> Member {
        let stream = TcpStream::connect(to).await.expect("serve accepts the connection");
        stream.set_nodelay(true).expect("a socket");
        Member {
            frames: Framed::new(stream, wire::framing(wire::MAX_FRAME)),
            name: str_bytes(&format!("m{number}")),
            group: GroupId(str_bytes(&format!("g{}", number % GROUPS))),
            id: StrBytes::new(),
            generation: -1,
            correlation: 0,
        }
    }

    async fn request(&mut self, version: i16, body: Request) -> Response {
        self.correlation += 1;
        let (api, client_id): (Api, _) = (body.api(), self.name.clone());
        let frame = RequestFrame { correlation: self.correlation, version, client_id, body };
        let bytes = wire::encode_request(&frame).expect("a legal request");
        self.frames.send(bytes).await.expect("serve reads");
        let response = self.frames.next().await.expect("serve responds").expect("a frame");
        wire::decode_response(response.freeze(), api, version).expect("a legal response").body
    }

    /// Joins until it has an assignment: if another rebalance begins, it joins again.
    async fn join(&mut self) {
        while !(self.joined().await && self.synced().await) {}
    }

    async fn joined(&mut self) -> bool {
        let subscription = Subscription::to(&[TopicName(str_bytes("orders"))]);
        let metadata = encode_subscription(&subscription, 0);
        let protocol = JoinGroupRequestProtocol::default()
            .with_name(str_bytes("range"))
            .with_metadata(metadata);
        let request = JoinGroupRequest::default()
            .with_group_id(self.group.clone())
            .with_session_timeout_ms(45_000)
            .with_rebalance_timeout_ms(60_000)
            .with_member_id(self.id.clone())
            .with_protocol_type(str_bytes("consumer"))
            .with_protocols(vec![protocol]);
        let Response::JoinGroup(answer) = self.request(5, request.into()).await else {
            panic!("the response to a JoinGroup is a JoinGroup");
        };
        (self.id, self.generation) = (answer.member_id, answer.generation_id);
        self.is_good(answer.error_code, "MEMBER_ID_REQUIRED")
    }

    /// Leaders send empty assignments: only heartbeats are measured.
    async fn synced(&mut self) -> bool {
        let request = SyncGroupRequest::default()
            .with_group_id(self.group.clone())
            .with_generation_id(self.generation)
            .with_member_id(self.id.clone());
        let Response::SyncGroup(answer) = self.request(3, request.into()).await else {
            panic!("the response to a SyncGroup is a SyncGroup");
        };
        self.is_good(answer.error_code, "REBALANCE_IN_PROGRESS")
    }

    /// Whether a response has no error. The one error that is part of a join is permitted.
    fn is_good(&self, code: i16, expected: &str) -> bool {
        let error = error_name(code);
        assert!(error == "NONE" || error == expected, "member {}: {error}", self.id.as_str());
        error == "NONE"
    }

    /// Sends one heartbeat; rejoins if the group rebalances.
    async fn beats(&mut self) {
        let request = HeartbeatRequest::default()
            .with_group_id(self.group.clone())
            .with_generation_id(self.generation)
            .with_member_id(self.id.clone());
        let Response::Heartbeat(answer) = self.request(3, request.into()).await else {
            panic!("the response to a Heartbeat is a Heartbeat");
        };
        if !self.is_good(answer.error_code, "REBALANCE_IN_PROGRESS") {
            self.join().await;
        }
    }

    /// Heartbeats until all members have joined. A member that only waited would be removed from
    /// its group by the rebalance that the next join starts.
    async fn waits(&mut self, missing: &Cell<usize>) {
        missing.set(missing.get() - 1);
        while missing.get() > 0 {
            self.beats().await;
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    /// The number of heartbeats with a response until the end.
    async fn counts(&mut self, until: Instant) -> u64 {
        let mut answered = 0;
        while now() < until {
            self.beats().await;
            answered += 1;
        }
        answered
    }
}

#[expect(clippy::disallowed_methods, reason = "a benchmark measures wall time")]
fn now() -> Instant {
    Instant::now()
}

/// Heartbeats per second of this many members, and the memory of serve, in kB.
fn measure(members: usize, lasts: Duration) -> (u64, Option<u64>) {
    let served = Served::start();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("an event queue of the system");
    let answered = LocalSet::new().block_on(&runtime, async {
        let missing = Rc::new(Cell::new(members));
        let tasks: Vec<_> = (0..members)
            .map(|number| {
                let (at, missing) = (served.1, Rc::clone(&missing));
                tokio::task::spawn_local(async move {
                    let mut member = Member::connect(at, number).await;
                    member.join().await;
                    member.waits(&missing).await;
                    member.counts(now() + lasts).await
                })
            })
            .collect();
        let mut answered = 0;
        for task in tasks {
            answered += task.await.expect("a member");
        }
        answered
    });
    (answered / lasts.as_secs(), served.resident())
}

fn main() {
    let quick = std::env::args().any(|argument| argument == "--quick");
    let lasts = Duration::from_secs(if quick { 2 } else { 10 });
    let _ = rlimit::increase_nofile_limit(u64::MAX);
    let few = measure(100, lasts);
    let many = measure(1_000, lasts);
    for (members, (rate, resident)) in [(100, few), (1_000, many)] {
        let memory = resident.map_or("unknown".to_owned(), |kb| format!("{} MB", kb / 1_024));
        println!("serve, {members:>5} members: {rate:>7} heartbeats/s, {memory} resident");
    }
    let ratio = many.0 as f64 / few.0.max(1) as f64;
    println!("serve, 1,000 members against 100: {ratio:.2} of the heartbeats/s");
}
