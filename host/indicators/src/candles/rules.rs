//! Patterns of single candles, and of candles that continue, contain or cut each other.
#![expect(clippy::many_single_char_names, reason = "candles are called a, b, c from the newest one back")]

use super::Candles;
use super::candle::Candle;

/// 100 where the pattern is there.
fn present(pattern: bool) -> f64 {
    if pattern { 100.0 } else { 0.0 }
}

/// -100 where the pattern is there.
fn bearish(pattern: bool) -> f64 {
    -present(pattern) + 0.0
}

/// 100 or -100 where the pattern is there.
fn colored(pattern: bool, color: f64) -> f64 {
    if pattern { 100.0 * color } else { 0.0 }
}

pub(super) fn belt_hold(candles: &Candles, _: f64) -> f64 {
    let [a] = candles.newest();
    colored(a.long() && if a.white() { a.no_lower() } else { a.no_upper() }, a.color())
}

pub(super) fn closing_marubozu(candles: &Candles, _: f64) -> f64 {
    let [a] = candles.newest();
    colored(a.long() && if a.white() { a.no_upper() } else { a.no_lower() }, a.color())
}

pub(super) fn marubozu(candles: &Candles, _: f64) -> f64 {
    let [a] = candles.newest();
    colored(a.marubozu(), a.color())
}

fn short_shadows(a: &Candle) -> bool {
    a.upper() < a.short_shadow() && a.lower() < a.short_shadow()
}

pub(super) fn long_line(candles: &Candles, _: f64) -> f64 {
    let [a] = candles.newest();
    colored(a.long() && short_shadows(a), a.color())
}

pub(super) fn short_line(candles: &Candles, _: f64) -> f64 {
    let [a] = candles.newest();
    colored(a.short() && short_shadows(a), a.color())
}

pub(super) fn high_wave(candles: &Candles, _: f64) -> f64 {
    let [a] = candles.newest();
    colored(a.short() && a.upper() > 2.0 * a.body() && a.lower() > 2.0 * a.body(), a.color())
}

pub(super) fn spinning_top(candles: &Candles, _: f64) -> f64 {
    let [a] = candles.newest();
    colored(a.short() && a.long_upper() && a.long_lower(), a.color())
}

pub(super) fn doji(candles: &Candles, _: f64) -> f64 {
    let [a] = candles.newest();
    present(a.doji())
}

pub(super) fn dragonfly_doji(candles: &Candles, _: f64) -> f64 {
    let [a] = candles.newest();
    present(a.doji() && a.no_upper() && a.lower() > a.no_shadow())
}

pub(super) fn gravestone_doji(candles: &Candles, _: f64) -> f64 {
    let [a] = candles.newest();
    present(a.doji() && a.no_lower() && a.upper() > a.no_shadow())
}

pub(super) fn long_legged_doji(candles: &Candles, _: f64) -> f64 {
    let [a] = candles.newest();
    present(a.doji() && (a.long_lower() || a.long_upper()))
}

pub(super) fn rickshaw_man(candles: &Candles, _: f64) -> f64 {
    let [a] = candles.newest();
    let middle = a.low + a.range() / 2.0;
    let central = a.bottom() <= middle + a.near() && a.top() >= middle - a.near();
    present(a.doji() && a.long_lower() && a.long_upper() && central)
}

pub(super) fn takuri(candles: &Candles, _: f64) -> f64 {
    let [a] = candles.newest();
    present(a.doji() && a.no_upper() && a.lower() > 2.0 * a.body())
}

pub(super) fn engulfing(candles: &Candles, _: f64) -> f64 {
    let [a, b] = candles.newest();
    let around = a.top() >= b.top() && a.bottom() <= b.bottom() && a.body() > b.body();
    let touches = a.open == b.close || a.close == b.open;
    let strength = if touches { 0.8 } else { 1.0 };
    colored(a.color() != b.color() && around, a.color() * strength)
}

