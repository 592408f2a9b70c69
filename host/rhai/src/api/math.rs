//! Functions of numbers. Those beyond the four rules come from `libm`: the same bits on every machine.

use rhai::{Dynamic, FLOAT, INT};

use super::{Api, Function};
use crate::context::{mistake, number};

pub(super) const FUNCTIONS: &[Function] = &[
    Function { call: "sqrt(x)", doc: "Square root." },
    Function { call: "exp(x)", doc: "e to the power of `x`." },
    Function { call: "ln(x)", doc: "Natural logarithm." },
    Function { call: "log10(x)", doc: "Logarithm to base 10." },
    Function { call: "log2(x)", doc: "Logarithm to base 2." },
    Function { call: "pow(x, y)", doc: "`x` to the power of `y`. There is no operator for it." },
    Function { call: "sin(x)", doc: "Sine; angles are in radians." },
    Function { call: "cos(x)", doc: "Cosine." },
    Function { call: "tan(x)", doc: "Tangent." },
    Function { call: "asin(x)", doc: "Inverse of the sine." },
    Function { call: "acos(x)", doc: "Inverse of the cosine." },
    Function { call: "atan(x)", doc: "Inverse of the tangent." },
    Function { call: "tanh(x)", doc: "Hyperbolic tangent." },
    Function { call: "floor(x)", doc: "Rounded down." },
    Function { call: "ceil(x)", doc: "Rounded up." },
    Function {
        call: "round(x, [digits])",
        doc: "Rounded to a number of decimal digits, halves away from zero.",
    },
    Function {
        call: "is_nan(x)",
        doc: "Whether it is no number: an indicator that warms up, a bar that is not there.",
    },
    Function { call: "to_int(x)", doc: "The whole part, as a whole number." },
    Function {
        call: "to_float(x)",
        doc: "The number with decimals: `to_float(1) / 2` is 0.5, while `1 / 2` is 0.",
    },
    Function { call: "PI()", doc: "3.14159…" },
];

/// A function of one number.
type OfOne = fn(f64) -> f64;

pub(super) fn register(api: &mut Api<'_>) {
    let functions: [(&'static str, OfOne); 15] = [
        ("sqrt", libm::sqrt),
        ("exp", libm::exp),
        ("ln", libm::log),
        ("log10", libm::log10),
        ("log2", libm::log2),
        ("sin", libm::sin),
        ("cos", libm::cos),
        ("tan", libm::tan),
        ("asin", libm::asin),
        ("acos", libm::acos),
        ("atan", libm::atan),
        ("tanh", libm::tanh),
        ("floor", libm::floor),
        ("ceil", libm::ceil),
        ("round", libm::round),
    ];
    for (name, f) in functions {
        api.add1(name, move |_, x: FLOAT| Ok(f(x)));
        api.add1(name, move |_, x: INT| Ok(f(x as f64)));
    }
    api.add2("pow", |_, x: Dynamic, y: Dynamic| Ok(libm::pow(number("x", &x)?, number("y", &y)?)));
    api.add2("round", |_, x: FLOAT, digits: INT| match digits {
        0..=15 => {
            let scale = libm::pow(10.0, digits as f64);
            Ok(libm::round(x * scale) / scale)
        }
        _ => mistake(format!("round(x, {digits}): a number has 0 to 15 decimal digits")),
    });
    api.add1("is_nan", |_, x: FLOAT| Ok(x.is_nan()));
    api.add1("to_float", |_, x: FLOAT| Ok(x));
    api.add1("to_float", |_, x: INT| Ok(x as f64));
    api.add1("to_int", |_, x: INT| Ok(x));
    api.add1("to_int", |_, x: FLOAT| {
        let whole = libm::trunc(x);
        if whole.abs() < 9e18 { Ok(whole as INT) } else { mistake(format!("to_int({x}) has no whole part")) }
    });
    api.add("PI", |_| Ok(std::f64::consts::PI));
}
