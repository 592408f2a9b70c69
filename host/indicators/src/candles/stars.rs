//! Patterns of stars, hammers and crows: small bodies at the end of a move.

use super::Candles;
use super::candle::Candle;

fn sign(bullish: bool, bearish: bool) -> f64 {
    if bullish {
        100.0
    } else if bearish {
        -100.0
    } else {
        0.0
    }
}

pub(super) fn two_crows(candles: &Candles, _: f64) -> f64 {
    let [a, b, c] = candles.newest();
    let crows = c.white() && c.long() && b.black() && b.body_above(c) && a.black();
    sign(false, crows && b.body_has(a.open) && c.body_has(a.close))
}

pub(super) fn upside_gap_two_crows(candles: &Candles, _: f64) -> f64 {
    let [a, b, c] = candles.newest();
    let gap = c.white() && c.long() && b.black() && !b.long() && b.body_above(c);
    sign(false, gap && a.black() && a.open > b.open && a.close < b.close && a.close > c.close)
}

pub(super) fn three_stars_in_south(candles: &Candles, _: f64) -> f64 {
    let [a, b, c] = candles.newest();
    let first = c.black() && c.long() && c.long_lower();
    let second = b.black()
        && b.body() < c.body()
        && b.open > c.close
        && b.open <= c.high
        && b.low < c.close
        && b.low >= c.low
        && b.lower() > b.no_shadow();
    let third = a.black() && a.short() && a.no_lower() && a.no_upper() && a.low > b.low && a.high < b.high;
    sign(first && second && third, false)
}

pub(super) fn doji_star(candles: &Candles, _: f64) -> f64 {
    let [a, b] = candles.newest();
    let star = b.long() && a.doji();
    sign(star && b.black() && a.body_below(b), star && b.white() && a.body_above(b))
}

/// Whether the last of three candles goes back into the body of a long first one, by more than `penetration`; -1 down, 1
/// up, 0 not.
fn turns(a: &Candle, c: &Candle, penetration: f64) -> f64 {
    if !c.long() || a.body() <= a.short_body() {
        0.0
    } else if c.white() && a.black() && a.close < c.close - c.body() * penetration {
        -1.0
    } else if c.black() && a.white() && a.close > c.close + c.body() * penetration {
        1.0
    } else {
        0.0
    }
}

pub(super) fn abandoned_baby(candles: &Candles, penetration: f64) -> f64 {
    let [a, b, c] = candles.newest();
    let turn = turns(a, c, penetration);
    sign(
        turn > 0.0 && b.doji() && b.below(c) && a.above(b),
        turn < 0.0 && b.doji() && b.above(c) && a.below(b),
    )
}

pub(super) fn evening_star(candles: &Candles, penetration: f64) -> f64 {
    let [a, b, c] = candles.newest();
    sign(false, turns(a, c, penetration) < 0.0 && b.body() <= b.short_body() && b.body_above(c))
}

pub(super) fn evening_doji_star(candles: &Candles, penetration: f64) -> f64 {
    let [a, b, c] = candles.newest();
    sign(false, turns(a, c, penetration) < 0.0 && b.doji() && b.body_above(c))
}

pub(super) fn morning_star(candles: &Candles, penetration: f64) -> f64 {
    let [a, b, c] = candles.newest();
    sign(turns(a, c, penetration) > 0.0 && b.body() <= b.short_body() && b.body_below(c), false)
}

pub(super) fn morning_doji_star(candles: &Candles, penetration: f64) -> f64 {
    let [a, b, c] = candles.newest();
    sign(turns(a, c, penetration) > 0.0 && b.doji() && b.body_below(c), false)
}

pub(super) fn tristar(candles: &Candles, _: f64) -> f64 {
    let [a, b, c] = candles.newest();
    let all = [a, b, c].iter().all(|candle| candle.body() <= c.doji_body());
    sign(all && b.body_below(c) && a.bottom() > b.bottom(), all && b.body_above(c) && a.top() < b.top())
}

pub(super) fn unique_three_river(candles: &Candles, _: f64) -> f64 {
    let [a, b, c] = candles.newest();
    let second = c.black() && c.long() && b.black() && b.close > c.close && b.open <= c.open && b.low < c.low;
    sign(second && a.white() && a.short() && a.open > b.low, false)
}

pub(super) fn hammer(candles: &Candles, _: f64) -> f64 {
    let [a, b] = candles.newest();
    let shape = a.short() && a.long_lower() && a.no_upper();
    sign(shape && a.bottom() <= b.low + b.near(), false)
}

pub(super) fn hanging_man(candles: &Candles, _: f64) -> f64 {
    let [a, b] = candles.newest();
    let shape = a.short() && a.long_lower() && a.no_upper();
    sign(false, shape && a.bottom() >= b.high - b.near())
}

pub(super) fn inverted_hammer(candles: &Candles, _: f64) -> f64 {
    let [a, b] = candles.newest();
    sign(a.short() && a.long_upper() && a.no_lower() && a.body_below(b), false)
}

pub(super) fn shooting_star(candles: &Candles, _: f64) -> f64 {
    let [a, b] = candles.newest();
    sign(false, a.short() && a.long_upper() && a.no_lower() && a.body_above(b))
}
