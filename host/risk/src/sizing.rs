//! Sizers: how large a position a signal gets.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use cryptobot_model::RefusalReason;

use crate::verdict::Refusal;
use crate::window::LEAST_RETURNS;

/// True ranges in the average that sizers get where nobody gave one.
pub(crate) const ATR_PERIOD: usize = 14;

/// Closed trades of one strategy, after costs.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct TradeStatistics {
    /// Trades that gained.
    pub wins: u32,
    /// Trades that lost. Trades that came out even are neither.
    pub losses: u32,
    /// Mean gain of the winners, positive.
    pub mean_win: f64,
    /// Mean loss of the losers, positive.
    pub mean_loss: f64,
}

impl TradeStatistics {
    /// Counts one closed trade.
    pub fn add(&mut self, net_pnl: f64) {
        if net_pnl > 0.0 {
            self.wins += 1;
            self.mean_win += (net_pnl - self.mean_win) / f64::from(self.wins);
        } else if net_pnl < 0.0 {
            self.losses += 1;
            self.mean_loss += (-net_pnl - self.mean_loss) / f64::from(self.losses);
        }
    }

    /// Kelly's fraction `W − (1 − W) / R`, floored at 0, with W the share of winners and R mean win / mean loss
    /// (J. L. Kelly, "A New Interpretation of Information Rate", 1956, for two outcomes). `None` without a winner or
    /// without a loser, as R says nothing then.
    pub fn kelly(&self) -> Option<f64> {
        if self.wins == 0 || self.losses == 0 {
            return None;
        }
        let winners = f64::from(self.wins) / (f64::from(self.wins) + f64::from(self.losses));
        let ratio = self.mean_win / self.mean_loss;
        Some((winners - (1.0 - winners) / ratio).max(0.0))
    }
}

/// What a size is computed from.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct SizingInput {
    /// Equity of the strategy.
    pub equity: f64,
    /// Price of the entry.
    pub price: f64,
    /// Price of the stop.
    pub stop: Option<f64>,
    /// Average true range in units of price.
    pub atr: Option<f64>,
    /// Volatility, annualised, a fraction.
    pub volatility: Option<f64>,
    /// Bars of the instrument that are known.
    pub bars: usize,
    /// Closed trades of the strategy.
    pub trades: TradeStatistics,
    /// Confidence of the signal, 0 to 1.
    pub confidence: Option<f64>,
}

/// A rule for the size of a position. Fractions are of the strategy's equity.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "model", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Sizer {
    /// Always the same quantity.
    FixedQuantity {
        /// In base units.
        quantity: f64,
    },
    /// Always the same notional: `notional / price`.
    FixedNotional {
        /// In quote currency.
        notional: f64,
    },
    /// `fraction × equity / price`.
    PercentOfEquity {
        /// Notional per unit of equity; 0.02 = 2 %.
        fraction: f64,
    },
    /// `risk × equity / |price − stop|`: what is lost at the stop is the same each time.
    FixedFractional {
        /// Loss at the stop; 0.005 = 0.5 %.
        #[serde(default = "fixed_fractional_risk")]
        risk: f64,
    },
    /// `fraction × Kelly × equity / price` with Kelly = W − (1 − W) / R of the strategy's closed trades.
    Kelly {
        /// Part of the full Kelly fraction; 0.5 = half Kelly.
        #[serde(default = "half")]
        fraction: f64,
        /// Closed trades that are needed.
        #[serde(default = "kelly_trades")]
        min_trades: u32,
        /// Largest notional per unit of equity.
        #[serde(default = "one")]
        max_fraction: f64,
        /// Notional per unit of equity until `min_trades` have closed, and after them while none has lost; signals are
        /// refused then where it is not stated.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        start: Option<f64>,
    },
    /// `risk × equity / (multiplier × ATR)`.
    Atr {
        /// Loss after an adverse move of `multiplier` average true ranges.
        #[serde(default = "risk_per_trade")]
        risk: f64,
        /// Average true ranges.
        #[serde(default = "atr_multiplier")]
        multiplier: f64,
    },
    /// `leverage × equity / price` with leverage = clamp(base × target / volatility, 1, max).
    VolatilityTarget {
        /// Volatility aimed at, annualised; 0.2 = 20 %.
        target: f64,
        /// Leverage at the target.
        #[serde(default = "one")]
        base_leverage: f64,
        /// Largest leverage, at least 1.
        max_leverage: f64,
    },
}

