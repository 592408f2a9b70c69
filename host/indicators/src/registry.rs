//! The table of all kinds, by family.

use crate::kind::{Kind, Ohlcv};
use crate::{
    average, calendar, candles, composite, cycle, directional, dispersion, level, momentum, moving_average,
    oscillator, persistence, price, range, regression, stochastic, volatility, volume,
};

/// The kinds of one subject.
#[derive(Clone, Copy, Debug)]
pub struct Family<I: 'static = Ohlcv> {
    /// Its title.
    pub title: &'static str,
    /// Its kinds.
    pub kinds: &'static [Kind<I>],
}

/// The kinds that are computed from bars, by family.
pub const FAMILIES: &[Family] = &[
    Family { title: "Moving averages", kinds: moving_average::KINDS },
    Family { title: "Adaptive and lag-reduced averages", kinds: average::KINDS },
    Family { title: "Dispersion", kinds: dispersion::KINDS },
    Family { title: "Momentum", kinds: momentum::KINDS },
    Family { title: "Oscillators", kinds: oscillator::KINDS },
    Family { title: "Stochastics", kinds: stochastic::KINDS },
    Family { title: "Direction and trend", kinds: directional::KINDS },
    Family { title: "Cycles", kinds: cycle::KINDS },
    Family { title: "Ranges", kinds: range::KINDS },
    Family { title: "Volatility", kinds: volatility::KINDS },
    Family { title: "Volume", kinds: volume::KINDS },
    Family { title: "Regression and statistics", kinds: regression::KINDS },
    Family { title: "Prices", kinds: price::KINDS },
    Family { title: "Persistence and liquidity", kinds: persistence::KINDS },
    Family { title: "Price levels", kinds: level::KINDS },
    Family { title: "Composites", kinds: composite::KINDS },
    Family { title: "Calendar and sessions", kinds: calendar::KINDS },
    Family { title: "Candlestick patterns", kinds: candles::KINDS },
];

const COUNT: usize = {
    let (mut count, mut family) = (0, 0);
    while family < FAMILIES.len() {
        count += FAMILIES[family].kinds.len();
        family += 1;
    }
    count
};

/// Every kind that is computed from bars: what a [`Bank`](crate::Bank) creates, in the order of the reference page.
pub const KINDS: &[Kind] = &{
    let mut all = [FAMILIES[0].kinds[0]; COUNT];
    let (mut next, mut family) = (0, 0);
    while family < FAMILIES.len() {
        let mut kind = 0;
        while kind < FAMILIES[family].kinds.len() {
            all[next] = FAMILIES[family].kinds[kind];
            next += 1;
            kind += 1;
        }
        family += 1;
    }
    all
};
