//! Questions under way: subscribe to where the answer comes, publish, take the first answer,
//! unsubscribe.
//!
//! A message that was there before (retained) answers nothing. Under MQTT 5 the question names the
//! topic of its answer and carries random correlation data; an answer that repeats any must repeat
//! this. Devices that know neither answer by topic alone, and then the first one counts.

use super::publisher::Failed;
use bytes::Bytes;
use porchlight_core::TopicFilter;
use porchlight_mqtt::packet::{self, Message, Qos, Retained};
use porchlight_mqtt::{Connection, Trouble};
use tokio::sync::oneshot;

/// What becomes of a question.
pub(super) type Asked = Result<Message, Failed>;

struct Question {
    /// The number of its subscription, and, since no two wait for an acknowledgement under the same
    /// one, of its message.
    number: u16,
    filter: TopicFilter,
    correlation: Bytes,
    /// Sent when the broker has taken the subscription.
    message: Option<Message>,
    reply: oneshot::Sender<Asked>,
}

/// All questions of one connection.
#[derive(Default)]
pub(super) struct Asking {
    open: Vec<Question>,
}

impl Asking {
    pub(super) fn len(&self) -> usize {
        self.open.len()
    }

    pub(super) fn begin(
        &mut self,
        connection: &mut Connection,
        number: u16,
        mut message: Message,
        filter: TopicFilter,
        reply: oneshot::Sender<Asked>,
    ) {
        let mut random = [0; 16];
        if getrandom::fill(&mut random).is_err() {
            let failed = Failed::Impossible("the system gives no random numbers".to_owned());
            let _ = reply.send(Err(failed));
            return;
        }
        let correlation = Bytes::copy_from_slice(&random);
        if !filter.as_str().contains(['+', '#']) {
            message.properties.response_topic = Some(filter.as_str().to_owned());
        }
        message.properties.correlation = Some(correlation.clone());
        // Nobody waits for its acknowledgement: the answer is one.
        message.qos = Qos::AtMostOnce;
        connection.send(|out, version| {
            packet::subscribe(out, version, number, &filter, (Retained::Never, None));
        });
        self.open.push(Question {
            number,
            filter,
            correlation,
            message: Some(message),
            reply,
        });
    }

    /// The broker took a subscription, or refused it.
    pub(super) fn subscribed(&mut self, connection: &mut Connection, number: u16, codes: &[u8]) {
        let Some(at) = self.open.iter().position(|one| one.number == number) else {
            return;
        };
        if let Some(code) = codes.iter().copied().find(|code| *code >= 0x80) {
            let question = self.open.swap_remove(at);
            let refused = Trouble::Refused { code, reason: None };
            let message = format!("no subscription to {}: {refused}", question.filter);
            let _ = question.reply.send(Err(Failed::Refused { code, message }));
            return;
        }
        if let Some(message) = self.open[at].message.take() {
            connection.send(|out, version| packet::publish(out, version, &message, 0));
        }
    }

    /// A message came: perhaps the answer to one of them.
    pub(super) fn answer(&mut self, connection: &mut Connection, message: Message) {
        if message.retain {
            return;
        }
        let found = self.open.iter().position(|one| {
            let correlation = message.properties.correlation.as_ref();
            one.message.is_none()
                && one.filter.matches(&message.topic)
                && correlation.is_none_or(|data| *data == one.correlation)
        });
        if let Some(at) = found {
            let question = self.open.swap_remove(at);
            self.leave(connection, &question.filter, question.number);
            let _ = question.reply.send(Ok(message));
        }
    }

    /// Ends the subscriptions of those who gave up.
    pub(super) fn forget_given_up(&mut self, connection: &mut Connection) {
        while let Some(at) = self.open.iter().position(|one| one.reply.is_closed()) {
            let question = self.open.swap_remove(at);
            self.leave(connection, &question.filter, question.number);
        }
    }

    fn leave(&self, connection: &mut Connection, filter: &TopicFilter, number: u16) {
        if self.open.iter().any(|one| one.filter == *filter) {
            return;
        }
        let filters = [filter.clone()];
        connection.send(|out, version| packet::unsubscribe(out, version, number, &filters));
    }

    /// The connection broke.
    pub(super) fn end(self, trouble: &Trouble) {
        for question in self.open {
            let _ = question.reply.send(Err(Failed::Away(trouble.clone())));
        }
    }
}
