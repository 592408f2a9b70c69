//! The formulas of USD-M margin in one-way mode, on plain amounts.
//!
//! Source: Binance, "How to Calculate Liquidation Price of USDⓈ-M Futures Contracts" and "Leverage and Margin of
//! USDⓈ-M Futures".

use cryptobot_model::{Bracket, Brackets, Money, Price, Quantity, Rate};

/// What stands behind one position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stake {
    /// Wallet behind the position: isolated margin, or cross wallet.
    pub wallet: Money,
    /// Unrealised profit of the other positions on that wallet; zero for an isolated position.
    pub other_unrealised: Money,
    /// Maintenance margin of the other positions on that wallet; zero for an isolated position.
    pub other_maintenance: Money,
    /// Signed quantity; negative = short.
    pub quantity: Quantity,
    /// Entry value: Σ signed quantity × entry price.
    pub cost: Money,
}

/// Where a position is liquidated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LiquidationPoint {
    /// The mark price at which margin balance and maintenance margin are equal. Zero or negative for a long position
    /// that no price can liquidate.
    pub price: Price,
    /// Index of the bracket of the notional at that price; `None` without brackets.
    pub bracket: Option<usize>,
}

impl LiquidationPoint {
    /// The price, if the mark price can reach it.
    pub fn reachable(&self) -> Option<Price> {
        (self.price > Price::ZERO).then_some(self.price)
    }
}

impl Stake {
    /// Notional at a price.
    pub fn notional(&self, price: Price) -> Money {
        self.quantity.abs().at(price)
    }

    /// Profit of the position at a price.
    pub fn unrealised(&self, price: Price) -> Money {
        self.quantity.at(price) - self.cost
    }

    /// Wallet plus all unrealised profit, minus the maintenance of the other positions: what the position's own
    /// maintenance margin is held against.
    pub fn margin_balance(&self, price: Price) -> Money {
        self.at_value(self.quantity.at(price))
    }

    /// Where the position is liquidated, with the bracket that holds at that price; `None` when it is flat.
    ///
    /// Margin balance minus maintenance margin is continuous and monotonic in the notional (that is what `cum` is
    /// for), so that its zero lies in exactly one bracket: the first at whose cap the sign has changed.
    pub fn liquidation(&self, brackets: &Brackets) -> Option<LiquidationPoint> {
        let table = brackets.as_slice();
        let crossed = |bracket: &&Bracket| {
            let surplus = self.at_value(self.signed(bracket.cap)) - bracket.maintenance_margin(bracket.cap);
            if self.quantity > Quantity::ZERO { surplus >= Money::ZERO } else { surplus <= Money::ZERO }
        };
        let last = table.len().checked_sub(1);
        let index = table.iter().position(|bracket| crossed(&bracket)).or(last);
        let (rate, cum) = index
            .map_or((Rate::ZERO, Money::ZERO), |index| (table[index].maintenance_rate, table[index].cum));
        Some(LiquidationPoint { price: self.liquidation_within(rate, cum)?, bracket: index })
    }

    /// `(WB − TMM + UPNL + cum − side × quantity × entry) / (quantity × rate − side × quantity)`, for a bracket that
    /// is known to hold at the result; `None` when the position is flat.
    pub fn liquidation_within(&self, rate: Rate, cum: Money) -> Option<Price> {
        let side = Rate::from_units(Rate::ONE.units() * i128::from(self.quantity.signum()));
        let factor = Rate::from_units(rate.units() - side.units());
        Price::solving(self.at_value(Money::ZERO) + cum, self.quantity.abs(), factor)
    }

    /// The price at which nothing is left of the margin: wallet plus all unrealised profit is zero; `None` when the
    /// position is flat.
    pub fn bankruptcy(&self) -> Option<Price> {
        Price::solving(self.cost - self.wallet - self.other_unrealised, self.quantity, Rate::ONE)
    }

    fn at_value(&self, value: Money) -> Money {
        self.wallet + self.other_unrealised - self.other_maintenance + value - self.cost
    }

    fn signed(&self, notional: Money) -> Money {
        if self.quantity < Quantity::ZERO { -notional } else { notional }
    }
}

/// Funding of a position: `signed quantity × mark × rate`; positive = paid. A positive rate is paid by longs.
pub fn funding_payment(quantity: Quantity, mark: Price, rate: Rate) -> Money {
    quantity.at(mark).times(rate)
}

/// Maintenance margin over margin balance; 1 and more is liquidation. Infinite when nothing is left of the balance.
pub fn margin_ratio(maintenance: Money, balance: Money) -> f64 {
    if balance > Money::ZERO {
        maintenance.to_f64() / balance.to_f64()
    } else if maintenance.is_zero() && balance.is_zero() {
        0.0
    } else {
        f64::INFINITY
    }
}
