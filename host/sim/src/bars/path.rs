//! What happens after the open, along the path that is worse.

use cryptobot_model::{Bar, Money, OrderId, Price, Side, StrategyId, Timestamp, TriggerSource};

use super::{BarMatch, Moment, Place, State};
use crate::book::{Message, MessageKind, liquidates};
use crate::working::Working;

/// One straight piece of the path. Last and mark price move between their own turns, at the same time.
#[derive(Clone, Copy)]
struct Leg {
    last: [f64; 2],
    mark: [f64; 2],
    begins: Timestamp,
    ends: Timestamp,
}

impl Leg {
    const fn of(&self, source: TriggerSource) -> [f64; 2] {
        match source {
            TriggerSource::Last => self.last,
            TriggerSource::Mark => self.mark,
        }
    }

    /// The moment at a share of the leg (0 to 1).
    fn at(&self, share: f64) -> Moment {
        let point = |[from, to]: [f64; 2]| if share >= 1.0 { to } else { from + share * (to - from) };
        Moment { place: Place::Path, ts: self.ends, last: point(self.last), mark: point(self.mark) }
    }

    /// The share of the leg that is over at a time.
    fn share_at(&self, ts: Timestamp) -> f64 {
        let (over, length) = (ts.0.saturating_sub(self.begins.0), self.ends.0 - self.begins.0);
        (over as f64 / length as f64).clamp(0.0, 1.0)
    }
}

/// The share of the way from one price to another at which a level is met.
fn share_of([from, to]: [f64; 2], level: f64) -> f64 {
    if from == to { 0.0 } else { ((level - from) / (to - from)).clamp(0.0, 1.0) }
}

/// What comes next on a leg. At one point of it liquidation goes before triggers, and those before limits.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Next {
    Liquidation { mark: f64 },
    Trigger(OrderId),
    Limit(OrderId),
}

impl Next {
    const fn rank(self) -> (u8, OrderId) {
        match self {
            Self::Liquidation { .. } => (0, OrderId::NONE),
            Self::Trigger(id) => (1, id),
            Self::Limit(id) => (2, id),
        }
    }
}

