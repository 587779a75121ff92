//! Prints the administrator's requests.

use std::fmt;

use super::super::AdminRequest;
use super::{Line, changed, commas};
use crate::protocol::CONSUMER_PROTOCOL_TYPE;
use crate::time::Pretty;

impl fmt::Display for AdminRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AdminRequest::Describe { groups, version } => {
                versioned(Line::new("describe").words(groups), *version)
            }
            AdminRequest::List { on, states, types, version } => {
                let mut line = Line::new("list");
                line.option("on", *on);
                line.option("states", some(states));
                line.option("types", some(types));
                versioned(line, *version)
            }
            AdminRequest::DeleteGroups { groups, version } => {
                versioned(Line::new("delete-group").words(groups), *version)
            }
            AdminRequest::DeleteOffsets { group, partitions } => {
                Line::new("delete-offsets").word(group).words(partitions)
            }
            AdminRequest::Remove { group, instance, member, version } => {
                let mut line = Line::new("remove").word(group);
                line.option("instance", instance.as_ref());
                line.option("member", member.as_ref());
                versioned(line, *version)
            }
            AdminRequest::Commit { group, partition, offset, note, retention } => {
                let claim = format_args!("{partition}={offset}");
                let mut line = Line::new("commit").word(group).word(claim);
                line.option("note", changed(note, &0));
                line.option("retention", retention.map(Pretty));
                line
            }
            AdminRequest::Offsets { group, stable, version } => {
                let mut line = Line::new("offsets").word(group);
                line.option("stable", stable.then_some("yes"));
                versioned(line, *version)
            }
            AdminRequest::TxnCommit { group, partition, offset, producer, consumer } => {
                let claim = format_args!("{partition}={offset}");
                let mut line = Line::new("txn-commit").word(group).word(claim);
                line.option("producer", Some(producer));
                line.option("as", consumer.as_ref());
                line
            }
            AdminRequest::EndTxn { group, producer, commit } => {
                let outcome = if *commit { "commit" } else { "abort" };
                let mut line = Line::new("end-txn").word(group).word(outcome);
                line.option("producer", Some(producer));
                line
            }
            AdminRequest::Join { group, protocol_type, session } => {
                let mut line = Line::new("ask JoinGroup");
                line.option("group", Some(group));
                line.option("session", Some(Pretty(*session)));
                line.option("type", changed(protocol_type.as_str(), CONSUMER_PROTOCOL_TYPE));
                line
            }
        }
        .write(f)
    }
}

fn versioned(mut line: Line, version: Option<i16>) -> Line {
    line.option("version", version);
    line
}

fn some(items: &[String]) -> Option<String> {
    (!items.is_empty()).then(|| commas(items))
}
