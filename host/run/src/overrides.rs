//! What the command line says on top of a run file.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use cryptobot_engine::Delivery;
use cryptobot_model::{Money, ParamValue, Timeframe, Timestamp};

use crate::changes::{Moment, ParseMomentError, Swap, Tuning};
use crate::config::{Bot, Mode, RunConfig, bot_letter};
use crate::error::RunError;
use crate::recordings::Fills;
use crate::spelled::Spelled;

/// Flags; each given one overrides the file. [`crate::Origin`] knows which value is from which.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    /// How the run is driven.
    pub mode: Option<Mode>,
    /// Plugin of the only bot.
    pub plugin: Option<String>,
    /// Folder of market data.
    pub data: Option<PathBuf>,
    /// Venue of every bot.
    pub venue: Option<String>,
    /// Symbols of every bot.
    pub symbols: Vec<String>,
    /// Base timeframe of every bot.
    pub timeframe: Option<Timeframe>,
    /// First bar, inclusive.
    pub from: Option<Timestamp>,
    /// End, exclusive.
    pub to: Option<Timestamp>,
    /// `name=value` for every bot, `bot.name=value` for one.
    pub set: Vec<String>,
    /// `time=plugin` for the only bot, `bot.time=plugin` for one of several.
    pub swaps: Vec<String>,
    /// `time=name=value` for every bot, `bot.time=name=value` for one.
    pub set_at: Vec<String>,
    /// Balance of the whole run.
    pub balance: Option<Money>,
    /// Leverage of the run.
    pub leverage: Option<u32>,
    /// Seed.
    pub seed: Option<u64>,
    /// How bars are handed to plugins.
    pub delivery: Option<Delivery>,
    /// What orders are matched with.
    pub fills: Option<Fills>,
    /// `symbol=file` of recordings.
    pub recordings: Vec<String>,
    /// Waives missing bars.
    pub allow_gaps: bool,
}

impl Overrides {
    /// Lays the flags over a configuration. Values of `--set` stay texts until the plugin says what they are.
    pub fn apply(&self, config: &mut RunConfig) -> Result<(), RunError> {
        config.mode = self.mode.unwrap_or(config.mode);
        if let Some(plugin) = &self.plugin {
            set_plugin(config, plugin)?;
        }
        if let Some(data) = &self.data {
            config.data.clone_from(data);
        }
        if let Some(balance) = self.balance {
            config.balance = balance;
        }
        if let Some(leverage) = self.leverage {
            config.execution.margin.leverage = leverage;
        }
        if let Some(seed) = self.seed {
            config.seed = seed;
        }
        config.delivery = self.delivery.map_or(config.delivery, Spelled);
        config.period.from = self.from.map(Spelled).or(config.period.from);
        config.period.to = self.to.map(Spelled).or(config.period.to);
        config.allow_gaps |= self.allow_gaps;
        config.execution.fills = self.fills.unwrap_or(config.execution.fills);
        for recording in &self.recordings {
            let Some((symbol, file)) = recording.split_once('=') else {
                let problem = format!("`{recording}` is not of the form SYMBOL=FILE");
                return Err(RunError::config("--recording", problem));
            };
            config.execution.recordings.insert(symbol.to_owned(), PathBuf::from(file));
        }
        for bot in config.bots.values_mut() {
            if self.venue.is_some() {
                bot.venue.clone_from(&self.venue);
            }
            if !self.symbols.is_empty() {
                bot.symbols.clone_from(&self.symbols);
            }
            bot.timeframe = self.timeframe.map(Spelled).or(bot.timeframe);
        }
        self.set.iter().try_for_each(|assignment| set_param(config, assignment))?;
        self.swaps.iter().try_for_each(|swap| add_swap(config, swap))?;
        self.set_at.iter().try_for_each(|tuning| add_tuning(config, tuning))
    }

    /// The flag that a field of the configuration was given with. `in_file`: whether it is written in the run file too.
    pub(crate) fn flag_of(&self, field: &str, in_file: bool) -> Option<String> {
        let given = |is: bool, flag: &str| is.then(|| flag.to_owned());
        match field {
            "mode" => given(self.mode.is_some(), "--mode"),
            "balance" => given(self.balance.is_some(), "--balance"),
            "delivery" => given(self.delivery.is_some(), "--delivery"),
            "execution.fills" => given(self.fills.is_some(), "--fills"),
            "execution.margin.leverage" => given(self.leverage.is_some(), "--leverage"),
            "execution.recordings" => given(!in_file && !self.recordings.is_empty(), "--recording"),
            "period" => given(self.from.is_some(), "--from").or_else(|| given(self.to.is_some(), "--to")),
            _ => self.flag_of_bot(field.strip_prefix("bots.")?, in_file),
        }
    }

