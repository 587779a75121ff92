//! Writes the fields of one event after its time and place.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::time::Duration;

use bytes::Bytes;

use super::style::{self, Show, Style, When};
use crate::protocol::subscription::{Malformed, Subscription};
use crate::protocol::{Generation, error_text, records, subscription};
use crate::time::{Pretty, Time};
use crate::trace::fields::Visitor;
use crate::trace::{Names, Place, quoted, readable};

/// The most items of a list that are shown.
const ITEMS: usize = 16;
/// The most record values of a list that are shown.
const VALUES: usize = 5;

/// The visitor that writes a line.
pub(super) struct Line<'a> {
    out: &'a mut String,
    names: &'a mut Names,
    /// See [`style::of`].
    scope: &'static str,
    lists: Vec<List>,
    /// Inside a hidden list, or after the last shown item of a truncated one.
    mute: bool,
    /// The message is a response with an error.
    failed: bool,
    /// The message comes from or goes to the administrator. It may concern any group, so the group
    /// is shown; and nothing is truncated, because scenarios rely on it.
    admin: bool,
}

/// A list that is being written.
struct List {
    len: usize,
    limit: usize,
    begun: usize,
    /// Nothing of the current item has been written.
    fresh: bool,
    bracketed: bool,
    /// The state to restore at the end of the list.
    outer_scope: &'static str,
    outer_mute: bool,
}

impl<'a> Line<'a> {
    pub(super) fn new(out: &'a mut String, names: &'a mut Names) -> Line<'a> {
        Line { out, names, scope: "", lists: Vec::new(), mute: false, failed: false, admin: false }
    }

    /// Writes the separator before a value. Returns false if the value is not to be written.
    fn begin(&mut self, key: &'static str, set: bool) -> bool {
        if self.mute {
            return false;
        }
        let Style { show, when } = style::of(self.scope, key);
        let show =
            if self.admin && key == "group" && show == Show::Hidden { Show::Key } else { show };
        let wanted = match when {
            When::Always => true,
            When::Set => set,
            When::Failed => self.failed && set,
        };
        if !wanted || show == Show::Hidden {
            return false;
        }
        match self.lists.last_mut() {
            Some(list) if list.fresh => list.fresh = false,
            _ => self.separate(key, show),
        }
        true
    }

    fn separate(&mut self, key: &'static str, show: Show) {
        match show {
            Show::Key => self.put(&format!(" {}=", key.replace('_', "-"))),
            Show::After(words) => self.put(&format!(" {words}")),
            Show::Glued(words) | Show::Count(words) => self.put(words),
            Show::Bracketed | Show::Hidden => {}
        }
    }

    fn put(&mut self, text: &str) {
        self.out.push_str(text);
    }

    /// Writes the decoded payload of a member.
    fn payload(&mut self, key: &'static str, inside: Result<String, Malformed>, empty: bool) {
        if !self.begin(key, !empty) {
            return;
        }
        let inside = inside.unwrap_or_else(|Malformed(error)| format!("malformed: {error}"));
        if self.lists.is_empty() {
            self.put(&inside);
        } else {
            self.put(&format!("[{inside}]"));
        }
    }
}

