//! The progress bar of long runs.

use std::io::{IsTerminal, stderr};
use std::time::{Duration, Instant};

use cryptobot_download::Progress as DownloadProgress;
use cryptobot_feed::Arrival;
use cryptobot_lab::SweepProgress;
use cryptobot_run::RunProgress;
use cryptobot_venue::{Counts, Notice};
use indicatif::{HumanDuration, ProgressBar, ProgressStyle};

use crate::output::complain;

/// Runs that are over before this show no bar.
const PATIENCE: Duration = Duration::from_millis(500);

/// Time between two lines where there is no bar.
const INTERVAL: Duration = Duration::from_secs(10);

/// The same for recordings, which go on for days.
const RECORD_INTERVAL: Duration = Duration::from_mins(1);

/// A bar on standard error, on terminals only.
pub(crate) struct Progress {
    expected_bars: u64,
    started: Instant,
    bar: Option<ProgressBar>,
}

impl Progress {
    pub(crate) fn new(expected_bars: u64) -> Self {
        Self { expected_bars, started: Instant::now(), bar: None }
    }

    pub(crate) fn show(&mut self, at: &RunProgress) {
        if self.bar.is_none() && self.started.elapsed() > PATIENCE && stderr().is_terminal() {
            self.bar = Some(progress_bar(self.expected_bars));
        }
        if let Some(bar) = &self.bar {
            bar.set_position(at.bars);
            bar.set_message(at.now.to_string());
        }
    }

    pub(crate) fn clear(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}

/// A bar for many runs, with the best of them.
pub(crate) struct SweepBar {
    started: Instant,
    bar: Option<ProgressBar>,
}

impl SweepBar {
    pub(crate) fn new() -> Self {
        Self { started: Instant::now(), bar: None }
    }

    pub(crate) fn show(&mut self, at: &SweepProgress<'_>, metric: &str) {
        if self.bar.is_none() && self.started.elapsed() > PATIENCE && stderr().is_terminal() {
            let template = "{bar:30} {percent:>3} %  {human_pos} of {human_len}  {msg}";
            let style =
                ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
            self.bar = Some(ProgressBar::new(at.total).with_style(style));
        }
        if let Some(bar) = &self.bar {
            bar.set_position(at.done);
            bar.set_message(sweep_message(at, metric));
        }
    }

    pub(crate) fn clear(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}

/// The rate, the time that is left, and the best.
fn sweep_message(at: &SweepProgress<'_>, metric: &str) -> String {
    let mut parts = Vec::new();
    if let (Some(rate), Some(left)) = (at.rate(), at.left()) {
        let rate = if rate < 100.0 { format!("{rate:.1}/s") } else { format!("{rate:.0}/s") };
        parts.extend([rate, format!("{:#} left", HumanDuration(left))]);
    }
    if let Some((value, params)) = at.best {
        let params: Vec<String> = params.iter().map(ToString::to_string).collect();
        parts.push(format!("best {metric} {value:.4} ({})", params.join(", ")));
    }
    parts.join("  ")
}

/// A bar for a download; where standard error is no terminal, a line from time to time.
pub(crate) struct DownloadBar {
    started: Instant,
    said: Instant,
    bar: Option<ProgressBar>,
}

impl DownloadBar {
    pub(crate) fn new() -> Self {
        let now = Instant::now();
        Self { started: now, said: now, bar: None }
    }

    pub(crate) fn show(&mut self, at: &DownloadProgress) {
        let (used, share) = at.weight;
        let message = format!("{} rows  weight {used} of {share}  {} repeated", at.rows, at.retries);
        if !stderr().is_terminal() {
            if self.said.elapsed() > INTERVAL {
                self.said = Instant::now();
                let spent = self.started.elapsed().as_secs_f64();
                let rate = at.done as f64 / spent;
                let left = at.total.saturating_sub(at.done) as f64 / rate.max(1e-3);
                complain(format_args!(
                    "{} of {} requests  {rate:.1}/s  {left:.0} s left  {message}",
                    at.done, at.total
                ));
            }
            return;
        }
        if self.bar.is_none() && self.started.elapsed() > PATIENCE {
            let template =
                "{bar:30} {percent:>3} %  {human_pos} of {human_len} requests  {per_sec}  {eta} left  {msg}";
            let style =
                ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
            let bar = ProgressBar::new(at.total).with_style(style).with_elapsed(self.started.elapsed());
            self.bar = Some(bar);
        }
        if let Some(bar) = &self.bar {
            bar.set_position(at.done);
            bar.set_message(message);
        }
    }

    pub(crate) fn clear(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}

/// A line about a recording; where standard error is no terminal, one a minute.
pub(crate) struct RecordLine {
    said: Instant,
    shown: Instant,
    before: u64,
    lag_ms: i64,
    bar: Option<ProgressBar>,
}

impl RecordLine {
    pub(crate) fn new() -> Self {
        let now = Instant::now();
        Self { said: now, shown: now, before: 0, lag_ms: 0, bar: None }
    }

    /// Something arrived: how long it was on the way, by two clocks.
    pub(crate) fn arrived(&mut self, arrival: &Arrival) {
        self.lag_ms = arrival.ts_init.millis() - arrival.ts_event.millis();
    }

    pub(crate) fn show(&mut self, messages: u64, counts: Counts) {
        let seconds = self.shown.elapsed().as_secs_f64().max(1e-3);
        let rate = (messages - self.before) as f64 / seconds;
        let Self { lag_ms, .. } = self;
        let Counts { reconnects, book_gaps, missing_trades, .. } = counts;
        let message = format!(
            "{messages} messages  {rate:.0}/s  lag {lag_ms} ms  {reconnects} reconnects  {book_gaps} gaps  \
             {missing_trades} trades missing"
        );
        if !stderr().is_terminal() {
            if self.said.elapsed() >= RECORD_INTERVAL {
                (self.said, self.shown, self.before) = (Instant::now(), Instant::now(), messages);
                complain(message);
            }
            return;
        }
        (self.shown, self.before) = (Instant::now(), messages);
        let bar = self.bar.get_or_insert_with(ProgressBar::new_spinner);
        bar.set_message(message);
        bar.tick();
    }

    /// Says something above the line.
    pub(crate) fn say(&self, notice: &Notice) {
        match &self.bar {
            Some(bar) => bar.suspend(|| complain(notice)),
            None => complain(notice),
        }
    }

    pub(crate) fn clear(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}

fn progress_bar(length: u64) -> ProgressBar {
    let template = "{bar:30} {percent:>3} %  {msg}  {human_pos} bars  {per_sec}  {eta} left";
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(length).with_style(style)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_earlier_process_did_is_in_the_position_and_not_in_the_rate() {
        let at = SweepProgress {
            done: 9_020,
            total: 10_000,
            fresh: 20,
            spent: Duration::from_secs(4),
            best: Some((1.5, &[])),
        };
        assert_eq!(sweep_message(&at, "sharpe"), "5.0/s  3m left  best sharpe 1.5000 ()");
        let nothing = SweepProgress { done: 9_000, fresh: 0, spent: Duration::ZERO, best: None, ..at };
        assert_eq!(sweep_message(&nothing, "sharpe"), "");
    }
}
