//! What the top of a script declares: parameters, series and indicators.

use cryptobot_indicators::{Bank, KINDS, Kind};
use cryptobot_model::{ParamSpec, ParamValue, PluginInfo, SeriesSpec, Timeframe, Wants};
use rhai::{Array, Dynamic, INT, Map};

use crate::context::{Answer, Context, Phase, described, mistake, number};
use crate::features::FeatureSpec;
use crate::values::{Line, Series, Slot};

/// More of either is a mistake, and would fill the user's terminal.
const MAX_PARAMS: usize = 256;
const MAX_SERIES: usize = 64;
const MAX_NAME_BYTES: usize = 64;
const MAX_DOC_BYTES: usize = 1_000;

/// Role of the series that every script has.
const MAIN: &str = "main";

/// Version of the encoding of snapshots. Names of values in `state` are the script's own business.
pub(crate) const STATE_VERSION: u32 = 1;

/// An indicator that every symbol gets.
#[derive(Clone, Debug)]
pub(crate) struct IndicatorSpec {
    pub(crate) kind: &'static Kind,
    pub(crate) role: usize,
    pub(crate) params: Vec<(String, f64)>,
}

/// What the top of a script has declared so far.
#[derive(Clone, Debug)]
pub(crate) struct Declared {
    pub(crate) name: Option<String>,
    pub(crate) version: Option<String>,
    pub(crate) params: Vec<ParamSpec>,
    pub(crate) series: Vec<SeriesSpec>,
    pub(crate) indicators: Vec<IndicatorSpec>,
    pub(crate) features: Vec<FeatureSpec>,
    /// What every symbol's state begins with.
    pub(crate) state: Map,
}

impl Default for Declared {
    fn default() -> Self {
        Self {
            name: None,
            version: None,
            params: Vec::new(),
            series: vec![SeriesSpec { role: MAIN.to_owned(), timeframe_ns: None }],
            indicators: Vec::new(),
            features: Vec::new(),
            state: Map::new(),
        }
    }
}

impl Declared {
    /// The script as the host describes plugins. `name` is that of its file, where it does not name itself.
    pub(crate) fn info(&self, name: &str, wants: Wants) -> PluginInfo {
        PluginInfo {
            name: self.name.clone().unwrap_or_else(|| name.to_owned()),
            version: self.version.clone().unwrap_or_else(|| "0.1.0".to_owned()),
            state_version: STATE_VERSION,
            warmup_bars: self.warmup_bars(),
            params: self.params.clone(),
            series: self.series.clone(),
            wants,
        }
    }

    /// Whether two declarations ask for the same series, indicators and features.
    pub(crate) fn needs_the_same(&self, other: &Self) -> bool {
        self.series == other.series && self.indicators == other.indicators && self.features == other.features
    }

    /// Bars of the main series until all of its indicators and features have values.
    fn warmup_bars(&self) -> u32 {
        let of_main = self.indicators.iter().filter(|indicator| indicator.role == 0);
        let warmups = of_main.map(|indicator| (indicator.kind.warmup)(&indicator.values()));
        let features = self.features.iter().filter(|features| features.role == 0);
        warmups.chain(features.map(|features| features.warmup_bars)).max().unwrap_or(0)
    }

    /// Indicators, and columns of features.
    pub(crate) fn columns(&self) -> usize {
        self.indicators.len() + self.features.iter().map(|features| features.columns.len()).sum::<usize>()
    }
}

impl PartialEq for IndicatorSpec {
    fn eq(&self, other: &Self) -> bool {
        self.kind.name == other.kind.name && self.role == other.role && self.params == other.params
    }
}

impl IndicatorSpec {
    /// Its parameters in the order of their kind.
    fn values(&self) -> Vec<f64> {
        let value = |name: &str| self.params.iter().find(|(given, _)| given == name).map(|(_, value)| *value);
        self.kind.params.iter().map(|param| value(param.name).unwrap_or(param.default)).collect()
    }
}

