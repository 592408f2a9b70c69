//! From the interpreter's errors to problems and faults, in words for people.

use std::collections::BTreeSet;

use cryptobot_engine::{Fault, FaultKind};
use rhai::{Dynamic, EvalAltResult, ParseError, ParseErrorType, Position};

use crate::api::GROUPS;
use crate::nearest::{did_you_mean, nearest};
use crate::nested::show;
use crate::source::{Problem, Source};

/// Longest text of a script that a message quotes, bytes.
const QUOTED_BYTES: usize = 300;

/// What stopped a script.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Failure {
    pub(crate) kind: FaultKind,
    pub(crate) problem: Problem,
    /// Functions of the script that were running, the innermost first, without the one that the host called.
    pub(crate) backtrace: Vec<String>,
}

impl Failure {
    /// A part of the script that breaks the rules for scripts.
    pub(crate) fn contract(source: &Source, at: Position, message: impl Into<String>) -> Self {
        Self { kind: FaultKind::Contract, problem: source.problem(at, message), backtrace: Vec::new() }
    }

    /// A script that is none.
    pub(crate) fn syntax(source: &Source, error: &ParseError) -> Self {
        Self::contract(source, error.1, of_parser(&error.0))
    }

    /// A script that is none; of an unknown name the nearest of `names` is told.
    pub(crate) fn names(source: &Source, error: &ParseError, names: &BTreeSet<String>) -> Self {
        let guess = match &*error.0 {
            ParseErrorType::VariableUndefined(name) => nearest(name, names.iter().map(String::as_str)),
            _ => None,
        };
        Self::contract(source, error.1, format!("{}{}", of_parser(&error.0), did_you_mean(guess)))
    }

    /// A fault of the host at a place in the script.
    pub(crate) fn of_host(source: &Source, at: Position, fault: Fault) -> Self {
        Self { kind: fault.kind, problem: source.problem(at, fault.message), backtrace: Vec::new() }
    }

    /// What a failed call means. A message that the script threw itself has the kind `thrown`; `operations` is what it
    /// had.
    pub(crate) fn of(source: &Source, error: EvalAltResult, operations: u64, thrown: FaultKind) -> Self {
        let (mut error, backtrace) = innermost(error);
        let at = error.take_position();
        let failure = |kind, message: String| {
            let problem = source.problem(at, printable(&message));
            Self { kind, problem, backtrace }
        };
        match error {
            EvalAltResult::ErrorTerminated(token, _) => match token.try_cast::<Fault>() {
                Some(fault) => failure(fault.kind, fault.message),
                None => failure(FaultKind::Trap, "the script was ended".to_owned()),
            },
            EvalAltResult::ErrorTooManyOperations(_) => {
                failure(FaultKind::Instructions, format!("used up its {operations} operations"))
            }
            EvalAltResult::ErrorTooManyVariables(_) => {
                failure(FaultKind::Memory, "too many variables in one function".to_owned())
            }
            EvalAltResult::ErrorDataTooLarge(what, _) => {
                failure(FaultKind::Memory, format!("{} is more than a script may have", what.to_lowercase()))
            }
            EvalAltResult::ErrorStackOverflow(_) => {
                failure(FaultKind::Trap, "functions call each other too deeply".to_owned())
            }
            EvalAltResult::ErrorRuntime(said, _) => failure(thrown, thrown_text(&said)),
            other => failure(FaultKind::Trap, in_words(&other)),
        }
    }

    /// The failure as a fault of one line.
    pub(crate) fn fault(&self, source: &Source) -> Fault {
        let mut fault = Fault::new(self.kind, source.one_line(&self.problem));
        fault.detail.backtrace.clone_from(&self.backtrace);
        fault
    }
}

/// The error itself, and the names of the calls around it, the innermost first.
fn innermost(error: EvalAltResult) -> (EvalAltResult, Vec<String>) {
    let (mut error, mut calls) = (error, Vec::new());
    while let EvalAltResult::ErrorInFunctionCall(name, _, inner, _) = error {
        calls.insert(0, printable(&name));
        error = *inner;
    }
    (error, calls)
}

fn thrown_text(said: &Dynamic) -> String {
    if said.is_unit() { "it threw an error without a message".to_owned() } else { show(said) }
}

