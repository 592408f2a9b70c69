//! The fast check: can anything be liquidated at these prices?

use std::ops::Range;

use cryptobot_model::{Brackets, Fill, FillRule, InstrumentId, Price};

use super::account::{Holding, MarginAccount};
use super::formulas::LiquidationPoint;

/// The fast check errs on the safe side by these margins, so that rounding of `f64` and of exact amounts (half a unit of
/// 10⁻⁸ per amount) never hides a liquidation.
const RELATIVE_MARGIN: f64 = 1e-9;
const MONEY_MARGIN: f64 = 1e-7;
const PRICE_MARGIN: f64 = 1e-8;

/// What the fast check compares with; made anew when a position or the wallet changes.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Guards {
    /// Bracket tables, by instrument.
    lines: Vec<Lines>,
    /// Positions whose liquidation depends on their own price only.
    watches: Vec<Watch>,
    /// Cross positions, where there are several.
    shared: Vec<Share>,
    /// Cross wallet minus the entry values of the shared positions.
    base: f64,
    /// What stands behind each open position, for [`MarginAccount::highest_ratio`].
    standings: Vec<Standing>,
    cross_wallet: f64,
    /// Where positions are liquidated that depend on their own price only, by instrument.
    pub(super) points: Vec<Option<LiquidationPoint>>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Standing {
    index: usize,
    quantity: f64,
    cost: f64,
    /// Isolated margin; `None` = the cross wallet.
    margin: Option<f64>,
    /// Whether its ratio rises as the price falls: that of a long does, unless what stands behind it is so much that the
    /// maintenance margin shrinks faster.
    fears_lows: bool,
}

impl Standing {
    /// The margin ratio of an isolated position at a price.
    fn ratio(&self, lines: &[Lines], margin: f64, price: f64) -> f64 {
        let value = self.quantity * price;
        ratio(lines[self.index].maintenance_margin(value.abs()), margin + (value - self.cost))
    }

