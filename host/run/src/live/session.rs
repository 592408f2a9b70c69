//! An engine that is fed message by message: the same steps from a feed and from its tape.

use std::collections::BTreeMap;
use std::sync::Arc;

use cryptobot_engine::{
    Calls, Change, ChangeRequest, Delivery, Engine, OperatorCommand, Outcome, Overrun, Params, Recorder,
    Scope, Version, When,
};
use cryptobot_feed::{Input, Message, Series};
use cryptobot_model::{StrategyId, Timestamp};

use super::inlets::{Inlet, Role, Route, routes};
use super::{Ended, Ending};
use crate::error::RunError;
use crate::plan::Plan;
use crate::venue::Simulated;

/// SHA-256 of a plugin file.
pub(crate) type Digest = [u8; 32];

/// An engine and what has arrived for it.
pub(crate) struct Session {
    routes: Vec<Option<Route>>,
    inlets: Vec<Inlet>,
    /// There is none before the first bar: a run begins with it.
    engine: Option<Engine<Simulated>>,
    /// What arrived before the first bar and is not a bar.
    early: Vec<Message>,
    versions: BTreeMap<(StrategyId, Digest), Arc<Version>>,
    /// By strategy.
    calls: Vec<Calls>,
    clock: Timestamp,
}

impl Session {
    /// A session on a feed with these series.
    ///
    /// `overruns` are calls that took too long in the run that is repeated.
    ///
    /// # Errors
    /// The feed lacks the bars of an instrument.
    pub(crate) fn new(
        plan: &Plan,
        series: &[Series],
        overruns: &[(StrategyId, Overrun)],
    ) -> Result<Self, RunError> {
        let routes = routes(series, &plan.instruments);
        for (index, instrument) in plan.instruments.iter().enumerate() {
            let has_bars = |route: &Route| route.instrument.index() == index && route.role == Role::Bars;
            if !routes.iter().flatten().any(has_bars) {
                let (venue, symbol) = (&instrument.venue, &instrument.symbol);
                return Err(RunError::Engine(format!("the feed has no bars of {venue} {symbol}")));
            }
        }
        let inlet = |(index, timeframe): (usize, &_)| Inlet::new(index.into(), *timeframe, series, &routes);
        let inlets = plan.fill_timeframes.iter().enumerate().map(inlet).collect();
        let calls = |slot: usize| {
            let of_slot = overruns.iter().filter(|(strategy, _)| strategy.index() == slot);
            Calls::repeating(of_slot.map(|(_, overrun)| overrun.clone()))
        };
        Ok(Self {
            routes,
            inlets,
            engine: None,
            early: Vec::new(),
            versions: BTreeMap::new(),
            calls: (0..plan.bots.len()).map(calls).collect(),
            clock: Timestamp(i64::MIN),
        })
    }

    /// Makes a plugin known that messages may name.
    pub(crate) fn offer(&mut self, strategy: StrategyId, sha256: Digest, version: Arc<Version>) {
        self.versions.insert((strategy, sha256), version);
    }

    /// Acts on a message.
    pub(crate) fn take(
        &mut self,
        plan: &Plan,
        message: Message,
        recorder: &mut dyn Recorder,
    ) -> Result<(), RunError> {
        self.clock = self.clock.max(message.ts_event);
        if message.input == Input::Clock {
            return self.advance_to(plan, message.ts_event, recorder);
        }
        let route =
            message.input.series().and_then(|series| self.routes.get(series as usize).copied().flatten());
        match (&message.input, route) {
            (Input::Bar { bar, .. }, Some(Route { instrument, role })) => {
                if self.engine.is_some() && bar.ts < self.clock {
                    let problem =
                        format!("a bar that closed at {} arrived when it was {}", bar.ts, self.clock);
                    return Err(RunError::Engine(problem));
                }
                self.inlets[instrument.index()].push_bar(role, bar);
            }
            (Input::Trade { trade, .. }, Some(route)) => {
                self.inlets[route.instrument.index()].push_trade(message.ts_event, trade)?;
            }
            (Input::Book { .. }, Some(route)) => {
                if let Input::Book { book, .. } = message.input {
                    self.inlets[route.instrument.index()].push_book(message.ts_event, book);
                }
            }
            _ if self.engine.is_none() => self.early.push(message),
            _ => self.tell(&message),
        }
        Ok(())
    }

