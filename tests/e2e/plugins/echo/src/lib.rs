//! Logs every bar it is given, of six timeframes: what tests compare with a resampling of their own.

use cryptobot_sdk::prelude::*;

const MINUTE: i64 = 60_000_000_000;

/// All symbols of the run.
#[derive(Debug, Serialize, Deserialize)]
pub struct Echo;

impl Strategy for Echo {
    type Params = ();

    const SCOPE: Scope = Scope::Portfolio;

    fn new((): &(), _series: &[Series], _host: &mut Host) -> Result<Self, String> {
        Ok(Self)
    }

    fn on_bar(&mut self, host: &mut Host, series: &Series, bar: &Bar) {
        let Bar { open, high, low, close, volume, .. } = *bar;
        let (symbol, role, at) = (&series.symbol, &series.role, bar.ts / 1_000_000);
        host.info(format!("{symbol} {role} {at} {open:?} {high:?} {low:?} {close:?} {volume:?}"));
    }

    fn series() -> Vec<SeriesSpec> {
        let lengths = [("1m", 1), ("5m", 5), ("15m", 15), ("1h", 60), ("4h", 240), ("1d", 1_440)];
        lengths.map(|(role, minutes)| SeriesSpec::every(role, minutes * MINUTE)).to_vec()
    }

    fn wants() -> Wants {
        Wants::BARS
    }
}

export!(Echo);
