//! `features` and what can be done with them.

use rhai::{Dynamic, ImmutableString as Text, Map};

use super::{Api, Function, Given};
use crate::values::{Features, Line, Series};

pub(super) const FUNCTIONS: &[Function] = &[
    Function {
        call: "features(wanted, [series], [timeframe])",
        doc: "Named columns that the host computes, at the top of a script: `let f = features(\"technical_fast\");`, then \
              `f.rsi_14` is an indicator. `wanted` is the name of a [feature set](../guide/features.md) or of a single \
              feature, `#{name: \"low\", indicator: \"bollinger\", params: #{period: 30}, output: \"lower\"}`, or a list of \
              these. With `timeframe`, such as `\"4h\"`, they are computed from longer bars, once these have closed.",
    },
    Function {
        call: "feature_values(features)",
        doc: "The newest values of all columns as a map: `feature_values(f).rsi_14`.",
    },
];

pub(super) fn register(api: &mut Api<'_>) {
    api.add1("features", |context, wanted: Dynamic| context.declare_features(&wanted, Series(0), None));
    api.add2("features", |context, wanted: Dynamic, series: Series| {
        context.declare_features(&wanted, series, None)
    });
    api.add2("features", |context, wanted: Dynamic, timeframe: Text| {
        context.declare_features(&wanted, Series(0), Some(&timeframe))
    });
    api.add3("features", |context, wanted: Dynamic, series: Series, timeframe: Text| {
        context.declare_features(&wanted, series, Some(&timeframe))
    });
    api.add1("feature_values", |context, features: Features| -> crate::context::Answer<Map> {
        context.feature_values(features)
    });
    let context = std::rc::Rc::clone(&api.context);
    api.engine.register_indexer_get(move |features: &mut Features, name: Text| -> Given<Line> {
        Ok(context.borrow().feature(*features, &name)?)
    });
}
