//! Short names that stay the same throughout a trace.
//!
//! A consumer is printed as its name in the schedule and its incarnation (`c2.1`); a member id as
//! its client and a number in the order in which the coordinator issued the ids (`c2#1`), because
//! the uuid in a member id is noise to a reader. Names are learned from the trace alone, so
//! [`Names::learn`] must see every event, in order.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use super::event::{ConnectionId, ConsumerRef, Event, EventKind, Message, Place};
use crate::coordinator::{ClassicObservation, Observation};
use crate::protocol::{Response, StrBytes};

/// The names learned so far.
#[derive(Clone, Debug, Default)]
pub struct Names {
    consumers: BTreeMap<u16, Arc<str>>,
    /// The client ids of external clients.
    clients: BTreeMap<ConnectionId, StrBytes>,
    members: BTreeMap<String, Member>,
    issued: BTreeMap<String, u32>,
}

#[derive(Clone, Debug)]
struct Member {
    client: String,
    number: u32,
}

/// The most characters shown of a name that a client or user chose.
const MAX_CHARS: usize = 80;

/// Makes a name that a client chose printable on one line: it may contain line breaks and terminal
/// control characters, and be 32,767 bytes long.
pub(crate) fn printable(name: &str) -> Cow<'_, str> {
    if name.len() <= MAX_CHARS && !name.contains(char::is_control) {
        return Cow::Borrowed(name);
    }
    let mut shown: String = name.chars().take(MAX_CHARS).flat_map(char::escape_debug).collect();
    if name.chars().nth(MAX_CHARS).is_some() {
        shown.push('…');
    }
    Cow::Owned(shown)
}

/// Whether a character could control a terminal. Line breaks are allowed: the text has its own.
fn is_control_character(c: char) -> bool {
    c.is_control() && c != '\n'
}

impl Names {
    /// Learns the names that an event introduces.
    pub fn learn(&mut self, event: &Event) {
        match &event.kind {
            EventKind::ConsumerStarted { name, .. } => {
                if let Place::Consumer(consumer) = event.place {
                    self.consumers.insert(consumer.index, name.clone());
                }
            }
            EventKind::Coordinator(
                Observation::Classic(ClassicObservation::MemberAdded { member, .. })
                | Observation::Classic(ClassicObservation::MemberReplaced { new: member, .. }),
            ) => {
                self.intern(member.as_str());
            }
            EventKind::Coordinator(Observation::GroupLoaded(group)) => {
                for member in &group.metadata.members {
                    self.intern(member.id.as_str());
                }
            }
            EventKind::Received { from: Place::Client(conn), message, .. } => {
                self.clients.entry(*conn).or_insert_with(|| message.request().client_id.clone());
            }
            EventKind::Sent { message: Message::Response { response, .. }, .. } => {
                if let Response::JoinGroup(body) = &response.body {
                    self.intern(&body.member_id);
                }
            }
            _ => {}
        }
    }

    /// How a place is printed: `b0`, `c2.1`, `producer`, and `sim` for the schedule.
    pub fn place(&self, place: Place) -> String {
        match place {
            Place::Schedule => "sim".to_owned(),
            Place::Producer => "producer".to_owned(),
            Place::Admin => "admin".to_owned(),
            Place::Controller => "controller".to_owned(),
            Place::Client(conn) => {
                let name = self.clients.get(&conn).map_or("client", |name| name.as_str());
                format!("{}@{}", printable(name), conn.0)
            }
            Place::Broker(broker) => broker.to_string(),
            Place::Consumer(consumer) => {
                format!("{}.{}", self.consumer(consumer), consumer.incarnation)
            }
        }
    }

    /// The name of a consumer without its incarnation.
    pub fn consumer(&self, consumer: ConsumerRef) -> String {
        match self.consumers.get(&consumer.index) {
            Some(name) => name.to_string(),
            None => format!("consumer{}", consumer.index),
        }
    }

