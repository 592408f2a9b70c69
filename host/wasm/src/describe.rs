//! What a plugin says of itself, read with suspicion.

use std::collections::BTreeSet;

use cryptobot_engine::{Fault, FaultKind};
use cryptobot_model::{ParamSpec, ParamValue, PluginInfo, SeriesSpec, Timeframe, Wants};

use crate::bindings::cryptobot::plugin::types;
use crate::bindings::exports::cryptobot::plugin::lifecycle::Info;
use crate::fault::quoted;

/// More of either is a mistake, and would fill the user's terminal.
const MAX_PARAMS: usize = 256;
const MAX_SERIES: usize = 64;
const MAX_NAME_BYTES: usize = 64;
const MAX_DOC_BYTES: usize = 1_000;

/// The description in the host's terms; a contract fault where it makes no sense, one that names the field.
pub(crate) fn checked(info: Info) -> Result<PluginInfo, Fault> {
    check_name("the plugin's name", &info.name)?;
    check_text("the plugin's version", &info.version, MAX_NAME_BYTES)?;
    if info.params.len() > MAX_PARAMS {
        return Err(nonsense(&format!("{} parameters; at most {MAX_PARAMS} are allowed", info.params.len())));
    }
    let params = info.params.into_iter().map(param).collect::<Result<Vec<_>, Fault>>()?;
    if let Some(name) = duplicate(params.iter().map(|spec| &spec.name)) {
        return Err(nonsense(&format!("parameter `{name}` is declared twice")));
    }
    if info.series.is_empty() || info.series.len() > MAX_SERIES {
        return Err(nonsense(&format!("{} series; 1 to {MAX_SERIES} are allowed", info.series.len())));
    }
    let series = info.series.into_iter().map(series).collect::<Result<Vec<_>, Fault>>()?;
    if let Some(role) = duplicate(series.iter().map(|spec| &spec.role)) {
        return Err(nonsense(&format!("series `{role}` is declared twice")));
    }
    Ok(PluginInfo {
        name: info.name,
        version: info.version,
        state_version: info.state_version,
        warmup_bars: info.warmup_bars,
        params,
        series,
        wants: wants(info.wants)?,
    })
}

fn nonsense(what: &str) -> Fault {
    Fault::new(FaultKind::Contract, format!("describe: {what}"))
}

fn param(spec: types::ParamSpec) -> Result<ParamSpec, Fault> {
    check_name("a parameter's name", &spec.name)?;
    let name = spec.name;
    check_text(&format!("the doc of parameter `{name}`"), &spec.doc, MAX_DOC_BYTES)?;
    let finite = |number: Option<f64>| number.is_none_or(f64::is_finite);
    if !finite(spec.min) || !finite(spec.max) || !spec.step.is_none_or(|step| step.is_finite() && step > 0.0)
    {
        return Err(nonsense(&format!(
            "min, max and step of parameter `{name}` must be finite, step positive"
        )));
    }
    if let (Some(min), Some(max)) = (spec.min, spec.max)
        && min > max
    {
        return Err(nonsense(&format!(
            "parameter `{name}` has a minimum of {min} above its maximum of {max}"
        )));
    }
    let default = match spec.default {
        types::Value::Flag(flag) => ParamValue::Flag(flag),
        types::Value::Integer(whole) => ParamValue::Integer(whole),
        types::Value::Number(number) => ParamValue::Number(number),
        types::Value::Text(text) => {
            check_text(&format!("the default of parameter `{name}`"), &text, MAX_DOC_BYTES)?;
            ParamValue::Text(text)
        }
    };
    let spec = ParamSpec {
        name,
        default,
        min: spec.min,
        max: spec.max,
        step: spec.step,
        tunable: spec.tunable,
        doc: spec.doc,
    };
    spec.check(spec.default.clone()).map_err(|error| nonsense(&format!("the default of {error}")))?;
    Ok(spec)
}

fn series(spec: types::SeriesSpec) -> Result<SeriesSpec, Fault> {
    check_name("a series' role", &spec.role)?;
    if let Some(nanos) = spec.timeframe_ns
        && Timeframe::from_nanos(nanos).is_none()
    {
        let role = &spec.role;
        return Err(nonsense(&format!(
            "series `{role}` has a timeframe of {nanos} ns; it must be a whole number of seconds up to a week"
        )));
    }
    Ok(SeriesSpec { role: spec.role, timeframe_ns: spec.timeframe_ns })
}

