//! A question that was sent when a generation was known is not answered with an earlier one, and all members
//! of one generation are told of the same protocol.

use std::collections::BTreeMap;

use crate::invariant::Invariant;
use crate::invariant::ledger::Ledger;
use crate::invariant::{Breach, breach};
use crate::protocol::{GroupId, Response, StrBytes};
use crate::trace::Event;

use super::book::{Book, Entry, Newest, Told, joined};

#[derive(Default)]
pub(super) struct Generations {
    book: Book,
    newest: Newest,
    protocols: BTreeMap<(GroupId, Told), Option<StrBytes>>,
}

impl Invariant for Generations {
    fn name(&self) -> &'static str {
        "generation"
    }

    fn statement(&self) -> &'static str {
        "a later question is not answered with an earlier generation"
    }

    fn check(&mut self, _ledger: &Ledger, event: &Event) -> Result<(), Breach> {
        let Some(Entry::Answered(answered)) = self.book.take(event) else { return Ok(()) };
        self.newest.take(&answered);
        let Some((group, member, told)) = joined(&answered) else { return Ok(()) };
        let (head, member) = (format!("group {}", group.as_str()), member.as_str());
        if let Some(before) = self.newest.known(group, answered.asked)
            && told.number < before
        {
            return breach!(
                "grows",
                "{head}: {member} joined generation {} when {before} was known",
                told.number
            );
        }
        let Response::JoinGroup(answer) = answered.response else { return Ok(()) };
        let protocol = self.protocols.entry((group.clone(), told.clone()));
        let protocol = protocol.or_insert_with(|| answer.protocol_name.clone());
        if *protocol != answer.protocol_name {
            return breach!(
                "protocol",
                "{head}: in generation {} {member} was told {:?}, others {protocol:?}",
                told.number,
                answer.protocol_name
            );
        }
        Ok(())
    }
}
