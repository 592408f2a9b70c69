//! What a plugin declares that it needs, and what a user can grant it.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// An interface of the plugin contract that has to be declared and granted. What is not listed here (`types`, `log`
/// and `clock`) is the base that every plugin has: it gives nothing that a plugin does not have anyway.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Capability {
    /// Closed bars of its own series.
    Market,
    /// Simple orders and cancels.
    Orders,
    /// Brackets, pairs, trailing stops, changes of orders.
    AdvancedOrders,
    /// Signals that the host sizes.
    Signals,
    /// Its own virtual account.
    Account,
    /// Indicators that the host computes.
    Indicators,
    /// Features that the host computes.
    Features,
    /// Predictions of models.
    Predictions,
    /// Running a model.
    Inference,
    /// Timers.
    Timers,
    /// Seeded random numbers.
    Random,
}

impl Capability {
    /// All of them, in their order.
    pub const ALL: [Self; 11] = [
        Self::Market,
        Self::Orders,
        Self::AdvancedOrders,
        Self::Signals,
        Self::Account,
        Self::Indicators,
        Self::Features,
        Self::Predictions,
        Self::Inference,
        Self::Timers,
        Self::Random,
    ];

    /// The name of the interface in the contract.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Market => "market",
            Self::Orders => "orders",
            Self::AdvancedOrders => "advanced-orders",
            Self::Signals => "signals",
            Self::Account => "account",
            Self::Indicators => "indicators",
            Self::Features => "features",
            Self::Predictions => "predictions",
            Self::Inference => "inference",
            Self::Timers => "timers",
            Self::Random => "random",
        }
    }

    /// The capability of an interface; `None` for the base and for what the contract does not know.
    pub fn of_interface(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|capability| capability.name() == name)
    }
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A mode that a strategy may run in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RunMode {
    /// Stored data, simulated exchange.
    Backtest,
    /// Simulated exchange in real time.
    Simulation,
    /// Live data, simulated exchange.
    Paper,
    /// Real orders.
    Live,
}

impl RunMode {
    /// All of them, in their order.
    pub const ALL: [Self; 4] = [Self::Backtest, Self::Simulation, Self::Paper, Self::Live];

    /// The name in files and messages.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Backtest => "backtest",
            Self::Simulation => "simulation",
            Self::Paper => "paper",
            Self::Live => "live",
        }
    }
}

impl fmt::Display for RunMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Instruments by name: `SYMBOL` or `VENUE/SYMBOL`, where `*` stands for any letters, none included.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
pub struct InstrumentPattern(String);

/// A text that is no pattern of instruments.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "`{0}` is no pattern of instruments: SYMBOL or VENUE/SYMBOL of letters, digits, `-`, `_`, `.`, `:` and `*`, \
     for example `BTC*` or `binance-usdm/*`"
)]
pub struct BadPattern(String);

impl InstrumentPattern {
    /// Longest pattern, bytes.
    const MAX_BYTES: usize = 128;

    /// Every instrument.
    pub fn any() -> Self {
        Self("*".to_owned())
    }

    /// Whether an instrument is meant.
    pub fn matches(&self, venue: &str, symbol: &str) -> bool {
        let (of_venue, of_symbol) = self.parts();
        glob(of_venue.as_bytes(), venue.as_bytes()) && glob(of_symbol.as_bytes(), symbol.as_bytes())
    }

    /// Whether every instrument that `other` means is meant by this one.
    pub fn covers(&self, other: &Self) -> bool {
        // Only a star of ours can take a star of theirs, and it takes whatever that one stands for.
        let (venue, symbol) = other.parts();
        self.matches(venue, symbol)
    }

    fn parts(&self) -> (&str, &str) {
        self.0.split_once('/').unwrap_or(("*", &self.0))
    }
}

impl FromStr for InstrumentPattern {
    type Err = BadPattern;

    fn from_str(text: &str) -> Result<Self, BadPattern> {
        let allowed = |byte: u8| {
            byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b':' | b'*' | b'/')
        };
        let parts = || text.split('/');
        let sound = text.len() <= Self::MAX_BYTES
            && text.bytes().all(allowed)
            && parts().count() <= 2
            && parts().all(|part| !part.is_empty());
        if sound {
            return Ok(Self(text.to_owned()));
        }
        let shown: String =
            text.chars().take(Self::MAX_BYTES).map(|c| if c.is_control() { ' ' } else { c }).collect();
        Err(BadPattern(shown))
    }
}

impl TryFrom<String> for InstrumentPattern {
    type Error = BadPattern;

