//! The made-up market: every number is a function of symbol and time.

/// A number of symbol, series and time.
pub(crate) fn hash(symbol: &str, series: &str, time: i64) -> u64 {
    // FNV-1a, and one round of SplitMix64 to spread it.
    let bytes = symbol.bytes().chain(series.bytes()).chain(time.to_le_bytes());
    let mut z = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Open, high, low and close in tenths, and the volume in thousandths, of the bar that opens at a time.
pub fn bar(symbol: &str, series: &str, time: i64) -> [u64; 5] {
    let draw =
        |salt: u64, below: u64| (hash(symbol, series, time).rotate_left(salt as u32 * 13) ^ salt) % below;
    let (open, close) = (10_000 + draw(1, 900), 10_000 + draw(2, 900));
    let (high, low) = (open.max(close) + draw(3, 50), open.min(close) - draw(4, 50));
    [open, high, low, close, draw(5, 1_000_000)]
}

/// A count of tenths as exchanges write it.
pub(crate) fn tenths(value: u64) -> String {
    format!("{}.{}0", value / 10, value % 10)
}

/// A count of thousandths as exchanges write it.
pub(crate) fn thousandths(value: u64) -> String {
    format!("{}.{:03}", value / 1_000, value % 1_000)
}
