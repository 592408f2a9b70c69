//! Features of perpetual futures beside their bars.

#[cfg(feature = "serde")]
use serde::{Deserialize, Serialize};

use crate::dispersion::StdDev;
use crate::input::FuturesData;
use crate::kind::{Kind, kinds};
use crate::momentum::Roc;
use crate::moving_average::Sma;
use crate::period::{MAX_PERIOD, PeriodError, checked};
use crate::window::{Sum, ratio};

pub(crate) const KINDS: &[Kind<FuturesData>] = kinds! { FuturesData:
    mark_index_deviation(period: u32 = 20 in 1..=MAX_PERIOD) -> ["value", "mean"], from period;
        "mark, index", "Mark over index price minus 1, and its mean over `period` values", source "common", oracle "definition";
        Sma::new(period)? => |i, data| {
            let deviation = data.mark / data.index - 1.0;
            let mean = i.update(deviation);
            [deviation + 0.0 * mean, mean]
        },
    funding(period: u32 = 21 in 1..=MAX_PERIOD, year: f64 = 1095.0 in 1.0..=1e6) -> ["value", "mean", "annual"], from period;
        "funding_rate", "Funding rate, its mean over `period` values, and that per year of `year` funding intervals (1,095 of eight hours)",
        source "common", oracle "definition";
        (Sma::new(period)?, year) => |(mean, year), data| {
            let mean = mean.update(data.funding_rate);
            [data.funding_rate + 0.0 * mean, mean, mean * *year]
        },
    open_interest_change(period: u32 = 10 in 1..=MAX_PERIOD) -> ["value"], from period + 1;
        "open_interest", "Change of open interest over `period` values, in percent", source "common", oracle "definition";
        Roc::new(period)? => |i, data| i.update(data.open_interest),
    long_short_ratio(period: u32 = 30 in 2..=MAX_PERIOD) -> ["value", "z-score"], from period;
        "long_short_ratio", "Accounts long per account short, and its distance from its mean in population standard deviations",
        source "common", oracle "definition";
        StdDev::new(period)? => |i, data| {
            let deviation = i.update(data.long_short_ratio);
            [data.long_short_ratio + 0.0 * deviation, ratio(data.long_short_ratio - i.mean(), deviation)]
        },
    liquidation_pressure(period: u32 = 20 in 1..=MAX_PERIOD) -> ["value", "share"], from period;
        "liquidations, open_interest", "Liquidated shorts minus longs per both over `period` values (1: only shorts were bought back), and both as a share of the open interest",
        source "own", oracle "definition";
        LiquidationPressure::new(period)? => |i, data| i.update(data),
};

/// Which side is being liquidated, over the last `period` values; 0 where none is. First result at the `period`-th value.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
pub struct LiquidationPressure {
    net: Sum,
    all: Sum,
}

impl LiquidationPressure {
    /// Over `period` values (at least 1).
    pub fn new(period: u32) -> Result<Self, PeriodError> {
        let sum = Sum::new(checked("liquidation pressure period", period, 1)?);
        Ok(Self { net: sum.clone(), all: sum })
    }

    /// Takes the next data and returns pressure and share of open interest.
    #[inline]
    pub fn update(&mut self, data: &FuturesData) -> [f64; 2] {
        let net = self.net.update(data.short_liquidations - data.long_liquidations);
        let all = self.all.update(data.short_liquidations + data.long_liquidations);
        [ratio(net, all), ratio(all, data.open_interest)]
    }
}
