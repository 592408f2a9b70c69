//! Memory for bars.

use std::ops::Deref;

use cryptobot_sim::BarInterval;
use memmap2::MmapMut;
use zerocopy::{FromBytes, IntoBytes};

/// Bytes of one bar.
const BAR: usize = size_of::<BarInterval>();

/// Bytes from which on memory of its own is worth it: a few large pages.
const LARGE: usize = 8 << 20;

/// Bars side by side in memory.
///
/// Many of them lie in memory of their own, for which the system is asked for large pages. A run goes once through the
/// 29 MB of a year of minutes: with pages of 4 KiB, a sixth of its time is the looking up of where they are.
#[derive(Debug)]
pub(crate) enum Rows {
    Few(Vec<BarInterval>),
    Many { memory: MmapMut, count: usize },
}

impl Rows {
    /// Keeps bars, `count` at most.
    pub(crate) fn keep(bars: impl Iterator<Item = BarInterval>, count: usize) -> Self {
        if count * BAR < LARGE {
            return Self::Few(bars.collect());
        }
        // A system without memory of this kind has memory of the other kind, or fails there.
        let Ok(mut memory) = MmapMut::map_anon(count * BAR) else { return Self::Few(bars.collect()) };
        prefer_large_pages(&memory);
        let mut kept = 0;
        for (bar, room) in bars.zip(memory.chunks_exact_mut(BAR)) {
            room.copy_from_slice(bar.as_bytes());
            kept += 1;
        }
        Self::Many { memory, count: kept }
    }
}

#[cfg(target_os = "linux")]
fn prefer_large_pages(memory: &MmapMut) {
    // Where there are none, small ones serve as well.
    let _ = memory.advise(memmap2::Advice::HugePage);
}

#[cfg(not(target_os = "linux"))]
fn prefer_large_pages(_: &MmapMut) {}

impl Default for Rows {
    fn default() -> Self {
        Self::Few(Vec::new())
    }
}

impl Clone for Rows {
    fn clone(&self) -> Self {
        Self::keep(self.iter().copied(), self.len())
    }
}

impl Deref for Rows {
    type Target = [BarInterval];

    #[inline]
    fn deref(&self) -> &[BarInterval] {
        match self {
            Self::Few(bars) => bars,
            // Memory of its own begins at a page, and its bytes are those of whole bars.
            Self::Many { memory, count } => {
                <[BarInterval]>::ref_from_prefix_with_elems(memory, *count).map_or(&[], |(bars, _)| bars)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use cryptobot_model::{Bar, Timestamp};

    use super::*;

    fn bar(minute: i64) -> BarInterval {
        let open_ts = Timestamp(minute * 60_000_000_000);
        let close = minute as f64;
        let ts = open_ts.plus(60_000_000_000);
        BarInterval {
            open_ts,
            bar: Bar { ts, open: 1.5, high: close + 0.5, low: -0.0, close, volume: f64::MAX },
        }
    }

    #[test]
    fn many_bars_are_kept_as_few_are() {
        let count = LARGE / BAR + 3;
        let bars: Vec<_> = (0..count as i64).map(bar).collect();
        let many = Rows::keep(bars.iter().copied(), count);
        assert!(matches!(many, Rows::Many { .. }));
        assert_eq!(many[..], bars[..]);
        assert_eq!(many.clone()[..], bars[..]);
        let fewer_than_expected = Rows::keep(bars[..5].iter().copied(), count);
        assert_eq!(fewer_than_expected[..], bars[..5]);
        assert!(matches!(Rows::keep(bars[..5].iter().copied(), 5), Rows::Few(_)));
    }
}
