//! What a script keeps, and its texts.

use std::rc::Rc;

use rhai::{Dynamic, FuncRegistration, INT, ImmutableString as Text};

use super::{Api, Function, Given};
use crate::context::{Answer, Context, Phase, mistake};
use crate::values::State;

pub(super) const FUNCTIONS: &[Function] = &[
    Function {
        call: "contains(text or state, part)",
        doc: "Whether a text has a part in it, or `state` a value of that name: also written `\"name\" in state`.",
    },
    Function { call: "starts_with(text, part)", doc: "Whether a text begins so." },
    Function { call: "ends_with(text, part)", doc: "Whether a text ends so." },
    Function { call: "len(text)", doc: "Number of letters." },
];

pub(super) fn register(api: &mut Api<'_>) {
    let context = Rc::clone(&api.context);
    let read = move |_: &mut State, name: Text| -> Given<Dynamic> { Ok(get(&context.borrow(), &name)?) };
    api.engine.register_indexer_get(read);
    let context = Rc::clone(&api.context);
    let write = move |_: &mut State, name: Text, value: Dynamic| -> Given<()> {
        Ok(set(&mut context.borrow_mut(), &name, value)?)
    };
    // `state` is one name for the states of all symbols: setting a value in it leaves the name as it is.
    FuncRegistration::new_index_setter().with_purity(true).register_into_engine(api.engine, write);
    api.add2("contains", |context, _: State, name: Text| Ok(values(context).contains_key(name.as_str())));
    api.add2("contains", |_, text: Text, part: Text| Ok(text.contains(part.as_str())));
    api.add2("starts_with", |_, text: Text, part: Text| Ok(text.starts_with(part.as_str())));
    api.add2("ends_with", |_, text: Text, part: Text| Ok(text.ends_with(part.as_str())));
    api.add1("len", |_, text: Text| Ok(text.chars().count() as INT));
    api.engine.register_fn("+", |text: Text, other: Text| -> Text { text + other });
}

fn values(context: &Context) -> &rhai::Map {
    match (context.phase, context.symbols.get(context.current)) {
        (Phase::Serving, Some(symbol)) => &symbol.state,
        _ => &context.declared.state,
    }
}

fn get(context: &Context, name: &str) -> Answer<Dynamic> {
    match values(context).get(name) {
        Some(value) => Ok(value.clone()),
        None => {
            mistake(format!("`state.{name}` has no value yet; give it one at the top: `state.{name} = 0;`"))
        }
    }
}

/// Values that `state` may have.
const MOST_VALUES: usize = 1_000;

fn set(context: &mut Context, name: &str, value: Dynamic) -> Answer<()> {
    crate::state::check(name, &value)?;
    let current = context.current;
    let values = match (context.phase, context.symbols.get_mut(current)) {
        (Phase::Serving, Some(symbol)) => &mut symbol.state,
        _ => &mut context.declared.state,
    };
    if let Some(kept) = values.get_mut(name) {
        *kept = value;
        return Ok(());
    }
    if values.len() >= MOST_VALUES {
        return mistake(format!("`state` has {MOST_VALUES} values already"));
    }
    values.insert(name.into(), value);
    Ok(())
}
