//! Runs a script on a broker.
//!
//! The responses on a connection arrive in the order of its requests, so the oldest outstanding
//! request determines how to decode the next frame. A connection that ends is forgotten: the next
//! request on that name opens another.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use bytes::Bytes;

use super::apis::raw_frame;
use super::broker::{Broker, ConnectionId, Received};
use super::request::RequestArgs;
use super::response::{Detail, ResponseContext, hex};
use super::script::{Action, Request, RequestKind, Script, ScriptStep};
use super::session::{Session, client_of};
use super::suite::Case;
use super::transcript::{Answer, Entry, Transcript, TranscriptItem};
use crate::protocol::{StrBytes, str_bytes};

/// Runs a script. `%` stands for `group`, which nothing else on the broker may use.
///
/// # Errors
///
/// When the broker accepts no connection, or the request of a line cannot be encoded: the line and
/// the reason.
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
    /// Runs its script, after those that precede it. `group` makes the name of the group from the
    /// name of the script.
    ///
    /// # Errors
    ///
    /// As for [`replay`]: `FILE:LINE: REASON`.
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
    outstanding: VecDeque<Outstanding>,
}

/// A request without a response so far.
struct Outstanding {
    line: u32,
    correlation: i32,
    what: RequestKind,
    detail: Detail,
}

impl Replay<'_> {
    fn step(&mut self, step: &ScriptStep) -> Result<(), String> {
        let entry = Entry { line: step.line, item: TranscriptItem::Step(step.text.clone()) };
        match &step.action {
            Action::Send(request) => {
                self.entries.push(entry);
                self.send(step.line, request)?;
            }
            Action::Wait(time) => {
                self.entries.push(entry);
                self.broker.wait(*time);
            }
            Action::Close(conn) => {
                self.entries.push(entry);
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
                let opened = Link {
                    conn: self.broker.connect()?,
                    correlation: 0,
                    outstanding: VecDeque::new(),
                };
                self.links.entry(conn.to_owned()).or_insert(opened)
            }
        };
        link.correlation += 1;
        let correlation = link.correlation;
        let client = client_id(&self.session, request);
        let frame = match &request.what {
            RequestKind::Api(api, version) => {
                let (options, version) = (&request.options, *version);
                let args = RequestArgs { session: &self.session, conn, version, options };
                api.encode(&args, correlation, client)
            }
            RequestKind::Raw { key, version, flexible, body } => {
                raw_frame((*key, *version), *flexible, body, correlation, client)
            }
        };
        let frame = frame.map_err(|why| format!("the request cannot be encoded: {why}"))?;
        let detail = match request.options.get("full").map(String::as_str) {
            None => Detail::Short,
            Some("order") => Detail::InOrder,
            Some(_) => Detail::Full,
        };
        link.outstanding.push_back(Outstanding {
            line,
            correlation,
            what: request.what.clone(),
            detail,
        });
        self.broker.send(link.conn, frame);
        Ok(())
    }

    /// Takes every response that has arrived, connection by connection.
    fn collect(&mut self, line: u32) {
        let waits =
            |(name, link): (&String, &Link)| (!link.outstanding.is_empty()).then(|| name.clone());
        let names: Vec<String> = self.links.iter().filter_map(waits).collect();
        for name in names {
            let waits = |replay: &Replay<'_>| {
                replay.links.get(&name).is_some_and(|link| !link.outstanding.is_empty())
            };
            while waits(self) && self.take(line, &name) {}
        }
    }

    /// Takes one response, if one has arrived.
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
        let oldest = self.links.get(name).and_then(|link| Some(link.outstanding.front()?.line));
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
        self.entries.push(Entry { line, item: TranscriptItem::Answer(answer) });
    }

    /// The normal form of a frame; an error ends the connection.
    fn answer(&mut self, name: &str, frame: Bytes) -> Result<String, String> {
        let link = self.links.get_mut(name).expect("a frame has come on it");
        let request = link.outstanding.pop_front().ok_or("unsolicited response")?;
        let Some((correlation, _)) = frame.split_first_chunk() else {
            return Err(format!("a frame of {} bytes", frame.len()));
        };
        let correlation = i32::from_be_bytes(*correlation);
        if correlation != request.correlation {
            return Err(format!("response {correlation} for request {}", request.correlation));
        }
        let text = match request.what {
            // The body follows the correlation id and, in flexible versions, the tagged fields.
            RequestKind::Raw { flexible, .. } => {
                let header = if flexible { 5 } else { 4 };
                format!("Raw {}", hex(&frame[header.min(frame.len())..]))
            }
            RequestKind::Api(api, version) => {
                let (session, client) = (&mut self.session, client_of(name));
                let mut context =
                    ResponseContext { session, client, version, detail: request.detail };
                let shown = api.show(frame, &mut context);
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

/// The client id in the header: that of the `client` option, or else the client's name.
fn client_id(session: &Session, request: &Request) -> Option<StrBytes> {
    match request.options.get("client").map(|written| session.value(written)) {
        None => Some(str_bytes(client_of(&request.conn))),
        Some(client) if client == "null" => None,
        Some(client) => Some(StrBytes::from_string(client)),
    }
}