const fn fixed_fractional_risk() -> f64 {
    0.02
}

const fn risk_per_trade() -> f64 {
    0.005
}

const fn half() -> f64 {
    0.5
}

const fn one() -> f64 {
    1.0
}

const fn kelly_trades() -> u32 {
    30
}

const fn atr_multiplier() -> f64 {
    2.0
}

impl Sizer {
    /// The quantity before the grid, positive and finite.
    ///
    /// Refused are: a missing stop, range or volatility (`missing-stop`, `no-market`), a stop at the entry
    /// (`stop-distance`), too few trades for Kelly (`kelly-sample`), no equity (`insufficient-margin`), and sizes of
    /// zero, as of a Kelly fraction without an edge (`below-minimum`).
    pub fn size(&self, input: &SizingInput) -> Result<f64, Refusal> {
        let SizingInput { equity, price, .. } = *input;
        if !equity.is_finite() {
            return Err(Refusal::new(RefusalReason::InvalidArgument, f64::NAN, equity));
        }
        if equity <= 0.0 {
            // There is no size yet that would need a margin.
            return Err(Refusal::new(RefusalReason::InsufficientMargin, equity, f64::NAN));
        }
        if !is_positive(price) {
            return Err(Refusal::new(RefusalReason::NoMarket, f64::NAN, price));
        }
        let quantity = match *self {
            Self::FixedQuantity { quantity } => quantity,
            Self::FixedNotional { notional } => notional / price,
            Self::PercentOfEquity { fraction } => fraction * equity / price,
            Self::FixedFractional { risk } => risk * equity / stop_distance(input)?,
            Self::Kelly { fraction, min_trades, max_fraction, start } => {
                let share = kelly_share(&input.trades, fraction, min_trades, start)?;
                share.min(max_fraction) * equity / price
            }
            Self::Atr { risk, multiplier } => {
                risk * equity / (multiplier * known(input.atr, ATR_PERIOD, input.bars)?)
            }
            Self::VolatilityTarget { target, base_leverage, max_leverage } => {
                let volatility = known(input.volatility, LEAST_RETURNS + 1, input.bars)?;
                target_leverage(base_leverage, target, volatility, max_leverage) * equity / price
            }
        };
        if is_positive(quantity) {
            Ok(quantity)
        } else {
            Err(Refusal::new(RefusalReason::BelowMinimum, 0.0, quantity))
        }
    }

    /// Whether the sizer needs the strategy's closed trades.
    pub(crate) const fn needs_trades(&self) -> bool {
        matches!(self, Self::Kelly { .. })
    }

    /// Whether the sizer needs what only the bars of the instrument tell.
    pub(crate) const fn needs_window(&self) -> bool {
        matches!(self, Self::Atr { .. } | Self::VolatilityTarget { .. })
    }
}

/// `clamp(base × target / volatility, 1, max)`.
pub fn target_leverage(base: f64, target: f64, volatility: f64, max: f64) -> f64 {
    (base * target / volatility).max(1.0).min(max)
}

/// The part of the equity that Kelly says. What the sample lacks is closed trades, else a loser, both of which `start`
/// stands in for, else a winner, without which there is nothing to bet on.
fn kelly_share(
    trades: &TradeStatistics,
    fraction: f64,
    min_trades: u32,
    start: Option<f64>,
) -> Result<f64, Refusal> {
    let few = |least: u32, closed: u32| {
        Refusal::new(RefusalReason::KellySample, f64::from(least), f64::from(closed))
    };
    let closed = trades.wins.saturating_add(trades.losses);
    if closed < min_trades {
        return start.ok_or(few(min_trades, closed));
    }
    match trades.kelly() {
        Some(kelly) => Ok(fraction * kelly),
        None if trades.losses == 0 => start.ok_or(few(1, 0)),
        None => Err(few(1, 0)),
    }
}

