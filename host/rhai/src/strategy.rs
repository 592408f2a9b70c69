//! A script behind the engine's trait.

use std::fmt;
use std::mem::swap;

use cryptobot_engine::{Desk, Fault, FaultKind, Params, Resources, Strategy};
use cryptobot_model::{Bar, ClosedTrade, OrderEvent, ParamValue, SeriesId, Timestamp};
use rhai::{Dynamic, FuncArgs, INT};

use crate::api::timer_of;
use crate::context::Symbol;
use crate::declare::STATE_VERSION;
use crate::limits::Limits;
use crate::program::Program;
use crate::source::Source;
use crate::state;
use crate::values::{Closed, Event, Series};

/// Symbol and role of each series.
type Places = Vec<(usize, usize)>;

/// A script as a strategy of a run. It is written for one symbol; the host keeps one state for each and calls it for
/// each. After a fault it is dead: every further call answers with the same fault.
pub struct ScriptStrategy {
    source: Source,
    desk: Box<Desk>,
    params: Vec<(String, ParamValue)>,
    limits: Limits,
    /// There after `init`.
    program: Option<Program>,
    /// Symbol and role of each series.
    places: Places,
    fault: Option<Fault>,
}

impl fmt::Debug for ScriptStrategy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScriptStrategy").field("source", &self.source.name).finish_non_exhaustive()
    }
}

impl ScriptStrategy {
    pub(crate) fn new(source: Source, desk: Desk, params: Vec<(String, ParamValue)>, limits: Limits) -> Self {
        Self { source, desk: Box::new(desk), params, limits, program: None, places: Vec::new(), fault: None }
    }

    fn alive(&self) -> Result<(), Fault> {
        self.fault.clone().map_or(Ok(()), Err)
    }

    /// Runs the top of the script with the run's parameters and makes what every symbol needs.
    fn begin(&mut self) -> Result<Program, Fault> {
        let program = Program::load(&self.source, self.params.clone(), &self.limits)
            .map_err(|failure| failure.fault(&self.source))?;
        let (symbols, places) = self.symbols(&program)?;
        program.context.borrow_mut().symbols = symbols;
        self.places = places;
        Ok(program)
    }

    /// The symbols with their series and indicators, and symbol and role of each series.
    fn symbols(&mut self, program: &Program) -> Result<(Vec<Symbol>, Places), Fault> {
        let declared = &program.context.borrow().declared;
        let mut symbols: Vec<Symbol> = Vec::new();
        let mut places = Places::new();
        let mut instruments = Vec::new();
        for info in self.desk.series() {
            let symbol = instruments.iter().position(|instrument| *instrument == info.instrument);
            let symbol = symbol.unwrap_or_else(|| {
                instruments.push(info.instrument);
                symbols.push(Symbol {
                    name: info.symbol.clone(),
                    series: Vec::new(),
                    handles: Vec::new(),
                    features: Vec::new(),
                    state: declared.state.clone(),
                });
                symbols.len() - 1
            });
            // The series of a symbol come in the order in which they were declared.
            places.push((symbol, symbols[symbol].series.len()));
            symbols[symbol].series.push(info.id);
        }
        for symbol in &mut symbols {
            if symbol.series.len() != declared.series.len() {
                return Err(contract(format!("{} does not have the series that were declared", symbol.name)));
            }
            for indicator in &declared.indicators {
                let Some(series) = symbol.series.get(indicator.role).copied() else { continue };
                let made = self.desk.create_indicator(indicator.kind.name, series, &indicator.params);
                symbol.handles.push(made.map_err(|error| Fault::new(FaultKind::Refused, error.to_string()))?);
            }
            for features in &declared.features {
                let Some(series) = symbol.series.get(features.role).copied() else { continue };
                symbol.features.push(features.subscribe(&mut self.desk, series)?);
            }
        }
        Ok((symbols, places))
    }

    /// Calls a function of the script for a symbol, if it has that function.
    #[inline]
    fn call(&mut self, symbol: usize, callback: &'static str, arguments: impl FuncArgs) -> Result<(), Fault> {
        self.at_desk(
            symbol,
            |program| {
                if program.has(callback) { program.call(callback, arguments) } else { Ok(()) }
            },
        )
    }

    /// Lends the desk to the script for the time of a call.
    fn at_desk(
        &mut self,
        symbol: usize,
        call: impl FnOnce(&mut Program) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        if self.fault.is_some() {
            return self.alive();
        }
        let Some(program) = &mut self.program else { return Err(not_begun()) };
        {
            let context = &mut *program.context.borrow_mut();
            swap(&mut self.desk, &mut context.desk);
            context.current = symbol;
        }
        let called = call(program);
        swap(&mut self.desk, &mut program.context.borrow_mut().desk);
        if let Err(fault) = &called {
            self.fault = Some(fault.clone());
        }
        called
    }

