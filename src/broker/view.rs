//! What a broker reads to respond to requests that change nothing.
//!
//! A [`BrokerView`] has no outputs and cannot change the broker. Metadata, ListOffsets,
//! DescribeConfigs, FindCoordinator and the reading of records need no more.

use crate::protocol::BrokerId;

use super::cluster::ClusterConfig;
use super::context::{BrokerContext, Shared};
use super::controller::Controller;
use super::routing::Routing;
use super::topics::Topics;

/// A broker's own image of the cluster, and the topics.
#[derive(Clone, Copy)]
pub(super) struct BrokerView<'t> {
    pub(super) id: BrokerId,
    /// What it knows of leaders and live brokers; possibly out of date.
    pub(super) image: &'t Controller,
    pub(super) config: &'t ClusterConfig,
    pub(super) topics: &'t Topics,
}

impl BrokerContext<'_, '_> {
    pub(super) fn view(&self) -> BrokerView<'_> {
        let Shared { config, topics, .. } = &*self.shared;
        BrokerView { id: self.broker.id, image: &self.broker.image, config, topics }
    }

    /// The view, and the routing of groups, which remembers what it has looked up.
    pub(super) fn view_and_routing(&mut self) -> (BrokerView<'_>, &mut Routing) {
        let Shared { config, topics, routing, .. } = &mut *self.shared;
        let view = BrokerView { id: self.broker.id, image: &self.broker.image, config, topics };
        (view, routing)
    }
}
