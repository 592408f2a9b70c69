//! Margin: the exchange's view of the positions of all strategies, and what it does when their margin is gone.
//!
//! Strategies have virtual sub-accounts on one exchange account: it holds their net positions, and a liquidation of
//! one is divided among the strategies on its side, in proportion to what they hold. With separate accounts each
//! strategy stands for itself.

use cryptobot_ledger::{LiquidationStep, MarginAccount, MarginError, MarginMode, MarginSettings};
use cryptobot_model::{
    Calm, Fill, FillRule, Instrument, InstrumentId, Liquidation, Money, Price, Quantity, Rate, StrategyId,
    Timestamp,
};
use cryptobot_risk::Closing;
use cryptobot_sim::EarlierLevel;

use super::Engine;
use super::ratios::Nearness;
use crate::recorder::{Entry, Recorder};
use crate::slot::Slot;
use crate::venue::Venue;

/// Most steps of one liquidation at one time: more than any bracket table has.
const MOST_STEPS: usize = 1_000;

/// Whose margin it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Accounts {
    /// One exchange account; strategies are virtual sub-accounts of it.
    #[default]
    Shared,
    /// An exchange account per strategy.
    Separate,
}

/// The exchange accounts of a run.
#[derive(Debug)]
pub(crate) struct Margin {
    pub(super) accounts: Vec<MarginAccount>,
    pub(super) kind: Accounts,
    pub(super) nearness: Nearness,
    /// Liquidation prices of the net positions, by account and instrument: what the venue asks on every bar.
    prices: Vec<Option<Price>>,
    pub(super) marks: Vec<Price>,
    lots: Vec<Quantity>,
    /// Largest notional of a position at its leverage, by instrument.
    largest: Vec<f64>,
    /// Whether liquidation prices depend on the marks of other instruments.
    shares_wallets: bool,
    /// Where they do: when each account had a fill since the newest marks, and the liquidation prices until then.
    touched_at: Vec<Option<Timestamp>>,
    earlier: Vec<Option<Price>>,
}

impl Margin {
    fn new(
        kind: Accounts,
        balances: &[Money],
        instruments: &[Instrument],
        settings: MarginSettings,
    ) -> Result<Self, MarginError> {
        let is_divided = kind == Accounts::Shared && balances.len() > 1;
        let balances = match kind {
            Accounts::Shared => vec![balances.iter().copied().sum()],
            Accounts::Separate => balances.to_vec(),
        };
        let mut accounts: Vec<MarginAccount> =
            balances.into_iter().map(|balance| MarginAccount::new(balance, instruments)).collect();
        for account in &mut accounts {
            for index in 0..instruments.len() {
                account.configure(InstrumentId::from(index), settings)?;
            }
        }
        Ok(Self {
            nearness: Nearness::new(accounts.len(), instruments.len(), is_divided),
            prices: vec![None; accounts.len() * instruments.len()],
            marks: vec![Price::ZERO; instruments.len()],
            lots: instruments.iter().map(|instrument| instrument.lot).collect(),
            largest: instruments.iter().map(|it| largest_notional(it, settings.leverage.get())).collect(),
            shares_wallets: settings.mode == MarginMode::Cross && instruments.len() > 1,
            touched_at: vec![None; accounts.len()],
            earlier: vec![None; accounts.len() * instruments.len()],
            accounts,
            kind,
        })
    }

    pub(super) fn accounts(&self) -> &[MarginAccount] {
        &self.accounts
    }

    fn account_of(&self, strategy: StrategyId) -> usize {
        match self.kind {
            Accounts::Shared => 0,
            Accounts::Separate => strategy.index(),
        }
    }

    /// The position of the exchange account that a strategy's orders go to.
    pub(super) fn net_position(&self, strategy: StrategyId, instrument: InstrumentId) -> Quantity {
        self.accounts[self.account_of(strategy)].position(instrument).quantity()
    }

    /// The largest notional that an exchange account may hold of an instrument.
    pub(super) fn largest_notional(&self, instrument: InstrumentId) -> f64 {
        self.largest[instrument.index()]
    }

    /// Books a fill; returns the loss that the insurance fund bears.
    fn book(&mut self, fill: &Fill) -> Money {
        let account = self.account_of(fill.strategy);
        if self.shares_wallets {
            self.touched_at[account] = self.touched_at[account].max(Some(fill.ts));
        }
        self.look_at_fill(account, fill);
        let insurance = self.accounts[account].apply(fill).insurance;
        self.refresh_after(account, fill.instrument);
        insurance
    }

