//! A desk that passes from one instance of a strategy to another: what the new one finds, and how it is undone.

use cryptobot_model::{SeriesInfo, StrategyId};

use super::{Desk, DeskLimits};
use crate::history::BarRing;
use crate::random::Random;
use crate::rates::Rates;
use crate::version::Version;

/// What lifecycle calls must not move: what they ask for is forgotten and does not count, what they draw is drawn again.
#[derive(Clone, Debug)]
pub(crate) struct Before {
    random: Random,
    sequence: u64,
    pending: Vec<f64>,
    rates: Rates,
}

/// How to give the desk back.
#[derive(Debug)]
pub(super) struct Undo {
    series: Vec<SeriesInfo>,
    visible: usize,
    limits: DeskLimits,
    rates: Rates,
}

impl Desk {
    /// A desk of nobody, for an instance that waits for its own.
    pub fn vacant() -> Self {
        Self::new(StrategyId(0), Vec::new(), 0, 0, 0, DeskLimits::default())
    }

    /// Takes the desk away from an instance and leaves it a vacant one.
    #[must_use]
    pub fn hand_over(&mut self) -> Self {
        std::mem::replace(self, Self::vacant())
    }

    /// What a lifecycle call must not move.
    pub(crate) fn before(&self) -> Before {
        Before {
            random: self.random.clone(),
            sequence: self.sequence,
            pending: self.account.pending.clone(),
            rates: self.rates,
        }
    }

    /// Forgets what was asked for since, and sets ids and chance back.
    pub(crate) fn forget_since(&mut self, before: &Before) {
        self.random.clone_from(&before.random);
        self.sequence = before.sequence;
        self.account.pending.clone_from(&before.pending);
        self.rates = before.rates;
        self.intents.clear();
        self.timers.clear();
    }

    /// Forgets what the callback left behind; returns how many orders and cancels, and how many log lines it wrote.
    pub(crate) fn discard_requests(&mut self) -> (usize, usize) {
        let orders = self.intents.len();
        self.intents.clear();
        self.timers.clear();
        (orders, self.logged_in_callback)
    }

    /// Sets chance back, and nothing else.
    pub(crate) fn redraw_since(&mut self, before: &Before) {
        self.random.clone_from(&before.random);
    }

    /// Gets the desk ready for another instance, which sees its own series names and as many bars as it may look back
    /// on. Its own limits are in force at once; where they are others, its minutes are counted anew, so that it does not
    /// answer for what the one before has asked for.
    pub(crate) fn begin_succession(&mut self, version: &Version) {
        let visible = self.history.first().map_or(0, BarRing::visible);
        let series = std::mem::replace(&mut self.series, version.series.clone());
        self.undo = Some(Undo { series, visible, limits: self.limits, rates: self.rates });
        if self.limits != version.desk_limits {
            self.limits = version.desk_limits;
            self.rates = Rates::default();
        }
        self.show(version.look_back);
        self.indicators.succeed();
        self.accepting = false;
    }

    /// The other instance has taken over. What it asked for is still refused, until the desk accepts again.
    pub(crate) fn settle_succession(&mut self) {
        self.undo = None;
        self.indicators.settle();
    }

    /// The other instance has failed: the desk is as it was.
    pub(crate) fn roll_back_succession(&mut self, before: &Before) {
        self.forget_since(before);
        if let Some(undo) = self.undo.take() {
            (self.series, self.limits, self.rates) = (undo.series, undo.limits, undo.rates);
            self.show(undo.visible);
        }
        self.indicators.roll_back();
        self.accepting = true;
    }

    /// Shows the instance so many bars of what is kept; where fewer are kept, more from now on.
    fn show(&mut self, visible: usize) {
        if self.history.is_empty() && visible > 0 {
            self.history = vec![BarRing::new(visible); self.series.len()];
        }
        for ring in &mut self.history {
            ring.show(visible);
        }
    }
}
