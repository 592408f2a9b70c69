//! The seeded generator that plugins draw from.

/// `SplitMix64` (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, OOPSLA 2014).
#[derive(Clone, Debug)]
pub struct Random {
    state: u64,
}

impl Random {
    /// A generator for one `stream` (a strategy's slot, a latency model) of a run.
    pub fn new(seed: u64, stream: u64) -> Self {
        let mut base = Self { state: seed };
        let offset = base.next_u64();
        let mut random = Self { state: offset ^ stream.wrapping_mul(0x9E37_79B9_7F4A_7C15) };
        random.next_u64();
        random
    }

    /// The next 64 bits.
    pub fn next_u64(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }
}
