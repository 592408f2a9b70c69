//! A script that is loaded: its interpreter, its functions and its fixed values.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::time::Duration;

use cryptobot_engine::{Fault, FaultKind};
use cryptobot_model::{ParamValue, Wants};
use rhai::packages::{
    ArithmeticPackage, BasicArrayPackage, BasicIteratorPackage, BasicMapPackage, BasicStringPackage,
    LogicPackage, Package,
};
use rhai::{AST, CallFnOptions, Dynamic, Engine, EvalAltResult, FuncArgs, Position, Scope};

use crate::api;
use crate::calls;
use crate::context::{Context, Phase, Shared};
use crate::failure::Failure;
use crate::limits::Limits;
use crate::nested;
use crate::source::Source;
use crate::values::{self, Series, State};
use crate::watch::Watch;

/// Functions that the host calls, with the number of their arguments.
const CALLBACKS: [(&str, usize, &str); 8] = [
    ("init", 0, "fn init()"),
    ("on_bar", 1, "fn on_bar(bar)"),
    ("on_series_bar", 2, "fn on_series_bar(series, bar)"),
    ("on_order", 1, "fn on_order(event)"),
    ("on_outcome", 1, "fn on_outcome(event)"),
    ("on_position_close", 1, "fn on_position_close(trade)"),
    ("on_timer", 1, "fn on_timer(number)"),
    ("stop", 0, "fn stop()"),
];

/// Words of the language that scripts do without: code from texts, functions by computed names, and a power whose last
/// bits differ between machines.
const DISABLED: [&str; 5] = ["eval", "Fn", "curry", "**", "**="];

/// Uses of variables between two checks of their sizes: a power of two.
const BETWEEN_SIZES: u32 = 1_024;

/// Fixed values that every function sees.
type Globals = Rc<RefCell<BTreeMap<String, Dynamic>>>;

/// See the module's documentation.
pub(crate) struct Program {
    engine: Engine,
    ast: AST,
    scope: Scope<'static>,
    watch: Rc<Watch>,
    limits: Limits,
    source: Source,
    callbacks: BTreeSet<&'static str>,
    pub(crate) context: Shared,
}

impl Program {
    /// Runs the top of a script with values for its parameters and checks its functions.
    pub(crate) fn load(
        source: &Source,
        given: Vec<(String, ParamValue)>,
        limits: &Limits,
    ) -> Result<Self, Failure> {
        let context = Rc::new(RefCell::new(Context::new(given, limits.indicators)));
        let watch = Rc::new(Watch::new(limits.total_ms));
        let globals = Globals::default();
        let mut engine = with_host(interpreter(limits), &context);
        let progress = Rc::clone(&watch);
        engine.on_progress(move |operations| progress.look(operations).err().map(Dynamic::from));
        show_globals(&mut engine, &globals);

        let parsed = engine.compile(&source.text).map_err(|error| Failure::syntax(source, &error))?;
        let callbacks = callbacks(source, &parsed)?;
        globals.borrow_mut().insert("state".to_owned(), Dynamic::from(State));
        globals.borrow_mut().insert("main".to_owned(), Dynamic::from(Series(0)));
        watch.begin(limits.init_deadline_ms);
        let mut scope = Scope::new();
        let ran = guarded(|| engine.run_ast_with_scope(&mut scope, &parsed));
        let in_time = watch.end();
        ran.map_err(|error| Failure::of(source, *error, limits.init_operations, FaultKind::Refused))?;
        if let Some(fault) = context.borrow_mut().fault.take() {
            return Err(Failure::contract(source, Position::NONE, fault.message));
        }
        in_time.map_err(|fault| Failure::of_host(source, Position::NONE, fault))?;
        let ast = strict(&mut engine, source, &scope, &globals, calls::variables(&parsed))?;
        engine.set_max_operations(limits.callback_operations);
        context.borrow_mut().phase = Phase::Serving;
        Ok(Self {
            engine,
            ast,
            scope: Scope::new(),
            watch,
            limits: *limits,
            source: source.clone(),
            callbacks,
            context,
        })
    }

