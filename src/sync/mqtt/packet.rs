//! Owns what a message looks like on the wire, and whether it can go there at all: the library
//! checks neither sizes nor texts before it has taken a message for good. Pure.

use super::problem::Refusal;
use super::{Arrival, Authorization, Message};
use bytes::Bytes;
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{Publish, PublishProperties};
use rumqttc::valid_filter;

/// The user property of a status that tells who wrote it, and in which connection.
const MARK: &str = "writer";
/// The user property of a message whose sender must be known.
const AUTHORIZATION: &str = "authorization";
/// Longest topic or correlation, in bytes (MQTT 5, section 1.5.4).
const LONGEST_TEXT: usize = u16::MAX as usize;

/// The property that marks a status.
pub(super) fn marked(mark: &str) -> (String, String) {
    (MARK.to_owned(), mark.to_owned())
}

/// The mark of a status.
pub(super) fn mark(publish: &Publish) -> Option<&str> {
    let properties = publish.properties.as_ref()?;
    properties.user_properties.iter().find(|(name, _)| name == MARK).map(|(_, mark)| mark.as_str())
}

pub(super) fn is_filter(filter: &str) -> bool {
    valid_filter(filter) && filter.len() <= LONGEST_TEXT && !filter.contains('\0')
}

pub(super) fn properties(message: &Message) -> PublishProperties {
    // Less than a second is one: nothing would be the end of it before it was sent.
    let seconds =
        |time: std::time::Duration| time.as_secs().saturating_add(u64::from(time.subsec_nanos() > 0));
    PublishProperties {
        message_expiry_interval: message.expiry.map(|time| seconds(time).try_into().unwrap_or(u32::MAX)),
        response_topic: message.response_topic.clone(),
        correlation_data: message.correlation.clone(),
        ..PublishProperties::default()
    }
}

pub(super) fn arrival(topic: String, publish: &Publish) -> Arrival {
    let properties = publish.properties.clone().unwrap_or_default();
    let mut users = properties.user_properties.into_iter();
    let authorization = users.find(|(name, _)| name == AUTHORIZATION).map(|(_, text)| Authorization(text));
    Arrival {
        topic,
        payload: publish.payload.clone(),
        retain: publish.retain,
        response_topic: properties.response_topic,
        correlation: properties.correlation_data,
        authorization,
    }
}

/// Why the message cannot be sent, if it cannot. The library would end the connection over a
/// packet that is too large, and the caller would send it again, and again.
pub(super) fn unfit(message: &Message, properties: &PublishProperties, limit: usize) -> Option<Refusal> {
    let is_topic =
        |topic: &str| !topic.is_empty() && topic.len() <= LONGEST_TEXT && !topic.contains(['+', '#', '\0']);
    let topics = [Some(message.topic.as_str()), message.response_topic.as_deref()];
    if !topics.into_iter().flatten().all(is_topic) {
        return Some(Refusal::Topic);
    }
    let correlation = message.correlation.as_ref().map_or(0, Bytes::len);
    if correlation > LONGEST_TEXT {
        return Some(Refusal::TooLarge { bytes: correlation, limit: LONGEST_TEXT });
    }
    let payload = message.payload.clone();
    let mut packet = Publish::new(&message.topic, QoS::AtLeastOnce, payload, Some(properties.clone()));
    packet.pkid = 1; // It counts its number only when it has one.
    let bytes = packet.size();
    (bytes > limit).then_some(Refusal::TooLarge { bytes, limit })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn message(topic: &str) -> Message {
        Message { topic: topic.to_owned(), ..Message::default() }
    }

    fn verdict(message: &Message) -> Option<Refusal> {
        unfit(message, &properties(message), 100_000)
    }

    #[test]
    fn a_topic_is_one_without_wildcards_that_the_wire_can_carry() {
        assert_eq!(verdict(&message("a/b")), None);
        for topic in ["", "a/+", "#", "a\0b", &"x".repeat(65_536)] {
            assert_eq!(verdict(&message(topic)), Some(Refusal::Topic), "{topic:.20}");
            let answer = Message { response_topic: Some(topic.to_owned()), ..message("a") };
            assert_eq!(verdict(&answer), Some(Refusal::Topic), "{topic:.20}");
        }
        assert_eq!(verdict(&message(&"x".repeat(65_535))), None);
        let long = Message { correlation: Some(vec![0; 65_536].into()), ..message("a") };
        assert!(matches!(verdict(&long), Some(Refusal::TooLarge { limit: 65_535, .. })));
    }

    #[test]
    fn an_expiry_is_rounded_up_to_seconds() {
        let expires =
            |time| properties(&Message { expiry: Some(time), ..message("a") }).message_expiry_interval;
        assert_eq!(expires(Duration::from_millis(1)), Some(1));
        assert_eq!(expires(Duration::from_secs(5)), Some(5));
        assert_eq!(expires(Duration::MAX), Some(u32::MAX));
        assert_eq!(properties(&message("a")).message_expiry_interval, None);
    }

    #[test]
    fn a_filter_may_have_wildcards_in_their_places_only() {
        assert!(["a", "a/+/b", "#", "$share/group/a/#"].into_iter().all(is_filter));
        assert!(!["", "a/#/b", "a\0", &"x".repeat(65_536)].into_iter().any(is_filter));
    }
}
