//! What happens to orders on a tape: checks, the bars they meet, fills, and what one order means for another.

use std::collections::BTreeSet;

use super::desk::{Desk, Event, Intent, Links, Working, bracket_orders, reason};
use super::matching::{Outcome, Since, outcome};
use super::record::{Fill, Placed, Signaled};
use crate::{
    Bar, Bracket, Callback, Lifetime, Order, OrderEvent, OrderEventKind, OrderId, OrderKind, Side, Signal,
    Tif, TriggerSource,
};

impl OrderKind {
    /// Limit price and life time, where there are.
    const fn limit_terms(&self) -> Option<(f64, Lifetime)> {
        match *self {
            Self::Limit { price, lifetime }
            | Self::StopLimit { price, lifetime, .. }
            | Self::TakeProfitLimit { price, lifetime, .. } => Some((price, lifetime)),
            _ => None,
        }
    }

    /// Trigger; `None` for orders that are awake and for trailing stops, whose trigger moves.
    const fn trigger(&self) -> Option<f64> {
        match *self {
            Self::Stop { trigger, .. }
            | Self::StopLimit { trigger, .. }
            | Self::TakeProfit { trigger, .. }
            | Self::TakeProfitLimit { trigger, .. } => Some(trigger),
            _ => None,
        }
    }

    /// Whether it sleeps until a price is touched.
    const fn sleeps(&self) -> bool {
        !matches!(self, Self::Market | Self::Limit { .. })
    }

    /// Whether all of its numbers make sense.
    fn is_valid(&self) -> bool {
        let callback = |callback: Callback| match callback {
            Callback::Bps(bps) => bps > 0.0 && bps < 10_000.0,
            Callback::Distance(distance) => is_price(distance),
        };
        let trailing = match *self {
            Self::TrailingStop { callback: distance, activation, .. } => {
                callback(distance) && activation.is_none_or(is_price)
            }
            _ => true,
        };
        trailing
            && self.limit_terms().is_none_or(|(price, _)| is_price(price))
            && self.trigger().is_none_or(is_price)
    }

    /// Which orders meet a bar first: market orders its open, then what costs, then what pays.
    const fn turn(&self) -> u8 {
        match self {
            Self::Market => 0,
            Self::Stop { .. } | Self::StopLimit { .. } | Self::TrailingStop { .. } => 1,
            Self::Limit { .. } | Self::TakeProfit { .. } | Self::TakeProfitLimit { .. } => 2,
        }
    }
}

fn is_price(number: f64) -> bool {
    number > 0.0 && number.is_finite()
}

impl Working {
    /// Signed quantity of a market order; what a target counts as already under way.
    pub(super) fn market_quantity(&self) -> f64 {
        match self.order.kind {
            OrderKind::Market => self.order.side.sign() * self.order.quantity,
            _ => 0.0,
        }
    }

    fn only_reduces(&self) -> bool {
        self.order.reduce_only || self.links.close_position
    }

    fn is_over_by(&self, ts: i64) -> bool {
        matches!(self.order.kind.limit_terms(), Some((_, Lifetime::Until(until))) if until <= ts)
    }
}

// Bars.
impl Desk {
    /// Brings the orders of a symbol to a bar.
    pub(super) fn match_orders(&mut self, symbol: usize, bar: &Bar, opened_at: i64) {
        self.expire(symbol, opened_at);
        for working in &mut self.working {
            working.since = Since::Open;
        }
        let mut met = BTreeSet::new();
        // One after the other: a fill may wake orders, which meet what is left of the bar.
        loop {
            let awake = self.working.iter().filter(|working| {
                working.symbol == symbol && working.decided_at <= opened_at && working.links.parent == 0
            });
            let unmet = awake.filter(|working| !met.contains(&working.id));
            let next = unmet.min_by_key(|working| (working.order.kind.turn(), working.id));
            let Some(id) = next.map(|working| working.id) else { break };
            met.insert(id);
            self.meet(id, bar, &mut met);
        }
        self.expire(symbol, self.now);
    }