    /// Events that the script has functions for.
    pub(crate) fn wants(&self) -> Wants {
        Wants {
            bars: self.has("on_bar") || self.has("on_series_bar"),
            orders: self.has("on_order"),
            position_closes: self.has("on_position_close"),
            timers: self.has("on_timer"),
            outcomes: self.has("on_outcome"),
            ..Wants::default()
        }
    }

    /// Whether the script has a function that the host calls.
    pub(crate) fn has(&self, callback: &str) -> bool {
        self.callbacks.contains(callback)
    }

    /// Calls `init`, where there is one: with the operations of the top of the script, and a message that it throws is
    /// a refusal.
    pub(crate) fn init(&mut self) -> Result<(), Fault> {
        self.engine.set_max_operations(self.limits.init_operations);
        let (operations, deadline_ms) = (self.limits.init_operations, self.limits.init_deadline_ms);
        let called = self.run("init", (), operations, deadline_ms, FaultKind::Refused);
        self.engine.set_max_operations(self.limits.callback_operations);
        called
    }

    /// Calls a function of the script.
    pub(crate) fn call(&mut self, callback: &'static str, arguments: impl FuncArgs) -> Result<(), Fault> {
        let (operations, deadline_ms) = (self.limits.callback_operations, self.limits.callback_deadline_ms);
        self.run(callback, arguments, operations, deadline_ms, FaultKind::Trap)
    }

    fn run(
        &mut self,
        callback: &'static str,
        arguments: impl FuncArgs,
        operations: u64,
        deadline_ms: u64,
        thrown: FaultKind,
    ) -> Result<(), Fault> {
        self.watch.begin(deadline_ms);
        let options = CallFnOptions::new().eval_ast(false);
        let called: Result<Dynamic, Box<EvalAltResult>> = guarded(|| {
            self.engine.call_fn_with_options(options, &mut self.scope, &self.ast, callback, arguments)
        });
        let in_time = self.watch.end();
        // The interpreter does not say where a limit was met.
        let begin = || place_of(&self.source, &format!("fn {callback}"));
        if let Err(error) = called {
            let mut failure = Failure::of(&self.source, *error, operations, thrown);
            if failure.problem.at.is_none() {
                failure.problem = self.source.problem(begin(), failure.problem.message);
            }
            return Err(failure.fault(&self.source));
        }
        if let Some(fault) = self.context.borrow_mut().fault.take() {
            return Err(Failure::of_host(&self.source, Position::NONE, fault).fault(&self.source));
        }
        in_time.map_err(|fault| Failure::of_host(&self.source, begin(), fault).fault(&self.source))
    }

    /// Wall time of all calls so far.
    pub(crate) fn called(&self) -> Duration {
        self.watch.total()
    }

    /// Takes over from the same script with other values of its parameters.
    pub(crate) fn carry_on(&self, running: &Self) {
        self.watch.carry_on(&running.watch);
    }
}

/// The interpreter must not take the host with it, should a script find a way to make it panic.
fn guarded<T>(call: impl FnOnce() -> Result<T, Box<EvalAltResult>>) -> Result<T, Box<EvalAltResult>> {
    catch_unwind(AssertUnwindSafe(call)).unwrap_or_else(|_| {
        let fault = Fault::new(FaultKind::Trap, "the interpreter failed");
        Err(Box::new(EvalAltResult::ErrorTerminated(Dynamic::from(fault), Position::NONE)))
    })
}

/// An interpreter of the language without anything of the host.
fn interpreter(limits: &Limits) -> Engine {
    let mut engine = Engine::new_raw();
    ArithmeticPackage::new().register_into_engine(&mut engine);
    LogicPackage::new().register_into_engine(&mut engine);
    BasicStringPackage::new().register_into_engine(&mut engine);
    BasicIteratorPackage::new().register_into_engine(&mut engine);
    BasicArrayPackage::new().register_into_engine(&mut engine);
    BasicMapPackage::new().register_into_engine(&mut engine);
    nested::register(&mut engine);
    limits.apply(&mut engine);
    for symbol in DISABLED {
        engine.disable_symbol(symbol);
    }
    engine.set_fail_on_invalid_map_property(true);
    engine
}

