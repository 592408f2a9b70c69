//! The functions that scripts may call. Each is registered together with its line of the reference.

mod account;
mod declarations;
mod features;
mod market;
mod math;
mod orders;
mod output;
mod state;
mod time;

pub(crate) use time::timer_of;

use std::collections::BTreeSet;
use std::rc::Rc;

use rhai::{Engine, Variant};

use crate::context::{Answer, Context, Shared};

/// A function for people.
#[derive(Clone, Copy, Debug)]
pub struct Function {
    /// How it is called: `name(argument, [argument that may be left out])`.
    pub call: &'static str,
    /// What it does, with units.
    pub doc: &'static str,
}

impl Function {
    /// Its name.
    pub fn name(&self) -> &'static str {
        self.call.split('(').next().unwrap_or_default()
    }
}

/// Functions that belong together.
#[derive(Clone, Copy, Debug)]
pub struct Group {
    /// Title in the reference.
    pub title: &'static str,
    /// The interface of the plugin contract that gives a component the same; none where a component brings its own.
    pub interface: Option<&'static str>,
    /// Its functions.
    pub functions: &'static [Function],
}

/// Every group, in the order of the reference.
pub const GROUPS: &[Group] = &[
    Group { title: "At the top of a script", interface: None, functions: declarations::FUNCTIONS },
    Group { title: "Indicators", interface: Some("indicators"), functions: declarations::INDICATORS },
    Group { title: "Features", interface: Some("features"), functions: features::FUNCTIONS },
    Group { title: "Closed bars", interface: Some("market"), functions: market::FUNCTIONS },
    Group { title: "The symbol", interface: None, functions: market::SYMBOL },
    Group { title: "The account", interface: Some("account"), functions: account::FUNCTIONS },
    Group { title: "Orders", interface: Some("orders"), functions: orders::FUNCTIONS },
    Group {
        title: "Orders of several steps",
        interface: Some("advanced-orders"),
        functions: orders::ADVANCED,
    },
    Group { title: "Signals", interface: Some("signals"), functions: orders::SIGNALS },
    Group { title: "Time", interface: Some("clock"), functions: time::CLOCK },
    Group { title: "Timers", interface: Some("timers"), functions: time::TIMERS },
    Group { title: "Chance", interface: Some("random"), functions: account::CHANCE },
    Group { title: "Log", interface: Some("log"), functions: output::FUNCTIONS },
    Group { title: "Calendar", interface: None, functions: time::CALENDAR },
    Group { title: "Mathematics", interface: None, functions: math::FUNCTIONS },
    Group { title: "State and texts", interface: None, functions: state::FUNCTIONS },
];

/// What the language itself brings along, for people.
pub const LANGUAGE: &[Function] = &[
    Function {
        call: "list.push(value)",
        doc: "Adds a value at the end of a list; `pop()` takes the last one, `shift()` the first one.",
    },
    Function {
        call: "list.len()",
        doc: "Number of values; `list[0]` is the first, `list[-1]` the last one.",
    },
    Function { call: "list.truncate(n)", doc: "Keeps the first `n` values; `chop(n)` keeps the last `n`." },
    Function {
        call: "list.contains(value)",
        doc: "Whether the value is in it: also written `value in list`.",
    },
    Function {
        call: "map.keys()",
        doc: "The names in a map `#{name: value}`, in alphabetical order; `values()` their values.",
    },
    Function {
        call: "abs(x)",
        doc: "The number without its sign; `min(a, b)` and `max(a, b)` choose from two.",
    },
    Function {
        call: "throw \"text\"",
        doc: "Ends the script with a message; at the top or in `init` it refuses to start.",
    },
];

/// Registers every function and answers their names.
pub(crate) fn register(engine: &mut Engine, context: &Shared) -> BTreeSet<&'static str> {
    let mut api = Api { engine, context: Rc::clone(context), names: BTreeSet::new() };
    declarations::register(&mut api);
    features::register(&mut api);
    market::register(&mut api);
    account::register(&mut api);
    orders::register(&mut api);
    time::register(&mut api);
    output::register(&mut api);
    math::register(&mut api);
    state::register(&mut api);
    api.names
}

/// Puts functions on the context into an interpreter.
struct Api<'e> {
    engine: &'e mut Engine,
    context: Shared,
    names: BTreeSet<&'static str>,
}

/// What a script can pass and get.
trait Value: Variant + Clone {}
impl<T: Variant + Clone> Value for T {}

/// The interpreter's result.
type Given<R> = Result<R, Box<rhai::EvalAltResult>>;

impl Api<'_> {
    /// A function without arguments.
    fn add<R: Value>(&mut self, name: &'static str, f: impl Fn(&mut Context) -> Answer<R> + 'static) {
        let context = Rc::clone(&self.context);
        self.names.insert(name);
        self.engine.register_fn(name, move || -> Given<R> { Ok(f(&mut context.borrow_mut())?) });
    }

    /// A function of one argument.
    fn add1<A: Value, R: Value>(
        &mut self,
        name: &'static str,
        f: impl Fn(&mut Context, A) -> Answer<R> + 'static,
    ) {
        let context = Rc::clone(&self.context);
        self.names.insert(name);
        self.engine.register_fn(name, move |a: A| -> Given<R> { Ok(f(&mut context.borrow_mut(), a)?) });
    }

    /// A function of two arguments.
    fn add2<A: Value, B: Value, R: Value>(
        &mut self,
        name: &'static str,
        f: impl Fn(&mut Context, A, B) -> Answer<R> + 'static,
    ) {
        let context = Rc::clone(&self.context);
        self.names.insert(name);
        self.engine
            .register_fn(name, move |a: A, b: B| -> Given<R> { Ok(f(&mut context.borrow_mut(), a, b)?) });
    }

    /// A function of three arguments.
    fn add3<A: Value, B: Value, C: Value, R: Value>(
        &mut self,
        name: &'static str,
        f: impl Fn(&mut Context, A, B, C) -> Answer<R> + 'static,
    ) {
        let context = Rc::clone(&self.context);
        self.names.insert(name);
        self.engine.register_fn(name, move |a: A, b: B, c: C| -> Given<R> {
            Ok(f(&mut context.borrow_mut(), a, b, c)?)
        });
    }

    /// A property of a value of the host.
    fn property<T: Value, R: Value>(
        &mut self,
        name: &'static str,
        f: impl Fn(&mut Context, &mut T) -> Answer<R> + 'static,
    ) {
        let context = Rc::clone(&self.context);
        self.engine
            .register_get(name, move |of: &mut T| -> Given<R> { Ok(f(&mut context.borrow_mut(), of)?) });
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    #[test]
    fn the_reference_has_every_function_and_no_other() {
        let context = Rc::new(RefCell::new(Context::new(Vec::new(), 1)));
        let registered = register(&mut Engine::new_raw(), &context);
        let mut documented: BTreeSet<&str> =
            GROUPS.iter().flat_map(|group| group.functions).map(Function::name).collect();
        // The reference of indicators has these.
        let of_indicators: BTreeSet<&str> = declarations::INDICATORS.iter().map(Function::name).collect();
        for kind in cryptobot_indicators::KINDS {
            assert!(
                documented.insert(kind.name) || of_indicators.contains(kind.name),
                "two of {}",
                kind.name
            );
        }
        assert_eq!(documented, registered);
    }
}