fn wants(flags: types::Wants) -> Result<Wants, Fault> {
    let not_served = [
        (types::Wants::TRADES, "trades"),
        (types::Wants::QUOTES, "quotes"),
        (types::Wants::BOOK, "order books"),
        (types::Wants::MARK, "mark prices"),
        (types::Wants::FUNDING, "funding payments"),
        (types::Wants::PREDICTIONS, "predictions"),
    ];
    if let Some((_, what)) = not_served.iter().find(|(flag, _)| flags.contains(*flag)) {
        return Err(nonsense(&format!("the plugin wants {what}, which this host does not deliver yet")));
    }
    Ok(Wants {
        bars: flags.contains(types::Wants::BARS),
        orders: flags.contains(types::Wants::ORDERS),
        position_closes: flags.contains(types::Wants::POSITION_CLOSES),
        timers: flags.contains(types::Wants::TIMERS),
        outcomes: flags.contains(types::Wants::OUTCOMES),
        ..Wants::default()
    })
}

/// Names go into command lines, file names and tables.
fn check_name(what: &str, name: &str) -> Result<(), Fault> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    if name.is_empty() {
        return Err(nonsense(&format!("{what} is empty")));
    }
    if name.len() > MAX_NAME_BYTES || !name.bytes().all(allowed) {
        let name = quoted(name);
        return Err(nonsense(&format!(
            "{what} `{name}` may have only letters, digits, `-`, `_` and `.`, at most {MAX_NAME_BYTES}"
        )));
    }
    Ok(())
}

fn check_text(what: &str, text: &str, most: usize) -> Result<(), Fault> {
    if text.len() > most {
        return Err(nonsense(&format!("{what} is longer than {most} bytes")));
    }
    if text.contains(|c: char| c.is_control() && c != '\n') {
        return Err(nonsense(&format!("{what} has control characters")));
    }
    Ok(())
}

fn duplicate<'a>(names: impl Iterator<Item = &'a String>) -> Option<&'a str> {
    let mut seen = BTreeSet::new();
    names.into_iter().find(|name| !seen.insert(name.as_str())).map(String::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn param(name: &str, default: types::Value) -> types::ParamSpec {
        types::ParamSpec {
            name: name.into(),
            default,
            min: None,
            max: None,
            step: None,
            tunable: false,
            doc: "bars".into(),
        }
    }

    fn honest() -> Info {
        Info {
            name: "trend".into(),
            version: "1.0.0".into(),
            state_version: 1,
            warmup_bars: 30,
            params: vec![param("fast", types::Value::Integer(10)), param("stake", types::Value::Number(0.5))],
            series: vec![types::SeriesSpec { role: "signal".into(), timeframe_ns: Some(60_000_000_000) }],
            wants: types::Wants::BARS | types::Wants::TIMERS,
        }
    }

    #[test]
    fn an_honest_description_is_taken_over() {
        let info = checked(honest()).unwrap();
        assert_eq!((info.name.as_str(), info.warmup_bars), ("trend", 30));
        assert_eq!(info.params[0].default, ParamValue::Integer(10));
        assert_eq!(info.wants, Wants { bars: true, timers: true, ..Wants::default() });
    }

    #[test]
    fn each_lie_is_named() {
        type Lie = fn(&mut Info);
        let lies: [(Lie, &str); 14] = [
            (|info| info.name.clear(), "the plugin's name is empty"),
            (|info| info.name = "a\u{1b}[2Jb".into(), "the plugin's name `a [2Jb` may have only"),
            (|info| info.version = "1".repeat(65), "the plugin's version is longer than 64 bytes"),
            (|info| info.params[1].name = "fast".into(), "parameter `fast` is declared twice"),
            (|info| info.params[0].min = Some(20.0), "the default of `fast` must lie in >= 20, not 10"),
            (
                |info| info.params[1].max = Some(f64::NAN),
                "min, max and step of parameter `stake` must be finite",
            ),
            (|info| info.params[1].step = Some(0.0), "step positive"),
            (
                |info| (info.params[0].min, info.params[0].max) = (Some(3.0), Some(2.0)),
                "`fast` has a minimum of 3 above its maximum of 2",
            ),
            (|info| info.params[1].default = types::Value::Number(f64::INFINITY), "the default of `stake`"),
            (|info| info.params[0].doc = "x".repeat(1_001), "the doc of parameter `fast` is longer"),
            (|info| info.params = vec![param("p", types::Value::Flag(true)); 257], "257 parameters"),
            (|info| info.series.clear(), "0 series"),
            (|info| info.series[0].timeframe_ns = Some(1), "series `signal` has a timeframe of 1 ns"),
            (
                |info| info.wants |= types::Wants::BOOK,
                "wants order books, which this host does not deliver yet",
            ),
        ];
        for (lie, words) in lies {
            let mut info = honest();
            lie(&mut info);
            let fault = checked(info).unwrap_err();
            assert_eq!(fault.kind, FaultKind::Contract);
            assert!(fault.message.contains(words), "expected `{words}` in: {fault}");
            assert!(!fault.message.contains(char::is_control), "{fault}");
        }
    }
}
