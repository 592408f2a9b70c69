//! Margin brackets (tiers): how much leverage an exchange allows and how much maintenance margin it demands, by
//! notional.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::{Money, Rate};

/// The highest leverage an exchange may offer.
pub const LARGEST_LEVERAGE: u32 = 125;

/// One line of a bracket table: terms of positions whose notional lies in `[floor, cap)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bracket {
    /// Smallest notional.
    pub floor: Money,
    /// Notional at which the next bracket begins; of the last bracket: the largest position.
    pub cap: Money,
    /// Highest leverage, 1 to [`LARGEST_LEVERAGE`].
    pub max_leverage: u32,
    /// Maintenance margin as a fraction of notional.
    pub maintenance_rate: Rate,
    /// What is subtracted from `notional * maintenance_rate`, so that the margin has no jump between brackets.
    pub cum: Money,
}

impl Bracket {
    /// `cum` of a bracket that follows this one: `floor * (rate - this rate) + this cum`.
    ///
    /// Source: Binance, "Leverage and Margin of USDⓈ-M Futures", maintenance amount.
    pub fn next_cum(&self, floor: Money, maintenance_rate: Rate) -> Money {
        let step = Rate::from_units(maintenance_rate.units() - self.maintenance_rate.units());
        floor.times(step) + self.cum
    }

    /// `notional * maintenance_rate - cum`.
    pub fn maintenance_margin(&self, notional: Money) -> Money {
        notional.times(self.maintenance_rate) - self.cum
    }
}

/// The bracket table of one instrument; empty = the venue states no margin terms.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<Bracket>", into = "Vec<Bracket>")]
pub struct Brackets(Vec<Bracket>);

/// Why a list of brackets is no table. Brackets are counted from 1, as exchanges do.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum BracketsError {
    /// The table has a hole, an overlap, or does not begin at zero.
    #[error("bracket {bracket}: floor {floor} must be {expected}, where the bracket before ends")]
    Floor {
        /// The bracket.
        bracket: usize,
        /// Its floor.
        floor: Money,
        /// What it must be.
        expected: Money,
    },
    /// A bracket without any notional in it.
    #[error("bracket {bracket}: cap {cap} must be above its floor {floor}")]
    Cap {
        /// The bracket.
        bracket: usize,
        /// Its floor.
        floor: Money,
        /// Its cap.
        cap: Money,
    },
    /// A leverage that no exchange has, or more than the bracket before allows.
    #[error("bracket {bracket}: max_leverage {leverage} must be between 1 and {limit}")]
    Leverage {
        /// The bracket.
        bracket: usize,
        /// Its leverage.
        leverage: u32,
        /// The highest possible one.
        limit: u32,
    },
    /// Rates that do not rise, or are no rates.
    #[error("bracket {bracket}: maintenance_rate {rate} must be above {previous} and below 1")]
    Rate {
        /// The bracket.
        bracket: usize,
        /// Its rate.
        rate: Rate,
        /// The rate of the bracket before, 0 for the first.
        previous: Rate,
    },
    /// A position at the highest leverage would be liquidated when it is opened.
    #[error("bracket {bracket}: maintenance_rate {rate} must be below 1 / max_leverage {leverage}")]
    RateOfLeverage {
        /// The bracket.
        bracket: usize,
        /// Its rate.
        rate: Rate,
        /// Its leverage.
        leverage: u32,
    },
    /// A maintenance amount that is not what floors and rates give.
    #[error("bracket {bracket}: cum {cum} must be {expected} = floor * (rate - rate before) + cum before")]
    Cum {
        /// The bracket.
        bracket: usize,
        /// Its amount.
        cum: Money,
        /// What it must be.
        expected: Money,
    },
}

