//! Volatility and volume of the recent past.

const NANOS_PER_DAY: i64 = 86_400_000_000_000;

/// Closes and volumes of the last bars of one instrument. Pushing is two stores; the statistics are computed when an
/// order needs them.
#[derive(Clone, Debug)]
pub(crate) struct MarketStats {
    closes: Vec<f64>,
    volumes: Vec<f64>,
    next: usize,
    window: usize,
    bar_ns: i64,
}

impl MarketStats {
    /// Statistics over `window` returns.
    pub(crate) fn new(window: usize) -> Self {
        Self {
            closes: Vec::new(),
            volumes: Vec::new(),
            next: 0,
            window: window.max(2) + 1,
            bar_ns: NANOS_PER_DAY,
        }
    }

    pub(crate) fn push(&mut self, close: f64, volume: f64) {
        if self.closes.len() < self.window {
            self.closes.push(close);
            self.volumes.push(volume);
        } else {
            self.closes[self.next] = close;
            self.volumes[self.next] = volume;
        }
        self.next = (self.next + 1) % self.window;
    }

    /// Standard deviation (ddof 1) of log returns per bar; 0 with fewer than two returns.
    pub(crate) fn volatility(&self) -> f64 {
        let len = self.closes.len();
        if len < 3 {
            return 0.0;
        }
        let oldest = if len < self.window { 0 } else { self.next };
        let at = |index: usize| self.closes[(oldest + index) % len];
        let count = (len - 1) as f64;
        let returns = || (1..len).map(|index| libm::log(at(index) / at(index - 1)));
        let mean = returns().sum::<f64>() / count;
        let squares = returns().map(|value| (value - mean) * (value - mean)).sum::<f64>();
        libm::sqrt(squares / (count - 1.0))
    }

    /// Tells how long the bars are.
    pub(crate) fn set_bar_length(&mut self, ns: i64) {
        self.bar_ns = ns.max(1);
    }

    /// Bars in 24 hours.
    pub(crate) fn bars_per_day(&self) -> f64 {
        NANOS_PER_DAY as f64 / self.bar_ns as f64
    }

    /// Size of the newest log return; 0 before the second bar.
    pub(crate) fn newest_move(&self) -> f64 {
        let len = self.closes.len();
        if len < 2 {
            return 0.0;
        }
        let newest = (self.next + self.window - 1) % self.window;
        let before = (newest + self.window - 1) % self.window;
        match (self.closes.get(newest), self.closes.get(before)) {
            (Some(newest), Some(before)) => libm::fabs(libm::log(newest / before)),
            _ => 0.0,
        }
    }

    /// Mean volume per bar; 0 before the first bar.
    pub(crate) fn mean_volume(&self) -> f64 {
        if self.volumes.is_empty() {
            0.0
        } else {
            self.volumes.iter().sum::<f64>() / self.volumes.len() as f64
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_slides() {
        let mut stats = MarketStats::new(3);
        for close in [1.0, 50.0, 100.0, 110.0, 121.0, 133.1] {
            stats.push(close, close);
        }
        assert!(stats.volatility() < 1e-12, "the last three returns are 10 % each: {}", stats.volatility());
        assert!((stats.mean_volume() - 116.025).abs() < 1e-9);
        assert!((stats.newest_move() - libm::log(1.1)).abs() < 1e-12);
    }

    #[test]
    fn volatility_is_the_sample_deviation_of_log_returns() {
        let mut stats = MarketStats::new(10);
        for close in [100.0, 101.0, 99.0, 102.0] {
            stats.push(close, 1.0);
        }
        // statistics.stdev of log(101/100), log(99/101), log(102/99) in Python.
        assert!((stats.volatility() - 0.025_095_024_198_100_99).abs() < 1e-12, "{}", stats.volatility());
    }
}