/// What else `param` is told of a parameter.
#[derive(Debug, Default)]
pub(crate) struct ParamOptions {
    pub(crate) range: Option<(f64, f64)>,
    pub(crate) doc: String,
    pub(crate) more: Map,
}

impl Context {
    pub(crate) fn declaring(&self, what: &str) -> Answer<()> {
        match self.phase {
            Phase::Declaring => Ok(()),
            Phase::Serving => mistake(format!("{what} at the top of the script, outside of functions")),
        }
    }

    /// `strategy(name, version)`.
    pub(crate) fn declare_strategy(&mut self, name: &str, version: Option<&str>) -> Answer<()> {
        self.declaring("name the strategy")?;
        check_name("a strategy", name)?;
        if let Some(version) = version {
            check_name("a version", version)?;
        }
        self.declared.name = Some(name.to_owned());
        self.declared.version = version.map(str::to_owned);
        Ok(())
    }

    /// `param(name, default, …)`: declares a parameter and answers its value.
    pub(crate) fn declare_param(
        &mut self,
        name: &str,
        default: &Dynamic,
        options: ParamOptions,
    ) -> Answer<Dynamic> {
        self.declaring("declare parameters")?;
        check_name("a parameter", name)?;
        if self.declared.params.iter().any(|spec| spec.name == name) {
            return mistake(format!("parameter `{name}` is declared twice"));
        }
        if self.declared.params.len() >= MAX_PARAMS {
            return mistake(format!("a script may have {MAX_PARAMS} parameters"));
        }
        let spec = param_spec(name, default, options)?;
        let value = match self.given.iter().find(|(given, _)| given == name) {
            Some((_, value)) => value.clone(),
            None => spec.default.clone(),
        };
        self.declared.params.push(spec);
        Ok(match value {
            ParamValue::Flag(flag) => flag.into(),
            ParamValue::Integer(whole) => whole.into(),
            ParamValue::Number(number) => number.into(),
            ParamValue::Text(text) => text.into(),
        })
    }

    /// `series(role, timeframe)`: one more series of every symbol.
    pub(crate) fn declare_series(&mut self, role: &str, timeframe: &str) -> Answer<Series> {
        self.declaring("declare series")?;
        check_name("a series", role)?;
        if self.declared.series.iter().any(|spec| spec.role == role) {
            return mistake(format!("there is a series `{role}` already"));
        }
        if self.declared.series.len() >= MAX_SERIES {
            return mistake(format!("a script may have {MAX_SERIES} series"));
        }
        let timeframe: Timeframe = match timeframe.parse() {
            Ok(timeframe) => timeframe,
            Err(error) => return mistake(format!("{error}")),
        };
        self.declared
            .series
            .push(SeriesSpec { role: role.to_owned(), timeframe_ns: Some(timeframe.nanos()) });
        Ok(Series(self.declared.series.len() - 1))
    }

    /// `sma(series, period)` and the like: an indicator of every symbol.
    pub(crate) fn declare_indicator(
        &mut self,
        kind: &str,
        series: Series,
        params: Vec<(String, f64)>,
    ) -> Answer<Line> {
        self.declaring("make indicators")?;
        if self.declared.columns() >= self.indicators_left as usize {
            return mistake(format!("a script may have {} indicators", self.indicators_left));
        }
        // Created for a trial, so that a wrong one is refused where it stands in the script.
        if let Err(error) = Bank::new(1).create(kind, 0, &params) {
            return mistake(error.to_string());
        }
        let Some(kind) = KINDS.iter().find(|known| known.name == kind) else {
            return mistake(format!("there is no indicator `{kind}`"));
        };
        let spec = IndicatorSpec { kind, role: series.0, params };
        self.declared.indicators.push(spec);
        let slot = Slot::Indicator(self.declared.indicators.len() as u32 - 1);
        Ok(Line { slot, output: 0 })
    }