    /// Books funding of the net positions.
    pub(crate) fn pay_funding(&mut self, instrument: InstrumentId, mark: Price, rate: Rate) {
        for account in 0..self.accounts.len() {
            self.accounts[account].pay_funding(instrument, mark, rate);
            self.refresh_after(account, instrument);
        }
    }

    /// The mark price at which the exchange liquidates what a strategy holds, which is `position`: that of the net
    /// position, for those who hold some of it.
    pub(crate) fn liquidation_price(
        &self,
        strategy: StrategyId,
        instrument: InstrumentId,
        position: Quantity,
    ) -> Option<Price> {
        let account = self.account_of(strategy);
        if self.bears(account, instrument, position) {
            self.prices[account * self.marks.len() + instrument.index()]
        } else {
            None
        }
    }

    /// Whether a position is on the side of the net position.
    fn bears(&self, account: usize, instrument: InstrumentId, position: Quantity) -> bool {
        self.accounts[account].position(instrument).quantity().signum() * position.signum() > 0
    }

    /// The level of a position before what happened to its account since the newest marks.
    pub(crate) fn earlier_liquidation(
        &self,
        strategy: StrategyId,
        instrument: InstrumentId,
        position: Quantity,
    ) -> Option<EarlierLevel> {
        let account = self.account_of(strategy);
        let until = self.touched_at[account]?;
        let earlier = self.earlier[account * self.marks.len() + instrument.index()];
        Some(EarlierLevel { until, price: earlier.filter(|_| self.bears(account, instrument, position)) })
    }

    /// Prices between which nobody is liquidated in an instrument.
    pub(super) fn calm(&self, instrument: InstrumentId) -> Calm {
        let mut calm = Calm::ALL;
        for account in &self.accounts {
            let side = account.position(instrument).quantity().signum();
            if side != 0 && self.shares_wallets {
                // The level moves with the marks of other instruments.
                return Calm::NONE;
            }
            match account.liquidation_trigger(instrument) {
                Some(trigger) if side > 0 => calm.below = calm.below.max(trigger),
                Some(trigger) => calm.above = calm.above.min(trigger),
                None => {}
            }
        }
        calm
    }

    /// Whether nobody has to be liquidated at these mark prices.
    #[inline]
    pub(super) fn is_safe(&mut self, marks: &[f64]) -> bool {
        if self.shares_wallets {
            self.take_marks(marks);
        }
        self.accounts.iter().all(|account| account.is_safe(marks))
    }

    /// Takes the newest marks of steps in which nobody had to be asked.
    pub(super) fn pass(&mut self, marks: &[f64]) {
        if self.shares_wallets {
            self.take_marks(marks);
        }
    }

    fn take_marks(&mut self, marks: &[f64]) {
        for (exact, mark) in self.marks.iter_mut().zip(marks) {
            *exact = Price::from_f64(*mark).unwrap_or_default();
        }
        for account in 0..self.accounts.len() {
            self.refresh(account);
        }
        self.earlier.clone_from(&self.prices);
        self.touched_at.fill(None);
    }

    fn refresh(&mut self, account: usize) {
        for index in 0..self.marks.len() {
            self.refresh_price(account, InstrumentId::from(index));
        }
    }

    /// Takes over what changed with one instrument: its own liquidation price, and all where positions share a wallet.
    fn refresh_after(&mut self, account: usize, instrument: InstrumentId) {
        if self.shares_wallets {
            self.refresh(account);
        } else {
            self.refresh_price(account, instrument);
        }
    }

    fn refresh_price(&mut self, account: usize, instrument: InstrumentId) {
        let state = &self.accounts[account];
        let price = if state.position(instrument).quantity().is_zero() {
            None
        } else {
            state.liquidation_price(instrument, &self.marks)
        };
        self.prices[account * self.marks.len() + instrument.index()] = price;
    }

    /// The price at which nothing is left of the margin behind a strategy's position; zero where no price does that.
    fn bankruptcy_price(&self, strategy: StrategyId, instrument: InstrumentId) -> Price {
        let account = &self.accounts[self.account_of(strategy)];
        account.bankruptcy_price(instrument, &self.marks).unwrap_or_default()
    }

    /// The same after fills of the bar that are not booked yet, those of other strategies passed over. A liquidation
    /// takes the parts of the others along.
    pub(crate) fn liquidation_price_after(
        &self,
        strategy: StrategyId,
        instrument: InstrumentId,
        slots: &[Slot],
        fills: &[Fill],
    ) -> Option<Price> {
        let (account, position) = self.after(strategy, instrument, slots, fills);
        let net = account.position(instrument).quantity();
        if net.signum() * position.signum() > 0 {
            account.liquidation_price(instrument, &self.marks)
        } else {
            None
        }
    }

