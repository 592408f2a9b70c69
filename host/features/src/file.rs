//! Files that say which features are wanted.

use std::collections::BTreeMap;
use std::path::Path;

use cryptobot_indicators::ColumnSpec;
use cryptobot_model::Timeframe;
use serde::Deserialize;

use crate::error::FeatureError;
use crate::plan::{Wanted, WantedColumn};

/// Features as they are written in YAML: sets, longer timeframes, and columns of one's own.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FeatureFile {
    /// Names of sets, or of single features of them.
    sets: Vec<String>,
    /// Longer timeframes at which all columns of bars are computed, too.
    higher: Vec<String>,
    /// Columns of one's own.
    features: Vec<OwnFeature>,
}

/// A column of one's own.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct OwnFeature {
    /// Its name.
    name: String,
    /// The indicator by its name in the reference.
    indicator: String,
    /// Parameters that are not the indicator's defaults.
    #[serde(default)]
    params: BTreeMap<String, f64>,
    /// The indicator's output; may be left out where there is only one.
    #[serde(default)]
    output: String,
    /// A longer timeframe that it is computed at, instead of that of the table.
    #[serde(default)]
    timeframe: Option<String>,
}

impl FeatureFile {
    /// Reads a file.
    pub fn read(path: &Path) -> Result<Wanted, FeatureError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| FeatureError::Open { path: path.to_owned(), source })?;
        let wrong = |problem: String| FeatureError::File { path: path.to_owned(), problem };
        let file: Self = serde_saphyr::from_str(&text).map_err(|error| {
            let options = serde_saphyr::render_options! {
                formatter: &serde_saphyr::UserMessageFormatter,
                snippets: serde_saphyr::SnippetMode::Off,
            };
            wrong(error.render_with_options(options).replace('\n', " "))
        })?;
        file.wanted().map_err(|error| wrong(error.to_string()))
    }

    fn wanted(self) -> Result<Wanted, cryptobot_model::time::ParseTimeframeError> {
        let mut own = Vec::with_capacity(self.features.len());
        for OwnFeature { name, indicator, params, output, timeframe } in self.features {
            let timeframe = timeframe.map(|text| text.parse::<Timeframe>()).transpose()?;
            let params = params.into_iter().collect();
            own.push(WantedColumn { spec: ColumnSpec { name, kind: indicator, params, output }, timeframe });
        }
        let higher = self.higher.iter().map(|text| text.parse()).collect::<Result<_, _>>()?;
        Ok(Wanted { names: self.sets, higher, own })
    }
}