impl BarMatch<'_> {
    pub(super) const fn watched_bar(&self, source: TriggerSource) -> &Bar {
        match source {
            TriggerSource::Last => &self.last.bar,
            TriggerSource::Mark => &self.mark.bar,
        }
    }

    /// Plays the rest of the bar for each strategy, in the order of their ids, along the path that is worse for it.
    #[inline(never)]
    pub(super) fn after_open(&self, state: &mut State, late: &[Message]) {
        let opened = std::mem::take(&mut state.working);
        let holders = std::mem::take(&mut state.holders);
        let mut strategies: Vec<StrategyId> = opened.iter().map(|order| order.order.strategy).collect();
        strategies.extend(late.iter().filter_map(Message::strategy));
        strategies.extend(holders.iter().map(|holder| holder.strategy));
        strategies.sort_unstable();
        strategies.dedup();
        for strategy in strategies {
            let own = State {
                working: opened.iter().filter(|order| order.order.strategy == strategy).copied().collect(),
                holders: holders.iter().filter(|holder| holder.strategy == strategy).copied().collect(),
                fills: state.fills.iter().filter(|fill| fill.strategy == strategy).copied().collect(),
                ..State::default()
            };
            let mut played = self.worse_path(own, strategy, late);
            state.reports.append(&mut played.reports);
            state.working.append(&mut played.working);
            state.working.append(&mut played.late);
            state.holders.append(&mut played.holders);
        }
    }

    fn worse_path(&self, state: State, strategy: StrategyId, late: &[Message]) -> State {
        let is_own = |message: &&Message| message.strategy() == Some(strategy);
        let changes =
            late.iter().filter(is_own).any(|message| matches!(message.what, MessageKind::Modify(_)));
        let acts = changes
            || state.working.iter().any(|order| self.in_reach(order))
            || state.holders.iter().any(|holder| self.liquidation_in_reach(&state, holder));
        if !acts {
            // Nothing meets the path: what arrives inside the bar uses nothing of it but its close.
            return self.play(state, strategy, true, late);
        }
        let low_first = self.play(state.clone(), strategy, true, late);
        let high_first = self.play(state, strategy, false, late);
        if self.gain(&high_first) < self.gain(&low_first) { high_first } else { low_first }
    }

    /// What the fills of the bar are worth at its close, fees paid.
    fn gain(&self, state: &State) -> Money {
        let close = Price::from_f64(self.last.bar.close).unwrap_or_default();
        let gains = state.fills.iter().map(|fill| {
            let signed = fill.side.signed(fill.quantity);
            signed.at(close) - signed.at(fill.price) - fill.fee
        });
        gains.sum()
    }

    fn play(&self, mut state: State, strategy: StrategyId, low_first: bool, late: &[Message]) -> State {
        let mut late = late.iter().filter(|message| message.strategy() == Some(strategy)).peekable();
        let (last, mark) = (turns(&self.last.bar, low_first), turns(&self.mark.bar, low_first));
        let length = self.last.bar.ts.0 - self.last.open_ts.0;
        for (index, third) in (1..=3).enumerate() {
            let [begins, ends] = [third - 1, third].map(|third| self.last.open_ts.plus(length * third / 3));
            while let Some(message) = late.next_if(|message| message.arrives_at < ends) {
                self.receive_late(&mut state, message);
            }
            self.expire_until(&mut state, Timestamp(ends.0 - 1));
            let (last, mark) = ([last[index], last[index + 1]], [mark[index], mark[index + 1]]);
            self.leg(&mut state, strategy, &Leg { last, mark, begins, ends });
        }
        self.at_close(&mut state);
        state
    }

    /// Prices move from one turn of the path to the next: what they touch is executed, the nearest first.
    fn leg(&self, state: &mut State, strategy: StrategyId, leg: &Leg) {
        let mut now = 0.0;
        while let Some((share, next)) = self.next(state, strategy, leg, now) {
            now = share;
            let mut moment = leg.at(share);
            match next {
                Next::Liquidation { mark } => {
                    moment.mark = mark;
                    self.liquidate(state, strategy, &moment, mark);
                }
                Next::Trigger(id) => {
                    let Some(mut order) = state.take(|order| order.id() == id) else { continue };
                    let reference = self.woken_reference(&order, leg, &mut moment);
                    self.wake(state, &mut order, &moment, reference);
                }
                Next::Limit(id) => {
                    let Some(mut order) = state.take(|order| order.id() == id) else { continue };
                    moment.last = order.level;
                    self.make(state, &mut order, &moment);
                }
            }
        }
        self.follow(&mut state.working, &leg.at(1.0));
    }

    /// The nearest thing that the leg comes to after a share of it.
    fn next(&self, state: &State, strategy: StrategyId, leg: &Leg, now: f64) -> Option<(f64, Next)> {
        let orders = state.working.iter().filter(|order| !order.waits).filter_map(|order| {
            let (path, next) = match order.watches() {
                Some((trigger, source)) => {
                    let path = leg.of(source);
                    (order.wakes_at(trigger, path[1]).then_some(path)?, Next::Trigger(order.id()))
                }
                None => (order.traded_through(leg.last[1]).then_some(leg.last)?, Next::Limit(order.id())),
            };
            Some((share_of(path, order.level).max(now), next))
        });
        let liquidation = self.next_liquidation(state, strategy, leg, now);
        orders
            .chain(liquidation)
            .min_by(|(a, first), (b, second)| a.total_cmp(b).then(first.rank().cmp(&second.rank())))
    }

    /// Where the mark price meets the liquidation price after a share of the leg, and what it is there. Up to a time the
    /// level may be another one.
    fn next_liquidation(
        &self,
        state: &State,
        strategy: StrategyId,
        leg: &Leg,
        now: f64,
    ) -> Option<(f64, Next)> {
        let position = state.position(strategy);
        // Nobody knows which prices of the bar come after an order that arrived inside it.
        if position.is_zero() || state.is_of_late_arrival(strategy) {
            return None;
        }
        let met = |level: Option<f64>, [from, to]: [f64; 2]| {
            let level = level.filter(|_| from <= to)?;
            let here = leg.at(from).mark;
            if liquidates(position, level, here) {
                return Some((from, Next::Liquidation { mark: here }));
            }
            let share = share_of(leg.mark, level).max(from);
            liquidates(position, level, leg.at(to).mark)
                .then(|| (share, Next::Liquidation { mark: nearer(leg.mark, level) }))
        };
        let level = self.liquidation_level(state, strategy);
        let earlier = self.earlier_level(state, strategy).filter(|earlier| earlier.until > leg.begins);
        let Some(earlier) = earlier else { return met(level, [now, 1.0]) };
        let turn = leg.share_at(earlier.until);
        met(earlier.price.map(Price::to_f64), [now, turn])
            .or_else(|| met(level.filter(|_| earlier.until <= leg.ends), [now.max(turn), 1.0]))
    }

    /// The price at which a woken order meets the market. Of one that watches the last price it is its trigger. Of one
    /// that watches the mark price it is the last price at that moment, but never better than the trigger as far as the
    /// last price goes on this leg: between the turns nobody knows how the two moved.
    fn woken_reference(&self, order: &Working, leg: &Leg, moment: &mut Moment) -> f64 {
        let Some((_, source)) = order.watches() else { return moment.last };
        match source {
            TriggerSource::Last => {
                moment.last = nearer(leg.last, order.level);
                moment.last
            }
            TriggerSource::Mark => {
                moment.mark = nearer(leg.mark, order.level);
                let trigger = nearer(leg.last, order.level);
                let side = order.order.side;
                let worse = match side {
                    Side::Buy => moment.last.max(trigger),
                    Side::Sell => moment.last.min(trigger),
                };
                let exact = worse == trigger || worse == leg.last[0] || worse == leg.last[1];
                moment.last = if exact { worse } else { self.pricing.on_tick(worse, side) };
                moment.last
            }
        }
    }
}

/// The price of a leg that is nearest to a level.
fn nearer([from, to]: [f64; 2], level: f64) -> f64 {
    level.clamp(from.min(to), from.max(to))
}

fn turns(bar: &Bar, low_first: bool) -> [f64; 4] {
    if low_first {
        [bar.open, bar.low, bar.high, bar.close]
    } else {
        [bar.open, bar.high, bar.low, bar.close]
    }
}
