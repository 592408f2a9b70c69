//! Lists and maps compared and shown: with a bound on their nesting, because the interpreter's own functions would need
//! more stack than there is for the deepest values that a script can make.

use std::fmt::Write;

use rhai::{Array, Dynamic, Engine, EvalAltResult, ImmutableString as Text, Map};

use crate::context::{Answer, mistake};
use crate::values::{Line, Series};

/// Lists in lists and maps in maps.
const DEPTH: usize = 64;

/// The interpreter's result.
type Compared = Result<bool, Box<EvalAltResult>>;

/// Replaces the interpreter's functions.
pub(crate) fn register(engine: &mut Engine) {
    engine.register_fn("==", |a: &mut Array, b: Array| -> Compared { Ok(lists_equal(a, &b, DEPTH)?) });
    engine.register_fn("!=", |a: &mut Array, b: Array| -> Compared { Ok(!lists_equal(a, &b, DEPTH)?) });
    engine.register_fn("==", |a: &mut Map, b: Map| -> Compared { Ok(maps_equal(a, &b, DEPTH)?) });
    engine.register_fn("!=", |a: &mut Map, b: Map| -> Compared { Ok(!maps_equal(a, &b, DEPTH)?) });
    for name in ["to_string", "print", "to_debug", "debug"] {
        engine.register_fn(name, |list: &mut Array| -> Text { shown(|text| show_list(text, list, DEPTH)) });
        engine.register_fn(name, |map: &mut Map| -> Text { shown(|text| show_map(text, map, DEPTH)) });
    }
}

fn deeper(depth: usize) -> Answer<usize> {
    match depth.checked_sub(1) {
        Some(depth) => Ok(depth),
        None => mistake(format!("lists and maps nested deeper than {DEPTH} cannot be compared")),
    }
}

fn lists_equal(a: &Array, b: &Array, depth: usize) -> Answer<bool> {
    if a.len() != b.len() {
        return Ok(false);
    }
    let depth = deeper(depth)?;
    for (a, b) in a.iter().zip(b) {
        if !equal(a, b, depth)? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn maps_equal(a: &Map, b: &Map, depth: usize) -> Answer<bool> {
    if a.len() != b.len() {
        return Ok(false);
    }
    let depth = deeper(depth)?;
    for ((name, a), (other, b)) in a.iter().zip(b) {
        if name != other || !equal(a, b, depth)? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn equal(a: &Dynamic, b: &Dynamic, depth: usize) -> Answer<bool> {
    if let (Some(a), Some(b)) = (as_number(a), as_number(b)) {
        return Ok(a == b);
    }
    if let (Some(a), Some(b)) = (a.read_lock::<Array>(), b.read_lock::<Array>()) {
        return lists_equal(&a, &b, depth);
    }
    if let (Some(a), Some(b)) = (a.read_lock::<Map>(), b.read_lock::<Map>()) {
        return maps_equal(&a, &b, depth);
    }
    Ok(same::<Text>(a, b)
        || same::<bool>(a, b)
        || same::<char>(a, b)
        || same::<cryptobot_model::Bar>(a, b)
        || same::<Line>(a, b)
        || same::<Series>(a, b)
        || (a.is_unit() && b.is_unit()))
}

fn as_number(value: &Dynamic) -> Option<f64> {
    value.as_float().ok().or_else(|| value.as_int().ok().map(|whole| whole as f64))
}

fn same<T: Clone + PartialEq + 'static>(a: &Dynamic, b: &Dynamic) -> bool {
    match (a.read_lock::<T>(), b.read_lock::<T>()) {
        (Some(a), Some(b)) => *a == *b,
        _ => false,
    }
}

/// A value as messages show it.
pub(crate) fn show(value: &Dynamic) -> String {
    match value.read_lock::<Text>() {
        Some(text) => text.to_string(),
        None => shown(|text| show_value(text, value, DEPTH)).to_string(),
    }
}

fn shown(write: impl FnOnce(&mut String)) -> Text {
    let mut text = String::new();
    write(&mut text);
    text.into()
}

fn show_list(text: &mut String, list: &Array, depth: usize) {
    text.push('[');
    for (index, value) in list.iter().enumerate() {
        if index > 0 {
            text.push_str(", ");
        }
        show_value(text, value, depth);
    }
    text.push(']');
}

fn show_map(text: &mut String, map: &Map, depth: usize) {
    text.push_str("#{");
    for (index, (name, value)) in map.iter().enumerate() {
        let comma = if index > 0 { ", " } else { "" };
        let _ = write!(text, "{comma}{name}: "); // Writing to a string cannot fail.
        show_value(text, value, depth);
    }
    text.push('}');
}

fn show_value(text: &mut String, value: &Dynamic, depth: usize) {
    let Some(depth) = depth.checked_sub(1) else {
        return text.push('…');
    };
    if let Some(list) = value.read_lock::<Array>() {
        show_list(text, &list, depth);
    } else if let Some(map) = value.read_lock::<Map>() {
        show_map(text, &map, depth);
    } else if let Some(inner) = value.read_lock::<Text>() {
        let _ = write!(text, "{:?}", inner.as_str());
    } else if let Some(bar) = value.read_lock::<cryptobot_model::Bar>() {
        let _ = write!(text, "bar {} close {}", bar.ts, bar.close);
    } else if value.is_unit() {
        text.push_str("()");
    } else if value.is_fnptr() || value.read_lock::<Line>().is_some() || value.read_lock::<Series>().is_some()
    {
        text.push_str(crate::context::described(value));
    } else {
        let _ = write!(text, "{value}");
    }
}