    fn try_from(text: String) -> Result<Self, BadPattern> {
        text.parse()
    }
}

impl From<InstrumentPattern> for String {
    fn from(pattern: InstrumentPattern) -> Self {
        pattern.0
    }
}

impl fmt::Display for InstrumentPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether `text` fits `pattern`, in which `*` stands for any bytes: each star first takes nothing, and the newest
/// one takes a byte more whenever what follows does not fit.
fn glob(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut star = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(byte) if *byte == text[t] => {
                p += 1;
                t += 1;
            }
            _ => {
                let Some((at, taken)) = star else { return false };
                star = Some((at, taken + 1));
                p = at + 1;
                t = taken + 1;
            }
        }
    }
    pattern[p..].iter().all(|byte| *byte == b'*')
}

macro_rules! plugin_limits {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {
        /// Limits of a plugin, each of which may be left open.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
        #[serde(deny_unknown_fields, default)]
        pub struct PluginLimits {
            $($(#[$doc])* #[serde(skip_serializing_if = "Option::is_none")] pub $name: Option<u64>,)*
        }

        impl PluginLimits {
            /// Of each limit the smaller one; the stated one where the other is left open.
            #[must_use]
            pub fn stricter(self, other: Self) -> Self {
                Self { $($name: stricter(self.$name, other.$name),)* }
            }

            /// All limits by name, in their order.
            pub fn by_name(&self) -> impl Iterator<Item = (&'static str, Option<u64>)> + use<> {
                [$((stringify!($name), self.$name),)*].into_iter()
            }
        }
    };
}

plugin_limits! {
    /// Memory, MiB.
    memory_mib,
    /// Wall time of one callback, ms.
    callback_deadline_ms,
    /// Wall time of `describe`, `init`, `snapshot` and `restore`, ms.
    init_deadline_ms,
    /// Operations of one callback of a script.
    script_operations,
    /// Wall time of all callbacks in a run, seconds; the host itself states none.
    total_callbacks_s,
    /// Orders, signals, changes and cancels in one callback.
    orders_per_callback,
    /// The same in a minute of event time.
    orders_per_minute,
    /// Orders open at once.
    open_orders,
    /// Log lines in one callback.
    log_lines_per_callback,
    /// Log lines in a minute of event time.
    log_lines_per_minute,
    /// Timers set and not yet due, and timer calls in one callback.
    timers,
    /// Timer calls in a minute of event time.
    timers_per_minute,
    /// Indicators it may create.
    indicators,
    /// Closed bars that it can look back on through the host.
    history_bars,
    /// Size of a snapshot, KiB.
    state_kib,
}

fn stricter(a: Option<u64>, b: Option<u64>) -> Option<u64> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

impl PluginLimits {
    /// Largest memory that any limit may state, MiB: what 32-bit memories can be altogether.
    const MOST_MEMORY_MIB: u64 = 65_536;
    /// Most bars that may be looked back on.
    const MOST_HISTORY_BARS: u64 = 1_000_000;

    /// The first limit that makes no sense, and what is right.
    pub fn problem(&self) -> Option<(&'static str, String)> {
        let range = |name, value: Option<u64>, least: u64, most: u64| {
            let value = value.filter(|value| !(least..=most).contains(value))?;
            Some((name, format!("must lie in {least}..{most}, not {value}")))
        };
        let most = u64::from(u32::MAX);
        range("memory_mib", self.memory_mib, 1, Self::MOST_MEMORY_MIB)
            .or_else(|| range("callback_deadline_ms", self.callback_deadline_ms, 1, most))
            .or_else(|| range("init_deadline_ms", self.init_deadline_ms, 1, most))
            .or_else(|| range("script_operations", self.script_operations, 1, most))
            .or_else(|| range("history_bars", self.history_bars, 0, Self::MOST_HISTORY_BARS))
            .or_else(|| self.by_name().find_map(|(name, value)| range(name, value, 0, most)))
    }
}

/// What a plugin declares that it needs. It gets no more than that, and no more than the run file grants.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Declaration {
    /// Interfaces of the contract, besides the base.
    pub interfaces: BTreeSet<Capability>,
    /// Instruments it is made for.
    pub instruments: Vec<InstrumentPattern>,
    /// Modes it is made for.
    pub modes: BTreeSet<RunMode>,
    /// The most it needs.
    pub limits: PluginLimits,
}

impl Default for Declaration {
    /// No interface but the base; all instruments and modes, usual limits.
    fn default() -> Self {
        Self {
            interfaces: BTreeSet::new(),
            instruments: vec![InstrumentPattern::any()],
            modes: RunMode::ALL.into(),
            limits: PluginLimits::default(),
        }
    }
}

impl Declaration {
    /// What a plugin without a manifest is taken to declare: what it imports, in every mode but live.
    pub fn of_imports(interfaces: BTreeSet<Capability>) -> Self {
        let modes = [RunMode::Backtest, RunMode::Simulation, RunMode::Paper].into();
        Self { interfaces, modes, ..Self::default() }
    }

    /// What makes no sense in it, as field and problem.
    pub fn problem(&self) -> Option<(String, String)> {
        if self.instruments.is_empty() {
            return Some(("instruments".to_owned(), "is empty; `*` stands for all".to_owned()));
        }
        if self.modes.is_empty() {
            return Some(("modes".to_owned(), "is empty; leave it out for all modes".to_owned()));
        }
        self.limits.problem().map(|(name, problem)| (format!("limits.{name}"), problem))
    }

    /// What this one asks for beyond `accepted`, one item each; empty = nothing.
    pub fn beyond(&self, accepted: &Self) -> Vec<String> {
        let mut more = Vec::new();
        for interface in self.interfaces.difference(&accepted.interfaces) {
            more.push(format!("interface {interface}"));
        }
        for pattern in &self.instruments {
            if !accepted.instruments.iter().any(|known| known.covers(pattern)) {
                more.push(format!("instruments {pattern}"));
            }
        }
        for mode in self.modes.difference(&accepted.modes) {
            more.push(format!("mode {mode}"));
        }
        for ((name, wanted), (_, before)) in self.limits.by_name().zip(accepted.limits.by_name()) {
            let Some(before) = before else { continue };
            match wanted {
                Some(wanted) if wanted <= before => {}
                Some(wanted) => more.push(format!("{name} {wanted} instead of {before}")),
                None => more.push(format!("{name} as the host has it instead of {before}")),
            }
        }
        more
    }
}

/// The manifest of a plugin: the custom section `cryptobot:manifest` of its component, as JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Version of this format; [`Manifest::FORMAT`].
    pub format: u32,
    /// Name of the plugin, under which its declaration is accepted.
    pub plugin: String,
    /// Version of the plugin.
    pub version: String,
    /// What it needs.
    pub declares: Declaration,
}

