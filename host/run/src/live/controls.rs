//! What another thread can do to a run in real time.

use std::sync::mpsc::Sender;

use cryptobot_engine::Command;
use cryptobot_feed::{Input, ReplayHandle};
use cryptobot_model::StrategyId;

/// Controls a run in real time from any thread.
#[derive(Clone, Debug)]
pub struct Controls {
    /// Pauses, steps, leaps and speeds of its data.
    pub replay: ReplayHandle,
    pub(super) operator: Sender<Input>,
    /// Names of the bots.
    pub(super) bots: Vec<String>,
}

impl Controls {
    /// Gives a command to a bot, or to all of them. It becomes a numbered input of the run.
    ///
    /// # Errors
    /// There is no such bot.
    pub fn command(&self, command: Command, bot: Option<&str>) -> Result<(), String> {
        let slot = |name: &str| {
            let slot = self.bots.iter().position(|bot| bot == name).map(StrategyId::from);
            slot.ok_or_else(|| format!("there is no bot `{name}`; there are {}", self.bots.join(", ")))
        };
        let strategy = bot.map(slot).transpose()?;
        // A run that is over takes no more commands.
        let _ = self.operator.send(Input::Command { strategy, command });
        Ok(())
    }
}