impl Brackets {
    /// A table, if its brackets begin at zero, join, have rising rates and falling leverages, and every `cum` is
    /// what the rule of [`Bracket::next_cum`] gives. An empty list is the empty table.
    pub fn new(brackets: Vec<Bracket>) -> Result<Self, BracketsError> {
        let nothing = Bracket {
            floor: Money::ZERO,
            cap: Money::ZERO,
            max_leverage: LARGEST_LEVERAGE,
            maintenance_rate: Rate::ZERO,
            cum: Money::ZERO,
        };
        let mut previous = &nothing;
        for (index, bracket) in brackets.iter().enumerate() {
            follows(previous, bracket, index + 1)?;
            previous = bracket;
        }
        Ok(Self(brackets))
    }

    /// The table with one bracket for every notional.
    pub fn flat(max_leverage: u32, maintenance_rate: Rate) -> Result<Self, BracketsError> {
        Self::new(vec![Bracket {
            floor: Money::ZERO,
            cap: Money::from_units(i64::MAX.into()),
            max_leverage,
            maintenance_rate,
            cum: Money::ZERO,
        }])
    }

    /// Whether there are no margin terms.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The brackets, lowest first.
    pub fn as_slice(&self) -> &[Bracket] {
        &self.0
    }

    /// Index of the bracket of a notional, from 0: the floor belongs to the bracket, the cap to the next one. Beyond
    /// the last cap it is the last bracket; without brackets `None`.
    pub fn index_at(&self, notional: Money) -> Option<usize> {
        let last = self.0.len().checked_sub(1)?;
        Some(self.0.partition_point(|bracket| bracket.cap <= notional).min(last))
    }

    /// The bracket of a notional.
    pub fn at(&self, notional: Money) -> Option<&Bracket> {
        self.index_at(notional).map(|index| &self.0[index])
    }

    /// The highest leverage for a position of this notional; `None` beyond the largest position, and without
    /// brackets.
    pub fn max_leverage(&self, notional: Money) -> Option<u32> {
        let bracket = self.0.iter().find(|bracket| notional <= bracket.cap)?;
        Some(bracket.max_leverage)
    }

    /// The largest notional that may be held at a leverage; zero where no bracket allows it, `None` without brackets.
    pub fn max_notional(&self, leverage: u32) -> Option<Money> {
        if self.is_empty() {
            return None;
        }
        let allowed = self.0.iter().rev().find(|bracket| bracket.max_leverage >= leverage);
        Some(allowed.map_or(Money::ZERO, |bracket| bracket.cap))
    }

    /// The margin below which a position of this notional at the mark price is liquidated; zero without brackets.
    pub fn maintenance_margin(&self, notional: Money) -> Money {
        self.at(notional).map_or(Money::ZERO, |bracket| bracket.maintenance_margin(notional))
    }
}

fn follows(previous: &Bracket, bracket: &Bracket, number: usize) -> Result<(), BracketsError> {
    let &Bracket { floor, cap, max_leverage: leverage, maintenance_rate: rate, cum } = bracket;
    if floor != previous.cap {
        return Err(BracketsError::Floor { bracket: number, floor, expected: previous.cap });
    }
    if cap <= floor {
        return Err(BracketsError::Cap { bracket: number, floor, cap });
    }
    let limit = previous.max_leverage;
    if leverage == 0 || leverage > limit {
        return Err(BracketsError::Leverage { bracket: number, leverage, limit });
    }
    let one = 10_i128.pow(crate::decimal::SCALE);
    if rate <= previous.maintenance_rate || rate.units() >= one {
        return Err(BracketsError::Rate { bracket: number, rate, previous: previous.maintenance_rate });
    }
    if rate.units() * i128::from(leverage) >= one {
        return Err(BracketsError::RateOfLeverage { bracket: number, rate, leverage });
    }
    let expected = if number == 1 { Money::ZERO } else { previous.next_cum(floor, rate) };
    if cum != expected {
        return Err(BracketsError::Cum { bracket: number, cum, expected });
    }
    Ok(())
}

impl TryFrom<Vec<Bracket>> for Brackets {
    type Error = BracketsError;

