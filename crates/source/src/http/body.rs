//! Reads a body under a cap of bytes, of time, of silence, and of memory for all bodies together.
//!
//! warp's own `body::bytes` has none of these, and its `content_length_limit` refuses chunked
//! bodies. The bytes are copied out of the connection's buffer: a body that lives on in a stored
//! event must not keep 64 KiB of read buffer alive.

use super::limits::ServeLimits;
use bytes::{Buf, Bytes, BytesMut};
use futures_util::{Stream, StreamExt};
use std::pin::pin;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout_at};

/// Memory is counted in pieces of this size, the first of each body free: small bodies, which are
/// nearly all, cost no bookkeeping and are bounded by the number of connections.
const PIECE: usize = 64 * 1024;

/// Why there is no body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BodyError {
    /// Longer than the webhook allows, announced or sent.
    TooLarge,
    /// It stalled, or took too long altogether.
    TooSlow,
    /// Not framed as HTTP demands, or cut off.
    Broken,
    /// Other bodies fill the memory; later there will be room.
    NoRoom,
}

/// The memory that all bodies share.
#[derive(Debug, Clone)]
pub(super) struct Room(Arc<Semaphore>);

impl Room {
    pub(super) fn new(bytes: usize) -> Self {
        Self(Arc::new(Semaphore::new(
            (bytes / PIECE).clamp(1, Semaphore::MAX_PERMITS),
        )))
    }
}

/// A whole body, and its share of the memory until this is dropped.
#[derive(Debug)]
pub(super) struct Body {
    pub(super) bytes: Bytes,
    pub(super) share: Option<OwnedSemaphorePermit>,
}

/// Reads it to its end.
pub(super) async fn read<S, B, E>(
    stream: S,
    announced: Option<u64>,
    cap: u64,
    limits: &ServeLimits,
    room: &Room,
) -> Result<Body, BodyError>
where
    S: Stream<Item = Result<B, E>>,
    B: Buf,
{
    if announced.is_some_and(|length| length > cap) {
        return Err(BodyError::TooLarge);
    }
    let begun = Instant::now();
    let end = begun + limits.body;
    let mut idle = begun + limits.body_idle;
    let expected = announced.map_or(0, |length| usize::try_from(length).unwrap_or(PIECE));
    let mut bytes = BytesMut::with_capacity(expected.min(PIECE));
    let mut share: Option<OwnedSemaphorePermit> = None;
    let mut stream = pin!(stream);
    loop {
        let next = timeout_at(end.min(idle), stream.next()).await;
        let Some(chunk) = next.map_err(|_| BodyError::TooSlow)? else {
            let bytes = bytes.freeze();
            if announced.is_some_and(|length| length != bytes.len() as u64) {
                return Err(BodyError::Broken);
            }
            return Ok(Body { bytes, share });
        };
        let mut chunk = chunk.map_err(|_| BodyError::Broken)?;
        let length = bytes.len() + chunk.remaining();
        if length as u64 > cap {
            return Err(BodyError::TooLarge);
        }
        reserve(&mut share, length, room)?;
        while chunk.has_remaining() {
            let part = chunk.chunk();
            bytes.extend_from_slice(part);
            chunk.advance(part.len());
        }
        idle = Instant::now() + limits.body_idle;
    }
}

fn reserve(
    share: &mut Option<OwnedSemaphorePermit>,
    length: usize,
    room: &Room,
) -> Result<(), BodyError> {
    let needed = length.div_ceil(PIECE).saturating_sub(1);
    let held = share.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
    if needed <= held {
        return Ok(());
    }
    let more = u32::try_from(needed - held).map_err(|_| BodyError::NoRoom)?;
    let permit = Arc::clone(&room.0)
        .try_acquire_many_owned(more)
        .map_err(|_| BodyError::NoRoom)?;
    match share {
        Some(share) => share.merge(permit),
        None => *share = Some(permit),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::stream;
    use std::convert::Infallible;
    use std::time::Duration;

    type Chunk = Result<Bytes, Infallible>;

    fn chunks(sizes: &[usize]) -> impl Stream<Item = Chunk> {
        let chunks: Vec<Chunk> = sizes.iter().map(|n| Ok(Bytes::from(vec![7; *n]))).collect();
        stream::iter(chunks)
    }

    async fn outcome(
        stream: impl Stream<Item = Chunk>,
        announced: Option<u64>,
        cap: u64,
        room: &Room,
    ) -> Result<usize, BodyError> {
        read(stream, announced, cap, &ServeLimits::default(), room)
            .await
            .map(|body| body.bytes.len())
    }

    #[tokio::test]
    async fn the_cap_holds_for_what_is_announced_and_for_what_is_sent() {
        let room = Room::new(1 << 20);
        for (sizes, announced, expected) in [
            (&[5, 5][..], None, Ok(10)),
            (&[10][..], Some(10), Ok(10)),
            (&[][..], None, Ok(0)),
            (&[5][..], Some(10), Err(BodyError::Broken)),
            (&[][..], Some(11), Err(BodyError::TooLarge)),
            (&[5, 6][..], None, Err(BodyError::TooLarge)),
        ] {
            assert_eq!(outcome(chunks(sizes), announced, 10, &room).await, expected);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_stalls_or_drips_is_given_up() {
        let room = Room::new(1 << 20);
        let begun = Instant::now();
        let stalled = chunks(&[5]).chain(stream::pending());
        let result = outcome(stalled, Some(10), 10, &room).await;
        assert_eq!(result, Err(BodyError::TooSlow));
        assert_eq!(begun.elapsed().as_secs(), 10);

        let begun = Instant::now();
        let drip = stream::unfold((), |()| async {
            tokio::time::sleep(Duration::from_secs(9)).await;
            Some((Ok(Bytes::from_static(b"x")), ()))
        });
        let result = outcome(drip, None, 1000, &room).await;
        assert_eq!(result, Err(BodyError::TooSlow));
        assert_eq!(begun.elapsed().as_secs(), 120);
    }

    #[tokio::test]
    async fn large_bodies_share_the_memory_and_give_it_back() {
        let room = Room::new(4 * PIECE);
        let limits = ServeLimits::default();
        let large = chunks(&[PIECE, PIECE, PIECE, PIECE]);
        let held = read(large, None, u64::MAX, &limits, &room).await.unwrap();
        let two = || chunks(&[PIECE, 1, PIECE]);
        assert_eq!(
            outcome(two(), None, u64::MAX, &room).await,
            Err(BodyError::NoRoom)
        );
        assert_eq!(
            outcome(chunks(&[PIECE]), None, u64::MAX, &room).await,
            Ok(PIECE)
        );
        drop(held);
        assert_eq!(
            outcome(two(), None, u64::MAX, &room).await,
            Ok(2 * PIECE + 1)
        );
    }
}
