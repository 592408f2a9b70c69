//! The margin account: wallet, isolated margins and net positions.

use std::num::NonZeroU32;

use cryptobot_model::brackets::LARGEST_LEVERAGE;
use cryptobot_model::{Brackets, Fill, FillRule, Instrument, InstrumentId, Money, Price, Quantity, Rate};

use super::error::MarginError;
use super::formulas::{LiquidationPoint, Stake, funding_payment, margin_ratio};
use super::guard::Guards;
use crate::net::NetPosition;

/// What stands behind a position.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MarginMode {
    /// A margin of its own: no more than that can be lost.
    #[default]
    Isolated,
    /// The wallet, together with all other cross positions.
    Cross,
}

/// How an account trades an instrument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MarginSettings {
    /// Isolated or cross.
    pub mode: MarginMode,
    /// Notional per unit of initial margin.
    pub leverage: NonZeroU32,
}

impl MarginSettings {
    /// Settings; refused unless the leverage is between 1 and 125.
    pub fn new(mode: MarginMode, leverage: u32) -> Result<Self, MarginError> {
        let refused = MarginError::Leverage { leverage, limit: LARGEST_LEVERAGE };
        if leverage > LARGEST_LEVERAGE {
            return Err(refused);
        }
        Ok(Self { mode, leverage: NonZeroU32::new(leverage).ok_or(refused)? })
    }
}

/// Isolated, leverage 1.
impl Default for MarginSettings {
    fn default() -> Self {
        Self { mode: MarginMode::Isolated, leverage: NonZeroU32::MIN }
    }
}

/// What a fill did to a margin account.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct MarginChange {
    /// Profit that became cash, before the fee.
    pub realised: Money,
    /// Loss beyond the margin that the insurance fund bore with this fill; zero or positive.
    pub insurance: Money,
}

/// An instrument as a margin account holds it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Holding {
    pub brackets: Brackets,
    pub lot: Quantity,
    pub liquidation_fee: Rate,
    pub settings: MarginSettings,
    pub position: NetPosition,
    /// Isolated margin; zero in cross mode.
    pub margin: Money,
}

impl Holding {
    pub fn is_cross(&self) -> bool {
        self.settings.mode == MarginMode::Cross
    }

    pub fn is_open(&self) -> bool {
        !self.position.quantity().is_zero()
    }

    pub fn is_open_cross(&self) -> bool {
        self.is_cross() && self.is_open()
    }

    pub fn notional(&self, mark: Price) -> Money {
        self.position.quantity().abs().at(mark)
    }

    pub fn maintenance(&self, mark: Price) -> Money {
        self.brackets.maintenance_margin(self.notional(mark))
    }

    pub fn unrealised(&self, mark: Price) -> Money {
        self.position.quantity().at(mark) - self.position.cost()
    }
}

/// An exchange account with margin, in one-way mode: one net position per instrument.
///
/// Every amount is exact. `marks` are the mark prices of all instruments, by [`InstrumentId`]. The account is never
/// silently negative: what a position loses beyond its margin is booked as [`insurance`](Self::insurance).
#[derive(Clone, Debug, PartialEq)]
pub struct MarginAccount {
    /// Everything, isolated margins included.
    pub(super) wallet: Money,
    pub(super) holdings: Vec<Holding>,
    pub(super) guards: Guards,
    insurance: Money,
    liquidation_fees: Money,
}

impl MarginAccount {
    /// An account with a balance and no positions: isolated, leverage 1.
    pub fn new(balance: Money, instruments: &[Instrument]) -> Self {
        let holding = |instrument: &Instrument| Holding {
            brackets: instrument.terms.brackets.clone(),
            lot: instrument.lot,
            liquidation_fee: instrument.terms.liquidation_fee,
            settings: MarginSettings::default(),
            position: NetPosition::default(),
            margin: Money::ZERO,
        };
        let holdings: Vec<Holding> = instruments.iter().map(holding).collect();
        Self {
            wallet: balance,
            guards: Guards::new(&holdings),
            holdings,
            insurance: Money::ZERO,
            liquidation_fees: Money::ZERO,
        }
    }

    /// Sets mode and leverage of an instrument. Refused while there is a position, and for a leverage that its
    /// brackets do not have.
    pub fn configure(
        &mut self,
        instrument: InstrumentId,
        settings: MarginSettings,
    ) -> Result<(), MarginError> {
        let holding = &mut self.holdings[instrument.index()];
        if holding.settings == settings {
            return Ok(());
        }
        if holding.is_open() {
            return Err(MarginError::OpenPosition { quantity: holding.position.quantity() });
        }
        let limit = holding.brackets.max_leverage(Money::ZERO).unwrap_or(LARGEST_LEVERAGE);
        let leverage = settings.leverage.get();
        if leverage > limit {
            return Err(MarginError::Leverage { leverage, limit });
        }
        holding.settings = settings;
        Ok(())
    }