    /// How a member id is printed: `c2#1`. An id without a uuid is printed unchanged, and the empty
    /// id as `none`. An id that no event has introduced gets the next number of its client.
    pub fn member(&mut self, id: &str) -> String {
        if id.is_empty() {
            return "none".to_owned();
        }
        match self.intern(id) {
            Some(member) => format!("{}#{}", printable(&member.client), member.number),
            None => printable(id).into_owned(),
        }
    }

    /// Like [`Self::member`], but only `c2` for the first id of a client: for lines that list
    /// members.
    pub fn brief_member(&mut self, id: &str) -> String {
        match self.intern(id) {
            Some(Member { client, number: 1 }) => printable(client).into_owned(),
            Some(Member { client, number }) => format!("{}#{number}", printable(client)),
            None => printable(id).into_owned(),
        }
    }

    /// Shortens a text about a run, such as the message of a finding: each member id is printed as
    /// by [`Self::member`], and each consumer as by [`Self::place`].
    pub fn shorten(&mut self, text: &str) -> String {
        let mut rest = text;
        let mut short = String::with_capacity(text.len());
        while let Some(end) =
            rest.char_indices().map(|(at, _)| at).find_map(|at| uuid_end(rest, at))
        {
            let head = &rest[..end];
            let id = &head[self.start_of_id(head)..];
            short.push_str(&self.consumers_in(&head[..head.len() - id.len()]));
            let is_group = short.ends_with("group ") && !self.members.contains_key(id);
            short.push_str(&if is_group { id.to_owned() } else { self.member(id) });
            rest = &rest[end..];
        }
        short.push_str(&self.consumers_in(rest));
        // The text contains names that clients and users chose, of groups and clients.
        match short.chars().any(is_control_character) {
            true => short
                .chars()
                .map(|c| if is_control_character(c) { char::REPLACEMENT_CHARACTER } else { c })
                .collect(),
            false => short,
        }
    }

    /// Where the member id at the end of `head` begins. A client id may contain any character, so
    /// ids known from the trace are tried first.
    fn start_of_id(&self, head: &str) -> usize {
        let known = self.members.keys().filter(|id| head.ends_with(id.as_str()));
        match known.map(String::len).max() {
            Some(length) => head.len() - length,
            None => {
                let ends = |c: char| c.is_whitespace() || "\"'`,=()[]".contains(c);
                head.rfind(ends)
                    .map_or(0, |at| at + head[at..].chars().next().map_or(0, char::len_utf8))
            }
        }
    }

    /// The text with `c1.1` for each `consumer 0 (incarnation 1)`, which is how [`ConsumerRef`]
    /// prints itself.
    fn consumers_in(&self, text: &str) -> String {
        let mut parts = text.split(ConsumerRef::PRINTED);
        let mut short = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            match ConsumerRef::read(part) {
                Some((consumer, rest)) => {
                    short.push_str(&self.place(Place::Consumer(consumer)));
                    short.push_str(rest);
                }
                None => short.extend([ConsumerRef::PRINTED, part]),
            }
        }
        short
    }

    fn intern(&mut self, id: &str) -> Option<&Member> {
        let client = client_of(id)?;
        if !self.members.contains_key(id) {
            let number = self.issued.entry(client.to_owned()).or_default();
            *number += 1;
            let member = Member { client: client.to_owned(), number: *number };
            self.members.insert(id.to_owned(), member);
        }
        self.members.get(id)
    }
}

/// The part of a member id before the uuid; `None` if there is no uuid.
fn client_of(id: &str) -> Option<&str> {
    let split = id.len().checked_sub(UUID + 1)?;
    let (client, rest) = id.split_at_checked(split)?;
    let uuid = rest.strip_prefix('-')?;
    uuid.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit()).then_some(client)
}

/// The length of a uuid as text.
const UUID: usize = 36;

