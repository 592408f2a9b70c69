//! A moving-average crossover: long while the fast average of closes is above the slow one, else short.
use cryptobot_sdk::prelude::*;

params! {
    /// What a user can set.
    pub struct Params {
        /// Bars in the fast average.
        fast: u32 = 10, range = 2..=500, step = 1;
        /// Bars in the slow average.
        slow: u32 = 30, range = 3..=1_000, step = 5;
        /// Size of the position.
        quantity: f64 = 1.0, range = 0.0..=1e6;
    }
}

/// The averages of one symbol; the SDK makes one value per symbol.
#[derive(Serialize, Deserialize)]
pub struct SmaFlip(Sma, Sma, f64);

impl Strategy for SmaFlip {
    type Params = Params;

    fn new(params: &Params, _series: &[Series], _host: &mut Host) -> Result<Self, String> {
        let (fast, slow) = (Sma::new(params.fast)?, Sma::new(params.slow)?);
        Ok(Self(fast, slow, params.quantity))
    }

    fn on_bar(&mut self, host: &mut Host, series: &Series, bar: &Bar) {
        let (fast, slow) = (self.0.update(bar.close), self.1.update(bar.close));
        if fast > slow {
            host.target_position(series, self.2);
        } else if fast < slow {
            host.target_position(series, -self.2);
        }
    }
}

export!(SmaFlip);