fn in_words(error: &EvalAltResult) -> String {
    match error {
        EvalAltResult::ErrorVariableNotFound(name, _) => unknown(name),
        EvalAltResult::ErrorFunctionNotFound(call, _) => no_function(call),
        EvalAltResult::ErrorAssignmentToConstant(name, _)
        | EvalAltResult::ErrorForbiddenVariable(name, _) => fixed(name),
        EvalAltResult::ErrorNonPureMethodCallOnConstant(name, _) => {
            format!(
                "`{name}` would change a value that is fixed by the top of the script; keep it in `state`"
            )
        }
        EvalAltResult::ErrorArrayBounds(length, index, _) => {
            format!("the list has {length} values, there is none at {index}")
        }
        EvalAltResult::ErrorParsing(kind, _) => of_parser(kind),
        EvalAltResult::ErrorDotExpr(said, _) => no_property(said),
        EvalAltResult::ErrorPropertyNotFound(name, _) => format!("the map has no `{name}`"),
        EvalAltResult::ErrorMismatchDataType(wanted, found, _) if !wanted.is_empty() => {
            format!("{} is needed here, not {}", type_in_words(wanted), type_in_words(found))
        }
        other => other.to_string(),
    }
}

/// A name that means nothing.
pub(crate) fn unknown(name: &str) -> String {
    format!("`{name}` is not known")
}

/// A value that cannot change.
fn fixed(name: &str) -> String {
    format!("`{name}` is fixed by the top of the script; what changes is kept in `state`: `state.{name}`")
}

fn of_parser(kind: &ParseErrorType) -> String {
    match kind {
        ParseErrorType::VariableUndefined(name) => unknown(name),
        ParseErrorType::AssignmentToConstant(name) => fixed(name),
        ParseErrorType::MissingToken(token, _) => format!("`{token}` is missing before this"),
        ParseErrorType::ExprExpected(_) => "a value is missing here".to_owned(),
        ParseErrorType::Reserved(word) => format!("`{word}` is a word of the language and cannot be a name"),
        ParseErrorType::ExprTooDeep => "too many brackets and blocks inside each other".to_owned(),
        other => other.to_string(),
    }
}

/// `call` is a name with the types of its arguments, such as `buy (string, i64)`.
fn no_function(call: &str) -> String {
    let (name, arguments) = call.split_once(" (").unwrap_or((call, ")"));
    let types: Vec<&str> =
        arguments.trim_end_matches(')').split(", ").filter(|t| !t.is_empty()).map(type_in_words).collect();
    if let [left, right] = types[..]
        && !name.starts_with(|c: char| c.is_alphabetic())
    {
        return format!("`{name}` does not work on {left} and {right}");
    }
    let mut known =
        GROUPS.iter().flat_map(|group| group.functions).filter(|function| function.name() == name);
    match known.next() {
        Some(function) => {
            let given = if types.is_empty() { "nothing".to_owned() } else { types.join(", ") };
            format!("it is `{}`, but was given {given}", function.call)
        }
        None => no_such_function(name),
    }
}

/// A call that means nothing.
pub(crate) fn no_such_function(name: &str) -> String {
    format!("there is no function `{name}`")
}

/// `said` is the interpreter's sentence: it names the property and the type between quotation marks.
fn no_property(said: &str) -> String {
    match said.split('\'').collect::<Vec<_>>()[..] {
        [start, name, _, of, _] if start.starts_with("Unknown property") => {
            format!("{} has no `{name}`", type_in_words(of))
        }
        _ => said.to_owned(),
    }
}

fn type_in_words(name: &str) -> &str {
    match name.trim() {
        "i64" => "a whole number",
        "f64" => "a number",
        "string" | "&str | ImmutableString | String" => "a text",
        "char" => "a letter",
        "bool" => "true or false",
        "array" => "a list",
        "map" => "a map",
        "()" => "nothing",
        "indicator" => "an indicator",
        "series" => "a series",
        "bar" => "a bar",
        "order event" => "an order event",
        "trade" => "a trade",
        other => other,
    }
}

/// A text of a script, short enough and fit for a one-line message.
pub(crate) fn printable(text: &str) -> String {
    let end = text.floor_char_boundary(QUOTED_BYTES);
    text[..end].chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}
