//! The metadata in each member's JoinGroup requests, which is what the leader must receive for it.

use std::collections::BTreeMap;

use bytes::Bytes;
use kafka_protocol::messages::{JoinGroupRequest, JoinGroupResponse};

use crate::coordinator::{ClassicObservation, Observation};
use crate::invariant::{Breach, breach};
use crate::model::{Key, Model, RequestContext};
use crate::protocol::{IndexMap, MemberId, Request, Response, StrBytes};
use crate::trace::{Event, EventKind};

/// The number of JoinGroup requests that are remembered of one member.
const REMEMBERED: usize = 8;

/// The offers of members, by the index of the incarnation.
#[derive(Default)]
pub(super) struct OfferedProtocols {
    groups: BTreeMap<usize, IndexMap<MemberId, Vec<Offer>>>,
    /// The JoinGroup that the broker is handling, from a client without a member id or with a new
    /// one.
    joining: Option<Offer>,
}

/// The assignors in one JoinGroup, each with its metadata.
struct Offer {
    /// None for what was loaded from the log.
    key: Option<Key>,
    assignors: Vec<(StrBytes, Bytes)>,
    /// Whether it was refused, perhaps after the coordinator had accepted the metadata.
    refused: bool,
}

impl Offer {
    fn of(context: &RequestContext, request: &JoinGroupRequest) -> Offer {
        let protocols = request.protocols.iter();
        let assignors = protocols.map(|one| (one.name.clone(), one.metadata.clone())).collect();
        Offer { key: Some(context.key), assignors, refused: false }
    }
}

impl OfferedProtocols {
    /// Takes the next event of a broker.
    pub(super) fn check(&mut self, model: &Model, event: &Event) -> Result<(), Breach> {
        if let Some((context, request)) = model.request(event) {
            if let Request::JoinGroup(body) = &request.body {
                self.on_request(context, body);
            }
        } else if let Some((ctx, _, Response::JoinGroup(response))) = model.response(event) {
            return self.on_response(model, ctx, response);
        } else if let (Some((index, _)), EventKind::Coordinator(observation)) =
            (model.observed(), &event.kind)
        {
            self.observed(index, observation);
        }
        Ok(())
    }

    fn on_request(&mut self, context: &RequestContext, request: &JoinGroupRequest) {
        let offer = Offer::of(context, request);
        match context.standing.is_member() {
            true => self.remember(context.group, MemberId(request.member_id.clone()), offer),
            false => self.joining = Some(offer),
        }
    }

    fn remember(&mut self, index: usize, member: MemberId, offer: Offer) {
        let offers = self.groups.entry(index).or_default().entry(member).or_default();
        if offers.len() >= REMEMBERED {
            offers.remove(0);
        }
        offers.push(offer);
    }

    fn observed(&mut self, index: usize, observation: &Observation) {
        match observation {
            Observation::Classic(ClassicObservation::MemberAdded { member, .. })
            | Observation::Classic(ClassicObservation::MemberReplaced { new: member, .. }) => {
                if let Some(offer) = self.joining.take() {
                    self.remember(index, member.clone(), offer);
                }
            }
            // Which metadata counts after this depends on the other members (R8.9).
            Observation::Classic(ClassicObservation::ReplacementUndone { old: member, .. })
            | Observation::Classic(ClassicObservation::MemberRemoved { member, .. }) => {
                if let Some(members) = self.groups.get_mut(&index) {
                    members.swap_remove(member);
                }
            }
            Observation::GroupLoaded(loaded) => {
                let Some(protocol) = &loaded.metadata.protocol else { return };
                for member in &loaded.metadata.members {
                    let assignors = vec![(protocol.clone(), member.subscription.clone())];
                    let offer = Offer { key: None, assignors, refused: false };
                    self.remember(index, member.id.clone(), offer);
                }
            }
            Observation::GroupRemoved { .. } => {
                self.groups.remove(&index);
            }
            _ => {}
        }
    }

    fn on_response(
        &mut self,
        model: &Model,
        context: &RequestContext,
        response: &JoinGroupResponse,
    ) -> Result<(), Breach> {
        let Some(members) = self.groups.get_mut(&context.group) else { return Ok(()) };
        if response.error_code != 0 {
            let mut offers = members.values_mut().flatten();
            if let Some(offer) = offers.find(|offer| offer.key == Some(context.key)) {
                offer.refused = true;
            }
            return Ok(());
        }
        let Some(assignor) = &response.protocol_name else { return Ok(()) };
        for listed in &response.members {
            let Some(offers) = members.get(&listed.member_id) else { continue };
            if !is_one_of(offers, assignor, &listed.metadata) {
                return breach!(
                    "metadata",
                    "group {}: the coordinator sent leader {} {} bytes of {assignor} metadata for {}, \
                     which are not those of its last JoinGroup",
                    model.group(context.group).id.as_str(),
                    response.member_id,
                    listed.metadata.len(),
                    listed.member_id
                );
            }
        }
        Ok(())
    }
}

/// Whether this is the metadata of the last JoinGroup that was not refused, or of one that was
/// refused since. True when all remembered requests were refused.
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
