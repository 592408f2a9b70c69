//! The one trait behind which every strategy runs: WASM component, script or native code.

use cryptobot_model::{Bar, ClosedTrade, OrderEvent, SeriesId, Timestamp};
use cryptobot_sim::BarInterval;

use crate::ahead::Ahead;
use crate::desk::Desk;
use crate::fault::{Fault, FaultKind, Resources};
use crate::version::Params;

/// A strategy in a run.
///
/// The engine talks to it in two ways: it calls the callbacks below, and it reads and fills the [`Desk`], on which
/// the strategy finds its account, its closed bars and its indicators, and leaves orders, timers and log lines.
/// An error from a callback quarantines the strategy; it is not called again.
pub trait Strategy {
    /// The desk of this strategy; always the same one.
    fn desk(&mut self) -> &mut Desk;

    /// Called once before all else. Orders are refused in it.
    fn init(&mut self) -> Result<(), Fault>;

    /// A bar of one of its series has closed.
    fn on_bar(&mut self, series: SeriesId, bar: &Bar) -> Result<(), Fault>;

    /// Shows the strategy a bar that has closed at `now`: to its desk, and by its callback if it wants bars. Returns
    /// whether it asked for anything.
    ///
    /// This is what happens on every bar. It is a method of the trait so that it is compiled for each kind of strategy
    /// and costs the engine one dynamic call.
    #[inline]
    fn bar_closed(
        &mut self,
        now: Timestamp,
        series: SeriesId,
        bar: &Bar,
        wants_bars: bool,
    ) -> Result<bool, Fault> {
        let desk = self.desk();
        desk.begin(now);
        desk.observe(series, bar);
        if !wants_bars {
            return Ok(false);
        }
        self.on_bar(series, bar)?;
        Ok(self.desk().has_requests())
    }

    /// Shows the strategy bars of one series that close one after another while nothing else happens, until it asks for
    /// something. `marks` are the instrument's mark prices at their closes. Returns how many bars it has seen, and what
    /// [`Strategy::bar_closed`] returned for the last of them.
    fn bars_closed(
        &mut self,
        series: SeriesId,
        bars: &[BarInterval],
        marks: &[f64],
        wants_bars: bool,
    ) -> (usize, Result<bool, Fault>) {
        let instrument = self.desk().instrument_index(series);
        for (index, (BarInterval { bar, .. }, mark)) in bars.iter().zip(marks).enumerate() {
            // What `bar_closed` does, in a form that stays in registers.
            let desk = self.desk();
            desk.account.marks.set(instrument, *mark);
            desk.begin(bar.ts);
            desk.observe(series, bar);
            if !wants_bars {
                continue;
            }
            if let Err(fault) = self.on_bar(series, bar) {
                return (index + 1, Err(fault));
            }
            if self.desk().has_requests() {
                return (index + 1, Ok(true));
            }
        }
        (bars.len(), Ok(false))
    }

    /// Whether it takes many bars in one call, by [`Strategy::take_page`].
    fn takes_pages(&self) -> bool {
        false
    }

    /// Goes through bars of its series that close one after another while nothing else happens, at most through the steps
    /// of `ahead`, until it asks for something. Returns how many bars it has seen, at least one, and whether it asked for
    /// something at the last of them. Its desk is then as if it had been shown those bars one by one.
    ///
    /// # Errors
    /// A fault at one of the bars; which one it was is not known.
    fn take_page(&mut self, ahead: &Ahead<'_>) -> (usize, Result<bool, Fault>) {
        let fault = || Fault::new(FaultKind::Contract, "it takes no pages");
        (ahead.rows().len(), Err(fault()))
    }

    /// One of its orders took a step.
    fn on_order(&mut self, event: &OrderEvent) -> Result<(), Fault>;

    /// One of its positions closed or changed sides. `series` is that of the closing order.
    fn on_position_close(&mut self, series: SeriesId, trade: &ClosedTrade) -> Result<(), Fault>;

    /// A timer it had set has come.
    fn on_timer(&mut self, id: u32, now: Timestamp) -> Result<(), Fault>;

    /// The run is over. Orders left here are not sent.
    fn stop(&mut self) -> Result<(), Fault>;

    /// Its state, in its own format. Must not change what it does later.
    fn snapshot(&mut self) -> Result<Vec<u8>, Fault>;

    /// Takes a state over, right after `init`. `state_version` is the version of its format. Orders are refused in it.
    fn restore(&mut self, state_version: u32, state: &[u8]) -> Result<(), Fault>;

    /// New values of parameters that may change while it runs; `params` are all of them. A refusal
    /// ([`FaultKind::Refused`]) leaves everything as it was and is no fault.
    fn tune(&mut self, params: &Params) -> Result<(), Fault> {
        let _ = params;
        Err(Fault::new(FaultKind::Refused, "it takes no parameters while it runs"))
    }

    /// What the strategy has in use, as far as its back-end counts it; orders and log lines are those of the desk.
    fn resources(&mut self) -> Resources {
        Resources::default()
    }

    /// What is left of an instance that is not needed any more, where dropping it takes long and may happen on another
    /// thread. `None` where it is gone already.
    fn into_remains(self: Box<Self>) -> Option<Box<dyn Send>> {
        None
    }
}
