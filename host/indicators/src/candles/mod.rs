//! Candlestick patterns, the 61 of TA-Lib, with its settings of what is long, short, near or equal.
//!
//! A pattern's value is 0, or 100 where it is bullish (for some: present) and -100 where it is bearish; `cdl_engulfing`,
//! `cdl_harami` and `cdl_harami_cross` give 80 where an end only touches, hikkakes 200 where they are confirmed.

mod candle;
mod hikkake;
mod rules;
mod stars;

use candle::Candles;
pub use hikkake::Hikkake;

#[cfg(feature = "serde")]
use serde::{Deserialize, Serialize};

use crate::kind::{Kind, Ohlcv, kinds};
use crate::period::PeriodError;

/// A pattern: looks at the newest candles, with the penetration where it has one.
type Rule = fn(&Candles, f64) -> f64;

/// A candlestick pattern of at most five bars.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
pub struct Pattern {
    candles: Candles,
    /// Its place in the table.
    number: usize,
    penetration: f64,
    /// Bars until the pattern can be judged.
    left: u32,
}

impl Pattern {
    /// The pattern of a kind such as `cdl_hammer`, with its customary penetration where it has one. Hikkakes are a struct of
    /// their own.
    pub fn of(kind: &str) -> Result<Self, PeriodError> {
        let number = TABLE.iter().position(|(name, ..)| *name == kind);
        let number = number.ok_or(PeriodError::Unfit("there is no such candlestick pattern"))?;
        let (_, _, first, penetration) = TABLE[number];
        Ok(Self { candles: Candles::new(), number, penetration, left: first })
    }

    /// The same with another penetration: how far the last body must reach into the first one, as a share of it.
    #[must_use]
    pub fn with_penetration(self, penetration: f64) -> Self {
        Self { penetration, ..self }
    }

    /// Takes the next bar and returns what is there of the pattern; NaN while warming up.
    #[inline]
    pub fn update(&mut self, bar: &Ohlcv) -> f64 {
        self.candles.push(bar);
        self.left = self.left.saturating_sub(1);
        if self.left > 0 {
            return f64::NAN;
        }
        TABLE.get(self.number).map_or(f64::NAN, |(_, rule, ..)| rule(&self.candles, self.penetration))
    }
}

macro_rules! patterns {
    ($($name:ident $title:literal $oracle:literal $first:literal $rule:path),+;
     $($deep:ident $deep_title:literal $deep_oracle:literal $deep_first:literal $deep_rule:path, $penetration:literal),+) => {
        /// Name, rule, first bar with a value and penetration.
        const TABLE: &[(&str, Rule, u32, f64)] = &[
            $((stringify!($name), $rule, $first, 0.0)),+,
            $((stringify!($deep), $deep_rule, $deep_first, $penetration)),+
        ];

        pub(crate) const KINDS: &[Kind] = kinds! { Ohlcv:
            $($name() -> ["value"], from $first;
                "open, high, low, close", $title, source "Nison 1991, Morris 2006; TA-Lib", oracle $oracle;
                Pattern::of(stringify!($name))? => |i, bar| i.update(bar)),+,
            $($deep(penetration: f64 = $penetration in 0.0..=10.0) -> ["value"], from $deep_first;
                "open, high, low, close", $deep_title, source "Nison 1991, Morris 2006; TA-Lib", oracle $deep_oracle;
                Pattern::of(stringify!($deep))?.with_penetration(penetration) => |i, bar| i.update(bar)),+,
            cdl_hikkake() -> ["value"], from 6;
                "high, low, close", "Hikkake: an inside bar that breaks out; 200 or -200 where a close within three bars confirms the other way",
                source "Chesler 2003; TA-Lib", oracle "TA-Lib CDLHIKKAKE";
                Hikkake::new() => |i, bar| i.update(bar),
            cdl_hikkake_modified() -> ["value"], from 11;
                "high, low, close", "Modified hikkake: as hikkake after two inside bars and a close near the end",
                source "Chesler 2003; TA-Lib", oracle "TA-Lib CDLHIKKAKEMOD";
                Hikkake::modified() => |i, bar| i.update(bar),
        };
    };
}

