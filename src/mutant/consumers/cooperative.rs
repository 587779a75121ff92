//! Cooperative members that do not revoke what they must.

use crate::client::ClientObservation;
use crate::protocol::Request;
use bytes::{Buf, BufMut, Bytes, BytesMut};
use kafka_protocol::messages::ConsumerProtocolSubscription;
use kafka_protocol::protocol::{Decodable, Encodable};

use super::interceptor::RequestInterceptor;

/// Joins without its owned partitions, so the leader assigns them to others at once. `revoke-first`
/// must catch it.
pub struct HidesWhatItOwns;

impl RequestInterceptor for HidesWhatItOwns {
    fn request(&mut self, request: &mut Request) {
        let Request::JoinGroup(body) = request else { return };
        for protocol in
            body.protocols.iter_mut().filter(|p| p.name.as_str() == "cooperative-sticky")
        {
            rewrite(&mut protocol.metadata, |subscription| subscription.owned_partitions.clear());
        }
    }
}

/// Changes a subscription, if it decodes.
pub fn rewrite(metadata: &mut Bytes, change: impl FnOnce(&mut ConsumerProtocolSubscription)) {
    let mut buf = metadata.clone();
    let version = buf.get_i16();
    let Ok(mut subscription) = ConsumerProtocolSubscription::decode(&mut buf, version) else {
        return;
    };
    change(&mut subscription);
    let mut payload = BytesMut::new();
    payload.put_i16(version);
    if subscription.encode(&mut payload, version).is_ok() {
        *metadata = payload.freeze();
    }
}

/// Does not revoke partitions: the application goes on with them. `revoke-first` must catch it,
/// `no-overlap` may be first.
pub struct NeverRevokes;

impl RequestInterceptor for NeverRevokes {
    fn shows(&mut self, observation: &ClientObservation) -> bool {
        !matches!(observation, ClientObservation::Revoked { .. })
    }
}
