//! Builds requests from lines of a script. Fields that the version does not have keep their
//! defaults.

pub(super) mod admin;
pub(super) mod consumer;
pub(super) mod group;
pub(super) mod offsets;
pub(super) mod txn;

use std::collections::BTreeMap;
use std::str::FromStr;

use kafka_protocol::messages::{GroupId, TopicName};

use super::session::{Session, client_of};
use crate::protocol::{StrBytes, str_bytes};

/// The options of a request line, and the values that they refer to.
pub(super) struct RequestArgs<'a> {
    pub session: &'a Session,
    pub conn: &'a str,
    pub version: i16,
    pub options: &'a BTreeMap<String, String>,
}

/// A topic with partitions and offsets.
type Places = (String, Vec<(i32, i64)>);

impl RequestArgs<'_> {
    pub(super) fn has(&self, name: &str) -> bool {
        self.options.contains_key(name)
    }

    /// The value of an option as it is written.
    fn written(&self, name: &str) -> Option<&str> {
        self.options.get(name).map(String::as_str)
    }

    pub(super) fn given(&self, name: &str) -> Option<String> {
        self.written(name).map(|written| self.session.value(written))
    }

    pub(super) fn text(&self, name: &str, default: &str) -> StrBytes {
        self.given(name).map_or_else(|| str_bytes(default), StrBytes::from_string)
    }

    /// The value of an option; null if the option says so or is absent.
    pub(super) fn nullable(&self, name: &str) -> Option<StrBytes> {
        self.given(name).filter(|text| text != "null").map(StrBytes::from_string)
    }

    /// The value of an option as a number. The default applies also if it refers to a value that
    /// has not been received.
    pub(super) fn number<T: FromStr>(&self, name: &str, default: T) -> T {
        self.given(name).and_then(|text| text.parse().ok()).unwrap_or(default)
    }

    pub(super) fn flag(&self, name: &str, default: bool) -> bool {
        self.number(name, default)
    }

    /// The items of a list, which semicolons separate. `@` is the empty list.
    pub(super) fn list(&self, name: &str) -> Option<Vec<String>> {
        let written = self.written(name)?;
        Some(match written {
            "@" => Vec::new(),
            written => written.split(';').map(|item| self.session.value(item)).collect(),
        })
    }

    /// The items of a list, which plus signs separate.
    pub(super) fn joined(&self, name: &str) -> Option<Vec<StrBytes>> {
        let given = self.given(name)?;
        Some(given.split('+').filter(|item| !item.is_empty()).map(str_bytes).collect())
    }

    pub(super) fn group(&self) -> GroupId {
        GroupId(self.text("group", self.session.group()))
    }

    /// The groups of `groups=`; by default the script's own.
    pub(super) fn groups(&self) -> Vec<GroupId> {
        let group = || vec![self.group().to_string()];
        let groups = self.list("groups").unwrap_or_else(group).into_iter();
        groups.map(|group| GroupId(StrBytes::from_string(group))).collect()
    }

    /// The last value that the client received under this name.
    fn remembered(&self, what: &str) -> Option<&str> {
        self.session.remembered(client_of(self.conn), what)
    }

    pub(super) fn member(&self) -> StrBytes {
        self.text("member", self.remembered("m").unwrap_or_default())
    }

    pub(super) fn generation(&self) -> i32 {
        let generation = self.remembered("g").and_then(|text| text.parse().ok());
        self.number("gen", generation.unwrap_or(-1))
    }

    /// The producer's id and epoch: those of the options, or else those of InitProducerId.
    pub(super) fn producer(&self) -> (i64, i16) {
        let value =
            |option: &str| self.given(option).or(self.remembered(option).map(str::to_owned));
        let id = value("pid").and_then(|id| id.parse().ok()).unwrap_or(-1);
        let epoch = value("pepoch").and_then(|epoch| epoch.parse().ok()).unwrap_or(0);
        (id, epoch)
    }

    /// The partitions of `parts=t:0=5;t:1;u:`, or the one of `topic=`, `partition=` and `offset=`.
    /// Adjacent partitions of one topic form one entry of the request; if another topic comes in
    /// between, they form two. `u:` is a topic without partitions.
    pub(super) fn places(&self) -> Vec<Places> {
        let Some(items) = self.list("parts") else {
            let topic = self.text("topic", "t").to_string();
            return vec![(topic, vec![(self.number("partition", 0), self.number("offset", 1))])];
        };
        let mut places: Vec<Places> = Vec::new();
        for item in &items {
            let (place, offset) = item.split_once('=').unwrap_or((item, "1"));
            let (topic, partition) = place.split_once(':').unwrap_or((place, ""));
            if places.last().is_none_or(|(last, _)| last != topic) {
                places.push((topic.to_owned(), Vec::new()));
            }
            if let (Ok(partition), Some((_, partitions))) = (partition.parse(), places.last_mut()) {
                partitions.push((partition, offset.parse().unwrap_or(1)));
            }
        }
        places
    }

    /// The metadata string of an offset.
    pub(super) fn metadata(&self) -> Option<StrBytes> {
        match self.has("meta") {
            true => self.nullable("meta"),
            false => Some(StrBytes::from_string("x".repeat(self.number("metalen", 0)))),
        }
    }
}

pub(super) fn topic(name: &str) -> TopicName {
    TopicName(str_bytes(name))
}
