//! What the present event is about: a request, a response or an observation.

use crate::protocol::{RequestFrame, Response, TopicPartition};
use crate::trace::{Event, EventKind, Message};

use super::Model;
use super::classic::{Group, Plan};
use super::requests::RequestContext;

/// The group and request that the present event is about.
#[derive(Debug, Default)]
pub(super) enum Present {
    /// None.
    #[default]
    Other,
    /// A broker begins to handle a request.
    Request {
        context: RequestContext,
        /// Whether the request submits a plan.
        submits: bool,
    },
    /// A broker sends a response.
    Response {
        context: RequestContext,
        /// See [`Model::assigned`].
        assigned: Option<Vec<TopicPartition>>,
    },
    /// A coordinator has reported something of this incarnation.
    Observed(usize),
}

impl Model {
    /// The incarnation that the present event is about, and its index, if the event is an
    /// observation of a coordinator.
    pub fn observed(&self) -> Option<(usize, &Group)> {
        match self.present {
            Present::Observed(index) => Some((index, self.group(index))),
            _ => None,
        }
    }

    /// The incarnation that the present event is about, if any: an observation of its coordinator,
    /// or a request of a group API that a broker begins to handle or responds to.
    pub fn subject(&self) -> Option<&Group> {
        match &self.present {
            Present::Request { context, .. } | Present::Response { context, .. } => {
                Some(self.group(context.group))
            }
            Present::Observed(index) => Some(self.group(*index)),
            Present::Other => None,
        }
    }

    /// The request in the present event, if a broker begins to handle one of a group API.
    pub fn request<'a>(&self, event: &'a Event) -> Option<(&RequestContext, &'a RequestFrame)> {
        match (&self.present, &event.kind) {
            (
                Present::Request { context, .. },
                EventKind::Received { message: Message::Request(request), .. },
            ) => Some((context, request)),
            _ => None,
        }
    }

    /// The response in the present event, if a broker sends one to a request of a group API.
    pub fn response<'a>(
        &self,
        event: &'a Event,
    ) -> Option<(&RequestContext, &'a RequestFrame, &'a Response)> {
        match (&self.present, &event.kind) {
            (
                Present::Response { context, .. },
                EventKind::Sent { message: Message::Response { request, response }, .. },
            ) => Some((context, request, &response.body)),
            _ => None,
        }
    }

    /// The partitions that the present event assigns to a member, if it is a successful SyncGroup
    /// response in its group's newest generation whose assignment decodes.
    pub fn assigned(&self) -> Option<&[TopicPartition]> {
        match &self.present {
            Present::Response { assigned, .. } => assigned.as_deref(),
            _ => None,
        }
    }

    /// The plan that the present event submits, if it is the SyncGroup of the leader of its group's
    /// newest generation during the sync phase.
    pub fn submitted_plan(&self) -> Option<(&Group, &Plan)> {
        match &self.present {
            Present::Request { context, submits: true } => {
                let group = self.group(context.group);
                let plan = group.plans.last()?;
                (!self.is_of_another_history(context.group, plan)).then_some((group, plan))
            }
            _ => None,
        }
    }

    /// Whether a plan was made for a generation of the same number at another coordinator: it names
    /// ids that are not members of this generation, or leaves out members of it. A plan that leaves
    /// out all is the SyncGroup of a former follower that leads here. Nothing in a SyncGroup tells
    /// the two apart.
    fn is_of_another_history(&self, index: usize, plan: &Plan) -> bool {
        let group = self.group(index);
        let unknown = plan.payloads.keys().any(|member| !group.members.contains_key(member));
        let left_out = group.members.keys().any(|member| !plan.payloads.contains_key(member));
        (unknown || left_out)
            && self
                .incarnations(&group.id)
                .any(|(other, known)| other != index && known.generation >= group.generation)
    }
}