patterns! {
    cdl_two_crows "Two crows" "TA-Lib CDL2CROWS" 13 stars::two_crows,
    cdl_three_black_crows "Three black crows" "TA-Lib CDL3BLACKCROWS" 14 rules::three_black_crows,
    cdl_three_inside "Three inside up or down" "TA-Lib CDL3INSIDE" 13 rules::three_inside,
    cdl_three_line_strike "Three-line strike" "TA-Lib CDL3LINESTRIKE" 9 rules::three_line_strike,
    cdl_three_outside "Three outside up or down" "TA-Lib CDL3OUTSIDE" 4 rules::three_outside,
    cdl_three_stars_in_south "Three stars in the south" "TA-Lib CDL3STARSINSOUTH" 13 stars::three_stars_in_south,
    cdl_three_white_soldiers "Three advancing white soldiers" "TA-Lib CDL3WHITESOLDIERS" 13 rules::three_white_soldiers,
    cdl_advance_block "Advance block" "TA-Lib CDLADVANCEBLOCK" 13 rules::advance_block,
    cdl_belt_hold "Belt hold" "TA-Lib CDLBELTHOLD" 11 rules::belt_hold,
    cdl_breakaway "Breakaway" "TA-Lib CDLBREAKAWAY" 15 rules::breakaway,
    cdl_closing_marubozu "Closing marubozu" "TA-Lib CDLCLOSINGMARUBOZU" 11 rules::closing_marubozu,
    cdl_concealing_baby_swallow "Concealing baby swallow" "TA-Lib CDLCONCEALBABYSWALL" 14 rules::concealing_baby_swallow,
    cdl_counterattack "Counterattack" "TA-Lib CDLCOUNTERATTACK" 12 rules::counterattack,
    cdl_doji "Doji" "TA-Lib CDLDOJI" 11 rules::doji,
    cdl_doji_star "Doji star" "TA-Lib CDLDOJISTAR" 12 stars::doji_star,
    cdl_dragonfly_doji "Dragonfly doji" "TA-Lib CDLDRAGONFLYDOJI" 11 rules::dragonfly_doji,
    cdl_engulfing "Engulfing" "TA-Lib CDLENGULFING" 3 rules::engulfing,
    cdl_gap_side_by_side_white "Up or down gap, side-by-side white lines" "TA-Lib CDLGAPSIDESIDEWHITE" 8 rules::gap_side_by_side_white,
    cdl_gravestone_doji "Gravestone doji" "TA-Lib CDLGRAVESTONEDOJI" 11 rules::gravestone_doji,
    cdl_hammer "Hammer" "TA-Lib CDLHAMMER" 12 stars::hammer,
    cdl_hanging_man "Hanging man" "TA-Lib CDLHANGINGMAN" 12 stars::hanging_man,
    cdl_harami "Harami" "TA-Lib CDLHARAMI" 12 rules::harami,
    cdl_harami_cross "Harami cross" "TA-Lib CDLHARAMICROSS" 12 rules::harami_cross,
    cdl_high_wave "High-wave candle" "TA-Lib CDLHIGHWAVE" 11 rules::high_wave,
    cdl_homing_pigeon "Homing pigeon" "TA-Lib CDLHOMINGPIGEON" 12 rules::homing_pigeon,
    cdl_identical_three_crows "Identical three crows" "TA-Lib CDLIDENTICAL3CROWS" 13 rules::identical_three_crows,
    cdl_in_neck "In-neck" "TA-Lib CDLINNECK" 12 rules::in_neck,
    cdl_inverted_hammer "Inverted hammer" "TA-Lib CDLINVERTEDHAMMER" 12 stars::inverted_hammer,
    cdl_kicking "Kicking, in the direction of the newest marubozu" "TA-Lib CDLKICKING" 12 rules::kicking,
    cdl_kicking_by_length "Kicking, in the direction of the longer marubozu" "TA-Lib CDLKICKINGBYLENGTH" 12 rules::kicking_by_length,
    cdl_ladder_bottom "Ladder bottom" "TA-Lib CDLLADDERBOTTOM" 15 rules::ladder_bottom,
    cdl_long_legged_doji "Long-legged doji" "TA-Lib CDLLONGLEGGEDDOJI" 11 rules::long_legged_doji,
    cdl_long_line "Long line" "TA-Lib CDLLONGLINE" 11 rules::long_line,
    cdl_marubozu "Marubozu" "TA-Lib CDLMARUBOZU" 11 rules::marubozu,
    cdl_matching_low "Matching low" "TA-Lib CDLMATCHINGLOW" 7 rules::matching_low,
    cdl_on_neck "On-neck" "TA-Lib CDLONNECK" 12 rules::on_neck,
    cdl_piercing "Piercing line" "TA-Lib CDLPIERCING" 12 rules::piercing,
    cdl_rickshaw_man "Rickshaw man" "TA-Lib CDLRICKSHAWMAN" 11 rules::rickshaw_man,
    cdl_rise_fall_three_methods "Rising or falling three methods" "TA-Lib CDLRISEFALL3METHODS" 15 rules::rise_fall_three_methods,
    cdl_separating_lines "Separating lines" "TA-Lib CDLSEPARATINGLINES" 12 rules::separating_lines,
    cdl_shooting_star "Shooting star" "TA-Lib CDLSHOOTINGSTAR" 12 stars::shooting_star,
    cdl_short_line "Short line" "TA-Lib CDLSHORTLINE" 11 rules::short_line,
    cdl_spinning_top "Spinning top" "TA-Lib CDLSPINNINGTOP" 11 rules::spinning_top,
    cdl_stalled "Stalled pattern" "TA-Lib CDLSTALLEDPATTERN" 13 rules::stalled,
    cdl_stick_sandwich "Stick sandwich" "TA-Lib CDLSTICKSANDWICH" 8 rules::stick_sandwich,
    cdl_takuri "Takuri: dragonfly doji with a very long lower shadow" "TA-Lib CDLTAKURI" 11 rules::takuri,
    cdl_tasuki_gap "Tasuki gap" "TA-Lib CDLTASUKIGAP" 8 rules::tasuki_gap,
    cdl_thrusting "Thrusting" "TA-Lib CDLTHRUSTING" 12 rules::thrusting,
    cdl_tristar "Tristar" "TA-Lib CDLTRISTAR" 13 stars::tristar,
    cdl_unique_three_river "Unique three river" "TA-Lib CDLUNIQUE3RIVER" 13 stars::unique_three_river,
    cdl_upside_gap_two_crows "Upside gap two crows" "TA-Lib CDLUPSIDEGAP2CROWS" 13 stars::upside_gap_two_crows,
    cdl_gap_three_methods "Upside or downside gap three methods" "TA-Lib CDLXSIDEGAP3METHODS" 3 rules::gap_three_methods;
    cdl_abandoned_baby "Abandoned baby; `penetration` of the first body" "TA-Lib CDLABANDONEDBABY" 13 stars::abandoned_baby, 0.3,
    cdl_dark_cloud_cover "Dark cloud cover; `penetration` of the first body" "TA-Lib CDLDARKCLOUDCOVER" 12 rules::dark_cloud_cover, 0.5,
    cdl_evening_doji_star "Evening doji star; `penetration` of the first body" "TA-Lib CDLEVENINGDOJISTAR" 13 stars::evening_doji_star, 0.3,
    cdl_evening_star "Evening star; `penetration` of the first body" "TA-Lib CDLEVENINGSTAR" 13 stars::evening_star, 0.3,
    cdl_mat_hold "Mat hold; `penetration` of the first body" "TA-Lib CDLMATHOLD" 15 rules::mat_hold, 0.5,
    cdl_morning_doji_star "Morning doji star; `penetration` of the first body" "TA-Lib CDLMORNINGDOJISTAR" 13 stars::morning_doji_star, 0.3,
    cdl_morning_star "Morning star; `penetration` of the first body" "TA-Lib CDLMORNINGSTAR" 13 stars::morning_star, 0.3
}
