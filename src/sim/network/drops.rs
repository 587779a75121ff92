//! Rules that swallow a consumer's messages.

use crate::protocol::Api;
use crate::sim::schedule::Side;
use crate::trace::Loss;

use super::{Client, SendOutcome};

/// The armed rules.
#[derive(Default)]
pub(super) struct Drops(Vec<DropRule>);

/// A fault that swallows messages.
#[derive(Clone, Debug)]
struct DropRule {
    consumer: u16,
    api: Api,
    side: Side,
    /// How many messages to let pass first.
    pass: u32,
    /// How many messages to swallow.
    swallow: u32,
}

impl Drops {
    pub(super) fn arm(&mut self, consumer: u16, api: Api, side: Side, (nth, count): (u32, u32)) {
        self.0.push(DropRule { consumer, api, side, pass: nth - 1, swallow: count });
    }

    pub(super) fn disarm(&mut self) -> Vec<u16> {
        self.0.drain(..).map(|rule| rule.consumer).collect()
    }

    /// How a drop rule swallows this message, if one does.
    pub(super) fn swallow(&mut self, client: Client, api: Api, side: Side) -> Option<SendOutcome> {
        let Client::Consumer(place, _) = client else { return None };
        let matches =
            |rule: &DropRule| rule.consumer == place.index && rule.api == api && rule.side == side;
        let mut outcome = None;
        for rule in self.0.iter_mut().filter(|rule| matches(rule)) {
            if rule.pass > 0 {
                rule.pass -= 1;
            } else {
                rule.swallow -= 1;
                let last = rule.swallow == 0;
                outcome = Some(if last {
                    SendOutcome::LostToLastDrop
                } else {
                    SendOutcome::Lost(Loss::Dropped)
                });
                break;
            }
        }
        self.0.retain(|rule| rule.swallow > 0);
        outcome
    }
}
