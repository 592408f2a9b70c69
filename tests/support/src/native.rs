//! Native code behind the strategy trait.

use std::sync::Arc;

use cryptobot_engine::{Desk, DeskLimits, Fault, FaultKind, Params, Resources, Strategy, Version};
use cryptobot_model::{Bar, ClosedTrade, OrderEvent, PluginInfo, SeriesId, SeriesInfo, Timestamp};

/// The callbacks of a native strategy; all but `on_bar` are optional.
pub trait Logic {
    /// See [`Strategy::init`].
    fn init(&mut self, _desk: &mut Desk) -> Result<(), Fault> {
        Ok(())
    }
    /// See [`Strategy::on_bar`].
    fn on_bar(&mut self, desk: &mut Desk, series: SeriesId, bar: &Bar) -> Result<(), Fault>;
    /// See [`Strategy::on_order`].
    fn on_order(&mut self, _desk: &mut Desk, _event: &OrderEvent) -> Result<(), Fault> {
        Ok(())
    }
    /// See [`Strategy::on_position_close`].
    fn on_position_close(&mut self, _desk: &mut Desk, _trade: &ClosedTrade) -> Result<(), Fault> {
        Ok(())
    }
    /// See [`Strategy::on_timer`].
    fn on_timer(&mut self, _desk: &mut Desk, _id: u32, _now: Timestamp) -> Result<(), Fault> {
        Ok(())
    }
    /// See [`Strategy::snapshot`].
    fn snapshot(&mut self, _desk: &mut Desk) -> Result<Vec<u8>, Fault> {
        Ok(Vec::new())
    }
    /// See [`Strategy::restore`].
    fn restore(&mut self, _desk: &mut Desk, _state_version: u32, _state: &[u8]) -> Result<(), Fault> {
        Ok(())
    }
    /// See [`Strategy::tune`].
    fn tune(&mut self, _desk: &mut Desk, _params: &Params) -> Result<(), Fault> {
        Err(Fault::new(FaultKind::Refused, "it takes no parameters while it runs"))
    }
    /// See [`Strategy::resources`].
    fn resources(&self) -> Resources {
        Resources::default()
    }
}

/// A native strategy with its desk.
#[derive(Debug)]
pub struct Native<L> {
    desk: Desk,
    logic: L,
}

impl<L: Logic> Native<L> {
    /// A strategy that works at a desk.
    pub fn new(desk: Desk, logic: L) -> Self {
        Self { desk, logic }
    }
}

/// A version of a native strategy; `make` gets its parameters.
pub fn version<L: Logic + 'static>(
    info: PluginInfo,
    series: Vec<SeriesInfo>,
    look_back: usize,
    make: impl Fn(&Params) -> Result<L, Fault> + Send + Sync + 'static,
) -> Arc<Version> {
    let sha256 = format!("native {}", info.version);
    let make = move |params: &Params| -> Result<Box<dyn Strategy>, Fault> {
        Ok(Box::new(Native::new(Desk::vacant(), make(params)?)))
    };
    Arc::new(Version {
        info,
        sha256,
        series,
        look_back,
        desk_limits: DeskLimits::default(),
        max_open_orders: 200,
        make: Box::new(make),
    })
}

impl<L: Logic> Strategy for Native<L> {
    fn desk(&mut self) -> &mut Desk {
        &mut self.desk
    }

    fn init(&mut self) -> Result<(), Fault> {
        self.logic.init(&mut self.desk)
    }

    #[expect(clippy::inline_always, reason = "the body of the loop over a stretch of bars")]
    #[inline(always)]
    fn on_bar(&mut self, series: SeriesId, bar: &Bar) -> Result<(), Fault> {
        self.logic.on_bar(&mut self.desk, series, bar)
    }

    fn on_order(&mut self, event: &OrderEvent) -> Result<(), Fault> {
        self.logic.on_order(&mut self.desk, event)
    }

    fn on_position_close(&mut self, _series: SeriesId, trade: &ClosedTrade) -> Result<(), Fault> {
        self.logic.on_position_close(&mut self.desk, trade)
    }

    fn on_timer(&mut self, id: u32, now: Timestamp) -> Result<(), Fault> {
        self.logic.on_timer(&mut self.desk, id, now)
    }

    fn stop(&mut self) -> Result<(), Fault> {
        Ok(())
    }

    fn snapshot(&mut self) -> Result<Vec<u8>, Fault> {
        self.logic.snapshot(&mut self.desk)
    }

    fn restore(&mut self, state_version: u32, state: &[u8]) -> Result<(), Fault> {
        self.logic.restore(&mut self.desk, state_version, state)
    }

    fn tune(&mut self, params: &Params) -> Result<(), Fault> {
        self.logic.tune(&mut self.desk, params)
    }

    fn resources(&mut self) -> Resources {
        self.logic.resources()
    }
}
