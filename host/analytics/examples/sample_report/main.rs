//! Writes the report of a seeded random run: `cargo run -p cryptobot-analytics --example sample_report -- OUT.html
//! [trades] [hostile]`. The browser tests and people who work on the page use it.

use std::error::Error;

use cryptobot_analytics::{Summary, report};

mod random_run;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let out = arguments.next().ok_or("usage: sample_report OUT.html [trades] [hostile]")?;
    let trades = arguments.next().map_or(Ok(400), |text| text.parse::<u32>())?;
    let hostile = arguments.next().is_some_and(|text| text == "hostile");
    let run = random_run::RandomRun::new(trades, hostile);
    let (record, info) = run.play();
    let summary = Summary::new(&record, info);
    std::fs::write(out, report::html(&record, &summary, &run.configuration())?.concat())?;
    Ok(())
}