    /// Margin ratios at some prices by one line; tells whether they are true, because all notionals are within its range and
    /// something is left of the balance at each.
    // A loop of its own without a branch, so that it is done for several prices at a time.
    #[inline(never)]
    fn ratios_within(
        &self,
        range: &Range<f64>,
        line: Line,
        margin: f64,
        prices: &[f64],
        into: &mut [f64],
    ) -> bool {
        let mut untrue = 0_u64;
        for (highest, price) in into.iter_mut().zip(prices) {
            let value = self.quantity * price;
            let balance = margin + (value - self.cost);
            untrue += u64::from(!(range.contains(&value.abs()) && balance > 0.0));
            *highest = line.maintenance_margin(value.abs()) / balance;
        }
        untrue == 0
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Watch {
    index: usize,
    /// +1 long, −1 short.
    side: f64,
    trigger: f64,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Share {
    index: usize,
    quantity: f64,
}

/// A bracket table in `f64`: cap, rate, cum.
#[derive(Clone, Debug, PartialEq)]
struct Lines(Vec<(f64, f64, f64)>);

impl Lines {
    fn new(brackets: &Brackets) -> Self {
        let line = |bracket: &cryptobot_model::Bracket| {
            (bracket.cap.to_f64(), bracket.maintenance_rate.to_f64(), bracket.cum.to_f64())
        };
        Self(brackets.as_slice().iter().map(line).collect())
    }

    fn maintenance_margin(&self, notional: f64) -> f64 {
        self.line_of(notional).1.maintenance_margin(notional)
    }

    /// The line of a notional, and the notionals from which on and below which it is the same one.
    fn line_of(&self, notional: f64) -> (Range<f64>, Line) {
        let mut floor = f64::NEG_INFINITY;
        for (index, (cap, rate, cum)) in self.0.iter().enumerate() {
            let line = Line { rate: *rate, cum: *cum };
            if index + 1 == self.0.len() {
                return (floor..f64::INFINITY, line);
            }
            if notional < *cap {
                return (floor..*cap, line);
            }
            floor = *cap;
        }
        (floor..f64::INFINITY, Line { rate: 0.0, cum: 0.0 })
    }
}

/// One bracket of a table.
#[derive(Clone, Copy, Debug)]
struct Line {
    rate: f64,
    cum: f64,
}

impl Line {
    fn maintenance_margin(self, notional: f64) -> f64 {
        notional * self.rate - self.cum
    }
}

fn ratio(maintenance: f64, balance: f64) -> f64 {
    if balance > 0.0 { maintenance / balance } else { f64::INFINITY }
}

impl Guards {
    pub fn new(holdings: &[Holding]) -> Self {
        Self {
            lines: holdings.iter().map(|holding| Lines::new(&holding.brackets)).collect(),
            watches: Vec::with_capacity(holdings.len()),
            shared: Vec::with_capacity(holdings.len()),
            base: 0.0,
            standings: Vec::with_capacity(holdings.len()),
            cross_wallet: 0.0,
            points: vec![None; holdings.len()],
        }
    }

    /// A ratio rises as a long's price falls where it is above the long's own rate, which the maintenance margin shrinks by.
    fn find_fears(&mut self) {
        let Self { lines, standings, cross_wallet, .. } = self;
        let line = |standing: &Standing| lines[standing.index].line_of(standing.cost.abs()).1;
        let maintenance = |standing: &Standing| line(standing).maintenance_margin(standing.cost.abs());
        let is_cross = |standing: &&Standing| standing.margin.is_none();
        let cross = if standings.iter().any(|standing| is_cross(&standing)) {
            standings.iter().filter(is_cross).map(maintenance).sum()
        } else {
            0.0
        };
        for standing in standings.iter_mut().filter(|standing| standing.quantity > 0.0) {
            let line = line(standing);
            let (behind, all) = match standing.margin {
                Some(margin) => (margin, line.maintenance_margin(standing.cost.abs())),
                None => (*cross_wallet, cross),
            };
            standing.fears_lows = all > line.rate * behind;
        }
    }

    fn shared_are_safe(&self, prices: &[f64]) -> bool {
        let (mut surplus, mut size) = (self.base, self.base.abs());
        for share in &self.shared {
            let value = share.quantity * prices[share.index];
            surplus += value - self.lines[share.index].maintenance_margin(value.abs());
            size += value.abs();
        }
        surplus > size * RELATIVE_MARGIN + MONEY_MARGIN * self.shared.len() as f64
    }
}

impl MarginAccount {
    /// Whether no position can be liquidated at these mark prices, by [`InstrumentId`]: `true` is certain, `false`
    /// means that [`liquidation_step`](Self::liquidation_step) has to look. Costs one comparison per position, and a
    /// multiplication and a look into the brackets where several cross positions share the wallet.
    pub fn is_safe(&self, prices: &[f64]) -> bool {
        let Guards { watches, shared, .. } = &self.guards;
        let passed = |watch: &Watch| (prices[watch.index] - watch.trigger) * watch.side > 0.0;
        watches.iter().all(passed) && (shared.is_empty() || self.guards.shared_are_safe(prices))
    }

    /// The open positions: the place of the instrument, and whether the low of a bar is its worse mark price, as for a
    /// long, or the high, as for a short and for a long that is paid in full.
    pub fn worse_marks(&self) -> impl Iterator<Item = (usize, bool)> {
        self.guards.standings.iter().map(|standing| (standing.index, standing.fears_lows))
    }

    /// The margin ratio that decides on a position, at the mark prices of the instruments, as a view in `f64`; NaN without
    /// a position.
    pub fn ratio_of(&self, instrument: InstrumentId, price: impl Fn(usize) -> f64) -> f64 {
        let Guards { lines, standings, .. } = &self.guards;
        match standings.iter().find(|standing| standing.index == instrument.index()) {
            Some(standing @ Standing { margin: Some(margin), .. }) => {
                standing.ratio(lines, *margin, price(standing.index))
            }
            Some(Standing { margin: None, .. }) => self.cross_ratio(price),
            None => f64::NAN,
        }
    }

    /// The highest margin ratio of the account's positions where each in its turn is at its worse mark price, which
    /// `worst` gives for an instrument as the low or else the high, and those that share the wallet with it at `prices`, by
    /// [`InstrumentId`]. Where those make 1 or more, these prices were not there at one time, or the positions would not
    /// be: they count as they are at `prices`. A view in `f64`, NaN while the account is flat. For reports: what decides
    /// is [`margin_ratio`](Self::margin_ratio).
    pub fn highest_ratio(&self, prices: &[f64], worst: impl Fn(usize, bool) -> f64) -> f64 {
        self.highest_ratio_at(|index| prices[index], worst)
    }

    /// The same at several times. `prices` and `worst` are columns, `stride` apart, by instrument; of `worst` only those
    /// of open positions are read.
    pub fn highest_ratios(&self, prices: &[f64], worst: &[f64], stride: usize, into: &mut [f64]) {
        let Guards { lines, standings, .. } = &self.guards;
        match standings[..] {
            [] => into.fill(f64::NAN),
            // A single price is reckoned as in the general case.
            [standing @ Standing { index, quantity, margin: Some(margin), .. }] if into.len() > 1 => {
                let worst = &worst[index * stride..][..into.len()];
                // Prices of consecutive bars are rarely in different brackets.
                let first = worst.first().map_or(0.0, |price| (quantity * price).abs());
                let (range, line) = lines[index].line_of(first);
                if !standing.ratios_within(&range, line, margin, worst, into) {
                    for (highest, price) in into.iter_mut().zip(worst) {
                        *highest = standing.ratio(lines, margin, *price);
                    }
                }
            }
            _ => {
                for (row, highest) in into.iter_mut().enumerate() {
                    *highest = self.highest_ratio_at(
                        |index| prices[index * stride + row],
                        |index, _| worst[index * stride + row],
                    );
                }
            }
        }
    }

    #[inline]
    fn highest_ratio_at(&self, price: impl Fn(usize) -> f64, worst: impl Fn(usize, bool) -> f64) -> f64 {
        let Guards { lines, standings, .. } = &self.guards;
        let mut highest = f64::NAN;
        for standing in standings {
            let at = worst(standing.index, standing.fears_lows);
            let of_wallet = || {
                let shared = |index| if index == standing.index { at } else { price(index) };
                Some(self.cross_ratio(shared)).filter(|ratio| *ratio < 1.0)
            };
            highest = highest.max(match standing.margin {
                Some(margin) => standing.ratio(lines, margin, at),
                None => of_wallet().unwrap_or_else(|| self.cross_ratio(&price)),
            });
        }
        highest
    }

    fn cross_ratio(&self, price: impl Fn(usize) -> f64) -> f64 {
        let Guards { lines, standings, cross_wallet, .. } = &self.guards;
        let (mut maintenance, mut balance) = (0.0, *cross_wallet);
        for standing in standings.iter().filter(|standing| standing.margin.is_none()) {
            let value = standing.quantity * price(standing.index);
            maintenance += lines[standing.index].maintenance_margin(value.abs());
            balance += value - standing.cost;
        }
        ratio(maintenance, balance)
    }

    /// The mark price from which on a position may be liquidated: at or below it for a long, at or above it for a
    /// short. `None` where no price of its own decides: without a position, for a long that no price can liquidate,
    /// and for one of several cross positions.
    pub fn liquidation_trigger(&self, instrument: InstrumentId) -> Option<f64> {
        let watch = self.guards.watches.iter().find(|watch| watch.index == instrument.index())?;
        Some(watch.trigger)
    }

    /// Whether a position of this account, with one more fill of the position's only holder, is certainly not
    /// liquidated at a mark price: `true` is certain, `false` means that the fill has to be booked to know.
    pub fn is_safe_after(&self, fill: &Fill, mark: f64) -> bool {
        let holding = &self.holdings[fill.instrument.index()];
        if holding.is_cross() || fill.rule == FillRule::Liquidation {
            return false;
        }
        let leverage = f64::from(holding.settings.leverage.get());
        let standing =
            self.guards.standings.iter().find(|standing| standing.index == fill.instrument.index());
        let (held, cost, margin) = standing.map_or((0.0, 0.0, 0.0), |standing| {
            (standing.quantity, standing.cost, standing.margin.unwrap_or_default())
        });
        let price = fill.price.to_f64();
        let traded = fill.side.sign() * fill.quantity.to_f64();
        let closed = if held * traded < 0.0 { traded.abs().min(held.abs()) } else { 0.0 };
        let kept = if closed > 0.0 { 1.0 - closed / held.abs() } else { 1.0 };
        let opened = traded.signum() * (traded.abs() - closed);
        let realised = if closed > 0.0 { held.signum() * closed * price - cost * (1.0 - kept) } else { 0.0 };
        let quantity = held * kept + opened;
        let entry_value = cost * kept + opened * price;
        let own = margin - margin.max(0.0) * (1.0 - kept) + opened.abs() * price / leverage;
        let wallet = self.guards.cross_wallet + realised - fill.fee.to_f64() + margin - own;
        let value = quantity * mark;
        let maintenance = self.guards.lines[fill.instrument.index()].maintenance_margin(value.abs());
        let size = value.abs() + entry_value.abs() + own.abs() + margin.abs() + wallet.abs();
        let tolerance = size * RELATIVE_MARGIN + MONEY_MARGIN;
        wallet > tolerance && own + value - entry_value - maintenance > tolerance
    }

    /// Makes the guards anew after a change with one instrument.
    pub(super) fn rebuild_guards(&mut self, changed: InstrumentId) {
        self.guards.watches.clear();
        self.guards.shared.clear();
        self.guards.base = 0.0;
        self.guards.standings.clear();
        self.guards.cross_wallet = self.cross_wallet().to_f64();
        let cross = self.holdings.iter().filter(|holding| holding.is_open_cross()).count();
        for index in 0..self.holdings.len() {
            let holding = &self.holdings[index];
            if !holding.is_open() || (holding.is_cross() && cross > 1) {
                self.guards.points[index] = None;
            }
            if !holding.is_open() {
                continue;
            }
            self.guards.standings.push(Standing {
                index,
                quantity: holding.position.quantity().to_f64(),
                cost: holding.position.cost().to_f64(),
                margin: (!holding.is_cross()).then(|| holding.margin.to_f64()),
                fears_lows: false,
            });
            if holding.is_cross() && cross > 1 {
                let quantity = holding.position.quantity().to_f64();
                self.guards.shared.push(Share { index, quantity });
            } else {
                if index == changed.index() || holding.is_cross() || self.guards.points[index].is_none() {
                    self.guards.points[index] = self.compute_point(index.into(), &[]);
                }
                self.guards.watches.extend(self.watch(index));
            }
        }
        if cross > 1 {
            let open = self.holdings.iter().filter(|holding| holding.is_open_cross());
            let cost = open.map(|holding: &Holding| holding.position.cost()).sum();
            self.guards.base = (self.cross_wallet() - cost).to_f64();
        }
        self.guards.find_fears();
    }

    /// A position without other cross positions: its liquidation price depends on no mark.
    fn watch(&self, index: usize) -> Option<Watch> {
        let quantity = self.holdings[index].position.quantity();
        let side = f64::from(quantity.signum());
        let point = self.guards.points[index]?;
        let price = point.price.to_f64();
        let margin = price.abs() * RELATIVE_MARGIN + PRICE_MARGIN + MONEY_MARGIN / quantity.abs().to_f64();
        let trigger = price + margin * side;
        // A short that is lost at any price, and a long that is lost at none.
        (side < 0.0 || trigger > 0.0 || point.price > Price::ZERO).then_some(Watch { index, side, trigger })
    }
}
