//! What a script's functions work on: the desk, the declarations and the symbol that is being served.

use std::cell::RefCell;
use std::rc::Rc;

use cryptobot_engine::{Desk, DeskLimits, Fault, FaultKind};
use cryptobot_model::{ParamValue, SeriesId, StrategyId};
use rhai::{Dynamic, EvalAltResult, Map, Position};

use crate::declare::Declared;
use crate::values::{Line, Slot};

/// Where in its life a script is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// The top of the script runs: it declares what it takes and needs.
    Declaring,
    /// Callbacks run, each for one symbol.
    Serving,
}

/// What the script has of one symbol.
#[derive(Clone, Debug)]
pub(crate) struct Symbol {
    pub(crate) name: String,
    /// Its series by role: the main one first.
    pub(crate) series: Vec<SeriesId>,
    /// Handles of the declared indicators.
    pub(crate) handles: Vec<u32>,
    /// Handles of the declared features.
    pub(crate) features: Vec<u32>,
    pub(crate) state: Map,
}

/// See the module's documentation.
#[derive(Debug)]
pub(crate) struct Context {
    /// The strategy's desk while it is called; otherwise an empty one.
    pub(crate) desk: Box<Desk>,
    pub(crate) phase: Phase,
    pub(crate) declared: Declared,
    /// Values of parameters; those that are not given have their defaults.
    pub(crate) given: Vec<(String, ParamValue)>,
    pub(crate) indicators_left: u32,
    pub(crate) symbols: Vec<Symbol>,
    /// The symbol that is being served.
    pub(crate) current: usize,
    /// A fault of a function that cannot answer with one.
    pub(crate) fault: Option<Fault>,
}

/// The context as the functions of a script hold it.
pub(crate) type Shared = Rc<RefCell<Context>>;

/// Why a function of the host does not answer.
#[derive(Debug)]
pub(crate) enum Stop {
    /// The script is at an end.
    Fault(Fault),
    /// The script asked for something that makes no sense; it may catch this.
    Mistake(String),
}

/// The answer of a function of the host.
pub(crate) type Answer<T> = Result<T, Stop>;

impl From<Fault> for Stop {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl From<Stop> for Box<EvalAltResult> {
    fn from(stop: Stop) -> Self {
        // The interpreter lets no script catch a termination.
        Self::new(match stop {
            Stop::Fault(fault) => EvalAltResult::ErrorTerminated(Dynamic::from(fault), Position::NONE),
            Stop::Mistake(message) => EvalAltResult::ErrorRuntime(message.into(), Position::NONE),
        })
    }
}

/// A mistake in words.
pub(crate) fn mistake<T>(message: impl Into<String>) -> Answer<T> {
    Err(Stop::Mistake(message.into()))
}

impl Context {
    pub(crate) fn new(given: Vec<(String, ParamValue)>, indicators: u32) -> Self {
        Self {
            desk: Box::new(no_desk()),
            phase: Phase::Declaring,
            declared: Declared::default(),
            given,
            indicators_left: indicators,
            symbols: Vec::new(),
            current: 0,
            fault: None,
        }
    }

    /// The symbol that is being served; a mistake at the top of the script, which serves none.
    pub(crate) fn symbol(&mut self) -> Answer<&mut Symbol> {
        let found = match self.phase {
            Phase::Declaring => None,
            Phase::Serving => self.symbols.get_mut(self.current),
        };
        found.ok_or_else(|| {
            Stop::Mistake(
                "this works inside functions such as `on_bar`, not at the top of a script".to_owned(),
            )
        })
    }

    /// The current symbol's series of a role.
    pub(crate) fn series(&mut self, role: usize) -> Answer<SeriesId> {
        let series = self.symbol()?.series.get(role).copied();
        series.ok_or_else(|| Stop::Mistake("there is no such series".to_owned()))
    }

    /// The current symbol's main series.
    pub(crate) fn main(&mut self) -> Answer<SeriesId> {
        self.series(0)
    }

    /// The current symbol's value of a line some bars ago.
    pub(crate) fn read(&mut self, line: Line, bars_ago: u32) -> Answer<f64> {
        let symbol = self.symbol()?;
        let handle = match line.slot {
            Slot::Indicator(slot) => symbol.handles.get(slot as usize),
            Slot::Features(slot) => symbol.features.get(slot as usize),
        };
        let Some(handle) = handle.copied() else {
            return Err(Fault::new(FaultKind::Contract, "there is no such indicator").into());
        };
        let bank = self.desk.indicators();
        Ok(match line.slot {
            Slot::Indicator(_) => bank.value(handle, line.output, bars_ago),
            Slot::Features(_) => bank.feature(handle, line.output, bars_ago),
        })
    }
}

/// A desk at which nothing can be done.
pub(crate) fn no_desk() -> Desk {
    Desk::new(StrategyId(0), Vec::new(), 0, 0, 0, DeskLimits::default())
}

/// A script's number.
pub(crate) fn number(what: &str, value: &Dynamic) -> Answer<f64> {
    if let Ok(number) = value.as_float() {
        // Every NaN is made the same one, so that journals do not depend on the processor.
        return Ok(if number.is_nan() { f64::NAN } else { number });
    }
    match value.as_int() {
        Ok(whole) => Ok(whole as f64),
        Err(_) => mistake(format!("{what} must be a number, not {}", described(value))),
    }
}

/// A value for people: its type, in words.
pub(crate) fn described(value: &Dynamic) -> &'static str {
    match value.type_name() {
        "i64" => "a whole number",
        "f64" => "a number",
        "string" => "a text",
        "char" => "a letter",
        "bool" => "true or false",
        "array" => "a list",
        "map" => "a map",
        "()" => "nothing",
        "Fn" => "a function",
        name if name.ends_with("Line") => "an indicator",
        name if name.ends_with("Features") => "features",
        name if name.ends_with("Series") => "a series",
        _ => "something else",
    }
}
