//! What a script calls: functions that exist nowhere are found when it is loaded, not when the call is reached.

use std::collections::{BTreeMap, BTreeSet};

use rhai::{AST, ASTNode, Engine, Expr, FnCallExpr, Position, Stmt};

use crate::api::GROUPS;
use crate::failure::{Failure, no_such_function};
use crate::nearest::{did_you_mean, nearest};
use crate::source::Source;

/// Functions that the interpreter answers itself, without there being one of the name.
const BUILT_IN: [&str; 6] = ["call", "debug", "is_def_fn", "is_def_var", "print", "type_of"];

/// A call as it stands in the script.
struct Call<'a> {
    name: &'a str,
    /// Values between its brackets.
    arguments: usize,
    /// Whether it is written behind a value, as in `list.push(1)`.
    of_value: bool,
    at: Position,
}

/// The names of the functions that a script calls, its own excluded. Every call stands in the syntax tree: functions by
/// computed names are switched off.
///
/// # Errors
/// The first call in the text that no function can answer: a name that neither the script nor `engine` has, or a number of
/// values that no function of the name takes.
pub(crate) fn check(engine: &Engine, source: &Source, ast: &AST) -> Result<BTreeSet<String>, Failure> {
    let own: BTreeMap<&str, Vec<&str>> =
        ast.iter_functions().map(|function| (function.name, function.params)).collect();
    let known = Known { own: &own, of_engine: of_engine(engine), has_closures: has_closures(ast) };
    let (mut names, mut wrong) = (BTreeSet::new(), BTreeMap::new());
    ast.walk(&mut |path: &[ASTNode<'_>]| {
        if let Some(call) = path.last().and_then(call_of) {
            if let Some(problem) = known.problem(&call) {
                wrong.insert((call.at.line(), call.at.position()), (call.at, problem));
            } else if !own.contains_key(call.name) {
                names.insert(call.name.to_owned());
            }
        }
        true
    });
    match wrong.into_values().next() {
        Some((at, problem)) => Err(Failure::contract(source, at, problem)),
        None => Ok(names),
    }
}

fn call_of<'a>(node: &'a ASTNode<'_>) -> Option<Call<'a>> {
    let (call, of_value, at): (&FnCallExpr, bool, Position) = match node {
        ASTNode::Expr(Expr::FnCall(call, at)) | ASTNode::Stmt(Stmt::FnCall(call, at)) => (call, false, *at),
        ASTNode::Expr(Expr::MethodCall(call, at)) => (call, true, *at),
        _ => return None,
    };
    // Operators are calls as well; what they work on is known only when they do.
    let is_name = call.name.starts_with(|c: char| c.is_alphabetic() || c == '_');
    (is_name && !call.is_operator_call()).then(|| Call {
        name: call.name.as_str(),
        arguments: call.args.len(),
        of_value,
        at,
    })
}

/// The numbers of values that the functions of the host and of the language take, by name.
fn of_engine(engine: &Engine) -> BTreeMap<String, BTreeSet<usize>> {
    let mut known: BTreeMap<String, BTreeSet<usize>> = BTreeMap::new();
    let each = |info: rhai::FuncInfo<'_>| Some((info.metadata.name.to_string(), info.metadata.num_params));
    for (name, count) in engine.collect_fn_metadata(None, each, true) {
        known.entry(name).or_default().insert(count);
    }
    known
}

/// Whether functions without a name are written anywhere: a map may hold one under any name.
fn has_closures(ast: &AST) -> bool {
    ast.iter_functions().any(|function| function.name.starts_with("anon$"))
}

/// Every function that can be called.
struct Known<'a> {
    own: &'a BTreeMap<&'a str, Vec<&'a str>>,
    of_engine: BTreeMap<String, BTreeSet<usize>>,
    has_closures: bool,
}

impl Known<'_> {
    /// Why a call cannot be answered, where that is certain.
    fn problem(&self, call: &Call<'_>) -> Option<String> {
        if BUILT_IN.contains(&call.name) || (call.of_value && self.has_closures) {
            return None;
        }
        let (own, of_engine) = (self.own.get(call.name), self.of_engine.get(call.name));
        if own.is_none() && of_engine.is_none() {
            let names = self.own.keys().copied().chain(self.of_engine.keys().map(String::as_str));
            let names =
                names.chain(BUILT_IN).filter(|name| name.chars().all(|c| c.is_alphanumeric() || c == '_'));
            let guess = did_you_mean(nearest(call.name, names));
            return Some(format!("{}{guess}", no_such_function(call.name)));
        }
        // To a function of the host the value before the point is an argument; to one of the script it is `this`.
        let passed = call.arguments + usize::from(call.of_value);
        if own.is_some_and(|params| params.len() == call.arguments)
            || of_engine.is_some_and(|counts| counts.contains(&passed))
        {
            return None;
        }
        let given = values(call.arguments);
        if let Some(params) = own {
            return Some(format!("it is `{}({})`, but is given {given}", call.name, params.join(", ")));
        }
        let mut documented = GROUPS.iter().flat_map(|group| group.functions);
        Some(match documented.find(|function| function.name() == call.name) {
            Some(function) => format!("it is `{}`, but is given {given}", function.call),
            None => format!("`{}` cannot be given {given}", call.name),
        })
    }
}

fn values(count: usize) -> String {
    match count {
        0 => "no value".to_owned(),
        1 => "1 value".to_owned(),
        count => format!("{count} values"),
    }
}

/// Every name of a value that a script makes anywhere, for guesses at what was meant.
pub(crate) fn variables(ast: &AST) -> BTreeSet<String> {
    let mut names: BTreeSet<String> =
        ast.iter_functions().flat_map(|function| function.params).map(str::to_owned).collect();
    ast.walk(&mut |path: &[ASTNode<'_>]| {
        match path.last() {
            Some(ASTNode::Stmt(Stmt::Var(var, ..))) => {
                names.insert(var.0.name.to_string());
            }
            Some(ASTNode::Stmt(Stmt::For(each, _))) => {
                names.insert(each.0.name.to_string());
            }
            _ => {}
        }
        true
    });
    names
}