    /// An output of an indicator by its name.
    pub(crate) fn output(&self, line: Line, name: &str) -> Answer<Line> {
        let spec = match line.slot {
            Slot::Indicator(slot) => self.declared.indicators.get(slot as usize),
            Slot::Features(_) => return mistake(format!("a feature is one column: it has no `{name}`")),
        };
        let Some(spec) = spec else {
            return mistake("there is no such indicator");
        };
        match spec.kind.outputs.iter().position(|output| output.replace('-', "_") == name) {
            Some(output) => Ok(Line { output: output as u32, ..line }),
            None => mistake(format!(
                "`{}` has no `{name}`; it has {}",
                spec.kind.name,
                spec.kind.outputs.join(", ").replace('-', "_")
            )),
        }
    }
}

/// The two ends of a range `[min, max]`.
pub(crate) fn ends(range: &Array) -> Answer<(f64, f64)> {
    match range.as_slice() {
        [min, max] => Ok((number("the least value", min)?, number("the largest value", max)?)),
        _ => mistake("a range is two numbers: 2..200 or [0.0, 1.0]"),
    }
}

fn param_spec(name: &str, default: &Dynamic, options: ParamOptions) -> Answer<ParamSpec> {
    let ParamOptions { range, doc, more } = options;
    let default = param_value(name, default)?;
    if doc.len() > MAX_DOC_BYTES || doc.contains(|c: char| c.is_control()) {
        return mistake(format!(
            "what is said of parameter `{name}` must be one line of {MAX_DOC_BYTES} bytes"
        ));
    }
    if let Some((min, max)) = range
        && (!min.is_finite() || !max.is_finite() || min > max)
    {
        return mistake(format!("parameter `{name}` has the range {min} to {max}"));
    }
    let (mut step, mut tunable) = (None, false);
    for (key, value) in &more {
        match key.as_str() {
            "step" => step = Some(number("step", value)?),
            "tunable" => tunable = value.as_bool().unwrap_or(false),
            _ => return mistake(format!("parameter `{name}` takes `step` and `tunable`, not `{key}`")),
        }
    }
    if step.is_some_and(|step| !step.is_finite() || step <= 0.0) {
        return mistake(format!("the step of parameter `{name}` must be greater than 0"));
    }
    let (min, max) = (range.map(|ends| ends.0), range.map(|ends| ends.1));
    let spec = ParamSpec { name: name.to_owned(), default, min, max, step, tunable, doc };
    match spec.check(spec.default.clone()) {
        Ok(_) => Ok(spec),
        Err(error) => mistake(format!("the default of {error}")),
    }
}

fn param_value(name: &str, value: &Dynamic) -> Answer<ParamValue> {
    if let Ok(flag) = value.as_bool() {
        return Ok(ParamValue::Flag(flag));
    }
    if let Ok(whole) = value.as_int() {
        return Ok(ParamValue::Integer(whole));
    }
    if let Ok(number) = value.as_float() {
        return Ok(ParamValue::Number(number));
    }
    match value.clone().into_string() {
        Ok(text) if text.len() <= MAX_DOC_BYTES && !text.contains(char::is_control) => {
            Ok(ParamValue::Text(text))
        }
        Ok(_) => mistake(format!("the default of parameter `{name}` must be one line")),
        Err(_) => mistake(format!(
            "parameter `{name}` must be a number, a text, true or false, not {}",
            described(value)
        )),
    }
}

/// Names go into command lines, file names and tables.
fn check_name(what: &str, name: &str) -> Answer<()> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    if (1..=MAX_NAME_BYTES).contains(&name.len()) && name.bytes().all(allowed) {
        return Ok(());
    }
    mistake(format!(
        "the name of {what} has letters, digits, `-`, `_` and `.`, 1 to {MAX_NAME_BYTES} of them"
    ))
}

/// A text as the name of a plugin.
pub(crate) fn as_name(text: &str) -> String {
    let letter = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.') { c } else { '-' };
    let name: String = text.chars().map(letter).take(MAX_NAME_BYTES).collect();
    if name.is_empty() { "script".to_owned() } else { name }
}

/// A whole number that is not negative.
pub(crate) fn count(what: &str, value: INT) -> Answer<usize> {
    match usize::try_from(value) {
        Ok(count) => Ok(count),
        Err(_) => mistake(format!("{what} must be 0 or more, not {value}")),
    }
}
