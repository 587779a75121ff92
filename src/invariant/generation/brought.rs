//! What each member has brought along with its JoinGroup, which is what its leader must be told of it.

use std::collections::BTreeMap;

use bytes::Bytes;
use kafka_protocol::messages::{JoinGroupRequest, JoinGroupResponse};

use crate::coordinator::Observation;
use crate::invariant::ledger::{Asked, Key, Ledger};
use crate::invariant::{Breach, breach};
use crate::protocol::{IndexMap, MemberId, Request, Response, StrBytes};
use crate::trace::{Event, Kind};

/// How much is remembered of one member.
const KEPT: usize = 8;

/// What members have brought, by the number of the incarnation.
#[derive(Default)]
pub(super) struct Brought {
    groups: BTreeMap<usize, IndexMap<MemberId, Vec<Offer>>>,
    /// The JoinGroup that is being handled, of somebody without a member id or with a fresh one.
    entering: Option<Offer>,
}

/// The assignors that one JoinGroup named, each with the metadata for it.
struct Offer {
    /// None for what was found in the log.
    key: Option<Key>,
    assignors: Vec<(StrBytes, Bytes)>,
    /// It was refused, perhaps after it had been taken up.
    refused: bool,
}

impl Offer {
    fn of(asked: &Asked, request: &JoinGroupRequest) -> Offer {
        let protocols = request.protocols.iter();
        let assignors = protocols.map(|one| (one.name.clone(), one.metadata.clone())).collect();
        Offer { key: Some(asked.key), assignors, refused: false }
    }
}

impl Brought {
    /// Takes the next event of a broker.
    pub(super) fn check(&mut self, ledger: &Ledger, event: &Event) -> Result<(), Breach> {
        if let Some((asked, request)) = ledger.question(event) {
            if let Request::JoinGroup(body) = &request.body {
                self.asked(asked, body);
            }
        } else if let Some((asked, _, Response::JoinGroup(answer))) = ledger.answer(event) {
            return self.answered(ledger, asked, answer);
        } else if let (Some((index, _)), Kind::Coordinator(observation)) =
            (ledger.observed(), &event.kind)
        {
            self.observed(index, observation);
        }
        Ok(())
    }

    fn asked(&mut self, asked: &Asked, request: &JoinGroupRequest) {
        let offer = Offer::of(asked, request);
        match asked.standing.is_member() {
            true => self.note(asked.group, MemberId(request.member_id.clone()), offer),
            false => self.entering = Some(offer),
        }
    }

    fn note(&mut self, index: usize, member: MemberId, offer: Offer) {
        let offers = self.groups.entry(index).or_default().entry(member).or_default();
        if offers.len() >= KEPT {
            offers.remove(0);
        }
        offers.push(offer);
    }

    fn observed(&mut self, index: usize, observation: &Observation) {
        match observation {
            Observation::MemberAdded { member, .. }
            | Observation::MemberReplaced { new: member, .. } => {
                if let Some(offer) = self.entering.take() {
                    self.note(index, member.clone(), offer);
                }
            }
            // Which terms it has then depends on the others (R8.9).
            Observation::ReplacementUndone { old: member, .. }
            | Observation::MemberRemoved { member, .. } => {
                if let Some(members) = self.groups.get_mut(&index) {
                    members.swap_remove(member);
                }
            }
            Observation::GroupLoaded(loaded) => {
                let Some(protocol) = &loaded.metadata.protocol else { return };
                for member in &loaded.metadata.members {
                    let assignors = vec![(protocol.clone(), member.subscription.clone())];
                    let offer = Offer { key: None, assignors, refused: false };
                    self.note(index, member.id.clone(), offer);
                }
            }
            Observation::GroupRemoved { .. } => {
                self.groups.remove(&index);
            }
            _ => {}
        }
    }

    fn answered(
        &mut self,
        ledger: &Ledger,
        asked: &Asked,
        answer: &JoinGroupResponse,
    ) -> Result<(), Breach> {
        let Some(members) = self.groups.get_mut(&asked.group) else { return Ok(()) };
        if answer.error_code != 0 {
            let mut offers = members.values_mut().flatten();
            if let Some(offer) = offers.find(|offer| offer.key == Some(asked.key)) {
                offer.refused = true;
            }
            return Ok(());
        }
        let Some(assignor) = &answer.protocol_name else { return Ok(()) };
        for told in &answer.members {
            let Some(offers) = members.get(&told.member_id) else { continue };
            if !is_one_of(offers, assignor, &told.metadata) {
                return breach!(
                    "metadata",
                    "group {}: {} is told that {} brings {} bytes for {assignor}, which are not those that it \
                     brought last",
                    ledger.group(asked.group).id.as_str(),
                    answer.member_id,
                    told.member_id,
                    told.metadata.len()
                );
            }
        }
        Ok(())
    }
}

/// Whether that is what the last JoinGroup brought that was not refused, or one that was refused since. True when all
/// that is remembered was refused.
fn is_one_of(offers: &[Offer], assignor: &StrBytes, metadata: &Bytes) -> bool {
    for offer in offers.iter().rev() {
        if offer.assignors.iter().any(|(name, own)| name == assignor && own == metadata) {
            return true;
        }
        if !offer.refused {
            return false;
        }
    }
    true
}