    fn meet(&mut self, id: OrderId, bar: &Bar, met: &mut BTreeSet<OrderId>) {
        let Some(working) = self.working.iter_mut().find(|working| working.id == id) else {
            return;
        };
        let Order { side, kind, .. } = working.order;
        match outcome(side, kind, &mut working.best, working.since, bar) {
            Outcome::Rests => {}
            Outcome::Ends(reason) => self.end(id, OrderEventKind::Expired, reason),
            Outcome::Trades(price) => {
                let at_open = working.since == Since::Open && price == bar.open;
                self.fill(id, price, if at_open { Since::Open } else { Since::Inside(price) });
            }
            Outcome::Wakes(since) => {
                if let Some((price, lifetime)) = kind.limit_terms() {
                    working.order.kind = OrderKind::Limit { price, lifetime };
                    working.since = since;
                    let woken = working.clone();
                    met.remove(&id);
                    self.report(&woken, OrderEventKind::Triggered, 0);
                }
            }
        }
    }

    fn fill(&mut self, id: OrderId, price: f64, at: Since) {
        let Some(working) = self.take(id) else { return };
        let Order { side, kind, .. } = working.order;
        let position = &mut self.symbols[working.symbol].position;
        let reducible = (-side.sign() * position.quantity).max(0.0);
        let quantity = match (working.links.close_position, working.order.reduce_only) {
            (true, _) => reducible,
            (false, true) => working.order.quantity.min(reducible),
            (false, false) => working.order.quantity,
        };
        if quantity == 0.0 {
            self.report(&working, OrderEventKind::Expired, reason::NOTHING_TO_REDUCE);
            self.end_linked(&working);
            return;
        }
        let fee = quantity * price * self.fee;
        self.cash -= side.sign() * quantity * price + fee;
        let closed = position.apply((self.now, working.series), side, quantity, price, fee);
        if kind.sleeps() {
            self.report(&working, OrderEventKind::Triggered, 0);
        }
        let symbol = self.symbols[working.symbol].name.clone();
        self.run.fills.push(Fill { ts: self.now, symbol, id, side, quantity, price });
        let event = OrderEvent {
            price,
            quantity,
            remaining: 0.0,
            fee,
            maker: matches!(kind, OrderKind::Limit { .. }),
            ..self.event(&working, OrderEventKind::Filled, 0)
        };
        self.push(event);
        if let Some(close) = closed {
            self.run.closed.push(close);
            self.events.push_back(Event::Close(close));
        }
        for child in self.working.iter_mut().filter(|child| child.links.parent == id) {
            child.links.parent = 0;
            child.since = at;
            child.order.quantity = child.order.quantity.min(quantity);
        }
        self.end(working.links.sibling, OrderEventKind::Cancelled, reason::SIBLING);
    }

    fn expire(&mut self, symbol: usize, ts: i64) {
        let over = self.working.iter().filter(|working| working.symbol == symbol && working.is_over_by(ts));
        for id in over.map(|working| working.id).collect::<Vec<_>>() {
            self.end(id, OrderEventKind::Expired, reason::GOOD_TILL_DATE);
        }
    }

    fn take(&mut self, id: OrderId) -> Option<Working> {
        let at = self.working.iter().position(|working| working.id == id)?;
        Some(self.working.remove(at))
    }

    /// Ends an order without a fill; nothing where it is over.
    fn end(&mut self, id: OrderId, kind: OrderEventKind, reason: u32) {
        if let Some(working) = self.take(id) {
            self.report(&working, kind, reason);
            self.end_linked(&working);
        }
    }

    /// Ends what cannot live without an order that has ended without a fill.
    fn end_linked(&mut self, ended: &Working) {
        let children = self.working.iter().filter(|working| working.links.parent == ended.id);
        for id in children.map(|working| working.id).collect::<Vec<_>>() {
            self.end(id, OrderEventKind::Cancelled, reason::PARENT);
        }
        self.end(ended.links.sibling, OrderEventKind::Cancelled, reason::SIBLING);
    }
}

