//! What a user wrote that can have no effect beside the rest of what is written. Each by itself is a value like others, so
//! the configuration of an earlier run, which is complete, is not looked through for them.

use cryptobot_model::Money;

use crate::config::RunConfig;
use crate::error::RunError;
use crate::risk;

/// Refuses what can have no effect. `is_written`: whether a field is in the run file, or given by a flag.
pub(crate) fn check(config: &RunConfig, is_written: impl Fn(&str) -> bool) -> Result<(), RunError> {
    if is_written("balance") {
        check_balance(config)?;
    }
    for (name, bot) in &config.bots {
        let field = format!("bots.{name}.modes");
        if bot.modes.is_empty() && is_written(&field) {
            let problem = "names no mode, so the bot could never run; name some, or leave it out for all";
            return Err(RunError::config(field, problem));
        }
    }
    match risk::idle(config)?.into_iter().find(|idle| !idle.by_profile) {
        Some(idle) => Err(RunError::config(idle.setting.field, idle.setting.problem)),
        None => Ok(()),
    }
}

/// The balance of the run is what the bots have together.
fn check_balance(config: &RunConfig) -> Result<(), RunError> {
    // Where a bot has none of its own it gets what is left, and whether anything is, is looked at then.
    let Some(own) = config.bots.values().map(|bot| bot.balance).collect::<Option<Vec<_>>>() else {
        return Ok(());
    };
    let sum: Money = own.into_iter().sum();
    if config.bots.is_empty() || sum <= config.balance {
        return Ok(());
    }
    let problem = format!(
        "is {}, and the bots' own balances come to {sum}; make it as large, or leave it or one of theirs out",
        config.balance
    );
    Err(RunError::config("balance", problem))
}
