//! What the writer tells those who wait for an operation.

use crate::Unavailable;
use crate::apply::Answer;
use crate::queue::Op;

/// Whoever dropped the future no longer wants the answer; what was stored stays stored.
pub(super) fn succeed(op: Op, answer: Answer) {
    match (op, answer) {
        (Op::Append { reply, .. }, Answer::Appended(appended)) => {
            let _ = reply.send(Ok(appended));
        }
        (Op::AppendAll { reply, .. }, Answer::AllAppended(appended)) => {
            let _ = reply.send(Ok(appended));
        }
        (Op::Commit { reply, .. }, Answer::Committed(committed)) => {
            let _ = reply.send(Ok(committed));
        }
        (Op::Settle { reply, .. } | Op::Target { reply, .. }, Answer::Told(told)) => {
            let _ = reply.send(Ok(told.map(|event| *event)));
        }
        (Op::Remember { reply, .. }, Answer::Done) => {
            let _ = reply.send(Ok(()));
        }
        // `apply` answers each operation in its own kind; a dropped reply reads as closed.
        _ => {}
    }
}

/// Tells that nothing was stored.
pub(super) fn fail(op: Op, unavailable: &Unavailable) {
    let error = unavailable.clone();
    match op {
        Op::Append { reply, .. } => drop(reply.send(Err(error))),
        Op::AppendAll { reply, .. } => drop(reply.send(Err(error))),
        Op::Commit { reply, .. } => drop(reply.send(Err(error))),
        Op::Settle { reply, .. } | Op::Target { reply, .. } => drop(reply.send(Err(error))),
        Op::Remember { reply, .. } => drop(reply.send(Err(error))),
        Op::Finish(_)
        | Op::Refused(_)
        | Op::Schedules(_)
        | Op::Silences(_)
        | Op::Reschedule(_)
        | Op::Beat
        | Op::Close { .. } => {}
    }
}