    /// The same of `NAME.field` below `bots`.
    fn flag_of_bot(&self, field: &str, in_file: bool) -> Option<String> {
        let (bot, field) = field.split_once('.')?;
        let given = |is: bool, flag: &str| is.then(|| flag.to_owned());
        if let Some(param) = field.strip_prefix("params.") {
            let of_bot =
                |name: &str| name.strip_prefix(bot).and_then(|rest| rest.strip_prefix('.')) == Some(param);
            let mut names = self.set.iter().filter_map(|set| Some(set.split_once('=')?.0));
            // The last one holds.
            let name = names.rfind(|name| *name == param || of_bot(name))?;
            return Some(format!("--set {name}"));
        }
        match field.split_once('[').map_or(field, |(list, _)| list) {
            "plugin" => given(self.plugin.is_some(), "--plugin"),
            "venue" => given(self.venue.is_some(), "--venue"),
            "symbols" => given(!self.symbols.is_empty(), "--symbol"),
            "timeframe" => given(self.timeframe.is_some(), "--timeframe"),
            "swaps" => given(!in_file && !self.swaps.is_empty(), "--swap"),
            "tuning" => given(!in_file && !self.set_at.is_empty(), "--set-at"),
            _ => None,
        }
    }
}

/// Replaces the plugin of the file's only bot, or makes the only bot.
fn set_plugin(config: &mut RunConfig, plugin: &str) -> Result<(), RunError> {
    match config.bots.len() {
        0 => {
            let stem = Path::new(plugin).file_stem().and_then(|stem| stem.to_str()).unwrap_or("bot");
            let name: String = stem.chars().take(64).map(bot_letter).collect();
            config.bots.insert(name, Bot { plugin: plugin.to_owned(), ..Bot::default() });
        }
        1 => {
            for bot in config.bots.values_mut() {
                plugin.clone_into(&mut bot.plugin);
            }
        }
        count => {
            let problem = format!("the run file has {count} bots; change the plugin of one in the file");
            return Err(RunError::config("--plugin", problem));
        }
    }
    Ok(())
}

fn set_param(config: &mut RunConfig, assignment: &str) -> Result<(), RunError> {
    let Some((name, value)) = assignment.split_once('=') else {
        return Err(RunError::config("--set", format!("`{assignment}` is not of the form name=value")));
    };
    let value = ParamValue::Text(value.to_owned());
    if let Some((bot, param)) = name.split_once('.') {
        bot_named(config, "--set", bot)?.params.insert(param.to_owned(), value);
    } else {
        for bot in config.bots.values_mut() {
            bot.params.insert(name.to_owned(), value.clone());
        }
    }
    Ok(())
}

fn bot_named<'a>(config: &'a mut RunConfig, flag: &str, name: &str) -> Result<&'a mut Bot, RunError> {
    let names = config.bots.keys().cloned().collect::<Vec<_>>().join(", ");
    let unknown = || RunError::config(flag, format!("there is no bot `{name}`; bots: {names}"));
    config.bots.get_mut(name).ok_or_else(unknown)
}

/// `[bot.]moment=rest`, taken apart.
fn at_moment<'a>(
    flag: &str,
    form: &str,
    text: &'a str,
) -> Result<(Option<&'a str>, Spelled<Moment>, &'a str), RunError> {
    let Some((head, rest)) = text.split_once('=').filter(|(_, rest)| !rest.is_empty()) else {
        return Err(RunError::config(flag, format!("`{text}` is not of the form {form}")));
    };
    if let Ok(at) = head.parse() {
        return Ok((None, Spelled(at), rest));
    }
    // A bot's name has no point, a time may have one.
    let (bot, at) = head.split_once('.').map_or((None, head), |(bot, at)| (Some(bot), at));
    let at = at.parse().map_err(|error: ParseMomentError| RunError::config(flag, error.to_string()))?;
    Ok((bot, Spelled(at), rest))
}