    fn try_from(brackets: Vec<Bracket>) -> Result<Self, BracketsError> {
        Self::new(brackets)
    }
}

impl From<Brackets> for Vec<Bracket> {
    fn from(brackets: Brackets) -> Self {
        brackets.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(lines: &[(&str, &str, u32, &str, &str)]) -> Result<Brackets, BracketsError> {
        let bracket = |&(floor, cap, max_leverage, rate, cum): &(&str, &str, u32, &str, &str)| Bracket {
            floor: floor.parse().unwrap(),
            cap: cap.parse().unwrap(),
            max_leverage,
            maintenance_rate: rate.parse().unwrap(),
            cum: cum.parse().unwrap(),
        };
        Brackets::new(lines.iter().map(bracket).collect())
    }

    fn good() -> Brackets {
        table(&[
            ("0", "50000", 125, "0.004", "0"),
            ("50000", "500000", 100, "0.005", "50"),
            ("500000", "1000000", 50, "0.01", "2550"),
        ])
        .unwrap()
    }

    fn money(text: &str) -> Money {
        text.parse().unwrap()
    }

    #[test]
    fn a_floor_belongs_to_its_bracket_and_margins_join_there() {
        let table = good();
        assert_eq!(table.index_at(money("49999.99999999")), Some(0));
        assert_eq!(table.index_at(money("50000")), Some(1));
        assert_eq!(table.index_at(money("99000000")), Some(2));
        assert_eq!(table.maintenance_margin(money("50000")), money("200"));
        assert_eq!(table.maintenance_margin(money("264000")), money("1270"));
        assert_eq!(Brackets::default().maintenance_margin(money("264000")), Money::ZERO);
    }

    #[test]
    fn leverage_limits_notional_and_notional_limits_leverage() {
        let table = good();
        assert_eq!(table.max_leverage(money("50000")), Some(125), "the cap itself may be held");
        assert_eq!(table.max_leverage(money("50000.1")), Some(100));
        assert_eq!(table.max_leverage(money("1000000.1")), None);
        assert_eq!(table.max_notional(125), Some(money("50000")));
        assert_eq!(table.max_notional(51), Some(money("500000")));
        assert_eq!(table.max_notional(1), Some(money("1000000")));
        assert_eq!(Brackets::flat(20, "0.02".parse().unwrap()).unwrap().max_notional(21), Some(Money::ZERO));
        assert_eq!(Brackets::default().max_notional(1), None);
    }

    #[test]
    fn what_is_no_table_is_refused_with_bracket_and_value() {
        let of = |second: (&str, &str, u32, &str, &str)| {
            table(&[("0", "50000", 125, "0.004", "0"), second]).unwrap_err().to_string()
        };
        assert!(of(("40000", "90000", 100, "0.005", "40")).contains("bracket 2: floor 40000 must be 50000"));
        assert!(of(("50000", "50000", 100, "0.005", "50")).contains("cap 50000 must be above"));
        assert!(
            of(("50000", "90000", 126, "0.005", "50")).contains("max_leverage 126 must be between 1 and 125")
        );
        assert!(of(("50000", "90000", 0, "0.005", "50")).contains("max_leverage 0"));
        assert!(of(("50000", "90000", 100, "0.004", "0")).contains("must be above 0.004"));
        assert!(of(("50000", "90000", 1, "1", "50")).contains("below 1"));
        assert!(of(("50000", "90000", 100, "0.01", "300")).contains("1 / max_leverage 100"));
        assert!(of(("50000", "90000", 100, "0.005", "49.99")).contains("cum 49.99 must be 50"));
    }

    #[test]
    fn a_table_is_checked_when_it_is_read() {
        let json = serde_json::to_string(&good()).unwrap();
        assert_eq!(serde_json::from_str::<Brackets>(&json).unwrap(), good());
        let wrong = json.replace("2550", "2551");
        assert!(serde_json::from_str::<Brackets>(&wrong).unwrap_err().to_string().contains("cum 2551"));
    }
}