    /// Whether a strategy's position after these fills certainly survives a mark price. Known without booking them for
    /// one fill of a position that nobody shares.
    pub(crate) fn is_safe_after(
        &self,
        strategy: StrategyId,
        instrument: InstrumentId,
        slots: &[Slot],
        fills: &[Fill],
        mark: f64,
    ) -> bool {
        let [fill] = fills else { return false };
        let account = &self.accounts[self.account_of(strategy)];
        let own = slots[strategy.index()].account.position(instrument).quantity();
        let is_alone = fill.strategy == strategy && account.position(instrument).quantity() == own;
        is_alone && account.is_safe_after(fill, mark)
    }

    /// How much of a strategy's position after these fills the exchange closes at a mark price: its part of the next
    /// step, at least a lot.
    pub(crate) fn liquidation_quantity(
        &self,
        strategy: StrategyId,
        instrument: InstrumentId,
        slots: &[Slot],
        fills: &[Fill],
        mark: Price,
    ) -> Quantity {
        let (account, position) = self.after(strategy, instrument, slots, fills);
        let mut marks = self.marks.clone();
        marks[instrument.index()] = mark;
        let whole = account.first_step(instrument, &marks).map_or(Quantity::ZERO, |step| step.quantity);
        let sides = self.sides(strategy, instrument, slots, position);
        let lot = self.lots[instrument.index()];
        portion(whole, sides.before, position.abs(), sides.all(position), lot).max(lot).min(position.abs())
    }

    /// The account as a strategy's own fills of the bar leave it, and the strategy's position.
    fn after(
        &self,
        strategy: StrategyId,
        instrument: InstrumentId,
        slots: &[Slot],
        fills: &[Fill],
    ) -> (MarginAccount, Quantity) {
        let mut account = self.accounts[self.account_of(strategy)].clone();
        let mut position = slots[strategy.index()].account.position(instrument).quantity();
        let lot = self.lots[instrument.index()];
        for fill in fills.iter().filter(|fill| fill.strategy == strategy) {
            let net = account.position(instrument).quantity().abs();
            let others = self.sides(strategy, instrument, slots, position).others();
            account.apply(&with_others(fill, position.abs(), others, net, lot));
            position += fill.side.signed(fill.quantity);
        }
        (account, position)
    }

    /// What other strategies on the same account hold on the side of a strategy's `position`.
    fn sides(
        &self,
        strategy: StrategyId,
        instrument: InstrumentId,
        slots: &[Slot],
        position: Quantity,
    ) -> Sides {
        let account = self.account_of(strategy);
        let mut sides = Sides::default();
        for slot in slots.iter().filter(|slot| slot.id != strategy && self.account_of(slot.id) == account) {
            let held = slot.account.position(instrument).quantity();
            if held.signum() * position.signum() > 0 {
                *(if slot.id < strategy { &mut sides.before } else { &mut sides.after }) += held.abs();
            }
        }
        sides
    }
}

/// What others hold on the side of a strategy: those before it, by their ids, and those after it.
#[derive(Clone, Copy, Debug, Default)]
struct Sides {
    before: Quantity,
    after: Quantity,
}

impl Sides {
    fn others(self) -> Quantity {
        self.before + self.after
    }

    fn all(self, position: Quantity) -> Quantity {
        self.others() + position.abs()
    }
}

/// The part of `quantity`, in whole lots, that belongs to the holder of the `part` of `all` that comes after `before`:
/// what is due up to and with it, minus what is due before it, so that the parts of all are `quantity`.
fn portion(quantity: Quantity, before: Quantity, part: Quantity, all: Quantity, lot: Quantity) -> Quantity {
    if all.is_zero() || part == all {
        return quantity;
    }
    let lot = lot.units().max(1);
    let due = |holdings: Quantity| quantity.units() * holdings.units() / all.units() / lot * lot;
    Quantity::from_units(due(before + part) - due(before))
}

/// A fill as the account sees it: of a liquidation the part of `position` stands for the step that takes from `others`
/// too. Parts are whole lots, so the step may be up to a lot in this part larger; whoever is not safe then is found by
/// the check after the bar.
fn with_others(fill: &Fill, position: Quantity, others: Quantity, net: Quantity, lot: Quantity) -> Fill {
    if fill.rule != FillRule::Liquidation || others.is_zero() || position.is_zero() {
        return *fill;
    }
    let all = (position + others).units();
    let whole = Quantity::from_units((fill.quantity + lot).units() * all / position.units()).min(net);
    Fill { quantity: whole, fee: fill.fee.share(whole, fill.quantity), ..*fill }
}