    fn each_symbol(&mut self, call: impl Fn(&mut Program) -> Result<(), Fault>) -> Result<(), Fault> {
        let symbols = self.program.as_ref().map_or(0, |program| program.context.borrow().symbols.len());
        (0..symbols).try_for_each(|symbol| self.at_desk(symbol, &call))
    }

    fn place(&self, series: SeriesId) -> Result<(usize, usize), Fault> {
        let place = self.places.get(series.index()).copied();
        place.ok_or_else(|| contract(format!("there is no series {}", series.0)))
    }
}

#[cold]
fn contract(message: String) -> Fault {
    Fault::new(FaultKind::Contract, message)
}

#[cold]
fn not_begun() -> Fault {
    contract("the script was called before `init`".to_owned())
}

impl Strategy for ScriptStrategy {
    fn desk(&mut self) -> &mut Desk {
        &mut self.desk
    }

    fn init(&mut self) -> Result<(), Fault> {
        self.alive()?;
        match self.begin() {
            Ok(program) => self.program = Some(program),
            Err(fault) => return Err(self.fault.insert(fault).clone()),
        }
        self.each_symbol(|program| if program.has("init") { program.init() } else { Ok(()) })
    }

    fn on_bar(&mut self, series: SeriesId, bar: &Bar) -> Result<(), Fault> {
        match self.place(series)? {
            (symbol, 0) => self.call(symbol, "on_bar", (Dynamic::from(*bar),)),
            (symbol, role) => self.call(symbol, "on_series_bar", (Series(role), Dynamic::from(*bar))),
        }
    }

    fn on_order(&mut self, event: &OrderEvent) -> Result<(), Fault> {
        let (symbol, _) = self.place(event.series)?;
        self.call(symbol, "on_order", (Event(*event),))?;
        // A script that has both functions is told of every step.
        if event.kind.is_outcome() { self.call(symbol, "on_outcome", (Event(*event),)) } else { Ok(()) }
    }

    fn on_position_close(&mut self, series: SeriesId, trade: &ClosedTrade) -> Result<(), Fault> {
        let (symbol, _) = self.place(series)?;
        self.call(symbol, "on_position_close", (Closed(*trade),))
    }

    fn on_timer(&mut self, id: u32, _now: Timestamp) -> Result<(), Fault> {
        let (symbol, number) = timer_of(id);
        self.call(symbol, "on_timer", (INT::from(number),))
    }

    fn stop(&mut self) -> Result<(), Fault> {
        self.each_symbol(|program| if program.has("stop") { program.call("stop", ()) } else { Ok(()) })
    }

    fn resources(&mut self) -> Resources {
        Resources { called: self.program.as_ref().map(Program::called), ..Resources::default() }
    }

    /// What the script keeps in `state`, of all symbols: equal states have equal bytes.
    fn snapshot(&mut self) -> Result<Vec<u8>, Fault> {
        self.alive()?;
        let Some(program) = &self.program else { return Err(not_begun()) };
        let snapshot = state::snapshot(&program.context.borrow().symbols);
        snapshot.map_err(|what| Fault::new(FaultKind::Contract, format!("snapshot: the state holds {what}")))
    }

    /// Values of the snapshot replace those that the script begins with, by name; symbols and values that only one of the
    /// two has are left alone.
    fn restore(&mut self, state_version: u32, state: &[u8]) -> Result<(), Fault> {
        self.alive()?;
        let Some(program) = &self.program else { return Err(not_begun()) };
        let restored = if state_version == STATE_VERSION {
            state::restore(&mut program.context.borrow_mut().symbols, state)
        } else {
            Err(format!("a state of version {state_version}; scripts have version {STATE_VERSION}"))
        };
        restored.map_err(|reason| {
            let fault = Fault::new(FaultKind::Refused, format!("restore: {reason}"));
            self.fault.insert(fault).clone()
        })
    }

    /// Runs the top of the script again; states and indicators are kept.
    fn tune(&mut self, params: &Params) -> Result<(), Fault> {
        self.alive()?;
        let refused = |reason: String| Fault::new(FaultKind::Refused, reason);
        let Some(running) = &self.program else { return Err(not_begun()) };
        let tuned = Program::load(&self.source, params.clone(), &self.limits)
            .map_err(|failure| refused(failure.fault(&self.source).message))?;
        if !tuned.context.borrow().declared.needs_the_same(&running.context.borrow().declared) {
            return Err(refused("the new values change indicators or series; that takes a swap".to_owned()));
        }
        swap(&mut tuned.context.borrow_mut().symbols, &mut running.context.borrow_mut().symbols);
        tuned.carry_on(running);
        self.program = Some(tuned);
        self.params.clone_from(params);
        Ok(())
    }
}