    /// Books a fill.
    ///
    /// An isolated position is given `notional / leverage` from the wallet when it grows and returns its share when it
    /// shrinks; profits, losses and fees go to the wallet, and to the position's margin only where the wallet has
    /// nothing left. A fill of rule [`FillRule::Liquidation`] settles with the isolated margin alone.
    pub fn apply(&mut self, fill: &Fill) -> MarginChange {
        let index = fill.instrument.index();
        let holding = &mut self.holdings[index];
        let before = holding.position.quantity();
        let realised = holding.position.apply(fill);
        let liquidation = fill.rule == FillRule::Liquidation;
        self.wallet += realised - fill.fee;
        if liquidation {
            self.liquidation_fees += fill.fee;
        }
        if !holding.is_cross() {
            if liquidation {
                holding.margin += realised - fill.fee;
            } else {
                holding.move_margin(before, fill);
            }
        }
        let insurance = self.settle(index);
        self.rebuild_guards(fill.instrument);
        MarginChange { realised, insurance }
    }

    /// Pays or receives funding of a position at the mark price of the funding time; positive = paid. An isolated
    /// position pays from its margin, a cross position from the wallet.
    pub fn pay_funding(&mut self, instrument: InstrumentId, mark: Price, rate: Rate) -> Money {
        let holding = &mut self.holdings[instrument.index()];
        let paid = funding_payment(holding.position.quantity(), mark, rate);
        if paid.is_zero() {
            return paid;
        }
        self.wallet -= paid;
        if !holding.is_cross() {
            holding.margin -= paid;
        }
        self.rebuild_guards(instrument);
        paid
    }

    /// Balance of the account with isolated margins: deposits + realised profits − fees − funding + insurance.
    pub fn wallet(&self) -> Money {
        self.wallet
    }

    /// The wallet without isolated margins: what stands behind cross positions and new ones.
    pub fn cross_wallet(&self) -> Money {
        self.wallet - self.holdings.iter().map(|holding| holding.margin).sum()
    }

    /// Margin of an isolated position; zero in cross mode.
    pub fn isolated_margin(&self, instrument: InstrumentId) -> Money {
        self.holdings[instrument.index()].margin
    }

    /// Losses beyond margins that the insurance fund bore so far.
    pub fn insurance(&self) -> Money {
        self.insurance
    }

    /// Liquidation fees paid to the insurance fund so far.
    pub fn liquidation_fees(&self) -> Money {
        self.liquidation_fees
    }

    /// The net position in an instrument.
    pub fn position(&self, instrument: InstrumentId) -> &NetPosition {
        &self.holdings[instrument.index()].position
    }

    /// Mode and leverage of an instrument.
    pub fn settings(&self, instrument: InstrumentId) -> MarginSettings {
        self.holdings[instrument.index()].settings
    }

    /// `notional(mark) / leverage` of a position.
    pub fn initial_margin(&self, instrument: InstrumentId, mark: Price) -> Money {
        let holding = &self.holdings[instrument.index()];
        holding.notional(mark).divided_by(holding.settings.leverage)
    }

    /// `notional(mark) × rate − cum` of a position.
    pub fn maintenance_margin(&self, instrument: InstrumentId, mark: Price) -> Money {
        self.holdings[instrument.index()].maintenance(mark)
    }

    /// Profit of a position that is not realised.
    pub fn unrealised(&self, instrument: InstrumentId, mark: Price) -> Money {
        self.holdings[instrument.index()].unrealised(mark)
    }

    /// Wallet plus unrealised profit of all positions.
    pub fn equity(&self, marks: &[Price]) -> Money {
        let unrealised = self.holdings.iter().zip(marks).map(|(holding, mark)| holding.unrealised(*mark));
        self.wallet + unrealised.sum()
    }

    /// What the maintenance margin is held against: isolated margin and unrealised profit of the position, or cross
    /// wallet and unrealised profit of all cross positions.
    pub fn margin_balance(&self, instrument: InstrumentId, marks: &[Price]) -> Money {
        let holding = &self.holdings[instrument.index()];
        if holding.is_cross() {
            return self.cross_totals(marks).0;
        }
        holding.margin + holding.unrealised(marks[instrument.index()])
    }

    /// Maintenance margin over margin balance, of the isolated position or of all cross positions together: 1 and more
    /// is liquidation.
    pub fn margin_ratio(&self, instrument: InstrumentId, marks: &[Price]) -> f64 {
        let holding = &self.holdings[instrument.index()];
        if holding.is_cross() {
            let (balance, maintenance) = self.cross_totals(marks);
            return margin_ratio(maintenance, balance);
        }
        let maintenance = holding.maintenance(marks[instrument.index()]);
        margin_ratio(maintenance, self.margin_balance(instrument, marks))
    }