// What strategies ask for.
impl Desk {
    /// Checks what the last callback asked for and makes it work.
    pub(super) fn process_intents(&mut self) {
        for intent in std::mem::take(&mut self.intents) {
            match intent {
                Intent::Order(working) => self.accept(working),
                Intent::Signal { id, series, signal } => self.size(id, series, &signal),
                Intent::Modify { id, quantity, price } => self.amend(id, quantity, price),
                Intent::Cancel(id) => self.end(id, OrderEventKind::Cancelled, 0),
                Intent::CancelAll(symbol) => {
                    let all = self.working.iter().filter(|working| working.symbol == symbol);
                    for id in all.map(|working| working.id).collect::<Vec<_>>() {
                        self.end(id, OrderEventKind::Cancelled, 0);
                    }
                }
            }
        }
    }

    fn accept(&mut self, mut working: Working) {
        self.run.orders.push(Placed {
            ts: self.now,
            symbol: self.symbols[working.symbol].name.clone(),
            id: working.id,
            order: working.order,
            close_position: working.links.close_position,
            parent: working.links.parent,
            sibling: working.links.sibling,
            target: working.is_target.then(|| self.target_of(&working)),
        });
        match self.check(&working) {
            Ok(quantity) => {
                working.order.quantity = quantity;
                self.report(&working, OrderEventKind::Submitted, 0);
                self.report(&working, OrderEventKind::Accepted, 0);
                self.working.push(working);
            }
            Err(reason) => {
                self.report(&working, OrderEventKind::Rejected, reason);
                self.end(working.links.sibling, OrderEventKind::Cancelled, reason::SIBLING);
            }
        }
    }

    /// Sizes a signal with the tape's stake.
    fn size(&mut self, id: OrderId, series: u32, signal: &Signal) {
        let Signal { side, confidence, stop, target } = *signal;
        let symbol = &self.symbols[self.symbol_of[series as usize]];
        let (name, mark) = (symbol.name.clone(), symbol.mark);
        self.run.signals.push(Signaled { ts: self.now, symbol: name, id, signal: *signal });
        let quantity = self.stake.map_or(0.0, |stake| stake * self.equity() / mark);
        let source = TriggerSource::Mark;
        let bracket = Bracket { side, quantity, entry: None, stop: stop.unwrap_or(f64::NAN), target, source };
        let mut orders = bracket_orders(id, &bracket);
        orders.retain(|(of, _, _)| stop.is_some() || *of != id + 1);
        let refusal = match self.stake {
            None => Some(reason::NO_SIZER),
            Some(_) if !(0.0..=1.0).contains(&confidence) => Some(reason::INVALID_ARGUMENT),
            Some(_) => None,
        };
        for (id, order, mut links) in orders {
            if stop.is_none() {
                links.sibling = 0;
            }
            let working = self.working(id, series, order, links, false);
            match refusal {
                None => self.accept(working),
                // The signal is refused, not orders that were never placed.
                Some(reason) => return self.report(&working, OrderEventKind::Rejected, reason),
            }
        }
    }

    /// New numbers for an order that rests; a trailing stop takes the quantity only.
    fn amend(&mut self, id: OrderId, quantity: f64, price: f64) {
        let Some(at) = self.working.iter().position(|working| working.id == id) else {
            let order = Order::market(Side::Buy, 0.0).into();
            let unknown = self.working(id, 0, order, Links::default(), false);
            return self.report(&unknown, OrderEventKind::Rejected, reason::UNKNOWN_ORDER);
        };
        let lots = round_to_lot(quantity, self.series[self.working[at].series as usize].lot);
        let refusal = if !is_price(quantity) || !is_price(price) {
            reason::INVALID_ARGUMENT
        } else if lots == 0.0 {
            reason::BELOW_MINIMUM
        } else {
            0
        };
        if refusal == 0 {
            let working = &mut self.working[at];
            working.order.quantity = lots;
            match &mut working.order.kind {
                OrderKind::Limit { price: number, .. }
                | OrderKind::StopLimit { price: number, .. }
                | OrderKind::TakeProfitLimit { price: number, .. }
                | OrderKind::Stop { trigger: number, .. }
                | OrderKind::TakeProfit { trigger: number, .. } => *number = price,
                OrderKind::Market | OrderKind::TrailingStop { .. } => {}
            }
        }
        let working = self.working[at].clone();
        self.report(&working, OrderEventKind::Modified, refusal);
    }

