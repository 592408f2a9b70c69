//! The scripts of the repository and those that the guide shows.
#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use std::fs;
use std::path::{Path, PathBuf};

use common::{Player, script};
use cryptobot_engine::Strategy;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Fenced blocks of a language.
fn blocks(page: &str, language: &str) -> Vec<String> {
    let parts: Vec<&str> = page.split("```").collect();
    let inside = parts.iter().skip(1).step_by(2);
    inside.filter_map(|block| block.strip_prefix(&format!("{language}\n"))).map(str::to_owned).collect()
}

/// Bars that go up and down.
fn live(text: &str) -> usize {
    let mut player = Player::of(text);
    let mut intents = 0;
    for step in 0..400_i32 {
        let price = 100.0 + f64::from((step % 60 - 30).abs());
        intents += player.bar(price).len();
    }
    player.strategy.stop().unwrap();
    intents
}

#[test]
fn the_examples_trade() {
    for name in ["examples/rhai/ema.rhai", "examples/rhai/sma-flip.rhai"] {
        assert!(live(&fs::read_to_string(root().join(name)).unwrap()) > 5, "{name}");
    }
    let template =
        fs::read_to_string(root().join("host/plugin/templates/rhai/script.rhai.template")).unwrap();
    assert!(live(&template.replace("{name}", "mine")) > 5);
}

#[test]
fn the_guide_shows_scripts_that_run() {
    let page = fs::read_to_string(root().join("docs/src/guide/rhai.md")).unwrap();
    let shown: Vec<String> =
        blocks(&page, "rhai").into_iter().filter(|block| block.contains("fn on_bar")).collect();
    assert_eq!(shown.len(), 3);
    let example = fs::read_to_string(root().join("examples/rhai/ema.rhai")).unwrap();
    assert_eq!(shown[0], example);
    assert!(example.lines().count() <= 15);
    for block in shown {
        assert!(live(&block) > 0, "{block}");
    }
}

#[test]
fn a_restart_changes_nothing() {
    for name in ["ema", "sma-flip"] {
        let text = fs::read_to_string(root().join(format!("examples/rhai/{name}.rhai"))).unwrap();
        let mut player = Player::of(&text);
        player.bar(5.0);
        let state = player.strategy.snapshot().unwrap();
        let mut restarted =
            Player::start(&script(&text), &["AUSDT"], &[], &cryptobot_rhai::Limits::default()).unwrap();
        restarted.strategy.restore(1, &state).unwrap();
        assert_eq!(restarted.strategy.snapshot().unwrap(), state);
    }
}