/// What a body inside of a long one before it is worth.
fn inside(a: &Candle, b: &Candle) -> f64 {
    if a.top() < b.top() && a.bottom() > b.bottom() {
        -100.0 * b.color()
    } else if a.top() <= b.top() && a.bottom() >= b.bottom() {
        -80.0 * b.color()
    } else {
        0.0
    }
}

pub(super) fn harami(candles: &Candles, _: f64) -> f64 {
    let [a, b] = candles.newest();
    if b.long() && a.body() <= a.short_body() { inside(a, b) } else { 0.0 }
}

pub(super) fn harami_cross(candles: &Candles, _: f64) -> f64 {
    let [a, b] = candles.newest();
    if b.long() && a.doji() { inside(a, b) } else { 0.0 }
}

pub(super) fn homing_pigeon(candles: &Candles, _: f64) -> f64 {
    let [a, b] = candles.newest();
    let bodies = b.black() && a.black() && b.long() && a.body() <= a.short_body();
    present(bodies && a.open < b.open && a.close > b.close)
}

pub(super) fn counterattack(candles: &Candles, _: f64) -> f64 {
    let [a, b] = candles.newest();
    let both = a.color() != b.color() && b.long() && a.long();
    colored(both && b.equal(a.close, b.close), a.color())
}

pub(super) fn separating_lines(candles: &Candles, _: f64) -> f64 {
    let [a, b] = candles.newest();
    let belt = a.long() && if a.white() { a.no_lower() } else { a.no_upper() };
    colored(a.color() != b.color() && b.equal(a.open, b.open) && belt, a.color())
}

pub(super) fn matching_low(candles: &Candles, _: f64) -> f64 {
    let [a, b] = candles.newest();
    present(a.black() && b.black() && b.equal(a.close, b.close))
}

pub(super) fn dark_cloud_cover(candles: &Candles, penetration: f64) -> f64 {
    let [a, b] = candles.newest();
    let cover = b.white() && b.long() && a.black() && a.open > b.high;
    bearish(cover && a.close > b.open && a.close < b.close - b.body() * penetration)
}

/// A white candle that opens below a long black one.
fn rebound(a: &Candle, b: &Candle) -> bool {
    b.black() && b.long() && a.white() && a.open < b.low
}

pub(super) fn piercing(candles: &Candles, _: f64) -> f64 {
    let [a, b] = candles.newest();
    present(rebound(a, b) && a.long() && a.close < b.open && a.close > b.close + b.body() * 0.5)
}

pub(super) fn in_neck(candles: &Candles, _: f64) -> f64 {
    let [a, b] = candles.newest();
    bearish(rebound(a, b) && a.close >= b.close && a.close <= b.close + b.equal_distance())
}

pub(super) fn on_neck(candles: &Candles, _: f64) -> f64 {
    let [a, b] = candles.newest();
    bearish(rebound(a, b) && b.equal(a.close, b.low))
}

pub(super) fn thrusting(candles: &Candles, _: f64) -> f64 {
    let [a, b] = candles.newest();
    let deep = a.close > b.close + b.equal_distance() && a.close <= b.close + b.body() * 0.5;
    bearish(rebound(a, b) && deep)
}

/// Two marubozus of opposite colours with a gap between them.
fn kicks(a: &Candle, b: &Candle) -> bool {
    let gap = if b.black() { a.above(b) } else { a.below(b) };
    a.color() != b.color() && a.marubozu() && b.marubozu() && gap
}

pub(super) fn kicking(candles: &Candles, _: f64) -> f64 {
    let [a, b] = candles.newest();
    colored(kicks(a, b), a.color())
}

pub(super) fn kicking_by_length(candles: &Candles, _: f64) -> f64 {
    let [a, b] = candles.newest();
    let longer = if a.body() > b.body() { a } else { b };
    colored(kicks(a, b), longer.color())
}

pub(super) fn three_inside(candles: &Candles, _: f64) -> f64 {
    let [a, b, c] = candles.newest();
    let harami = c.long() && b.body() <= b.short_body() && b.top() < c.top() && b.bottom() > c.bottom();
    let leaves = if c.white() { a.black() && a.close < c.open } else { a.white() && a.close > c.open };
    colored(harami && leaves, -c.color())
}

