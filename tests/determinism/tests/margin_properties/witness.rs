//! A recorder that keeps exchange accounts of its own from what the journal tells, and looks at them at every step.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use cryptobot_engine::{
    AccountKind, BarBlock, Entry, MarginAccount, MarginMode, MarginSettings, Mark, Recorder,
};
use cryptobot_model::{
    Fill, FillRule, FundingPayment, Instrument, InstrumentId, Money, Price, Quantity, StrategyId, Timestamp,
};
use cryptobot_test_support::run::Record;

/// A liquidation price is rounded to the eighth place, so that the ratio there is 1 but for this.
const ROUNDING: f64 = 1e-6;

/// The lot of the instruments of these runs: 0.001.
const LOT: Quantity = Quantity::from_units(100_000);

pub struct Witness {
    pub record: Record,
    pub accounts: Vec<MarginAccount>,
    /// Newest mark prices.
    pub marks: Vec<Price>,
    /// What the insurance fund bore, by strategy.
    pub insured: Vec<Money>,
    /// What rounding makes between an exchange account and its strategies: a liquidation price has more places than the
    /// grid, and a fill through zero is booked in two parts, each rounded.
    pub turned: Vec<Money>,
    /// Liquidations that left a part of the strategy's position.
    pub partial: usize,
    /// The newest change of an account, by instrument: where a bar is held through from its open, its worse mark counts.
    changed: Vec<Vec<Timestamp>>,
    /// Accounts of which something was liquidated in the step.
    liquidated: BTreeSet<usize>,
    /// What is not as it should be.
    pub faults: Vec<String>,
    kind: AccountKind,
    mode: MarginMode,
    bars: Vec<BarBlock>,
    /// Bars that have been marked.
    passed: usize,
    funded: BTreeSet<(Timestamp, InstrumentId)>,
    cash: Vec<Money>,
    /// What fills, funding and the fund brought, and what closed trades say they brought, by strategy and instrument.
    flows: Vec<Vec<(Money, Money)>>,
    positions: Vec<Vec<Quantity>>,
    /// What matching this instrument's bar began with.
    before: (Option<InstrumentId>, Vec<MarginAccount>, Vec<Fill>),
    /// What the bars of one time began with, and the fills that were told of since.
    begun: (Vec<MarginAccount>, Vec<Fill>),
    /// The account before a step of a liquidation, which is divided into several fills of one time.
    step: Option<((Timestamp, InstrumentId, usize), MarginAccount)>,
}

impl Witness {
    pub fn new(
        kind: AccountKind,
        settings: MarginSettings,
        instruments: &[Instrument],
        bars: Vec<BarBlock>,
        strategies: usize,
        balance: Money,
    ) -> Self {
        let balances = match kind {
            AccountKind::Shared => vec![(0..strategies).map(|_| balance).sum()],
            AccountKind::Separate => vec![balance; strategies],
        };
        let account = |balance: &Money| {
            let mut account = MarginAccount::new(*balance, instruments);
            for index in 0..instruments.len() {
                account.configure(index.into(), settings).unwrap();
            }
            account
        };
        Self {
            record: Record::default(),
            accounts: balances.iter().map(account).collect(),
            marks: vec![Price::ZERO; instruments.len()],
            insured: vec![Money::ZERO; strategies],
            turned: vec![Money::ZERO; balances.len()],
            partial: 0,
            changed: vec![vec![Timestamp(i64::MIN); instruments.len()]; balances.len()],
            liquidated: BTreeSet::new(),
            faults: Vec::new(),
            kind,
            mode: settings.mode,
            bars,
            passed: 0,
            begun: (Vec::new(), Vec::new()),
            funded: BTreeSet::new(),
            cash: vec![balance; strategies],
            flows: vec![vec![(Money::ZERO, Money::ZERO); instruments.len()]; strategies],
            positions: vec![vec![Quantity::ZERO; instruments.len()]; strategies],
            before: (None, Vec::new(), Vec::new()),
            step: None,
        }
    }

    fn account_of(&self, strategy: StrategyId) -> usize {
        match self.kind {
            AccountKind::Shared => 0,
            AccountKind::Separate => strategy.index(),
        }
    }

    fn check(&mut self, holds: bool, fault: impl FnOnce() -> String) {
        if !holds && self.faults.len() < 4 {
            self.faults.push(fault());
        }
    }

