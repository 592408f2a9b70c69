//! Bots whose plugin cannot be loaded. With others beside them they are left out of the run and reported; the run is
//! then the one of the others, as if the bots that are left out did not stand in the run file.

use cryptobot_analytics::{FaultSummary, ResourceSummary};
use cryptobot_model::Timestamp;

use crate::config::RunConfig;
use crate::error::{ExitCode, RunError};

/// The bots that are left out, by name, and why.
#[derive(Debug, Default)]
pub(crate) struct LeftOut(Vec<(String, RunError)>);

impl LeftOut {
    /// What came of loading a bot: `None` where it is left out because of its plugin. Any other error is one of the run.
    pub(crate) fn sort<T>(&mut self, bot: &str, result: Result<T, RunError>) -> Result<Option<T>, RunError> {
        match result {
            Ok(loaded) => Ok(Some(loaded)),
            Err(error) if error.exit_code() == ExitCode::Plugin => {
                self.0.push((bot.to_owned(), error));
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Takes these bots and the operator's commands to them out of a configuration. Where no bot is left there is no run.
    pub(crate) fn remove_from(
        &mut self,
        config: &mut RunConfig,
        warnings: &mut Vec<String>,
    ) -> Result<(), RunError> {
        let is_out = |bot: &String| self.0.iter().any(|(name, _)| name == bot);
        config.bots.retain(|name, _| !is_out(name));
        config.operator.retain(|planned| {
            let Some(bot) = planned.bot.as_ref().filter(|bot| is_out(bot)) else { return true };
            warnings.push(format!(
                "operator: the command to {bot} at {} was not given: it is left out",
                planned.at.0
            ));
            false
        });
        if config.bots.is_empty() { std::mem::take(self).refuse() } else { Ok(()) }
    }

    /// For whom nobody may be left out: why somebody is.
    pub(crate) fn refuse(self) -> Result<(), RunError> {
        let mut errors: Vec<RunError> = self.0.into_iter().map(|(_, error)| error).collect();
        match errors.len() {
            0 => Ok(()),
            1 => Err(errors.remove(0)),
            _ => Err(RunError::NoPlugin(errors)),
        }
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// A line for each of them.
    pub(crate) fn warnings(&self) -> impl Iterator<Item = String> {
        self.0.iter().map(|(bot, error)| {
            format!("{bot} was left out of the run, with its balance: {}", in_lines(error).0)
        })
    }

    /// As faults before the run began, each with the place in the plugin's source where that is known.
    pub(crate) fn faults(&self, from: Timestamp) -> impl Iterator<Item = (FaultSummary, Option<String>)> {
        self.0.iter().map(move |(bot, error)| {
            let (message, excerpt) = in_lines(error);
            let fault = FaultSummary {
                ts: from,
                strategy: bot.clone(),
                kind: FaultSummary::NOT_LOADED,
                message,
                call: None,
                backtrace: Vec::new(),
                used: ResourceSummary::default(),
                restarted_at: None,
            };
            (fault, excerpt)
        })
    }
}

/// The message of an error, and the lines of the plugin's source below it.
fn in_lines(error: &RunError) -> (String, Option<String>) {
    let text = error.to_string();
    match text.split_once('\n') {
        Some((message, excerpt)) => (message.to_owned(), Some(excerpt.to_owned())),
        None => (text, None),
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::config::Bot;
    use crate::operator::{CommandName, PlannedCommand};
    use crate::spelled::Spelled;

    fn not_allowed(reason: &str) -> RunError {
        RunError::PluginNotAllowed { path: PathBuf::from("p.wasm"), reason: reason.to_owned() }
    }

    fn config(bots: &[&str]) -> RunConfig {
        let mut config = RunConfig::default();
        config.bots.extend(bots.iter().map(|name| ((*name).to_owned(), Bot::default())));
        config
    }

    #[test]
    fn what_is_the_plugins_fault_leaves_its_bot_out_and_nothing_else_does() {
        let mut left_out = LeftOut::default();
        assert_eq!(left_out.sort("a", Ok(1)).unwrap(), Some(1));
        assert_eq!(left_out.sort("b", Err::<(), _>(not_allowed("it asks for more"))).unwrap(), None);
        let wrong = left_out.sort("c", Err::<(), _>(RunError::config("bots.c.params", "no such parameter")));
        assert_eq!(wrong.unwrap_err().exit_code(), ExitCode::Usage);

        let (mut config, mut warnings) = (config(&["a", "b", "c"]), Vec::new());
        let command = |bot: Option<&str>| PlannedCommand {
            at: Spelled(Timestamp(0)),
            command: CommandName::Halt,
            flatten: false,
            bot: bot.map(str::to_owned),
        };
        config.operator = vec![command(Some("b")), command(None), command(Some("a"))];
        left_out.remove_from(&mut config, &mut warnings).unwrap();
        assert_eq!(config.bots.keys().collect::<Vec<_>>(), ["a", "c"]);
        // A command to a bot that is not there must not become one to all of them.
        assert_eq!(config.operator, [command(None), command(Some("a"))]);
        assert!(warnings[0].contains("the command to b"), "{warnings:?}");
        let (fault, excerpt) = left_out.faults(Timestamp(7)).next().unwrap();
        assert_eq!((fault.ts, fault.strategy.as_str(), fault.kind), (Timestamp(7), "b", "not-loaded"));
        assert_eq!((fault.message.as_str(), excerpt), ("p.wasm: it asks for more", None));
    }

    #[test]
    fn without_a_bot_that_is_left_there_is_no_run() {
        let mut left_out = LeftOut::default();
        for (bot, reason) in [("a", "one"), ("b", "two")] {
            left_out.sort(bot, Err::<(), _>(not_allowed(reason))).unwrap();
        }
        let error = left_out.remove_from(&mut config(&["a", "b"]), &mut Vec::new()).unwrap_err();
        assert_eq!(
            (error.to_string().as_str(), error.exit_code()),
            ("p.wasm: one\np.wasm: two", ExitCode::Plugin)
        );
    }
}