/// The end of the uuid that follows a dash at `at`; `None` if there is none.
fn uuid_end(text: &str, at: usize) -> Option<usize> {
    let end = at + 1 + UUID;
    let uuid = text.get(at..end)?.strip_prefix('-')?;
    let is_uuid_byte = |(index, byte): (usize, u8)| match index {
        8 | 13 | 18 | 23 => byte == b'-',
        _ => byte.is_ascii_hexdigit(),
    };
    uuid.bytes().enumerate().all(is_uuid_byte).then_some(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn member_ids_are_numbered_in_the_order_they_are_issued() {
        let id = |client: &str, digit: char| {
            let run = |n: usize| digit.to_string().repeat(n);
            format!("{client}-{}-{}-{}-{}-{}", run(8), run(4), run(4), run(4), run(12))
        };
        let mut names = Names::default();
        assert_eq!(names.member(&id("c-2", 'f')), "c-2#1");
        assert_eq!(names.member(&id("c-2", '0')), "c-2#2");
        assert_eq!(names.member(&id("c1", '0')), "c1#1");
        assert_eq!(names.member(&id("c-2", 'f')), "c-2#1");
        assert_eq!(names.brief_member(&id("c-2", 'f')), "c-2");
        assert_eq!(names.brief_member(&id("c-2", '0')), "c-2#2");
    }

    #[test]
    fn client_names_are_made_printable() {
        let mut names = Names::default();
        let uuid = UUIDS[0];
        assert_eq!(names.member(&format!("a\nb-{uuid}")), "a\\nb#1");
        assert_eq!(names.brief_member(&format!("\u{1b}[31m-{uuid}")), "\\u{1b}[31m");
        let long = names.member(&format!("{}-{uuid}", "x".repeat(30_000)));
        assert_eq!(long, format!("{}…#1", "x".repeat(MAX_CHARS)));
        assert_eq!(
            names.shorten("group g\u{1b}[2J: late\nfor c1"),
            "group g\u{fffd}[2J: late\nfor c1"
        );
    }

    const UUIDS: [&str; 2] =
        ["37c0bc4e-f5cd-46b6-9476-a033da24d2a6", "5cb5dc46-69ee-42ae-a65f-e1330d443ce8"];

    #[test]
    fn member_ids_in_a_text_are_printed_as_in_the_trace() {
        let mut names = Names::default();
        let [one, two] = UUIDS;
        names.intern(&format!("my client-{one}"));
        names.intern(&format!("my client-{two}"));
        let text = format!(
            "group a-{one}: the plan gives t-0 to my client-{two} and \"c 1-{one}\", not to my client-{one}"
        );
        let short = "group a-37c0bc4e-f5cd-46b6-9476-a033da24d2a6: the plan gives t-0 to my client#2 and \
                     \"c 1#1\", not to my client#1";
        names.intern(&format!("c 1-{one}"));
        assert_eq!(names.shorten(&text), short);
        // Ids that no event has introduced.
        assert_eq!(
            names.shorten(&format!("owns={one},i2-{two},i2-{one}")),
            format!("owns={one},i2#1,i2#2")
        );
        assert_eq!(names.shorten("é 12345678-1234-1234"), "é 12345678-1234-1234");
    }

    #[test]
    fn consumers_in_a_text_are_printed_as_in_the_trace() {
        let mut names = Names::default();
        names.consumers.insert(3, "c4".into());
        let consumer = ConsumerRef { index: 3, incarnation: 12 };
        let text =
            format!("the JoinGroup that {consumer} sent, a consumer 3 (or so) and {consumer}");
        assert_eq!(
            names.shorten(&text),
            "the JoinGroup that c4.12 sent, a consumer 3 (or so) and c4.12"
        );
    }

    #[test]
    fn an_id_without_a_uuid_is_printed_unchanged() {
        let mut names = Names::default();
        assert_eq!(names.member("member-one"), "member-one");
        assert_eq!(names.member(""), "none");
        assert_eq!(names.member(&"é".repeat(19)), "é".repeat(19));
    }
}