    /// The mark price at which an isolated position, or the cross account while the other marks stand still, is
    /// liquidated; `None` without a position and where no price can liquidate it.
    pub fn liquidation_price(&self, instrument: InstrumentId, marks: &[Price]) -> Option<Price> {
        self.liquidation_point(instrument, marks)?.reachable()
    }

    /// The price at which nothing is left of the margin; `None` without a position and where no price can do that.
    pub fn bankruptcy_price(&self, instrument: InstrumentId, marks: &[Price]) -> Option<Price> {
        self.stake(instrument, marks).bankruptcy().filter(|price| *price > Price::ZERO)
    }

    /// What is free for new positions: cross wallet and unrealised profit of cross positions, minus their initial
    /// margins; zero or positive.
    pub fn available_margin(&self, marks: &[Price]) -> Money {
        let mut available = self.cross_wallet();
        for (holding, mark) in self.holdings.iter().zip(marks).filter(|(holding, _)| holding.is_open_cross())
        {
            available += holding.unrealised(*mark);
            available -= holding.notional(*mark).divided_by(holding.settings.leverage);
        }
        available.max(Money::ZERO)
    }

    fn liquidation_point(&self, instrument: InstrumentId, marks: &[Price]) -> Option<LiquidationPoint> {
        self.guards.points[instrument.index()].or_else(|| self.compute_point(instrument, marks))
    }

    pub(super) fn compute_point(
        &self,
        instrument: InstrumentId,
        marks: &[Price],
    ) -> Option<LiquidationPoint> {
        self.stake(instrument, marks).liquidation(&self.holdings[instrument.index()].brackets)
    }

    /// What stands behind a position.
    pub(super) fn stake(&self, instrument: InstrumentId, marks: &[Price]) -> Stake {
        let holding = &self.holdings[instrument.index()];
        let mut stake = Stake {
            wallet: holding.margin,
            other_unrealised: Money::ZERO,
            other_maintenance: Money::ZERO,
            quantity: holding.position.quantity(),
            cost: holding.position.cost(),
        };
        if holding.is_cross() {
            stake.wallet = self.cross_wallet();
            for (index, other) in self.holdings.iter().enumerate() {
                if index != instrument.index() && other.is_open_cross() {
                    stake.other_unrealised += other.unrealised(marks[index]);
                    stake.other_maintenance += other.maintenance(marks[index]);
                }
            }
        }
        stake
    }

    /// Margin balance and maintenance margin of all cross positions.
    pub(super) fn cross_totals(&self, marks: &[Price]) -> (Money, Money) {
        let (mut balance, mut maintenance) = (self.cross_wallet(), Money::ZERO);
        for (holding, mark) in self.holdings.iter().zip(marks).filter(|(holding, _)| holding.is_open_cross())
        {
            balance += holding.unrealised(*mark);
            maintenance += holding.maintenance(*mark);
        }
        (balance, maintenance)
    }

    /// Brings an isolated margin and the wallet into order after a fill. Answers the loss that nobody else can bear.
    fn settle(&mut self, index: usize) -> Money {
        let mut insurance = Money::ZERO;
        if !self.holdings[index].is_open() {
            // Nothing is left to be backed: the margin returns to the wallet, a lack of it is the fund's.
            insurance = (-self.holdings[index].margin).max(Money::ZERO);
            self.holdings[index].margin = Money::ZERO;
            self.wallet += insurance;
        }
        if !self.holdings.iter().any(Holding::is_open_cross) {
            let mut lack = (-self.cross_wallet()).max(Money::ZERO);
            let margin = &mut self.holdings[index].margin;
            let covered = lack.min((*margin).max(Money::ZERO));
            *margin -= covered;
            lack -= covered;
            self.wallet += lack;
            insurance += lack;
        }
        self.insurance += insurance;
        insurance
    }
}

impl Holding {
    /// Moves isolated margin after a fill that is already in the position, which was `before`.
    fn move_margin(&mut self, before: Quantity, fill: &Fill) {
        let signed = fill.side.signed(fill.quantity);
        let mut grown = fill.quantity;
        if before.signum() * signed.signum() < 0 {
            let held = before.abs();
            let reduced = if fill.quantity < held { fill.quantity } else { held };
            grown = fill.quantity - reduced;
            // A margin below zero is not given back: it stays with what is left of the position.
            self.margin -= self.margin.max(Money::ZERO).share(reduced, held);
        }
        self.margin += grown.at(fill.price).divided_by(self.settings.leverage);
    }
}
