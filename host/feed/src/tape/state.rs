//! What the next message is predicted from: the same at both ends.

use cryptobot_model::Timestamp;

/// The newest values of one series, or of the clock.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Known {
    pub(super) ts: i64,
    /// From the message before the newest to the newest.
    step: i64,
    /// Last price of the newest bar.
    pub(super) close: f64,
    /// Decimal places of its prices and volumes.
    pub(super) price_places: u8,
    pub(super) volume_places: u8,
    /// Decimal places of its exact prices and quantities.
    pub(super) exact_places: u8,
    pub(super) quantity_places: u8,
    /// Newest price of a trade or mark, best bid and ask, in units.
    pub(super) price: i128,
    pub(super) bid: i128,
    pub(super) ask: i128,
    /// Price of the newest level of a book.
    pub(super) tick: i64,
    /// The exchange's number of the newest trade, or of the newest update of a book; number of the newest single trade.
    pub(super) id: u64,
    pub(super) trade_id: u64,
    /// Decimal places of volumes in quote units.
    pub(super) quote_places: u8,
}

impl Known {
    /// When the next message comes: those of bars and of the clock come in regular steps.
    pub(super) fn predicted(&self, regular: bool) -> i64 {
        if regular { self.ts.wrapping_add(self.step) } else { self.ts }
    }

    pub(super) fn came(&mut self, ts: Timestamp) {
        self.step = ts.0.wrapping_sub(self.ts);
        self.ts = ts.0;
    }
}

/// Everything that messages are predicted from.
#[derive(Clone, Debug)]
pub(super) struct State {
    pub(super) sequence: u64,
    clock: Known,
    series: Vec<Known>,
}

impl State {
    pub(super) fn new(series: usize) -> Self {
        Self { sequence: u64::MAX, clock: Known::default(), series: vec![Known::default(); series] }
    }

    /// What is known of a series, or of the clock and everything else that belongs to none.
    pub(super) fn of(&mut self, series: Option<u32>) -> Option<&mut Known> {
        match series {
            Some(series) => self.series.get_mut(series as usize),
            None => Some(&mut self.clock),
        }
    }
}