impl Visitor for Line<'_> {
    const BRIEF: bool = true;

    fn word(&mut self, key: &'static str, word: &'static str) {
        if self.begin(key, true) {
            self.put(word);
        }
        if key == "event" || key == "api" {
            self.scope = word;
        }
    }

    fn int(&mut self, key: &'static str, value: i64) {
        if self.begin(key, value != -1) {
            write!(self.out, "{value}").expect("a string takes all text");
        }
    }

    fn flag(&mut self, key: &'static str, value: bool) {
        if key == "committed" {
            self.put(if value { " committed" } else { " start" });
        } else if self.begin(key, value) {
            self.put(if value { "yes" } else { "no" });
        }
    }

    fn text(&mut self, key: &'static str, text: &str) {
        // The claim of an `expect` line is printed as it was written.
        if key == "expected" {
            self.put(" ");
            self.put(text);
        } else if self.begin(key, !text.is_empty()) {
            // These texts contain members by their ids.
            let shown = match key == "found" || self.scope == "waiting_for" {
                true => quoted(&self.names.shorten(text)),
                false => quoted(text),
            };
            self.put(&shown);
        }
    }

    fn time(&mut self, key: &'static str, time: Time) {
        if self.begin(key, true) {
            write!(self.out, "{time}").expect("a string takes all text");
        }
    }

    fn duration(&mut self, key: &'static str, duration: Duration) {
        if self.begin(key, !duration.is_zero()) {
            self.put(&brief_duration(duration));
        }
    }

    fn place(&mut self, key: &'static str, place: Place) {
        self.admin = self.admin || place == Place::Admin;
        if self.begin(key, true) {
            let name = self.names.place(place);
            self.put(&name);
        }
    }

    fn member(&mut self, key: &'static str, id: &str) {
        if self.begin(key, !id.is_empty()) {
            let name = self.names.member(id);
            self.put(&name);
        }
    }

    fn error(&mut self, key: &'static str, code: i16) {
        if self.lists.is_empty() {
            self.failed = self.failed || code != 0;
        }
        if self.begin(key, code != 0) {
            self.put(&outcome_text(code));
        }
    }

    fn partition(&mut self, key: &'static str, topic: &str, partition: i32) {
        if self.begin(key, true) {
            write!(self.out, "{topic}-{partition}").expect("a string takes all text");
        }
    }

    fn value(&mut self, key: &'static str, value: &Bytes) {
        if self.begin(key, true) {
            self.put(&readable(value));
        }
    }

    fn records(&mut self, key: &'static str, set: &Bytes) {
        if self.begin(key, true) {
            match records::decode_records(set) {
                Ok(records) => write!(self.out, "{}", records.len()),
                Err(error) => write!(self.out, "[malformed: {error}]"),
            }
            .expect("a string takes all text");
        }
    }

    fn subscription(&mut self, key: &'static str, payload: &Bytes) {
        let inside = subscription::decode_subscription(payload).map(|inside| subscribed(&inside));
        self.payload(key, inside, payload.is_empty());
    }

    fn assignment(&mut self, key: &'static str, payload: &Bytes) {
        let given = subscription::decode_assignment(payload);
        self.payload(key, given.map(|given| some(&given)), payload.is_empty());
    }

    fn opaque(&mut self, key: &'static str, payload: &Bytes) {
        self.payload(key, Ok(excerpt(payload)), payload.is_empty());
    }

    fn none(&mut self, key: &'static str) {
        // An election without a leader is worth showing.
        if self.scope == "leader-elected" && self.begin(key, true) {
            self.put("none");
        }
    }

    fn open(&mut self, key: &'static str, len: usize) {
        let outer_mute = self.mute;
        let show = style::of(self.scope, key).show;
        let begun = self.begin(key, len > 0);
        let bracketed = begun && show == Show::Bracketed;
        match show {
            Show::Count(_) if begun => self.put(&len.to_string()),
            Show::Bracketed if begun => self.put("["),
            _ => {}
        }
        if begun && len == 0 && !matches!(show, Show::Count(_)) {
            self.put("none");
        }
        self.mute = outer_mute || !begun || matches!(show, Show::Count(_));
        let limit = match key {
            _ if self.admin => usize::MAX,
            "values" => VALUES,
            _ => ITEMS,
        };
        let outer_scope = std::mem::replace(&mut self.scope, key);
        let list = List { len, limit, begun: 0, fresh: false, bracketed, outer_scope, outer_mute };
        self.lists.push(list);
    }

    fn item(&mut self) {
        let list = self.lists.last_mut().expect("an item is inside a list");
        list.begun += 1;
        list.fresh = true;
        if self.mute {
            return;
        }
        if list.begun > 1 {
            self.out.push(',');
        }
        if list.begun > list.limit {
            write!(self.out, "… +{}", list.len - list.limit).expect("a string takes all text");
            self.mute = true;
        }
    }

    fn close(&mut self) {
        let list = self.lists.pop().expect("a list that ends has begun");
        if list.bracketed {
            self.put("]");
        }
        self.scope = list.outer_scope;
        self.mute = list.outer_mute;
    }
}

/// The content of a subscription: `orders owned=orders-0 generation=3 rack=a`.
fn subscribed(subscription: &Subscription) -> String {
    let Subscription { topics, owned, generation, rack, user_data: _ } = subscription;
    let topics: Vec<String> = topics.iter().map(|topic| quoted(&topic.0)).collect();
    let mut text = some(&topics);
    if !owned.is_empty() {
        text.push_str(&format!(" owned={}", some(owned)));
    }
    if *generation != Generation::NONE {
        text.push_str(&format!(" generation={generation}"));
    }
    if let Some(rack) = rack {
        text.push_str(&format!(" rack={}", quoted(rack)));
    }
    text
}

fn some(items: &[impl ToString]) -> String {
    match items {
        [] => "none".to_owned(),
        items => shorten(&items.iter().map(ToString::to_string).collect::<Vec<_>>(), ","),
    }
}

/// Joins the items with `between`, truncated to the most items of a line.
pub(super) fn shorten(items: &[String], between: &str) -> String {
    if items.len() <= ITEMS {
        return items.join(between);
    }
    format!("{}{between}… +{}", items[..ITEMS].join(between), items.len() - ITEMS)
}

/// The beginning of a payload in an unknown format: as text if it is text, otherwise its length.
fn excerpt(payload: &Bytes) -> String {
    const MAX_CHARS: usize = 60;
    match std::str::from_utf8(payload) {
        Ok(text) if text.chars().nth(MAX_CHARS).is_none() => quoted(text),
        Ok(text) => format!("{:?}…", text.chars().take(MAX_CHARS).collect::<String>()),
        Err(_) => format!("{} bytes", payload.len()),
    }
}

/// The official name of an error; `ok` for success.
pub(super) fn outcome_text(code: i16) -> Cow<'static, str> {
    if code == 0 { "ok".into() } else { error_text(code) }
}

/// A duration: in the sim language's notation if that is short, otherwise with a fraction.
pub(super) fn brief_duration(duration: Duration) -> String {
    let (whole, fraction, unit) = match duration.as_micros() {
        micros if micros % 1_000_000 == 0 => return Pretty(duration).to_string(),
        micros @ 1_000_000.. => (micros / 1_000_000, format!("{:06}", micros % 1_000_000), "s"),
        micros @ 1_000.. => (micros / 1_000, format!("{:03}", micros % 1_000), "ms"),
        _ => return Pretty(duration).to_string(),
    };
    match fraction.trim_end_matches('0') {
        "" => format!("{whole}{unit}"),
        digits => format!("{whole}.{digits}{unit}"),
    }
}
