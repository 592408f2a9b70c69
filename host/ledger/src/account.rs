//! The virtual sub-account of one strategy.

use cryptobot_model::{ClosedTrade, Fill, InstrumentId, Money, Price, Rate};

use crate::position::{Position, PositionChange};

/// A wallet and one position per instrument of the run.
#[derive(Clone, Debug, PartialEq)]
pub struct Account {
    wallet: Money,
    positions: Vec<Position>,
}

impl Account {
    /// An account with a balance and no positions.
    pub fn new(balance: Money, instruments: usize) -> Self {
        Self { wallet: balance, positions: vec![Position::default(); instruments] }
    }

    /// Books a fill: realised profit and fee go to the wallet.
    pub fn apply(&mut self, fill: &Fill) -> PositionChange {
        let change = self.positions[fill.instrument.index()].apply(fill);
        self.wallet += change.realised - fill.fee;
        change
    }

    /// Books funding on an open position; returns what was paid (negative = received).
    pub fn pay_funding(&mut self, instrument: InstrumentId, mark: Price, rate: Rate) -> Money {
        let paid = self.positions[instrument.index()].pay_funding(mark, rate);
        self.wallet -= paid;
        paid
    }

    /// Books what the insurance fund bore of a loss that a fill brought: for the trade that the fill `closed`, or else
    /// for the one that is open in the instrument.
    pub fn insure(&mut self, instrument: InstrumentId, amount: Money, closed: Option<&mut ClosedTrade>) {
        self.wallet += amount;
        match closed {
            Some(trade) => trade.insure(amount),
            None => self.positions[instrument.index()].insure(amount),
        }
    }

    /// Deposits plus realised profits and insurance, minus fees and funding.
    pub fn wallet(&self) -> Money {
        self.wallet
    }

    /// The position in an instrument.
    pub fn position(&self, instrument: InstrumentId) -> &Position {
        &self.positions[instrument.index()]
    }

    /// All positions, by instrument.
    pub fn positions(&self) -> &[Position] {
        &self.positions
    }

    /// Wallet minus the entry value of open positions; with it `equity = cash + Σ quantity × mark`.
    pub fn cash(&self) -> Money {
        self.positions.iter().fold(self.wallet, |cash, position| cash - position.cost())
    }
}

#[cfg(test)]
mod tests {
    use cryptobot_model::{FillRule, Liquidity, OrderId, Price, Quantity, Side, StrategyId, Timestamp};
    use proptest::prelude::*;

    use super::*;

    fn fill(ts: i64, side: Side, quantity: &str, price: &str, fee: &str) -> Fill {
        Fill {
            ts: Timestamp(ts),
            strategy: StrategyId(0),
            instrument: InstrumentId(0),
            order: OrderId::new(StrategyId(0), 1),
            side,
            price: Price::new(price.parse().unwrap()),
            quantity: Quantity::new(quantity.parse().unwrap()),
            fee: fee.parse().unwrap(),
            slippage: Money::ZERO,
            liquidity: Liquidity::Taker,
            rule: FillRule::Open,
        }
    }

    fn money(text: &str) -> Money {
        text.parse().unwrap()
    }

    #[test]
    fn a_flip_closes_one_trade_and_opens_the_next() {
        let mut account = Account::new(money("1000"), 1);
        assert_eq!(account.apply(&fill(1, Side::Buy, "1", "100", "0.04")).closed, None);
        let trade = account.apply(&fill(2, Side::Sell, "3", "110", "0.12")).closed.unwrap();
        assert_eq!(trade.gross_pnl, money("10"));
        assert_eq!(trade.fees, money("0.08"), "the entry's fee and a third of the flip's");
        assert_eq!(trade.net_pnl, money("9.92"));
        assert_eq!((trade.opened_at, trade.closed_at), (Timestamp(1), Timestamp(2)));
        assert_eq!(account.position(InstrumentId(0)).quantity().to_string(), "-2");
        assert_eq!(account.wallet(), money("1009.84"));
        assert_eq!(account.cash(), money("1229.84"), "short 2 at 110 brought 220");
    }

