//! What is sent in an old generation, by somebody who could have known of a newer one, does not succeed.
//!
//! Not said: anything of a member that belongs to a newer coordinator's history, where numbers begin anew.

use crate::invariant::Invariant;
use crate::invariant::ledger::Ledger;
use crate::invariant::{Breach, breach};
use crate::protocol::{GroupId, Request, Response};
use crate::trace::Event;

use super::book::{Answered, Book, Entry, Newest};

#[derive(Default)]
pub(super) struct Fencing {
    book: Book,
    newest: Newest,
}

impl Invariant for Fencing {
    fn name(&self) -> &'static str {
        "fencing"
    }

    fn statement(&self) -> &'static str {
        "nothing succeeds in a generation that is known to be old"
    }

    fn check(&mut self, _ledger: &Ledger, event: &Event) -> Result<(), Breach> {
        let Some(Entry::Answered(answered)) = self.book.take(event) else { return Ok(()) };
        let succeeded = succeeded(&answered).filter(|(.., generation)| *generation >= 0);
        self.newest.take(&answered);
        let Some((group, member, generation)) = succeeded else { return Ok(()) };
        match self.newest.known(group, answered.asked) {
            Some(newest) if generation < newest => breach!(
                "accepted",
                "group {}: {} of {member} succeeded in generation {generation} when {newest} was known",
                group.as_str(),
                answered.request.body.api(),
            ),
            Some(_) | None => Ok(()),
        }
    }
}

/// The group, the member and the generation of a request that succeeded and names all three.
fn succeeded<'e>(answered: &Answered<'e>) -> Option<(&'e GroupId, &'e str, i32)> {
    match (&answered.request.body, answered.response) {
        (Request::Heartbeat(asked), Response::Heartbeat(answer)) if answer.error_code == 0 => {
            Some((&asked.group_id, &asked.member_id, asked.generation_id))
        }
        (Request::SyncGroup(asked), Response::SyncGroup(answer)) if answer.error_code == 0 => {
            Some((&asked.group_id, &asked.member_id, asked.generation_id))
        }
        (Request::OffsetCommit(asked), Response::OffsetCommit(answer)) => {
            let mut partitions = answer.topics.iter().flat_map(|topic| &topic.partitions);
            let accepted = partitions.any(|partition| partition.error_code == 0);
            let generation = asked.generation_id_or_member_epoch;
            accepted.then_some((&asked.group_id, &*asked.member_id, generation))
        }
        _ => None,
    }
}
