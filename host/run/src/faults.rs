//! What happens after a fault, in the run file.

use cryptobot_engine::FaultPolicy;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::Bot;
use crate::error::RunError;
use crate::length::Length;
use crate::spelled::Spelled;

/// Most restarts that a window may have.
const MOST_RESTARTS: u32 = 1_000;

/// What becomes of the orders and positions of a bot whose plugin faulted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OnFault {
    /// Its orders are cancelled, its positions closed at the market.
    #[default]
    Flatten,
    /// Its orders are cancelled, its positions stay as they are.
    CancelAndHold,
    /// What could open or enlarge a position is cancelled; what can only reduce one stays.
    KeepStops,
}

/// When a fresh instance takes over after a fault. Event time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Restart {
    /// Restarts within the window; the fault after the last one is final.
    pub max: u32,
    /// Time within which restarts are counted, for example `1d` or `30d`.
    pub window: Spelled<Length>,
    /// From a fault to the restart, for example `1m`; twice that after the next fault within the window, and so on.
    pub backoff: Spelled<Length>,
}

impl Default for Restart {
    fn default() -> Self {
        Self { max: 3, window: Spelled(Length::DAY), backoff: Spelled(Length::MINUTE) }
    }
}

/// What the run file says of a bot, for the engine.
pub(crate) fn policy(bot: &Bot) -> FaultPolicy {
    FaultPolicy {
        on_fault: match bot.on_fault {
            OnFault::Flatten => cryptobot_engine::OnFault::Flatten,
            OnFault::CancelAndHold => cryptobot_engine::OnFault::CancelAndHold,
            OnFault::KeepStops => cryptobot_engine::OnFault::KeepStops,
        },
        restart: bot.restart.map(|Restart { max, window, backoff }| cryptobot_engine::Restart {
            max,
            window_ns: window.0.nanos(),
            backoff_ns: backoff.0.nanos(),
        }),
    }
}

/// Checks the restarts of a bot.
pub(crate) fn check(name: &str, bot: &Bot) -> Result<(), RunError> {
    let Some(restart) = bot.restart else { return Ok(()) };
    if !(1..=MOST_RESTARTS).contains(&restart.max) {
        let problem = format!("must lie in 1..{MOST_RESTARTS}; leave `restart` out for none");
        return Err(RunError::config(format!("bots.{name}.restart.max"), problem));
    }
    if restart.window.0 < restart.backoff.0 {
        let problem =
            format!("is shorter than the back-off of {}: no restart would count", restart.backoff.0);
        return Err(RunError::config(format!("bots.{name}.restart.window"), problem));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_is_what_the_file_says() {
        let bot: Bot =
            serde_saphyr::from_str("{plugin: x, on_fault: keep-stops, restart: {max: 2, backoff: 5m}}")
                .unwrap();
        let restart =
            cryptobot_engine::Restart { max: 2, window_ns: 86_400_000_000_000, backoff_ns: 300_000_000_000 };
        let expected = FaultPolicy { on_fault: cryptobot_engine::OnFault::KeepStops, restart: Some(restart) };
        assert_eq!(policy(&bot), expected);
        assert_eq!(policy(&Bot::default()), FaultPolicy::default());
    }

    #[test]
    fn restarts_that_make_no_sense_are_refused() {
        let restart = Restart { max: 0, ..Restart::default() };
        let error = check("b", &Bot { restart: Some(restart), ..Bot::default() }).unwrap_err();
        assert!(error.to_string().starts_with("bots.b.restart.max: must lie in 1..1000"), "{error}");
        let restart = Restart { window: Spelled(Length::MINUTE), backoff: Spelled(Length::DAY), ..restart };
        let error =
            check("b", &Bot { restart: Some(Restart { max: 1, ..restart }), ..Bot::default() }).unwrap_err();
        assert!(error.to_string().starts_with("bots.b.restart.window: is shorter"), "{error}");
    }
}
