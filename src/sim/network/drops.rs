//! Rules that swallow messages of a consumer.

use crate::protocol::Api;
use crate::sim::schedule::Side;
use crate::trace::Loss;

use super::{Client, Fate};

/// The rules that are armed.
#[derive(Default)]
pub(super) struct Drops(Vec<DropRule>);

/// A fault that swallows messages.
#[derive(Clone, Debug)]
struct DropRule {
    consumer: u16,
    api: Api,
    side: Side,
    /// How many to let pass first.
    pass: u32,
    /// How many to swallow.
    swallow: u32,
}

impl Drops {
    pub(super) fn arm(&mut self, consumer: u16, api: Api, side: Side, (nth, count): (u32, u32)) {
        self.0.push(DropRule { consumer, api, side, pass: nth - 1, swallow: count });
    }

    pub(super) fn disarm(&mut self) -> Vec<u16> {
        self.0.drain(..).map(|rule| rule.consumer).collect()
    }

    /// Whether a drop rule swallows this message, and whether it is used up by that.
    pub(super) fn swallow(&mut self, client: Client, api: Api, side: Side) -> Option<Fate> {
        let Client::Consumer(place, _) = client else { return None };
        let matches =
            |rule: &DropRule| rule.consumer == place.index && rule.api == api && rule.side == side;
        let mut fate = None;
        for rule in self.0.iter_mut().filter(|rule| matches(rule)) {
            if rule.pass > 0 {
                rule.pass -= 1;
            } else {
                rule.swallow -= 1;
                let last = rule.swallow == 0;
                fate = Some(if last { Fate::LostToLastDrop } else { Fate::Lost(Loss::Dropped) });
                break;
            }
        }
        self.0.retain(|rule| rule.swallow > 0);
        fate
    }
}
