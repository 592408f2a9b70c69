//! Logs the features it is served: what tests compare with the tables of `host features`.

use cryptobot_sdk::prelude::*;

params! {
    /// What it asks for.
    pub struct Params {
        /// Names of sets and of features, with `+` between.
        sets: String = "technical_fast".to_owned();
        /// Minutes of longer bars that the same is computed from, too; 0 = of none.
        longer: u32 = 0, range = 0..=1440;
    }
}

/// One symbol.
#[derive(Debug, Serialize, Deserialize)]
pub struct Witness {
    features: Vec<Features>,
}

impl Strategy for Witness {
    type Params = Params;

    fn new(params: &Params, series: &[Series], host: &mut Host) -> Result<Self, String> {
        let query = params.sets.split('+').fold(FeatureQuery::default(), FeatureQuery::and);
        let mut features = vec![host.features(&series[0], &query)?];
        if params.longer > 0 {
            let longer = query.every(i64::from(params.longer) * MINUTE);
            features.push(host.features(&series[0], &longer)?);
        }
        Ok(Self { features })
    }

    fn on_bar(&mut self, host: &mut Host, series: &Series, bar: &Bar) {
        let first = &self.features[0];
        let change = host.feature(first, 0, 0) - host.feature(first, 0, 3);
        if change != 0.0 && !change.is_nan() {
            host.target_position(series, 0.01_f64.copysign(change));
        }
        let values = self.features.iter().flat_map(|features| host.feature_values(features));
        let bits: Vec<String> = values.map(|value| format!("{:x}", value.to_bits())).collect();
        host.info(format!("{} {} {}", series.symbol, bar.ts / 1_000_000, bits.join(" ")));
    }
}

export!(Witness);