    fn fill(&mut self, fill: &Fill) {
        if self.before.0 != Some(fill.instrument) {
            self.before = (Some(fill.instrument), self.accounts.clone(), Vec::new());
        }
        let account = self.account_of(fill.strategy);
        let (strategy, instrument) = (fill.strategy.index(), fill.instrument);
        let net = self.accounts[account].position(instrument).quantity();
        let held = self.positions[strategy][instrument.index()];
        let signed = fill.side.signed(fill.quantity);
        if fill.rule == FillRule::Liquidation {
            self.check(held.signum() * signed.signum() == -1 && signed.abs() <= held.abs(), || {
                format!("{fill:?} of a position of {held}")
            });
            self.partial += usize::from(signed.abs() < held.abs());
            self.check_due(account, fill);
            // Where only the exchange acts, the net position shrinks and never turns by more than a lot: everybody's part
            // is one lot at least, of which the last may be one too many.
            if self.before.2.iter().all(|fill| fill.rule == FillRule::Liquidation) {
                let shrinks = net.signum() * signed.signum() == -1 || signed.abs() <= LOT;
                self.check(shrinks && signed.abs() <= net.abs() + LOT, || {
                    format!("{fill:?} of a net position of {net}")
                });
            }
        }
        if fill.rule != FillRule::Liquidation {
            self.step = None;
        }
        self.before.2.push(*fill);
        self.begun.1.push(*fill);
        if net.signum() * signed.signum() < 0 && signed.abs() > net.abs() {
            let parts = (-net).at(fill.price) + (signed + net).at(fill.price);
            self.turned[account] += signed.at(fill.price) - parts;
        }
        self.changed[account][instrument.index()] = fill.ts;
        if fill.rule == FillRule::Liquidation {
            self.liquidated.insert(account);
        }
        let insurance = self.accounts[account].apply(fill).insurance;
        self.insured[strategy] += insurance;
        let brought = insurance - signed.at(fill.price) - fill.fee;
        self.cash[strategy] += brought;
        self.flows[strategy][instrument.index()].0 += brought;
        self.positions[strategy][instrument.index()] += signed;
    }

    /// A liquidation has its reason: at the worst marks that the bar had, the ratio was 1. Inside a bar the exchange sees
    /// the strategy's own fills, after it those of all before the step; one of these must be so. Before the time of what
    /// other instruments did to the account in their bars, the account is what it was without that.
    fn check_due(&mut self, account: usize, fill: &Fill) {
        let of = (fill.ts, fill.instrument, account);
        if self.step.as_ref().is_none_or(|step| step.0 != of) {
            self.step = Some((of, self.accounts[account].clone()));
        }
        let own = |past: &&Fill| past.strategy == fill.strategy;
        if self.before.2.iter().filter(own).any(|past| past.rule == FillRule::Liquidation) {
            return;
        }
        let mut alone = self.before.1[account].clone();
        for past in self.before.2.iter().filter(own) {
            alone.apply(past);
        }
        let before_step = self.step.as_ref().map_or(&self.accounts[account], |step| &step.1);
        let others =
            self.begun.1.iter().filter(|past| {
                self.account_of(past.strategy) == account && past.instrument != fill.instrument
            });
        let until = others.map(|past| past.ts).max().filter(|_| self.before.2.iter().all(|past| !own(&past)));
        let due = |account: &MarginAccount| {
            let marks = self.worst_marks(account);
            account.margin_ratio(fill.instrument, &marks) >= 1.0 - ROUNDING
        };
        let begun = self.begun.0.get(account).unwrap_or(&alone);
        // The check after a bar has the time of its last leg, and with it that of a liquidation there.
        let after = || due(&alone) || due(before_step) || due(&self.accounts[account]);
        let holds = match until.map(|until| fill.ts.cmp(&until)) {
            Some(Ordering::Less) => due(begun),
            Some(Ordering::Equal) => due(begun) || after(),
            Some(Ordering::Greater) | None => after(),
        };
        self.check(holds, || format!("{fill:?} has no reason"));
    }

    /// Of the newest mark and those of the bar that is played, the worst for each position.
    fn worst_marks(&self, account: &MarginAccount) -> Vec<Price> {
        let worst = |(index, mark): (usize, &Price)| {
            let row = self.passed.min(self.bars[index].len() - 1);
            let [low, high] = [self.bars[index].low[row], self.bars[index].high[row]]
                .map(|price| Price::from_f64(price).unwrap());
            match account.position(index.into()).quantity().signum() {
                1 if !mark.is_zero() => low.min(*mark),
                1 => low,
                _ => high.max(*mark),
            }
        };
        self.marks.iter().enumerate().map(worst).collect()
    }

    fn fund(&mut self, payment: &FundingPayment) {
        if self.funded.insert((payment.ts, payment.instrument)) {
            for changed in &mut self.changed {
                changed.fill(Timestamp(i64::MAX));
            }
            for account in &mut self.accounts {
                account.pay_funding(payment.instrument, payment.mark, payment.rate);
            }
        }
        self.cash[payment.strategy.index()] -= payment.paid;
        self.flows[payment.strategy.index()][payment.instrument.index()].0 -= payment.paid;
        // What comes now was decided on the accounts after it.
        self.before.0 = None;
    }

    fn take_marks(&mut self, ts: Timestamp) {
        while self.bars[0].open_ms.get(self.passed).is_some_and(|open| open + 60_000 <= ts.millis()) {
            self.passed += 1;
        }
        let Some(row) = self.passed.checked_sub(1) else { return };
        for (mark, bars) in self.marks.iter_mut().zip(&self.bars) {
            *mark = Price::from_f64(bars.close[row]).unwrap();
        }
    }