pub(super) fn three_outside(candles: &Candles, _: f64) -> f64 {
    let [a, b, c] = candles.newest();
    let color = b.color();
    let engulfs = color != c.color() && (b.close - c.open) * color > 0.0 && (c.close - b.open) * color > 0.0;
    colored(engulfs && (a.close - b.close) * color > 0.0, color)
}

pub(super) fn three_black_crows(candles: &Candles, _: f64) -> f64 {
    let [a, b, c, d] = candles.newest();
    let crows = [a, b, c].iter().all(|crow| crow.black() && crow.no_lower());
    let falling = d.white() && d.high > c.close && c.close > b.close && b.close > a.close;
    bearish(crows && falling && c.body_has(b.open) && b.body_has(a.open))
}

pub(super) fn identical_three_crows(candles: &Candles, _: f64) -> f64 {
    let [a, b, c] = candles.newest();
    let crows = [a, b, c].iter().all(|crow| crow.black() && crow.no_lower());
    let falling = c.close > b.close && b.close > a.close;
    bearish(crows && falling && c.equal(b.open, c.close) && b.equal(a.open, b.close))
}

/// Whether three white candles rise, each opening in or near the body before.
fn climbing([a, b, c]: [&Candle; 3]) -> bool {
    let white = a.white() && b.white() && c.white();
    let steps =
        b.open > c.open && b.open <= c.close + c.near() && a.open > b.open && a.open <= b.close + b.near();
    white && a.close > b.close && b.close > c.close && steps
}

pub(super) fn three_white_soldiers(candles: &Candles, _: f64) -> f64 {
    let [a, b, c] = candles.newest();
    let even = b.body() > c.body() - c.far() && a.body() > b.body() - b.far() && a.body() > a.short_body();
    present(climbing([a, b, c]) && a.no_upper() && b.no_upper() && c.no_upper() && even)
}

pub(super) fn advance_block(candles: &Candles, _: f64) -> f64 {
    let [a, b, c] = candles.newest();
    let strong = c.long() && c.upper() < c.short_shadow();
    let (first, second, third) = (c.body(), b.body(), a.body());
    let weaker = (second < first - c.far() && third < second + b.near())
        || third < second - b.far()
        || (third < second
            && second < first
            && (a.upper() > a.short_shadow() || b.upper() > b.short_shadow()))
        || (third < second && a.long_upper());
    bearish(climbing([a, b, c]) && strong && weaker)
}

pub(super) fn stalled(candles: &Candles, _: f64) -> f64 {
    let [a, b, c] = candles.newest();
    let white = a.white() && b.white() && c.white() && a.close > b.close && b.close > c.close;
    let bodies = c.long() && b.long() && b.no_upper() && a.short();
    let opens = b.open > c.open && b.open <= c.close + c.near() && a.open >= b.close - a.body() - b.near();
    bearish(white && bodies && opens)
}

pub(super) fn stick_sandwich(candles: &Candles, _: f64) -> f64 {
    let [a, b, c] = candles.newest();
    let colors = c.black() && b.white() && a.black();
    present(colors && b.low > c.close && c.equal(a.close, c.close))
}

pub(super) fn gap_side_by_side_white(candles: &Candles, _: f64) -> f64 {
    let [a, b, c] = candles.newest();
    let (up, down) = (b.body_above(c) && a.body_above(c), b.body_below(c) && a.body_below(c));
    let alike = a.body() >= b.body() - b.near() && a.body() <= b.body() + b.near() && b.equal(a.open, b.open);
    colored((up || down) && a.white() && b.white() && alike, if up { 1.0 } else { -1.0 })
}

pub(super) fn tasuki_gap(candles: &Candles, _: f64) -> f64 {
    let [a, b, c] = candles.newest();
    let alike = (b.body() - a.body()).abs() < b.near();
    let up = b.body_above(c) && b.white() && a.black() && a.close < b.open && a.close > c.top();
    let down = b.body_below(c) && b.black() && a.white() && a.close > b.open && a.close < c.bottom();
    colored((up || down) && b.body_has(a.open) && alike, b.color())
}