    #[test]
    fn averages_are_weighted_by_quantity() {
        let mut account = Account::new(money("1000"), 1);
        account.apply(&fill(1, Side::Sell, "1", "100", "0"));
        account.apply(&fill(2, Side::Sell, "3", "104", "0"));
        assert_eq!(account.position(InstrumentId(0)).average_price(), 103.0);
        account.apply(&fill(3, Side::Buy, "1", "99", "0"));
        let trade = account.apply(&fill(4, Side::Buy, "3", "95", "0")).closed.unwrap();
        assert_eq!(trade.side, Side::Sell);
        assert_eq!(trade.entry_price.to_string(), "103");
        assert_eq!(trade.exit_price.to_string(), "96");
        assert_eq!(trade.net_pnl, money("28"));
        assert_eq!(account.wallet(), money("1028"));
    }

    #[test]
    fn funding_is_paid_by_longs_at_positive_rates_and_belongs_to_the_trade() {
        let (instrument, mark) = (InstrumentId(0), Price::new("50".parse().unwrap()));
        let mut account = Account::new(money("1000"), 1);
        assert_eq!(account.pay_funding(instrument, mark, "0.01".parse().unwrap()), Money::ZERO, "flat");
        account.apply(&fill(1, Side::Buy, "2", "40", "0"));
        assert_eq!(account.pay_funding(instrument, mark, "0.0001".parse().unwrap()), money("0.01"));
        assert_eq!(account.pay_funding(instrument, mark, "-0.0003".parse().unwrap()), money("-0.03"));
        assert_eq!(account.wallet(), money("1000.02"));
        let trade = account.apply(&fill(2, Side::Sell, "3", "41", "0.3")).closed.unwrap();
        assert_eq!((trade.gross_pnl, trade.funding), (money("2"), money("-0.02")));
        assert_eq!(trade.net_pnl, money("1.82"), "gross - fees - funding");
        assert_eq!(account.pay_funding(instrument, mark, "0.001".parse().unwrap()), money("-0.05"), "short");
        let trade = account.apply(&fill(3, Side::Buy, "1", "41", "0")).closed.unwrap();
        assert_eq!(trade.funding, money("-0.05"), "of the second trade only");
    }

    #[test]
    fn what_the_fund_bears_belongs_to_the_trade_it_was_borne_for() {
        let mut account = Account::new(money("100"), 1);
        account.apply(&fill(1, Side::Buy, "2", "1000", "0"));
        // A part is closed beyond what is there: the trade goes on, the loss of the next fill ends it.
        assert_eq!(account.apply(&fill(2, Side::Sell, "1", "880", "0")).closed, None);
        account.insure(InstrumentId(0), money("20"), None);
        let mut trade = account.apply(&fill(3, Side::Sell, "1", "950", "1")).closed.unwrap();
        account.insure(InstrumentId(0), money("51"), Some(&mut trade));
        assert_eq!((trade.gross_pnl, trade.insurance), (money("-170"), money("71")));
        assert_eq!(trade.net_pnl, money("-100"), "gross - fees - funding + insurance");
        assert_eq!(account.wallet(), money("100") + trade.net_pnl);
    }

    proptest! {
        /// Cash moves by exactly what was traded, whatever the order of fills; flat means wallet = cash.
        #[test]
        fn money_is_conserved(fills in prop::collection::vec((any::<bool>(), 1_u64..5_000, 1_u64..9_000_000, 0_u64..500), 1..60)) {
            let mut account = Account::new(money("100000"), 1);
            let mut cash = money("100000");
            let mut net = Money::ZERO;
            for (index, (buy, lots, ticks, fee)) in fills.into_iter().enumerate() {
                let side = if buy { Side::Buy } else { Side::Sell };
                let (quantity, price) = (format!("{lots}e-3"), format!("{ticks}e-2"));
                let quantity = rust_decimal::Decimal::from_scientific(&quantity).unwrap().to_string();
                let price = rust_decimal::Decimal::from_scientific(&price).unwrap().to_string();
                let fee = rust_decimal::Decimal::new(fee as i64, 4).to_string();
                let fill = fill(index as i64, side, &quantity, &price, &fee);
                cash -= side.signed(fill.quantity).at(fill.price) + fill.fee;
                if let Some(trade) = account.apply(&fill).closed {
                    net += trade.net_pnl;
                }
                prop_assert_eq!(account.cash(), cash);
                let position = account.position(InstrumentId(0));
                prop_assert_eq!(position.quantity().is_zero(), position.cost().is_zero() && account.wallet() == account.cash());
                if position.quantity().is_zero() {
                    prop_assert_eq!(account.wallet(), money("100000") + net);
                }
            }
        }
    }
}
