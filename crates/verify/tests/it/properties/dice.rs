//! A small fixed generator: random enough to wander through every kind of scheme, and the same on
//! every machine, so that a failure repeats.

/// xorshift64.
pub struct Dice(u64);

impl Dice {
    /// One that begins here; every number gives another walk.
    pub fn new(seed: u64) -> Self {
        // The multiplication keeps neighbouring seeds apart, and `| 1` keeps away from zero.
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// 0 up to, and without, `sides`.
    pub fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % sides.max(1) as u64) as usize
    }

    /// True once in `sides`.
    pub fn once_in(&mut self, sides: usize) -> bool {
        self.roll(sides) == 0
    }

    /// One of these.
    pub fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.roll(from.len())]
    }

    /// Some of these, at least one, in any order.
    pub fn some<T: Copy>(&mut self, from: &[T]) -> Vec<T> {
        let mut left = from.to_vec();
        let count = self.roll(from.len()) + 1;
        (0..count)
            .map(|_| left.swap_remove(self.roll(left.len())))
            .collect()
    }

    /// Bytes.
    pub fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.roll(256) as u8).collect()
    }

    /// Letters and digits.
    pub fn word(&mut self, count: usize) -> String {
        const FROM: &[u8] = b"abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789";
        (0..count).map(|_| self.pick(FROM) as char).collect()
    }
}
