//! The output of a program under a cap. Programs say what they do at the beginning and why they
//! failed at the end; what is left out is the middle.

use std::collections::VecDeque;
use tokio::io::{AsyncRead, AsyncReadExt as _};

/// The beginning and the end of a stream.
pub(crate) struct Kept {
    most: usize,
    head: Vec<u8>,
    tail: VecDeque<u8>,
    left_out: u64,
}

impl Kept {
    /// Keeps at most this many bytes.
    pub(crate) fn new(most: u64) -> Self {
        Self {
            most: usize::try_from(most).unwrap_or(usize::MAX),
            head: Vec::new(),
            tail: VecDeque::new(),
            left_out: 0,
        }
    }

    /// Reads to the end of the stream.
    pub(crate) async fn read(&mut self, stream: Option<impl AsyncRead + Unpin>) {
        let Some(mut stream) = stream else { return };
        let mut buffer = [0; 8192];
        while let Ok(count @ 1..) = stream.read(&mut buffer).await {
            self.push(&buffer[..count]);
        }
    }

    /// The head grows to the whole allowance; only when that overflows does its second half become
    /// the tail. So output that fits stays in one piece.
    fn push(&mut self, bytes: &[u8]) {
        if self.tail.is_empty() && self.left_out == 0 {
            let room = self.most - self.head.len();
            let (fits, rest) = bytes.split_at(room.min(bytes.len()));
            self.head.extend_from_slice(fits);
            if rest.is_empty() {
                return;
            }
            self.tail = self.head.split_off(self.most / 2).into();
            self.push_tail(rest);
        } else {
            self.push_tail(bytes);
        }
    }

    fn push_tail(&mut self, bytes: &[u8]) {
        let room = self.most - self.most / 2;
        self.tail.extend(bytes);
        let over = self.tail.len().saturating_sub(room);
        self.tail.drain(..over);
        self.left_out += over as u64;
    }

    /// All of it, unless something was left out.
    pub(crate) fn whole(&self) -> Option<&[u8]> {
        (self.left_out == 0).then_some(&self.head)
    }

    /// As text, with a line that says how much is missing.
    pub(crate) fn text(&self) -> String {
        let head = String::from_utf8_lossy(&self.head);
        if self.left_out == 0 {
            return head.into_owned();
        }
        let tail: Vec<u8> = self.tail.iter().copied().collect();
        let tail = String::from_utf8_lossy(&tail);
        format!("{head}\n… {} bytes left out …\n{tail}", self.left_out)
    }
}
