//! The named feature sets: which columns each has.

/// A named set of features of one input.
#[derive(Clone, Copy, Debug)]
pub struct Definition {
    /// The name that is asked for.
    pub name: &'static str,
    /// What it is for.
    pub title: &'static str,
    /// Its columns.
    pub features: &'static [Feature],
}

/// A column: an output of an indicator.
#[derive(Clone, Copy, Debug)]
pub struct Feature {
    /// Name of the column.
    pub name: &'static str,
    /// The indicator.
    pub kind: &'static str,
    /// Parameters that are not the indicator's defaults.
    pub params: &'static [(&'static str, Amount)],
    /// The indicator's output.
    pub output: &'static str,
}

/// The value of a parameter.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Amount {
    /// A number.
    Is(f64),
    /// As many bars as a day has.
    BarsPerDay,
}

use Amount::{BarsPerDay, Is};

/// `column = kind(parameter = value, …).output` per line.
macro_rules! features {
    ($($name:ident = $kind:ident($($param:ident = $value:expr),*).$output:literal),+ $(,)?) => {
        &[$(Feature {
            name: stringify!($name),
            kind: stringify!($kind),
            params: &[$((stringify!($param), $value)),*],
            output: $output,
        }),+]
    };
}

/// The sets that are computed from bars.
pub const OF_BARS: &[Definition] = &[
    Definition {
        name: "technical_fast",
        title: "Quick signals of trend, momentum and place in the bands",
        features: features! {
            sma_cross_5_20 = sma_cross(fast = Is(5.0), slow = Is(20.0))."value",
            rsi_14 = rsi(period = Is(14.0))."value",
            macd_fast = macd_percent(fast = Is(6.0), slow = Is(13.0), signal = Is(5.0))."histogram",
            bb_position = bollinger(period = Is(20.0), width = Is(2.0))."percent-b",
        },
    },
    Definition {
        name: "technical_standard",
        title: "Slower trend, Ichimoku and oscillators",
        features: features! {
            sma_cross_20_50 = sma_cross(fast = Is(20.0), slow = Is(50.0))."value",
            ichimoku_cross = ichimoku_signals()."cross",
            ichimoku_cloud = ichimoku_signals()."cloud",
            ichimoku_lagging = ichimoku_signals()."lagging",
            stochastic_d = stoch(period = Is(14.0), smooth = Is(3.0), signal = Is(3.0))."d",
            williams_r = williams_r(period = Is(14.0))."value",
            cci_20 = cci(period = Is(20.0))."value",
        },
    },
    Definition {
        name: "volume_analysis",
        title: "Volume against its average and with the price",
        features: features! {
            volume_sma_ratio_10 = volume_sma_ratio(period = Is(10.0))."value",
            vwap_deviation = vwap()."deviation",
            obv_trend = obv_trend(period = Is(20.0))."value",
            volume_price_trend_indicator = vpt_trend(period = Is(20.0))."value",
        },
    },
    Definition {
        name: "volatility_metrics",
        title: "Size of moves: now, over a day, expected, and compared with the past",
        features: features! {
            atr_14 = atr(period = Is(14.0))."value",
            realized_volatility_24h = realized_volatility(period = BarsPerDay, year = BarsPerDay)."value",
            garch_forecast = garch()."value",
            volatility_cone_position = volatility_cone(period = Is(20.0), lookback = Is(250.0))."position",
        },
    },
    Definition {
        name: "market_structure",
        title: "Where the close stands among levels",
        features: features! {
            support_resistance_proximity = support_resistance(period = Is(50.0))."proximity",
            pivot_point_position = pivot_position(period = BarsPerDay)."value",
            fibonacci_levels = fibonacci(period = Is(50.0))."position",
            market_profile_value_area = volume_profile(period = Is(100.0), bins = Is(24.0), share = Is(0.7))."position",
        },
    },
    Definition {
        name: "regime_indicators",
        title: "States of trend, efficiency, volatility and momentum",
        features: features! {
            trend_strength_ema = trend_strength(fast = Is(20.0), slow = Is(50.0), range = Is(14.0))."value",
            market_efficiency_ratio = efficiency_ratio(period = Is(10.0))."value",
            volatility_regime_state = volatility_regime(period = Is(20.0), lookback = Is(250.0))."value",
            momentum_regime_state = momentum_regime(period = Is(14.0), change = Is(10.0))."value",
        },
    },
    Definition {
        name: "time",
        title: "Calendar and sessions",
        features: features! {
            hour = calendar()."hour",
            weekday = calendar()."weekday",
            month = calendar()."month",
            quarter = calendar()."quarter",
            weekend = calendar()."weekend",
            session_asia = session()."asia",
            session_europe = session()."europe",
            session_us = session()."us",
            overlap_asia_europe = session()."asia-europe",
            overlap_europe_us = session()."europe-us",
            minutes_since_open = session()."minutes-open",
            session_volume = session_activity()."volume",
            session_volatility = session_activity()."volatility",
            hour_sin = calendar_cycle()."hour-sin",
            hour_cos = calendar_cycle()."hour-cos",
            weekday_sin = calendar_cycle()."weekday-sin",
            weekday_cos = calendar_cycle()."weekday-cos",
            month_sin = calendar_cycle()."month-sin",
            month_cos = calendar_cycle()."month-cos",
        },
    },
];

/// The sets that are computed from trades.
pub const OF_TRADES: &[Definition] = &[Definition {
    name: "microstructure",
    title: "Flow of trades; the set has further columns from order books",
    features: features! {
        trade_intensity = trade_intensity(period = Is(100.0))."value",
        taker_ratio = taker_ratio(period = Is(100.0))."value",
        average_trade_size = average_trade_size(period = Is(100.0))."value",
        kyle_lambda = kyle_lambda(period = Is(100.0))."value",
    },
}];

/// The sets that are computed from order books.
pub const OF_BOOKS: &[Definition] = &[Definition {
    name: "microstructure",
    title: "Spread, depth and imbalance; the set has further columns from trades",
    features: features! {
        spread_bps = book_spread()."bps",
        imbalance_1 = book_imbalance(levels = Is(1.0))."value",
        imbalance_5 = book_imbalance(levels = Is(5.0))."value",
        imbalance_10 = book_imbalance(levels = Is(10.0))."value",
        weighted_mid_deviation = weighted_mid()."deviation",
        bid_depth = book_depth(levels = Is(10.0))."bids",
        ask_depth = book_depth(levels = Is(10.0))."asks",
        buy_impact = price_impact(quantity = Is(1.0))."buy",
        sell_impact = price_impact(quantity = Is(1.0))."sell",
    },
}];

/// The sets that are computed from futures data.
pub const OF_FUTURES: &[Definition] = &[Definition {
    name: "futures",
    title: "Basis, funding, positioning and liquidations",
    features: features! {
        mark_index_deviation = mark_index_deviation()."value",
        funding_rate = funding()."value",
        funding_mean = funding()."mean",
        open_interest_change = open_interest_change(period = Is(10.0))."value",
        long_short_ratio = long_short_ratio()."value",
        liquidation_pressure = liquidation_pressure()."value",
    },
}];
