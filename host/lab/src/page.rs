//! `sweep.html`: the landscape of a sweep on one page.

use cryptobot_model::ParamValue;

use crate::axis::Axis;
use crate::document::Document;

/// What the page shows of all combinations.
pub(crate) struct Survey {}

impl Survey {
    pub(crate) fn new(_axes: &[Axis]) -> Self {
        Self {}
    }

    pub(crate) fn add(&mut self, _index: u64, _values: &[ParamValue], _metric: Option<f64>) {}
}

pub(crate) fn html(document: &Document, _survey: &Survey) -> Result<String, serde_json::Error> {
    Ok(format!("<!doctype html><title>{}</title>", document.sweep.id))
}
