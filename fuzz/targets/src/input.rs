//! Taking the bytes of one try apart: choices first, a line where a text is wanted, then the rest.

/// The bytes that are left.
pub struct Input<'a>(pub &'a [u8]);

impl<'a> Input<'a> {
    /// One byte; 0 at the end.
    pub fn byte(&mut self) -> usize {
        match self.0.split_first() {
            Some((first, rest)) => {
                self.0 = rest;
                usize::from(*first)
            }
            None => 0,
        }
    }

    /// One of these. Seeds choose by printable bytes: `0` is the first.
    pub fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        let byte = self.byte();
        from[byte.wrapping_sub(usize::from(b'0')) % from.len()]
    }

    /// A text up to the end of its line; what is not UTF-8 is replaced.
    pub fn line(&mut self) -> String {
        let end = self.0.iter().position(|byte| *byte == b'\n');
        let (line, rest) = match end {
            Some(end) => (&self.0[..end], &self.0[end + 1..]),
            None => (self.0, &self.0[..0]),
        };
        self.0 = rest;
        String::from_utf8_lossy(line).into_owned()
    }

    /// All that is left, as text.
    pub fn text(&self) -> Option<&'a str> {
        std::str::from_utf8(self.0).ok()
    }
}
