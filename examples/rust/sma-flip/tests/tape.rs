//! The example on a small tape.
use cryptobot_sdk::prelude::*;
use example_sma_flip::{Params, SmaFlip};

#[test]
fn it_turns_with_the_averages() {
    let closes = [10.0, 10.0, 13.0, 14.0, 9.0, 8.0];
    let params = Params { fast: 1, slow: 3, ..Params::default() };
    let run = Tape::from_closes(closes).run::<SmaFlip>(&params).unwrap();
    assert_eq!(run.targets(), [1.0, -1.0]);
    assert_eq!(run.fills[0].price, 13.0); // the open after the bar that closed at 13
    assert_eq!(run.position(), -1.0);
}

#[test]
fn snapshot_and_restore_change_nothing() {
    let closes = (0..300).map(|i: i32| 100.0 + f64::from((i % 60 - 30).abs()));
    Tape::from_closes(closes).check_restart::<SmaFlip>(&Params::default()).unwrap();
}

#[test]
fn the_guide_shows_this_code() {
    let guide = include_str!("../../../../docs/src/guide/first-strategy.md");
    assert!(
        guide.contains(include_str!("../src/lib.rs")),
        "docs/src/guide/first-strategy.md shows other code"
    );
}
