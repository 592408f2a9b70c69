//! Margin of one position on paper: what `host margin` prints.

use std::num::NonZeroU32;

use cryptobot_model::{Brackets, Money, Price, Quantity, Rate, Side};

use super::account::{MarginMode, MarginSettings};
use super::error::MarginError;
use super::formulas::{Stake, margin_ratio};

/// A position, with what stands behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Estimate {
    /// Buy = long.
    pub side: Side,
    /// Size, positive.
    pub size: Quantity,
    /// Average entry price.
    pub entry: Price,
    /// Isolated margin or cross wallet; `None` = the initial margin at the entry price.
    pub wallet: Option<Money>,
    /// Maintenance margin of the other cross positions.
    pub other_maintenance: Money,
    /// Unrealised profit of the other cross positions.
    pub other_unrealised: Money,
    /// Mark price; `None` = the entry price.
    pub mark: Option<Price>,
    /// Leverage.
    pub leverage: u32,
}

/// Where rate and amount of the maintenance margin come from.
#[derive(Clone, Copy, Debug)]
pub enum MaintenanceTerms<'a> {
    /// Of one bracket that is known to hold at every price.
    Fixed {
        /// Fraction of notional.
        rate: Rate,
        /// What is subtracted.
        cum: Money,
    },
    /// Of the bracket that holds at each price.
    Table(&'a Brackets),
}

/// Margin figures of a position.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MarginFigures {
    /// The mark price at which it is liquidated; `None` where no price can do that.
    pub liquidation_price: Option<Price>,
    /// Bracket at the liquidation price, from 1.
    pub liquidation_bracket: Option<usize>,
    /// The price at which nothing is left of the margin; `None` where no price can do that.
    pub bankruptcy_price: Option<Price>,
    /// Notional at the mark price.
    pub notional: Money,
    /// `notional / leverage`.
    pub initial_margin: Money,
    /// `notional × rate − cum`, never below zero.
    pub maintenance_margin: Money,
    /// Wallet plus unrealised profit of all positions.
    pub margin_balance: Money,
    /// Maintenance margin of all positions over margin balance; 1 and more is liquidation.
    pub margin_ratio: f64,
}

impl Estimate {
    /// Computes the figures; refuses what no exchange accepts.
    pub fn figures(&self, terms: MaintenanceTerms<'_>) -> Result<MarginFigures, MarginError> {
        let leverage = self.check(terms)?;
        let mark = self.mark.unwrap_or(self.entry);
        let wallet = self.wallet.unwrap_or_else(|| self.size.at(self.entry).divided_by(leverage));
        let quantity = self.side.signed(self.size);
        let stake = Stake {
            wallet,
            other_unrealised: self.other_unrealised,
            other_maintenance: self.other_maintenance,
            quantity,
            cost: quantity.at(self.entry),
        };
        let (liquidation, bracket, maintenance_margin) = match terms {
            MaintenanceTerms::Fixed { rate, cum } => {
                let maintenance = (stake.notional(mark).times(rate) - cum).max(Money::ZERO);
                (stake.liquidation_within(rate, cum), None, maintenance)
            }
            MaintenanceTerms::Table(brackets) => {
                let point = stake.liquidation(brackets);
                let bracket = point.and_then(|point| point.bracket).map(|index| index + 1);
                (point.map(|point| point.price), bracket, brackets.maintenance_margin(stake.notional(mark)))
            }
        };
        let reachable = |price: Option<Price>| price.filter(|price| *price > Price::ZERO);
        let margin_balance = stake.margin_balance(mark) + self.other_maintenance;
        Ok(MarginFigures {
            liquidation_price: reachable(liquidation),
            liquidation_bracket: reachable(liquidation).and(bracket),
            bankruptcy_price: reachable(stake.bankruptcy()),
            notional: stake.notional(mark),
            initial_margin: stake.notional(mark).divided_by(leverage),
            maintenance_margin,
            margin_balance,
            margin_ratio: margin_ratio(maintenance_margin + self.other_maintenance, margin_balance),
        })
    }

    fn check(&self, terms: MaintenanceTerms<'_>) -> Result<NonZeroU32, MarginError> {
        let largest = 10_i128.pow(19);
        let amounts = [self.wallet.unwrap_or_default(), self.other_maintenance, self.other_unrealised];
        let units = [self.size.units(), self.entry.units(), self.mark.unwrap_or_default().units()];
        if amounts.iter().map(|amount| amount.units()).chain(units).any(|units| units.abs() > largest) {
            return Err(MarginError::TooLarge);
        }
        if self.size <= Quantity::ZERO {
            return Err(MarginError::Size(self.size));
        }
        for (name, price) in [("entry", Some(self.entry)), ("mark", self.mark)] {
            if let Some(price) = price.filter(|price| *price <= Price::ZERO) {
                return Err(MarginError::Price { name, price });
            }
        }
        for (name, amount) in
            [("wallet", self.wallet.unwrap_or_default()), ("other-maintenance", self.other_maintenance)]
        {
            if amount < Money::ZERO {
                return Err(MarginError::Negative { name, amount });
            }
        }
        let leverage = MarginSettings::new(MarginMode::Isolated, self.leverage)?.leverage;
        match terms {
            MaintenanceTerms::Fixed { rate, .. } if rate < Rate::ZERO || rate >= Rate::ONE => {
                Err(MarginError::MaintenanceRate(rate))
            }
            MaintenanceTerms::Fixed { cum, .. } if cum < Money::ZERO => {
                Err(MarginError::Negative { name: "cum", amount: cum })
            }
            MaintenanceTerms::Fixed { .. } => Ok(leverage),
            MaintenanceTerms::Table(brackets) => {
                let limit = self.size.at(self.entry);
                allowed(brackets, self.leverage, limit).map(|()| leverage)
            }
        }
    }
}

fn allowed(brackets: &Brackets, leverage: u32, notional: Money) -> Result<(), MarginError> {
    let Some(last) = brackets.as_slice().last() else {
        return Ok(());
    };
    match brackets.max_leverage(notional) {
        None => Err(MarginError::Notional { notional, limit: last.cap }),
        Some(limit) if leverage > limit => Err(MarginError::LeverageOfNotional { leverage, limit, notional }),
        Some(_) => Ok(()),
    }
}