/// Checks the syntax of a text and its calls; answers the names of the functions that it calls, its own excluded.
pub(crate) fn parse(source: &Source, limits: &Limits) -> Result<BTreeSet<String>, Failure> {
    let parsed = catch_unwind(|| {
        let context = Rc::new(RefCell::new(Context::new(Vec::new(), limits.indicators)));
        let engine = with_host(interpreter(limits), &context);
        let ast = engine.compile(&source.text).map_err(|error| Failure::syntax(source, &error))?;
        calls::check(&engine, source, &ast)
    });
    parsed
        .unwrap_or_else(|_| Err(Failure::contract(source, Position::NONE, "the interpreter cannot read it")))
}

/// Adds the functions and values of the host.
fn with_host(mut engine: Engine, context: &Shared) -> Engine {
    values::register(&mut engine);
    api::register(&mut engine, context);
    engine
}

/// Lets every function read the values that the top of the script has made, and none change them.
///
/// The same place sees every use of a variable, and from time to time checks the sizes of all of them: the interpreter
/// does not check maps that grow entry by entry.
fn show_globals(engine: &mut Engine, globals: &Globals) {
    let globals = Rc::clone(globals);
    let uses = Cell::new(0_u32);
    #[expect(deprecated, reason = "marked so because it may change with a new version of the interpreter")]
    engine.on_var(move |name, index, context| {
        uses.set(uses.get().wrapping_add(1));
        if uses.get().is_multiple_of(BETWEEN_SIZES) {
            let engine = context.engine();
            let values = context.scope().iter_raw();
            values
                .map(|(_, _, value)| value)
                .try_for_each(|value| engine.ensure_data_size_within_limits(value))?;
        }
        // A variable with an index is the function's own.
        Ok(if index == 0 { globals.borrow().get(name).cloned() } else { None })
    });
}

/// The functions that the host will call; a failure where one would never be called as it is written.
fn callbacks(source: &Source, ast: &AST) -> Result<BTreeSet<&'static str>, Failure> {
    let mut found = BTreeSet::new();
    for function in ast.iter_functions() {
        let at = || place_of(source, &format!("fn {}", function.name));
        match CALLBACKS.iter().find(|(name, ..)| *name == function.name) {
            Some((name, arguments, _)) if *arguments == function.params.len() => {
                found.insert(*name);
            }
            Some((_, _, call)) => {
                return Err(Failure::contract(source, at(), format!("the host calls this as `{call}`")));
            }
            None if function.name.starts_with("on_") => {
                let known: Vec<&str> =
                    CALLBACKS.iter().map(|(name, ..)| *name).filter(|name| name.starts_with("on_")).collect();
                let message =
                    format!("the host does not call `{}`; it calls {}", function.name, known.join(", "));
                return Err(Failure::contract(source, at(), message));
            }
            None => {}
        }
    }
    if found.iter().any(|name| name.starts_with("on_")) {
        return Ok(found);
    }
    Err(Failure::contract(source, Position::NONE, "the script has no function `on_bar(bar)`"))
}

/// Where a text stands in the script.
fn place_of(source: &Source, text: &str) -> Position {
    let found = source.text.lines().enumerate().find_map(|(line, words)| Some((line, words.find(text)?)));
    found.map_or(Position::NONE, |(line, column)| Position::new(line as u16 + 1, column as u16 + 1))
}

/// Compiles the script again, now that the names at its top are known: every other name is a mistake.
fn strict(
    engine: &mut Engine,
    source: &Source,
    top: &Scope<'_>,
    globals: &Globals,
    mut known: BTreeSet<String>,
) -> Result<AST, Failure> {
    let mut names = Scope::new();
    for (name, _, value) in top.iter() {
        if let "state" | "main" = name {
            let at = place_of(source, &format!("let {name}"));
            return Err(Failure::contract(
                source,
                at,
                format!("`{name}` is a name of the host; choose another"),
            ));
        }
        globals.borrow_mut().insert(name.to_owned(), value);
    }
    for name in globals.borrow().keys() {
        // Not as constants, which would be written into the functions.
        names.push_dynamic(name.as_str(), Dynamic::UNIT);
    }
    engine.set_strict_variables(true);
    known.extend(globals.borrow().keys().cloned());
    engine.compile_with_scope(&names, &*source.text).map_err(|error| Failure::names(source, &error, &known))
}