    /// The position a target order leads to.
    fn target_of(&self, working: &Working) -> f64 {
        let symbol = working.symbol;
        let others = self.working.iter().filter(|other| other.symbol == symbol);
        let under_way: f64 = others.map(Working::market_quantity).sum();
        self.symbols[symbol].position.quantity + under_way + working.market_quantity()
    }

    /// The quantity on the lot, or why the order is refused.
    fn check(&self, working: &Working) -> Result<f64, u32> {
        let Order { side, quantity, kind, .. } = working.order;
        let Links { close_position, parent, sibling } = working.links;
        let symbol = &self.symbols[working.symbol];
        let limit = kind.limit_terms();
        let price = limit.map(|(price, _)| price).or(kind.trigger()).unwrap_or(symbol.mark);
        let is_gone = |id: OrderId| id != 0 && !self.working.iter().any(|other| other.id == id);
        if is_gone(parent) {
            return Err(reason::PARENT);
        }
        // The first of two cannot know the second yet.
        if sibling < working.id && is_gone(sibling) {
            return Err(reason::SIBLING);
        }
        if !self.accepting {
            return Err(reason::NOT_ACCEPTING);
        }
        if !(quantity >= 0.0 && quantity.is_finite() && is_price(price) && kind.is_valid()) {
            return Err(reason::INVALID_ARGUMENT);
        }
        let quantity = round_to_lot(quantity, self.series[working.series as usize].lot);
        if let OrderKind::Limit { price, lifetime: Lifetime::Tif(Tif::Gtx) } = kind
            && side.sign() * (price - symbol.mark) >= 0.0
        {
            return Err(reason::WOULD_TAKE);
        }
        if quantity == 0.0 && !close_position {
            return Err(reason::BELOW_MINIMUM);
        }
        if working.only_reduces() {
            let waits = kind.sleeps() || parent != 0;
            let reduces = symbol.position.quantity * side.sign() < 0.0;
            return if waits || reduces { Ok(quantity) } else { Err(reason::NOTHING_TO_REDUCE) };
        }
        self.check_margin(working, quantity, price)
    }

    fn check_margin(&self, working: &Working, quantity: f64, price: f64) -> Result<f64, u32> {
        let side = working.order.side;
        let position = self.symbols[working.symbol].position.quantity;
        let open: f64 = self
            .working
            .iter()
            .filter(|other| {
                other.symbol == working.symbol && other.order.side == side && !other.only_reduces()
            })
            .map(|other| side.sign() * other.order.quantity)
            .sum();
        let after = (position + open + side.sign() * quantity).abs();
        let others: f64 = self
            .symbols
            .iter()
            .enumerate()
            .filter(|(index, other)| *index != working.symbol && other.position.quantity != 0.0)
            .map(|(_, other)| (other.position.quantity * other.mark).abs())
            .sum();
        let fits = after * price + others <= self.equity() * self.leverage * (1.0 + 1e-9);
        if fits || after <= position.abs() { Ok(quantity) } else { Err(reason::INSUFFICIENT_MARGIN) }
    }

    fn event(&self, working: &Working, kind: OrderEventKind, reason: u32) -> OrderEvent {
        OrderEvent {
            ts: self.now,
            series: working.series,
            id: working.id,
            kind,
            side: working.order.side,
            price: 0.0,
            quantity: 0.0,
            remaining: working.order.quantity,
            fee: 0.0,
            maker: false,
            reason,
        }
    }

    fn report(&mut self, working: &Working, kind: OrderEventKind, reason: u32) {
        let event = self.event(working, kind, reason);
        self.push(event);
    }

    fn push(&mut self, event: OrderEvent) {
        self.run.events.push(event);
        self.events.push_back(Event::Order(event));
    }
}

/// Toward zero, unless a whole number of lots is within 1e-9: the host's rule.
fn round_to_lot(quantity: f64, lot: f64) -> f64 {
    let lots = quantity / lot;
    let nearest = lots.round();
    let snaps = (lots - nearest).abs() <= 1e-9 * lots;
    lot * if snaps { nearest } else { lots.floor() }
}