impl Manifest {
    /// The format that this host writes and reads.
    pub const FORMAT: u32 = 1;
    /// Name of the custom section.
    pub const SECTION: &str = "cryptobot:manifest";
    /// Longest name and longest version, bytes.
    pub const MAX_NAME_BYTES: usize = 64;

    /// What makes no sense in it, as field and problem.
    pub fn problem(&self) -> Option<(String, String)> {
        for (field, text) in [("plugin", &self.plugin), ("version", &self.version)] {
            if !is_name(text) {
                let most = Self::MAX_NAME_BYTES;
                let problem = format!(
                    "must be 1 to {most} letters, digits, `-`, `_`, `+` and `.`, and not begin with `.`"
                );
                return Some((field.to_owned(), problem));
            }
        }
        self.declares.problem().map(|(field, problem)| (format!("declares.{field}"), problem))
    }
}

/// Names stand in paths and messages.
fn is_name(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'+');
    (1..=Manifest::MAX_NAME_BYTES).contains(&text.len())
        && !text.starts_with('.')
        && text.bytes().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> InstrumentPattern {
        text.parse().unwrap()
    }

    #[test]
    fn patterns_mean_instruments() {
        for (text, venue, symbol, meant) in [
            ("*", "binance-usdm", "BTCUSDT", true),
            ("BTCUSDT", "kraken", "BTCUSDT", true),
            ("BTCUSDT", "kraken", "BTCUSDTX", false),
            ("BTC*", "kraken", "BTC", true),
            ("*USDT", "kraken", "USDTUSDT", true),
            ("B*C*T", "kraken", "BTCUSDT", true),
            ("B*C*T", "kraken", "BTCUSDC", false),
            ("binance-*/ETH*", "binance-usdm", "ETHUSDT", true),
            ("binance-*/ETH*", "kraken", "ETHUSDT", false),
        ] {
            assert_eq!(pattern(text).matches(venue, symbol), meant, "{text} {venue}/{symbol}");
        }
    }

    #[test]
    fn wider_patterns_cover_narrower_ones() {
        for (wide, narrow, covers) in [
            ("*", "BTC*", true),
            ("BTC*", "*", false),
            ("BTC*", "BTC*USDT", true),
            ("BTCUSDT", "kraken/BTCUSDT", true),
            ("kraken/BTCUSDT", "BTCUSDT", false),
            ("a*b", "a*c*b", true),
            ("a*b", "a*", false),
        ] {
            assert_eq!(pattern(wide).covers(&pattern(narrow)), covers, "{wide} {narrow}");
        }
    }

    #[test]
    fn what_is_no_pattern_is_refused() {
        for text in ["", "/", "a/", "/a", "a/b/c", "BTC USDT", "a\u{1b}b", &"x".repeat(129)] {
            let error = text.parse::<InstrumentPattern>().unwrap_err().to_string();
            assert!(error.contains("is no pattern") && !error.contains(char::is_control), "{error:?}");
        }
    }

    #[test]
    fn the_stricter_limit_wins() {
        let a = PluginLimits { memory_mib: Some(16), open_orders: Some(5), ..PluginLimits::default() };
        let b = PluginLimits { memory_mib: Some(64), timers: Some(0), ..PluginLimits::default() };
        let both = PluginLimits { timers: Some(0), ..a };
        assert_eq!((a.stricter(b), b.stricter(a)), (both, both));
    }

    #[test]
    fn limits_out_of_range_are_named() {
        let problem = |limits: PluginLimits| limits.problem().map(|(name, _)| name);
        assert_eq!(problem(PluginLimits::default()), None);
        let wrong = PluginLimits { callback_deadline_ms: Some(0), ..PluginLimits::default() };
        assert_eq!(problem(wrong), Some("callback_deadline_ms"));
        let wrong = PluginLimits { state_kib: Some(1 << 40), ..PluginLimits::default() };
        assert_eq!(problem(wrong), Some("state_kib"));
    }

    #[test]
    fn what_is_asked_for_beyond_the_accepted_is_listed() {
        let accepted = Declaration {
            interfaces: [Capability::Orders, Capability::Account].into(),
            instruments: vec![pattern("BTC*")],
            modes: [RunMode::Backtest].into(),
            limits: PluginLimits { memory_mib: Some(16), timers: Some(3), ..PluginLimits::default() },
        };
        assert!(accepted.beyond(&accepted).is_empty());
        let less = Declaration {
            interfaces: [Capability::Orders].into(),
            instruments: vec![pattern("BTCUSDT")],
            limits: PluginLimits { open_orders: Some(1), memory_mib: Some(8), ..accepted.limits },
            ..accepted.clone()
        };
        assert!(less.beyond(&accepted).is_empty());
        let more = Declaration {
            interfaces: [Capability::Orders, Capability::Signals].into(),
            instruments: vec![pattern("*")],
            modes: [RunMode::Backtest, RunMode::Live].into(),
            limits: PluginLimits { memory_mib: Some(64), ..PluginLimits::default() },
        };
        let items = [
            "interface signals",
            "instruments *",
            "mode live",
            "memory_mib 64 instead of 16",
            "timers as the host has it instead of 3",
        ];
        assert_eq!(more.beyond(&accepted), items);
    }

    #[test]
    fn manifests_survive_their_json() {
        let json = r#"{"format":1,"plugin":"trend","version":"0.1.0","declares":{"interfaces":["orders","random"],"instruments":["BTC*"],"modes":["backtest","live"],"limits":{"memory_mib":16}}}"#;
        let manifest: Manifest = serde_json::from_str(json).unwrap();
        assert_eq!(manifest.problem(), None);
        assert_eq!(serde_json::to_string(&manifest).unwrap(), json);
        for (wrong, field) in [
            (Manifest { plugin: "../x".to_owned(), ..manifest.clone() }, "plugin"),
            (Manifest { version: String::new(), ..manifest.clone() }, "version"),
            (
                Manifest {
                    declares: Declaration { instruments: Vec::new(), ..Declaration::default() },
                    ..manifest.clone()
                },
                "declares.instruments",
            ),
        ] {
            assert_eq!(wrong.problem().unwrap().0, field);
        }
    }

    #[test]
    fn names_are_those_of_the_contract() {
        for capability in Capability::ALL {
            assert_eq!(Capability::of_interface(capability.name()), Some(capability));
            assert_eq!(serde_json::to_value(capability).unwrap(), capability.name());
        }
        assert_eq!(Capability::of_interface("log"), None);
        for mode in RunMode::ALL {
            assert_eq!(serde_json::to_value(mode).unwrap(), mode.name());
        }
    }
}
