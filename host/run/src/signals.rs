//! Settings about signals, and plugins that send none: said aloud, because a stake that nobody takes looks like one.

use cryptobot_analytics::{Record, orders::OrderOrigin};
use cryptobot_engine::StrategyLimits;
use cryptobot_model::StrategyId;

use crate::bots::LoadedBot;
use crate::config::RunConfig;

/// A line for each bot that settings about signals are stated for and whose plugin cannot send any.
pub(crate) fn warnings(config: &RunConfig, bots: &[LoadedBot]) -> Vec<String> {
    let without = bots.iter().filter(|bot| !bot.signals);
    let line = |bot: &LoadedBot| line(config, &bot.name, &bot.info.name);
    without.filter_map(line).collect()
}

fn line(config: &RunConfig, name: &str, plugin: &str) -> Option<String> {
    let keys = stated(config, name);
    let have = if keys.len() > 1 { "have" } else { "has" };
    (!keys.is_empty()).then(|| {
        format!(
            "{name}: {} {have} no effect: the plugin {plugin} cannot send signals, it sizes its orders itself",
            keys.join(", ")
        )
    })
}

/// A line for each bot that settings about signals are stated for and whose plugin could have sent some, but placed orders
/// of its own alone.
pub(crate) fn unused(config: &RunConfig, bots: &[LoadedBot], record: &Record) -> Vec<String> {
    let line = |(slot, bot): (usize, &LoadedBot)| {
        let keys = stated(config, &bot.name);
        let made = |origin: OrderOrigin| {
            let is_it = |strategy: StrategyId| strategy == StrategyId::from(slot);
            record.orders.iter().any(|row| row.origin == origin && is_it(row.strategy))
        };
        let is_unused = !keys.is_empty() && !made(OrderOrigin::Signal) && made(OrderOrigin::Strategy);
        is_unused.then(|| {
            format!(
                "{}: {} had no effect: the plugin {} sent no signals, only orders of its own size",
                bot.name,
                keys.join(", "),
                bot.info.name
            )
        })
    };
    bots.iter().enumerate().filter(|(_, bot)| bot.signals).filter_map(line).collect()
}

/// The settings about signals that a bot, or the run for all bots, states.
fn stated(config: &RunConfig, name: &str) -> Vec<String> {
    let of_limits = |path: &str, limits: &StrategyLimits| {
        let stated = [("sizer", limits.sizer.is_some()), ("min_confidence", limits.min_confidence.is_some())];
        stated.map(|(key, is_stated)| (format!("{path}.{key}"), is_stated))
    };
    let mut keys = Vec::new();
    if let Some(bot) = config.bots.get(name) {
        keys.push((format!("bots.{name}.stake"), bot.stake.is_some()));
        keys.push((format!("bots.{name}.min_confidence"), bot.min_confidence.is_some()));
        keys.extend(of_limits(&format!("bots.{name}.risk"), &bot.risk));
    }
    keys.extend(of_limits("risk.strategy", &config.risk.strategy));
    keys.into_iter().filter_map(|(key, is_stated)| is_stated.then_some(key)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(text: &str) -> RunConfig {
        serde_saphyr::from_str(text).unwrap()
    }

    #[test]
    fn what_is_about_signals_is_named_and_nothing_else() {
        let said = |text: &str| line(&config(text), "a", "trend").unwrap_or_default();
        assert_eq!(
            said("{bots: {a: {plugin: trend, stake: {percent_of_equity: 0.02}}}}"),
            "a: bots.a.stake has no effect: the plugin trend cannot send signals, it sizes its orders itself"
        );
        let all = "{risk: {profile: standard, strategy: {sizer: {model: fixed-quantity, quantity: 1}, \
                   min_confidence: 0.5}}, bots: {a: {plugin: trend, min_confidence: 0.7, \
                   risk: {sizer: {model: fixed-notional, notional: 100}}}}}";
        let keys =
            "bots.a.min_confidence, bots.a.risk.sizer, risk.strategy.sizer, risk.strategy.min_confidence";
        assert!(said(all).starts_with(&format!("a: {keys} have no effect")), "{}", said(all));
        // The sizer of a profile is not stated, and positions and budgets are those of all orders.
        let other = "{risk: {profile: standard, strategy: {budget: {max_positions: 2}}}, \
                     bots: {a: {plugin: trend, max_positions: 3}}}";
        assert_eq!(said(other), "");
    }
}
