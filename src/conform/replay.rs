//! A script carried out on a broker.
//!
//! A connection's answers come in the order of its requests, so the oldest request that is not
//! answered says how the next frame is read. A connection that ends is forgotten: the next request
//! of that name opens another.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use bytes::Bytes;

use super::answer::{Detail, Reading, hex};
use super::apis::raw_frame;
use super::broker::{Broker, ConnectionId, Received};
use super::request::Ask;
use super::script::{Action, Request, Script, Step, What};
use super::session::{Session, client_of};
use super::suite::Case;
use super::transcript::{Answer, Entry, Said, Transcript};
use crate::protocol::{StrBytes, str_bytes};

/// Carries out a script. `group` is what `%` stands for; nothing else on the broker may use it.
///
/// # Errors
///
/// When the broker takes no connection, or a line's values make a request that cannot be encoded:
/// `LINE: why`.
pub fn replay(
    script: &Script,
    broker: &mut dyn Broker,
    group: &str,
) -> Result<Transcript, (u32, String)> {
    let mut replay = Replay {
        began: broker.elapsed(),
        broker,
        session: Session::new(group.to_owned()),
        links: BTreeMap::new(),
        entries: Vec::new(),
    };
    for step in &script.steps {
        replay.step(step).map_err(|why| (step.line, why))?;
    }
    Ok(Transcript { name: script.name.clone(), entries: replay.entries })
}

impl Case {
    /// Carries out its script, after those that go before it, each in a group that `group` names
    /// after it.
    ///
    /// # Errors
    ///
    /// As [`replay`]: `FILE:LINE: why`.
    pub fn replay(
        &self,
        broker: &mut dyn Broker,
        group: impl Fn(&str) -> String,
    ) -> Result<Transcript, String> {
        let mut run = |script: &Script| {
            let failed = |(line, why)| format!("{}:{line}: {why}", self.file);
            replay(script, broker, &group(&script.name)).map_err(failed)
        };
        for script in &self.before {
            run(script)?;
        }
        run(&self.script)
    }
}

struct Replay<'b> {
    broker: &'b mut dyn Broker,
    session: Session,
    links: BTreeMap<String, Link>,
    entries: Vec<Entry>,
    began: Duration,
}

struct Link {
    conn: ConnectionId,
    correlation: i32,
    waiting: VecDeque<Waiting>,
}

/// A request that is not answered.
struct Waiting {
    line: u32,
    correlation: i32,
    what: What,
    detail: Detail,
}