    /// What the engine is told at once.
    fn tell(&mut self, message: &Message) {
        let Some(engine) = &mut self.engine else { return };
        let route =
            message.input.series().and_then(|series| self.routes.get(series as usize).copied().flatten());
        match (&message.input, route) {
            (Input::Funding { funding, .. }, Some(route)) => {
                engine.expect_funding(route.instrument, *funding);
            }
            (Input::Mark { price, .. }, Some(route)) => {
                engine.tell_mark(route.instrument, message.ts_event, *price);
            }
            (Input::Swap { strategy, sha256 }, _) => {
                let version = self.versions.get(&(*strategy, *sha256)).cloned();
                let version = version.ok_or_else(|| "its plugin file is not known".to_owned());
                let change = Change::Swap { version, set: Params::new() };
                let when = When::Time(self.clock);
                engine.request_change(ChangeRequest { strategy: *strategy, when, change });
            }
            (Input::Command { strategy, command }, _) => {
                let scope = strategy.map_or(Scope::Portfolio, Scope::Strategy);
                engine.command(OperatorCommand { at: self.clock, scope, command: *command });
            }
            _ => {}
        }
    }

    fn advance_to(
        &mut self,
        plan: &Plan,
        until: Timestamp,
        recorder: &mut dyn Recorder,
    ) -> Result<(), RunError> {
        if self.engine.is_none() {
            if !self.inlets.iter().any(Inlet::has_bars) {
                return Ok(());
            }
            let feeds = self.inlets.iter().map(Inlet::feed).collect();
            let engine = plan.engine(feeds, plan.params(), Delivery::Single)?;
            let mut engine = engine.with_calls(&self.calls).with_operator();
            engine.start(recorder);
            self.engine = Some(engine);
            for message in std::mem::take(&mut self.early) {
                self.tell(&message);
            }
        }
        if let Some(engine) = &mut self.engine {
            engine.advance_to(until, recorder)?;
        }
        Ok(())
    }

    /// The calls that took too long since this was asked last, as inputs.
    pub(crate) fn overruns(&self) -> impl Iterator<Item = Input> {
        self.calls.iter().enumerate().flat_map(|(slot, calls)| {
            calls.take_new().into_iter().map(move |Overrun { call, total, message }| Input::Overrun {
                strategy: StrategyId::from(slot),
                call,
                total,
                message,
            })
        })
    }

    /// Whether a step is due by this time although nothing has arrived.
    pub(crate) fn is_due(&self, now: Timestamp) -> bool {
        self.engine.as_ref().and_then(Engine::due).is_some_and(|due| due <= now)
    }

    /// The engine, once the first bar is there.
    pub(crate) const fn engine(&self) -> Option<&Engine<Simulated>> {
        self.engine.as_ref()
    }

    /// Ends the run: the strategies stop.
    ///
    /// # Errors
    /// No bar has arrived.
    pub(crate) fn finish(&mut self, ending: Ending, recorder: &mut dyn Recorder) -> Result<Ended, RunError> {
        let Some(mut engine) = self.engine.take() else {
            return Err(RunError::Engine(
                "the run ended before its first bar: there is nothing to save".to_owned(),
            ));
        };
        let abandoned = ending == Ending::Abandoned;
        let outcome = Outcome { abandoned, ..engine.finish(ending == Ending::Interrupted, recorder) };
        Ok(Ended { outcome, strategies: engine.into_strategies(), ending, warnings: Vec::new() })
    }
}
