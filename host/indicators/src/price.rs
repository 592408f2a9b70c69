//! Prices made of the four of a bar.

#[cfg(feature = "serde")]
use serde::{Deserialize, Serialize};

use crate::kind::{Kind, Ohlcv, kinds, outputs};

pub(crate) const KINDS: &[Kind] = kinds! { Ohlcv:
    mean_price() -> ["value"], from 1;
        "open, high, low, close", "(open + high + low + close) / 4", source "common", oracle "TA-Lib AVGPRICE";
        () => |(), bar| (bar.open + bar.high + bar.low + bar.close) / 4.0,
    median_price() -> ["value"], from 1;
        "high, low", "(high + low) / 2", source "common", oracle "TA-Lib MEDPRICE";
        () => |(), bar| bar.median(),
    typical_price() -> ["value"], from 1;
        "high, low, close", "(high + low + close) / 3", source "common", oracle "TA-Lib TYPPRICE";
        () => |(), bar| bar.typical(),
    weighted_close() -> ["value"], from 1;
        "high, low, close", "(high + low + 2 close) / 4", source "common", oracle "TA-Lib WCLPRICE";
        () => |(), bar| (bar.high + bar.low + 2.0 * bar.close) / 4.0,
    heikin_ashi() -> ["open", "high", "low", "close"], from 1;
        "open, high, low, close", "Heikin-Ashi bar: its open is the middle of the one before, its close the average price",
        source "Valcu 2004", oracle "TA-Lib HA";
        HeikinAshi::new() => |i, bar| i.update(bar),
};

outputs! {
    /// What [`HeikinAshi`] gives.
    HeikinAshiBar {
        /// Middle of the Heikin-Ashi bar before; of the first bar the middle of its own open and close.
        open,
        /// Highest of the bar's high and these two prices.
        high,
        /// Lowest of the bar's low and these two prices.
        low,
        /// Average of the bar's four prices.
        close,
    }
}

/// Heikin-Ashi bars (Valcu 2004). First result at once.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
pub struct HeikinAshi {
    /// Middle between open and close of the bar before.
    middle: f64,
}

impl Default for HeikinAshi {
    fn default() -> Self {
        Self::new()
    }
}

impl HeikinAshi {
    /// Before the first bar.
    pub const fn new() -> Self {
        Self { middle: f64::NAN }
    }

    /// Takes the next bar and returns its Heikin-Ashi form.
    #[inline]
    pub fn update(&mut self, bar: &Ohlcv) -> HeikinAshiBar {
        let close = (bar.open + bar.high + bar.low + bar.close) / 4.0;
        let open = if self.middle.is_nan() { f64::midpoint(bar.open, bar.close) } else { self.middle };
        self.middle = f64::midpoint(open, close);
        HeikinAshiBar { open, high: bar.high.max(open).max(close), low: bar.low.min(open).min(close), close }
    }
}
