//! What the command line says on top of a run file.

use std::path::{Path, PathBuf};

use cryptobot_model::{Money, ParamValue, Timeframe, Timestamp};

use crate::config::{Bot, RunConfig, bot_letter};
use crate::error::RunError;
use crate::recordings::Fills;
use crate::spelled::Spelled;

/// Flags; each given one overrides the file.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
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
    /// Balance of the whole run.
    pub balance: Option<Money>,
    /// Leverage of the run.
    pub leverage: Option<u32>,
    /// Seed.
    pub seed: Option<u64>,
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
        self.set.iter().try_for_each(|assignment| set_param(config, assignment))
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
        let names = config.bots.keys().cloned().collect::<Vec<_>>().join(", ");
        let Some(bot) = config.bots.get_mut(bot) else {
            return Err(RunError::config("--set", format!("there is no bot `{bot}`; bots: {names}")));
        };
        bot.params.insert(param.to_owned(), value);
    } else {
        for bot in config.bots.values_mut() {
            bot.params.insert(name.to_owned(), value.clone());
        }
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
    fn what_cannot_be_meant_is_refused() {
        let refused = |overrides: Overrides| overrides.apply(&mut two_bots()).unwrap_err().to_string();
        let set = |text: &str| Overrides { set: vec![text.to_owned()], ..Overrides::default() };
        assert!(refused(set("fast")).contains("name=value"));
        assert!(refused(set("c.fast=1")).contains("bots: a, b"));
        let plugin = Overrides { plugin: Some("trend".to_owned()), ..Overrides::default() };
        assert!(refused(plugin).contains("2 bots"));
    }
}