impl Replay<'_> {
    fn step(&mut self, step: &Step) -> Result<(), String> {
        let said = Entry { line: step.line, said: Said::Step(step.text.clone()) };
        match &step.action {
            Action::Send(request) => {
                self.entries.push(said);
                self.send(step.line, request)?;
            }
            Action::Wait(time) => {
                self.entries.push(said);
                self.broker.wait(*time);
            }
            Action::Close(conn) => {
                self.entries.push(said);
                self.forget(conn);
            }
            Action::Await { conn, patience } => self.receive(step.line, conn, *patience),
            Action::Collect(time) => {
                self.broker.wait(*time);
                self.collect(step.line);
            }
        }
        Ok(())
    }

    fn send(&mut self, line: u32, request: &Request) -> Result<(), String> {
        let conn = request.conn.as_str();
        let link = match self.links.get_mut(conn) {
            Some(link) => link,
            None => {
                let opened =
                    Link { conn: self.broker.connect()?, correlation: 0, waiting: VecDeque::new() };
                self.links.entry(conn.to_owned()).or_insert(opened)
            }
        };
        link.correlation += 1;
        let correlation = link.correlation;
        let client = client_id(&self.session, request);
        let frame = match &request.what {
            What::Api(api, version) => {
                let (options, version) = (&request.options, *version);
                let ask = Ask { session: &self.session, conn, version, options };
                api.encode(&ask, correlation, client)
            }
            What::Raw { key, version, flexible, body } => {
                raw_frame((*key, *version), *flexible, body, correlation, client)
            }
        };
        let frame = frame.map_err(|why| format!("the request cannot be encoded: {why}"))?;
        let detail = match request.options.get("full").map(String::as_str) {
            None => Detail::Short,
            Some("order") => Detail::InOrder,
            Some(_) => Detail::Full,
        };
        link.waiting.push_back(Waiting { line, correlation, what: request.what.clone(), detail });
        self.broker.send(link.conn, frame);
        Ok(())
    }

    /// Takes every answer that has come, connection by connection.
    fn collect(&mut self, line: u32) {
        let waits =
            |(name, link): (&String, &Link)| (!link.waiting.is_empty()).then(|| name.clone());
        let names: Vec<String> = self.links.iter().filter_map(waits).collect();
        for name in names {
            let waits = |replay: &Replay<'_>| {
                replay.links.get(&name).is_some_and(|link| !link.waiting.is_empty())
            };
            while waits(self) && self.take(line, &name) {}
        }
    }

    /// Takes an answer that has come, if one has.
    fn take(&mut self, line: u32, name: &str) -> bool {
        let conn = self.links[name].conn;
        match self.broker.receive(conn, Duration::from_millis(1)) {
            Received::Nothing => false,
            received => {
                self.received(line, name, received);
                true
            }
        }
    }

    fn receive(&mut self, line: u32, name: &str, patience: Duration) {
        let received = match self.links.get(name) {
            Some(link) => self.broker.receive(link.conn, patience),
            None => Received::Ended(format!("no connection {name}")),
        };
        self.received(line, name, received);
    }

    fn received(&mut self, line: u32, name: &str, received: Received) {
        let at = self.broker.elapsed().saturating_sub(self.began);
        let oldest = self.links.get(name).and_then(|link| Some(link.waiting.front()?.line));
        let text = match received {
            Received::Nothing => Ok("(no answer)".to_owned()),
            Received::Frame(frame) => self.answer(name, frame),
            Received::Ended(why) => Err(why),
        };
        let text = text.unwrap_or_else(|why| {
            self.forget(name);
            format!("({why})")
        });
        let answer = Answer { conn: name.to_owned(), at, text, request: oldest };
        self.entries.push(Entry { line, said: Said::Answer(answer) });
    }

    /// The normal form of a frame; an error ends the connection.
    fn answer(&mut self, name: &str, frame: Bytes) -> Result<String, String> {
        let link = self.links.get_mut(name).expect("a frame has come on it");
        let asked = link.waiting.pop_front().ok_or("unasked answer")?;
        let Some((correlation, _)) = frame.split_first_chunk() else {
            return Err(format!("a frame of {} bytes", frame.len()));
        };
        let correlation = i32::from_be_bytes(*correlation);
        if correlation != asked.correlation {
            return Err(format!("answer {correlation} for request {}", asked.correlation));
        }
        let text = match asked.what {
            // The body: what is behind the correlation id and, where the header has them, the
            // tagged fields.
            What::Raw { flexible, .. } => {
                let header = if flexible { 5 } else { 4 };
                format!("Raw {}", hex(&frame[header.min(frame.len())..]))
            }
            What::Api(api, version) => {
                let (session, client) = (&mut self.session, client_of(name));
                let mut reading = Reading { session, client, version, detail: asked.detail };
                let shown = api.show(frame, &mut reading);
                shown.unwrap_or_else(|why| format!("{} undecodable: {}", api.name(), why.trim()))
            }
        };
        Ok(self.session.steady(&text))
    }

    fn forget(&mut self, name: &str) {
        if let Some(link) = self.links.remove(name) {
            self.broker.close(link.conn);
        }
    }
}

/// The client id in the header: the client's name, or what the request says.
fn client_id(session: &Session, request: &Request) -> Option<StrBytes> {
    match request.options.get("client").map(|written| session.value(written)) {
        None => Some(str_bytes(client_of(&request.conn))),
        Some(client) if client == "null" => None,
        Some(client) => Some(StrBytes::from_string(client)),
    }
}