fn add_swap(config: &mut RunConfig, text: &str) -> Result<(), RunError> {
    let (bot, at, plugin) = at_moment("--swap", "TIME=PLUGIN", text)?;
    let swap = Swap { at, plugin: plugin.to_owned(), set: BTreeMap::new() };
    if let Some(bot) = bot {
        bot_named(config, "--swap", bot)?.swaps.push(swap);
        return Ok(());
    }
    if config.bots.len() > 1 {
        let names = config.bots.keys().cloned().collect::<Vec<_>>().join(", ");
        let problem = format!("there are several bots, name one of them: BOT.TIME=PLUGIN; bots: {names}");
        return Err(RunError::config("--swap", problem));
    }
    config.bots.values_mut().for_each(|bot| bot.swaps.push(swap.clone()));
    Ok(())
}

fn add_tuning(config: &mut RunConfig, text: &str) -> Result<(), RunError> {
    let form = "TIME=NAME=VALUE";
    let (bot, at, assignment) = at_moment("--set-at", form, text)?;
    let Some((name, value)) = assignment.split_once('=') else {
        return Err(RunError::config("--set-at", format!("`{text}` is not of the form {form}")));
    };
    let set = BTreeMap::from([(name.to_owned(), ParamValue::Text(value.to_owned()))]);
    let tuning = Tuning { at, set };
    match bot {
        Some(bot) => bot_named(config, "--set-at", bot)?.tuning.push(tuning),
        None => config.bots.values_mut().for_each(|bot| bot.tuning.push(tuning.clone())),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn two_bots() -> RunConfig {
        let mut config = RunConfig::default();
        for name in ["a", "b"] {
            config.bots.insert(name.to_owned(), Bot { plugin: name.to_owned(), ..Bot::default() });
        }
        config
    }

    #[test]
    fn values_go_to_one_bot_or_to_all() {
        let mut config = two_bots();
        let set = vec!["fast=3".to_owned(), "b.fast=4".to_owned()];
        Overrides { set, ..Overrides::default() }.apply(&mut config).unwrap();
        assert_eq!(config.bots["a"].params["fast"], ParamValue::Text("3".to_owned()));
        assert_eq!(config.bots["b"].params["fast"], ParamValue::Text("4".to_owned()));
    }

    #[test]
    fn changes_on_the_way_go_to_one_bot_or_to_all() {
        let mut config = two_bots();
        let swaps = vec!["b.2024-06-01T00:00:00.5Z=x=y.wasm".to_owned()];
        let set_at = vec!["bar:7=fast=3".to_owned(), "a.2024-06-01=slow=a=b".to_owned()];
        Overrides { swaps, set_at, ..Overrides::default() }.apply(&mut config).unwrap();
        assert!(config.bots["a"].swaps.is_empty());
        let swap = &config.bots["b"].swaps[0];
        assert_eq!(
            (swap.plugin.as_str(), swap.at.0),
            ("x=y.wasm", "2024-06-01T00:00:00.5Z".parse().unwrap())
        );
        assert_eq!(config.bots["b"].tuning[0].at.0, Moment::Bars(7));
        assert_eq!(config.bots["a"].tuning[1].set["slow"], ParamValue::Text("a=b".to_owned()));
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        let refused = |overrides: Overrides| overrides.apply(&mut two_bots()).unwrap_err().to_string();
        let set = |text: &str| Overrides { set: vec![text.to_owned()], ..Overrides::default() };
        assert!(refused(set("fast")).contains("name=value"));
        assert!(refused(set("c.fast=1")).contains("bots: a, b"));
        let swap = |text: &str| Overrides { swaps: vec![text.to_owned()], ..Overrides::default() };
        assert!(refused(swap("2024-06-01")).contains("`2024-06-01` is not of the form TIME=PLUGIN"));
        assert!(refused(swap("soon=new.wasm")).contains("`soon` is no moment"));
        assert!(refused(swap("c.2024-06-01=new.wasm")).contains("there is no bot `c`"));
        assert!(refused(swap("2024-06-01=new.wasm")).contains("name one of them"));
        let set_at = |text: &str| Overrides { set_at: vec![text.to_owned()], ..Overrides::default() };
        assert!(refused(set_at("bar:5=fast")).contains("TIME=NAME=VALUE"));
        let plugin = Overrides { plugin: Some("trend".to_owned()), ..Overrides::default() };
        assert!(refused(plugin).contains("2 bots"));
    }
}