    fn check_accounts(&mut self, ts: Timestamp) {
        for index in 0..self.accounts.len() {
            let account = &self.accounts[index];
            let due = account.liquidation_step(&self.marks);
            let equity = account.equity(&self.marks);
            let lack = self.mode == MarginMode::Isolated && account.cross_wallet() < Money::ZERO;
            let is_theirs = |strategy: &usize| self.account_of(StrategyId::from(*strategy)) == index;
            let theirs: Vec<usize> = (0..self.cash.len()).filter(is_theirs).collect();
            let value = |strategy: &usize| {
                let held = self.positions[*strategy].iter().zip(&self.marks);
                self.cash[*strategy] + held.map(|(quantity, mark)| quantity.at(*mark)).sum()
            };
            let all: Money = theirs.iter().map(value).sum::<Money>() + self.turned[index];
            self.check(due.is_none(), || format!("{ts}: account {index} is still to be liquidated: {due:?}"));
            self.check(equity >= Money::ZERO && !lack, || format!("{ts}: account {index} has {equity}"));
            self.check(equity == all, || format!("{ts}: account {index} has {equity}, its strategies {all}"));
        }
    }
}

impl Witness {
    /// Who is flat in an instrument has got from it what its trades say, to the last unit.
    fn check_trades(&mut self, ts: Timestamp) {
        for strategy in 0..self.flows.len() {
            for index in 0..self.marks.len() {
                let (brought, told) = self.flows[strategy][index];
                let is_open = !self.positions[strategy][index].is_zero();
                self.check(is_open || brought == told, || {
                    format!("{ts}: trades of {strategy} in {index} brought {told}, the account has {brought}")
                });
            }
        }
    }
}

impl Witness {
    /// What is told of an account's ratio is at least that at the worst mark of each position that was held through the
    /// bar, the others at their newest marks; and where it is 1 the exchange acted.
    fn check_ratios(&mut self, mark: &Mark<'_>) {
        let closes = mark.ts.0 % 60_000_000_000 == 0;
        for (strategy, told) in mark.margin_ratios.iter().enumerate() {
            let index = self.account_of(StrategyId::from(strategy));
            let (account, worst) = (&self.accounts[index], self.worst_of_passed(&self.accounts[index]));
            let bar_open = Timestamp(mark.ts.0 - 60_000_000_000);
            let mut least = f64::NAN;
            for instrument in 0..self.marks.len() {
                let is_open = !account.position(instrument.into()).quantity().is_zero();
                if !is_open || self.changed[index][instrument] == bar_open {
                    continue;
                }
                let mut marks = self.marks.clone();
                if closes && self.changed[index][instrument] < bar_open {
                    marks[instrument] = worst[instrument];
                }
                // Marks that were not there at one time, or the position would not be.
                let ratio =
                    Some(account.margin_ratio(instrument.into(), &marks)).filter(|ratio| *ratio < 1.0);
                least =
                    least.max(ratio.unwrap_or_else(|| account.margin_ratio(instrument.into(), &self.marks)));
            }
            // Below the rates of the brackets it is the high that is worse for a long.
            let is_least = least.is_nan() || *told >= least - ROUNDING || least < 0.05;
            let is_right = self.liquidated.contains(&index) || told.is_nan() || *told < 1.0 + ROUNDING;
            self.check(is_least && is_right, || format!("{}: {told} told, at least {least}", mark.ts));
        }
        self.liquidated.clear();
        for changed in &mut self.changed {
            changed.iter_mut().filter(|at| at.0 == i64::MAX).for_each(|at| *at = Timestamp(mark.ts.0 - 1));
        }
    }

    /// The worst mark of the newest bar for each position.
    fn worst_of_passed(&self, account: &MarginAccount) -> Vec<Price> {
        let worst = |(index, bars): (usize, &BarBlock)| {
            let row = self.passed.max(1) - 1;
            let side = account.position(index.into()).quantity().signum();
            Price::from_f64(if side == 1 { bars.low[row] } else { bars.high[row] }).unwrap()
        };
        self.bars.iter().enumerate().map(worst).collect()
    }
}

impl Recorder for Witness {
    fn entry(&mut self, entry: &Entry<'_>) {
        match entry {
            Entry::Fill(fill) => self.fill(fill),
            Entry::Funding(payment) => self.fund(payment),
            Entry::Trade(trade) => {
                self.flows[trade.strategy.index()][trade.instrument.index()].1 += trade.net_pnl;
            }
            _ => {}
        }
        self.record.entry(entry);
    }

    fn mark(&mut self, mark: &Mark<'_>) {
        self.take_marks(mark.ts);
        self.check_accounts(mark.ts);
        self.check_trades(mark.ts);
        self.check_ratios(mark);
        self.before.0 = None;
        self.begun = (self.accounts.clone(), Vec::new());
        self.record.mark(mark);
    }
}