pub(super) fn gap_three_methods(candles: &Candles, _: f64) -> f64 {
    let [a, b, c] = candles.newest();
    let gap = if c.white() { b.body_above(c) } else { b.body_below(c) };
    let colors = c.color() == b.color() && b.color() != a.color();
    colored(colors && gap && b.body_has(a.open) && c.body_has(a.close), c.color())
}

pub(super) fn three_line_strike(candles: &Candles, _: f64) -> f64 {
    let [a, b, c, d] = candles.newest();
    let color = b.color();
    let colors = d.color() == color && c.color() == color && a.color() != color;
    let near = |price: f64, of: &Candle| price >= of.bottom() - of.near() && price <= of.top() + of.near();
    let run = (b.close - c.close) * color > 0.0 && (c.close - d.close) * color > 0.0;
    let strike = (a.open - b.close) * color > 0.0 && (d.open - a.close) * color > 0.0;
    colored(colors && near(c.open, d) && near(b.open, c) && run && strike, color)
}

pub(super) fn concealing_baby_swallow(candles: &Candles, _: f64) -> f64 {
    let [a, b, c, d] = candles.newest();
    let black = a.black() && b.black() && c.black() && d.black();
    let bare = d.no_lower() && d.no_upper() && c.no_lower() && c.no_upper();
    let swallowed = a.high > b.high && a.low < b.low;
    present(black && bare && b.body_below(c) && b.upper() > b.no_shadow() && b.high > c.close && swallowed)
}

pub(super) fn breakaway(candles: &Candles, _: f64) -> f64 {
    let [a, b, c, d, e] = candles.newest();
    let color = e.color();
    let colors = d.color() == color && b.color() == color && a.color() != color;
    let gap = if e.white() { d.body_above(e) } else { d.body_below(e) };
    let further =
        |new: &Candle, old: &Candle| (new.high - old.high) * color > 0.0 && (new.low - old.low) * color > 0.0;
    let closes = (d.open - a.close) * color > 0.0 && (a.close - e.close) * color > 0.0;
    colored(e.long() && colors && gap && further(c, d) && further(b, c) && closes, a.color())
}

pub(super) fn ladder_bottom(candles: &Candles, _: f64) -> f64 {
    let [a, b, c, d, e] = candles.newest();
    let black = e.black() && d.black() && c.black() && b.black();
    let falling = e.open > d.open && d.open > c.open && e.close > d.close && d.close > c.close;
    let turn = b.upper() > b.no_shadow() && a.white() && a.open > b.open && a.close > b.high;
    present(black && falling && turn)
}

pub(super) fn rise_fall_three_methods(candles: &Candles, _: f64) -> f64 {
    let [a, b, c, d, e] = candles.newest();
    let color = e.color();
    let bodies = e.long() && d.short() && c.short() && b.short() && a.long();
    let colors = [d, c, b].iter().all(|small| small.color() != color) && a.color() == color;
    let held = [d, c, b].iter().all(|small| small.bottom() < e.high && small.top() > e.low);
    let back = (d.close - c.close) * color > 0.0 && (c.close - b.close) * color > 0.0;
    let on = (a.open - b.close) * color > 0.0 && (a.close - e.close) * color > 0.0;
    colored(bodies && colors && held && back && on, color)
}

pub(super) fn mat_hold(candles: &Candles, penetration: f64) -> f64 {
    let [a, b, c, d, e] = candles.newest();
    let bodies = e.long() && d.short() && c.short() && b.short();
    let colors = e.white() && d.black() && a.white();
    let floor = e.close - e.body() * penetration;
    let held = [c, b].iter().all(|small| small.bottom() < e.close && small.bottom() > floor);
    let falling = d.body_above(e) && c.top() < d.open && b.top() < c.top();
    let on = a.open > b.close && a.close > d.high.max(c.high).max(b.high);
    present(bodies && colors && held && falling && on)
}
