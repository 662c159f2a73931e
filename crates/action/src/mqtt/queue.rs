//! What waits for one broker's connection: in order, and under a bound.
//!
//! It is no channel, because whoever gives up waiting must not keep a place: while a broker is away
//! for an hour nobody takes anything out, and the queue would fill with what nobody wants any more.

use super::asking::Asked;
use super::publisher::{Failed, Heard};
use porchlight_core::TopicFilter;
use porchlight_mqtt::Trouble;
use porchlight_mqtt::packet::Message;
use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::{Notify, oneshot};

/// Messages that may wait for their turn; more are refused and tried again later.
const MOST: usize = 64;

/// What is to be done, and who waits for it.
pub(super) enum Command {
    Publish(Message, oneshot::Sender<Heard>),
    Ask(Message, TopicFilter, oneshot::Sender<Asked>),
}

impl Command {
    pub(super) fn is_given_up(&self) -> bool {
        match self {
            Self::Publish(_, reply) => reply.is_closed(),
            Self::Ask(_, _, reply) => reply.is_closed(),
        }
    }

    pub(super) fn fail(self, failed: Failed) {
        // Whoever waited may have given up, which is the same.
        match self {
            Self::Publish(_, reply) => _ = reply.send(Err(failed)),
            Self::Ask(_, _, reply) => _ = reply.send(Err(failed)),
        }
    }
}

#[derive(Default)]
struct Waiting {
    commands: VecDeque<Command>,
    closed: bool,
}

/// The queue of one broker.
#[derive(Default)]
pub(super) struct Queue {
    waiting: Mutex<Waiting>,
    came: Notify,
}

impl Queue {
    /// Puts it behind the others, unless there are too many that somebody still waits for.
    pub(super) fn push(&self, command: Command) -> Result<(), Failed> {
        let mut waiting = self.lock();
        waiting.commands.retain(|one| !one.is_given_up());
        if waiting.closed || waiting.commands.len() >= MOST {
            return Err(Failed::Busy);
        }
        waiting.commands.push_back(command);
        drop(waiting);
        self.came.notify_one();
        Ok(())
    }

    /// Waits until there is one. For one taker at a time.
    pub(super) async fn ready(&self) {
        while self.lock().commands.is_empty() {
            self.came.notified().await;
        }
    }

    /// The next one.
    pub(super) fn take(&self) -> Option<Command> {
        self.lock().commands.pop_front()
    }

    /// Tells all who wait that there is no connection.
    pub(super) fn fail(&self, trouble: &Trouble) {
        let commands = std::mem::take(&mut self.lock().commands);
        for command in commands {
            command.fail(Failed::Away(trouble.clone()));
        }
    }

    /// Takes nothing more.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.fail(&Trouble::Broken("it was closed".to_owned()));
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
