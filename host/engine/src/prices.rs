//! The newest prices, shared by the engine and the desks of all strategies.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The newest price per instrument of the run: the engine writes it once, every desk that shares the board sees it.
///
/// Copies share their numbers. Atomics only make it safe to hand a desk to another thread; the engine and its
/// strategies take turns, so that no order between threads is needed.
#[derive(Clone, Debug, Default)]
pub struct PriceBoard(Arc<[AtomicU64]>);

impl PriceBoard {
    /// A board for so many instruments, all without a price yet.
    pub fn new(instruments: usize) -> Self {
        Self((0..instruments).map(|_| AtomicU64::new(f64::NAN.to_bits())).collect())
    }

    /// The newest price of an instrument; NaN before its first one, and for an instrument that is not there.
    #[inline]
    pub fn get(&self, instrument: usize) -> f64 {
        self.0.get(instrument).map_or(f64::NAN, |price| f64::from_bits(price.load(Ordering::Relaxed)))
    }

    /// Shows a new price.
    #[inline]
    pub fn set(&self, instrument: usize, price: f64) {
        if let Some(shown) = self.0.get(instrument) {
            shown.store(price.to_bits(), Ordering::Relaxed);
        }
    }
}
