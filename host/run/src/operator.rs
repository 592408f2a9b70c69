//! Commands of the operator in the run file.

use cryptobot_engine::{Command, OperatorCommand, RefusedCommand, Scope};
use cryptobot_model::{StrategyId, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::RunConfig;
use crate::error::RunError;
use crate::spelled::Spelled;

/// A command that the operator gives during the run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PlannedCommand {
    /// When, UTC.
    pub at: Spelled<Timestamp>,
    /// What is to be done.
    pub command: CommandName,
    /// Of `kill`: whether positions are closed at the market.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub flatten: bool,
    /// The bot it is for; without it all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bot: Option<String>,
}

/// What the operator can command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum CommandName {
    /// No more positions, and resting entries are cancelled.
    Halt,
    /// No more positions; resting entries stay.
    Reduce,
    /// Lifts what was commanded, and the halt of a drawdown.
    Resume,
    /// Cancels every order and halts; with `flatten` positions are closed.
    Kill,
}

impl CommandName {
    const fn name(self) -> &'static str {
        match self {
            Self::Halt => "halt",
            Self::Reduce => "reduce",
            Self::Resume => "resume",
            Self::Kill => "kill",
        }
    }

    const fn of(command: Command) -> Self {
        match command {
            Command::Halt => Self::Halt,
            Command::Reduce => Self::Reduce,
            Command::Resume => Self::Resume,
            Command::Kill { .. } => Self::Kill,
        }
    }
}

impl PlannedCommand {
    const fn command(&self) -> Command {
        match self.command {
            CommandName::Halt => Command::Halt,
            CommandName::Reduce => Command::Reduce,
            CommandName::Resume => Command::Resume,
            CommandName::Kill => Command::Kill { flatten: self.flatten },
        }
    }
}

/// Checks what can be checked without data.
pub(crate) fn check(config: &RunConfig) -> Result<(), RunError> {
    for (index, planned) in config.operator.iter().enumerate() {
        let wrong = |field: &str, problem: String| {
            Err(RunError::config(format!("operator[{index}].{field}"), problem))
        };
        if planned.flatten && planned.command != CommandName::Kill {
            return wrong("flatten", format!("belongs to `kill`, not to `{}`", planned.command.name()));
        }
        if let Some(bot) = &planned.bot
            && !config.bots.contains_key(bot)
        {
            let bots: Vec<&str> = config.bots.keys().map(String::as_str).collect();
            return wrong("bot", format!("there is no bot `{bot}`; there are {}", bots.join(", ")));
        }
    }
    Ok(())
}

/// The commands for the engine; they have to lie inside the run.
pub(crate) fn commands(
    config: &RunConfig,
    from: Timestamp,
    to: Timestamp,
) -> Result<Vec<OperatorCommand>, RunError> {
    let given = |(index, planned): (usize, &PlannedCommand)| {
        let at = planned.at.0;
        if at < from || at > to {
            let problem = format!("{at} is outside of the run, which goes from {from} to {to}");
            return Err(RunError::config(format!("operator[{index}].at"), problem));
        }
        let of_bot = |bot: &String| config.bots.keys().position(|name| name == bot);
        let strategy = planned.bot.as_ref().and_then(of_bot).map(StrategyId::from);
        let scope = strategy.map_or(Scope::Portfolio, Scope::Strategy);
        Ok(OperatorCommand { at, scope, command: planned.command() })
    };
    config.operator.iter().enumerate().map(given).collect()
}

/// A line for each command that was not followed. `names` are those of the bots.
pub(crate) fn warnings<'a>(
    refused: &'a [RefusedCommand],
    names: &'a [&str],
) -> impl Iterator<Item = String> + 'a {
    refused.iter().map(|RefusedCommand { given, error }| {
        let whom = match given.scope {
            Scope::Strategy(strategy) => format!(" to {}", names.get(strategy.index()).unwrap_or(&"?")),
            Scope::Portfolio | Scope::Instrument(_) => String::new(),
        };
        let name = CommandName::of(given.command).name();
        format!("operator: `{name}`{whom} at {} was not followed: {error}", given.at)
    })
}