fn stop_distance(input: &SizingInput) -> Result<f64, Refusal> {
    let stop = input.stop.ok_or(RefusalReason::MissingStop)?;
    if !is_positive(stop) {
        return Err(Refusal::new(RefusalReason::InvalidArgument, f64::NAN, stop));
    }
    let distance = (input.price - stop).abs();
    if distance > 0.0 { Ok(distance) } else { Err(Refusal::new(RefusalReason::StopDistance, 0.0, distance)) }
}

/// A statistic of the market; one that is not there yet is no number to size with.
/// `needed` are the bars that it takes, `bars` those that there are.
pub(crate) fn known(value: Option<f64>, needed: usize, bars: usize) -> Result<f64, Refusal> {
    match value {
        Some(value) if is_positive(value) => Ok(value),
        Some(value) => Err(Refusal::new(RefusalReason::NoMarket, 0.0, value)),
        None => Err(Refusal::new(RefusalReason::NoMarket, needed as f64, bars as f64)),
    }
}

pub(crate) fn is_positive(value: f64) -> bool {
    value > 0.0 && value < f64::INFINITY
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn input() -> SizingInput {
        SizingInput { equity: 10_000.0, price: 100.0, ..SizingInput::default() }
    }

    fn size(sizer: Sizer, input: &SizingInput) -> Result<f64, RefusalReason> {
        sizer.size(input).map_err(|refusal| refusal.reason)
    }

    fn close(value: Result<f64, RefusalReason>, expected: f64) {
        let value = value.unwrap();
        assert!((value - expected).abs() < 1e-9, "{value} instead of {expected}");
    }

    #[test]
    fn simple_sizers_by_hand() {
        close(size(Sizer::FixedQuantity { quantity: 0.3 }, &input()), 0.3);
        // 500 / 100
        close(size(Sizer::FixedNotional { notional: 500.0 }, &input()), 5.0);
        // 0.02 × 10,000 / 100
        close(size(Sizer::PercentOfEquity { fraction: 0.02 }, &input()), 2.0);
    }

    #[test]
    fn fixed_fractional_needs_a_stop() {
        let sizer = Sizer::FixedFractional { risk: 0.005 };
        // 0.005 × 10,000 = 50 at risk over a distance of 4.
        close(size(sizer, &SizingInput { stop: Some(96.0), ..input() }), 12.5);
        close(size(sizer, &SizingInput { stop: Some(104.0), ..input() }), 12.5);
        assert_eq!(size(sizer, &input()), Err(RefusalReason::MissingStop));
        let at_entry = SizingInput { stop: Some(100.0), ..input() };
        assert_eq!(size(sizer, &at_entry), Err(RefusalReason::StopDistance));
        let wrong = SizingInput { stop: Some(f64::NAN), ..input() };
        assert_eq!(size(sizer, &wrong), Err(RefusalReason::InvalidArgument));
    }

    #[test]
    fn kelly_by_hand() {
        let sizer = Sizer::Kelly { fraction: 0.5, min_trades: 10, max_fraction: 1.0, start: None };
        let mut trades = TradeStatistics::default();
        for pnl in [30.0, 10.0, 20.0, 25.0, 15.0, 20.0, -10.0, -5.0, -15.0] {
            trades.add(pnl);
        }
        assert_eq!(
            size(sizer, &SizingInput { trades, ..input() }),
            Err(RefusalReason::KellySample),
            "nine trades"
        );
        trades.add(-10.0);
        // Six winners of 20 on average, four losers of 10: W = 0.6, R = 2, Kelly = 0.6 − 0.4 / 2 = 0.4.
        assert_eq!((trades.wins, trades.losses, trades.mean_win, trades.mean_loss), (6, 4, 20.0, 10.0));
        assert!((trades.kelly().unwrap() - 0.4).abs() < 1e-12);
        // Half of it, of 10,000, at 100.
        close(size(sizer, &SizingInput { trades, ..input() }), 20.0);
        let capped = Sizer::Kelly { fraction: 0.5, min_trades: 10, max_fraction: 0.1, start: None };
        close(size(capped, &SizingInput { trades, ..input() }), 10.0);
        // W = 0.5, R = 0.5: 0.5 − 0.5 / 0.5 = −0.5, floored at 0.
        let losing = TradeStatistics { wins: 10, losses: 10, mean_win: 5.0, mean_loss: 10.0 };
        assert_eq!(losing.kelly(), Some(0.0));
        assert_eq!(size(sizer, &SizingInput { trades: losing, ..input() }), Err(RefusalReason::BelowMinimum));
        let lucky = TradeStatistics { losses: 0, wins: 50, ..losing };
        assert_eq!(size(sizer, &SizingInput { trades: lucky, ..input() }), Err(RefusalReason::KellySample));
    }

    #[test]
    fn kelly_starts_with_the_stated_part() {
        let sizer = Sizer::Kelly { fraction: 0.5, min_trades: 3, max_fraction: 0.5, start: Some(0.02) };
        let after = |wins, losses| {
            let trades = TradeStatistics { wins, losses, mean_win: 20.0, mean_loss: 10.0 };
            size(sizer, &SizingInput { trades, ..input() })
        };
        // 2 % of 10,000, at 100.
        close(after(0, 0), 2.0);
        close(after(1, 1), 2.0);
        // W = 2 / 3, R = 2: 2 / 3 − 1 / 6 = 0.5, half of it.
        close(after(2, 1), 25.0);
        close(after(30, 0), 2.0);
        assert_eq!(after(0, 3), Err(RefusalReason::KellySample), "nothing was gained");
    }

    #[test]
    fn atr_and_volatility_by_hand() {
        let atr = Sizer::Atr { risk: 0.005, multiplier: 2.0 };
        // 50 / (2 × 2.5)
        close(size(atr, &SizingInput { atr: Some(2.5), ..input() }), 10.0);
        assert_eq!(size(atr, &input()), Err(RefusalReason::NoMarket));
        let target = Sizer::VolatilityTarget { target: 0.4, base_leverage: 2.0, max_leverage: 3.0 };
        let at = |volatility| size(target, &SizingInput { volatility: Some(volatility), ..input() });
        // 2 × 0.4 / 0.32 = 2.5; 2 × 0.4 / 0.1 = 8 → 3; 2 × 0.4 / 1.6 = 0.5 → 1.
        close(at(0.32), 250.0);
        close(at(0.1), 300.0);
        close(at(1.6), 100.0);
    }

    #[test]
    fn no_equity_and_no_price_are_refused() {
        let sizer = Sizer::PercentOfEquity { fraction: 1.0 };
        let with = |equity, price| size(sizer, &SizingInput { equity, price, ..input() });
        assert_eq!(with(0.0, 1.0), Err(RefusalReason::InsufficientMargin));
        assert_eq!(with(-5.0, 1.0), Err(RefusalReason::InsufficientMargin));
        assert_eq!(with(f64::NAN, 1.0), Err(RefusalReason::InvalidArgument));
        assert_eq!(with(1.0, f64::NAN), Err(RefusalReason::NoMarket));
    }

    #[test]
    fn refusals_tell_the_numbers_they_rest_on() {
        let refused = |sizer: Sizer, input: SizingInput| sizer.size(&input).unwrap_err();
        let share = Sizer::PercentOfEquity { fraction: 1.0 };
        let expected = Refusal::new(RefusalReason::InsufficientMargin, -5.0, f64::NAN);
        assert_eq!(refused(share, SizingInput { equity: -5.0, ..input() }), expected);
        let kelly = Sizer::Kelly { fraction: 0.5, min_trades: 10, max_fraction: 1.0, start: None };
        let after = |wins, losses| {
            let trades = TradeStatistics { wins, losses, mean_win: 1.0, mean_loss: 4.0 };
            refused(kelly, SizingInput { trades, ..input() })
        };
        assert_eq!(after(4, 5), Refusal::new(RefusalReason::KellySample, 10.0, 9.0), "closed trades");
        assert_eq!(after(12, 0), Refusal::new(RefusalReason::KellySample, 1.0, 0.0), "no loser");
        assert_eq!(after(6, 6), Refusal::new(RefusalReason::BelowMinimum, 0.0, 0.0), "no edge");
        let atr = Sizer::Atr { risk: 0.01, multiplier: 2.0 };
        let young = SizingInput { bars: 3, ..input() };
        assert_eq!(refused(atr, young), Refusal::new(RefusalReason::NoMarket, 14.0, 3.0), "bars");
        let still = SizingInput { atr: Some(0.0), ..input() };
        assert_eq!(refused(atr, still), Refusal::new(RefusalReason::NoMarket, 0.0, 0.0), "nothing moved");
        let at_entry = SizingInput { stop: Some(100.0), ..input() };
        let expected = Refusal::new(RefusalReason::StopDistance, 0.0, 0.0);
        assert_eq!(refused(Sizer::FixedFractional { risk: 0.01 }, at_entry), expected);
    }

    #[test]
    fn sizers_are_read_and_wrong_names_are_told_the_right_ones() {
        let read = |text| serde_json::from_str::<Sizer>(text).map_err(|error| error.to_string());
        assert_eq!(read(r#"{"model": "fixed-fractional"}"#), Ok(Sizer::FixedFractional { risk: 0.02 }));
        let kelly = Sizer::Kelly { fraction: 0.5, min_trades: 30, max_fraction: 1.0, start: None };
        assert_eq!(read(r#"{"model": "kelly"}"#), Ok(kelly));
        let error = read(r#"{"model": "martingale"}"#).unwrap_err();
        assert!(error.contains("unknown variant `martingale`, expected one of `fixed-quantity`"), "{error}");
        assert!(read(r#"{"model": "atr", "rsik": 1}"#).unwrap_err().contains("rsik"));
    }

    proptest! {
        #[test]
        fn sizers_never_exceed_their_bound(
            equity in 1.0..1e7, price in 0.01..1e5, distance in 0.001..0.5, atr in 0.0001..0.5,
            volatility in 0.01..5.0, risk in 0.0001..0.1, wins in 0_u32..100, losses in 0_u32..100,
            mean_win in 0.01..1e4, mean_loss in 0.01..1e4,
        ) {
            let input = SizingInput {
                equity, price, stop: Some(price * (1.0 - distance)), atr: Some(atr * price),
                volatility: Some(volatility), bars: 100, confidence: None,
                trades: TradeStatistics { wins, losses, mean_win, mean_loss },
            };
            let within = |quantity: Result<f64, RefusalReason>, unit: f64, bound: f64| {
                quantity.is_err() || quantity.is_ok_and(|quantity| quantity * unit <= bound * (1.0 + 1e-9))
            };
            let fractional = size(Sizer::FixedFractional { risk }, &input);
            prop_assert!(within(fractional, price * distance, risk * equity * (1.0 + 1e-6)));
            let ranges = size(Sizer::Atr { risk, multiplier: 2.0 }, &input);
            prop_assert!(within(ranges, 2.0 * atr * price, risk * equity));
            let kelly = size(Sizer::Kelly { fraction: 0.5, min_trades: 20, max_fraction: 0.3, start: None }, &input);
            prop_assert!(within(kelly, price, 0.3 * equity));
            prop_assert!(wins + losses >= 20 || kelly == Err(RefusalReason::KellySample));
            let target = size(Sizer::VolatilityTarget { target: 0.3, base_leverage: 1.0, max_leverage: 4.0 }, &input);
            prop_assert!(within(target, price, 4.0 * equity));
            prop_assert!(target.unwrap() * price >= equity * (1.0 - 1e-9));
            prop_assert!(input.trades.kelly().is_none_or(|kelly| (0.0..=1.0).contains(&kelly)));
        }
    }
}