/// What an instrument's brackets allow at a leverage; without brackets there is no limit.
fn largest_notional(instrument: &Instrument, leverage: u32) -> f64 {
    instrument.terms.brackets.max_notional(leverage).map_or(f64::INFINITY, Money::to_f64)
}

impl<V: Venue> Engine<V> {
    /// Puts the positions on exchange accounts with margin: `settings` for every instrument. Without a call positions
    /// are never liquidated. To be called before the run.
    pub fn with_margin(mut self, kind: Accounts, settings: MarginSettings) -> Result<Self, MarginError> {
        let balances: Vec<Money> = self.slots.iter().map(Slot::wallet).collect();
        let instruments: Vec<Instrument> =
            self.markets.iter().map(|market| market.instrument.clone()).collect();
        self.margin_ratios = vec![f64::NAN; self.slots.len()];
        self.margin = Some(Margin::new(kind, &balances, &instruments, settings)?);
        Ok(self)
    }

    /// Liquidates what has to be at the newest mark prices, step by step.
    #[cold]
    #[inline(never)]
    pub(super) fn liquidate(&mut self, recorder: &mut dyn Recorder) {
        for _ in 0..MOST_STEPS {
            let Some(margin) = &mut self.margin else { return };
            margin.take_marks(&self.marks);
            let due = margin.accounts.iter().enumerate();
            let step =
                due.filter_map(|(account, state)| Some((account, state.liquidation_step(&margin.marks)?)));
            let Some((account, step)) = step.min_by_key(|(account, _)| *account) else { return };
            self.liquidate_step(account, &step, recorder);
        }
    }

    /// Divides a step among the strategies that hold the position and lets the venue execute it.
    fn liquidate_step(&mut self, account: usize, step: &LiquidationStep, recorder: &mut dyn Recorder) {
        let Some(margin) = &self.margin else { return };
        let instrument = step.instrument;
        let opposed = |slot: &Slot| {
            let position = slot.account.position(instrument).quantity();
            let is_theirs = margin.account_of(slot.id) == account;
            (is_theirs && position.signum() * step.side.sign() as i32 == -1)
                .then_some((slot.id, position.abs()))
        };
        let holders: Vec<(StrategyId, Quantity)> = self.slots.iter().filter_map(opposed).collect();
        let all: Quantity = holders.iter().map(|(_, held)| *held).sum();
        let (mut before, lot) = (Quantity::ZERO, margin.lots[instrument.index()]);
        for (strategy, held) in holders {
            let quantity = portion(step.quantity, before, held, all, lot).min(held);
            before += held;
            if !quantity.is_zero() {
                let closing = Closing { strategy, instrument, side: step.side, quantity };
                self.venue.liquidate(&closing, step.mark, self.now, &mut self.reports);
            }
        }
        let booked = super::reports::book(
            &mut self.slots,
            instrument,
            self.now,
            &mut self.reports,
            &mut self.risk,
            &mut self.margin,
            recorder,
        );
        self.has_news |= booked.has_news;
        self.next_event = self.next_event.min(booked.next_event).min(self.operator.after_fills(self.now));
    }
}

impl Margin {
    /// Books a fill on the exchange account, and tells what a liquidation did. Returns the loss that the insurance fund
    /// bears.
    pub(super) fn settle(&mut self, fill: &Fill, recorder: &mut dyn Recorder) -> Money {
        if fill.rule != FillRule::Liquidation {
            return self.book(fill);
        }
        let bankruptcy_price = self.bankruptcy_price(fill.strategy, fill.instrument);
        let insurance = self.book(fill);
        // The slippage is rounded as money: taken off again it leaves the mark but for the last digits.
        let signed = fill.side.signed(fill.quantity);
        let mark = match fill.slippage {
            Money::ZERO => fill.price,
            slippage => Price::average(signed.at(fill.price) - slippage, signed),
        };
        recorder.entry(&Entry::Liquidation(&Liquidation {
            ts: fill.ts,
            strategy: fill.strategy,
            instrument: fill.instrument,
            side: fill.side,
            quantity: fill.quantity,
            mark,
            bankruptcy_price,
            fee: fill.fee,
            insurance,
        }));
        insurance
    }
}
