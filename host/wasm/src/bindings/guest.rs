//! The exports of a plugin, whatever version of the contract it was built for.

use wasmtime::component::{Func, HasSelf, Instance, InstancePre, Linker, TypedFunc};
use wasmtime::{Engine, Error, Result, Store, StoreContextMut};

use crate::bindings::cryptobot::plugin::types::{Bar, OrderEvent, Param, PositionClose, SeriesInfo};
use crate::bindings::exports::cryptobot::plugin::lifecycle::Info;
use crate::bindings::v0_1::pages::PagesIndices;
use crate::bindings::{v0_0, v0_1};
use crate::contract::Surface;
use crate::drive;
use crate::host::HostState;
use crate::version::ContractVersion;

/// The calls into a plugin, in the terms of the newest version.
pub(crate) trait Guest {
    fn call_describe(&self, store: &mut Store<HostState>) -> Result<Info>;

    fn call_init(
        &self,
        store: &mut Store<HostState>,
        params: &[Param],
        series: &[SeriesInfo],
    ) -> Result<Result<(), String>>;

    fn call_snapshot(&self, store: &mut Store<HostState>) -> Result<Vec<u8>>;

    fn call_restore(
        &self,
        store: &mut Store<HostState>,
        state_version: u32,
        state: &[u8],
    ) -> Result<Result<(), String>>;

    fn call_tune(&self, store: &mut Store<HostState>, params: &[Param]) -> Result<Result<(), String>>;

    fn call_stop(&self, store: &mut Store<HostState>) -> Result<()>;

    fn call_on_bar(&self, store: &mut Store<HostState>, series: u32, bar: Bar) -> Result<()>;

    fn call_on_order(&self, store: &mut Store<HostState>, event: OrderEvent) -> Result<()>;

    fn call_on_position_close(&self, store: &mut Store<HostState>, close: PositionClose) -> Result<()>;

    fn call_on_timer(&self, store: &mut Store<HostState>, id: u32, now: i64) -> Result<()>;
}

impl Guest for v0_1::Strategy {
    fn call_describe(&self, store: &mut Store<HostState>) -> Result<Info> {
        self.cryptobot_plugin_lifecycle().call_describe(store)
    }

    fn call_init(
        &self,
        store: &mut Store<HostState>,
        params: &[Param],
        series: &[SeriesInfo],
    ) -> Result<Result<(), String>> {
        self.cryptobot_plugin_lifecycle().call_init(store, params, series)
    }

    fn call_snapshot(&self, store: &mut Store<HostState>) -> Result<Vec<u8>> {
        self.cryptobot_plugin_lifecycle().call_snapshot(store)
    }

    fn call_restore(
        &self,
        store: &mut Store<HostState>,
        state_version: u32,
        state: &[u8],
    ) -> Result<Result<(), String>> {
        self.cryptobot_plugin_lifecycle().call_restore(store, state_version, state)
    }

    fn call_tune(&self, store: &mut Store<HostState>, params: &[Param]) -> Result<Result<(), String>> {
        self.cryptobot_plugin_lifecycle().call_tune(store, params)
    }

    fn call_stop(&self, store: &mut Store<HostState>) -> Result<()> {
        self.cryptobot_plugin_lifecycle().call_stop(store)
    }

    #[inline]
    fn call_on_bar(&self, store: &mut Store<HostState>, series: u32, bar: Bar) -> Result<()> {
        self.cryptobot_plugin_events().call_on_bar(store, series, bar)
    }

    fn call_on_order(&self, store: &mut Store<HostState>, event: OrderEvent) -> Result<()> {
        self.cryptobot_plugin_events().call_on_order(store, event)
    }

    fn call_on_position_close(&self, store: &mut Store<HostState>, close: PositionClose) -> Result<()> {
        self.cryptobot_plugin_events().call_on_position_close(store, close)
    }

    fn call_on_timer(&self, store: &mut Store<HostState>, id: u32, now: i64) -> Result<()> {
        self.cryptobot_plugin_events().call_on_timer(store, id, now)
    }
}

/// The exports of a plugin that takes pages.
pub(crate) type Pages = v0_1::pages::exports::cryptobot::plugin::paged::Guest;

/// The exports of a driver.
pub(crate) struct Driver {
    layout: Func,
    load: Func,
    run: TypedFunc<(u32, u32), (u32,)>,
}

impl Driver {
    fn of(store: &mut Store<HostState>, instance: &Instance) -> Result<Self> {
        let mut export = |name: &str| {
            let found = instance.get_func(&mut *store, name);
            found.ok_or_else(|| Error::msg(format!("the driver has no {name}")))
        };
        let [layout, load, run] = drive::EXPORTS.map(&mut export);
        Ok(Self { layout: layout?, load: load?, run: run?.typed(&*store)? })
    }

    /// Says of which series the rows of a step are.
    pub(crate) fn call_layout(&self, store: &mut Store<HostState>, series: &[u32]) -> Result<()> {
        self.layout.typed::<(&[u32],), ()>(&*store)?.call(store, (series,))
    }

    /// Hands over a page: of each row `open time, close time, open, high, low, close, volume`, as bits.
    pub(crate) fn call_load(&self, store: &mut Store<HostState>, rows: &[u64]) -> Result<()> {
        self.load.typed::<(&[u64],), ()>(&*store)?.call(store, (rows,))
    }

    /// Calls `on-bar` for the rows from `at` on, before `until`, up to the first one in which the plugin asked for
    /// something; returns the row behind it.
    pub(crate) fn call_run(&self, store: &mut Store<HostState>, at: u32, until: u32) -> Result<u32> {
        Ok(self.run.call(store, (at, until))?.0)
    }
}

/// An instance of a plugin of any version.
pub(crate) enum Guests {
    V0_0(v0_0::Strategy),
    V0_1(v0_1::Strategy),
}

/// The same call for each version: which one it is, is one comparison, and the call behind it is a direct one.
macro_rules! of_version {
    ($guests:expr, $guest:ident => $call:expr) => {
        match $guests {
            Self::V0_0($guest) => $call,
            Self::V0_1($guest) => $call,
        }
    };
}

impl Guest for Guests {
    fn call_describe(&self, store: &mut Store<HostState>) -> Result<Info> {
        of_version!(self, guest => guest.call_describe(store))
    }

    fn call_init(
        &self,
        store: &mut Store<HostState>,
        params: &[Param],
        series: &[SeriesInfo],
    ) -> Result<Result<(), String>> {
        of_version!(self, guest => guest.call_init(store, params, series))
    }

    fn call_snapshot(&self, store: &mut Store<HostState>) -> Result<Vec<u8>> {
        of_version!(self, guest => guest.call_snapshot(store))
    }

    fn call_restore(
        &self,
        store: &mut Store<HostState>,
        state_version: u32,
        state: &[u8],
    ) -> Result<Result<(), String>> {
        of_version!(self, guest => guest.call_restore(store, state_version, state))
    }

    fn call_tune(&self, store: &mut Store<HostState>, params: &[Param]) -> Result<Result<(), String>> {
        of_version!(self, guest => guest.call_tune(store, params))
    }

    fn call_stop(&self, store: &mut Store<HostState>) -> Result<()> {
        of_version!(self, guest => guest.call_stop(store))
    }

    #[inline]
    fn call_on_bar(&self, store: &mut Store<HostState>, series: u32, bar: Bar) -> Result<()> {
        of_version!(self, guest => guest.call_on_bar(store, series, bar))
    }

    fn call_on_order(&self, store: &mut Store<HostState>, event: OrderEvent) -> Result<()> {
        of_version!(self, guest => guest.call_on_order(store, event))
    }

    fn call_on_position_close(&self, store: &mut Store<HostState>, close: PositionClose) -> Result<()> {
        of_version!(self, guest => guest.call_on_position_close(store, close))
    }

    fn call_on_timer(&self, store: &mut Store<HostState>, id: u32, now: i64) -> Result<()> {
        of_version!(self, guest => guest.call_on_timer(store, id, now))
    }
}

/// Where the exports of a plugin are.
#[derive(Clone)]
enum Exports {
    V0_0(v0_0::StrategyIndices),
    V0_1(v0_1::StrategyIndices),
}

/// A compiled plugin whose imports are resolved.
#[derive(Clone)]
pub(crate) struct Ready {
    pre: InstancePre<HostState>,
    exports: Exports,
    /// Where it takes pages.
    pages: Option<PagesIndices>,
    /// Whether it was compiled with a driver.
    is_driven: bool,
}

/// An instance of a plugin, and the ways beside single calls by which it gets bars.
pub(crate) struct Instantiated {
    pub(crate) guests: Guests,
    pub(crate) pages: Option<Pages>,
    pub(crate) driver: Option<Driver>,
}

impl Ready {
    /// Gives a linker the imports of all versions; their names tell them apart.
    pub(crate) fn link(linker: &mut Linker<HostState>) -> Result<()> {
        v0_0::Strategy::add_to_linker::<_, HasSelf<HostState>>(linker, |state| state)?;
        v0_1::Strategy::add_to_linker::<_, HasSelf<HostState>>(linker, |state| state)?;
        v0_1::pages::cryptobot::plugin::paging::add_to_linker::<_, HasSelf<HostState>>(linker, |state| {
            state
        })?;
        let go_to = |mut context: StoreContextMut<'_, HostState>, (row,): (u32,)| {
            let HostState { page, desk, .. } = context.data_mut();
            Ok(page.move_to(row, desk)?)
        };
        linker.root().func_wrap(drive::CURSOR, go_to)
    }

    /// Finds the exports of a version; an error where they are not what it says.
    pub(crate) fn new(surface: &Surface, pre: InstancePre<HostState>) -> Result<Self> {
        let version = surface.version;
        let exports = match version {
            ContractVersion::V0_0 => Exports::V0_0(v0_0::StrategyIndices::new(&pre)?),
            ContractVersion::V0_1 => Exports::V0_1(v0_1::StrategyIndices::new(&pre)?),
        };
        let newest = version == ContractVersion::NEWEST;
        let pages = if newest { PagesIndices::new(&pre).ok() } else { None };
        let has = |name: &&str| pre.component().get_export_index(None, name).is_some();
        // A plugin that has such exports of its own is no driver: it could read ahead.
        let is_driven = !drive::is_taken(&surface.exports) && drive::EXPORTS.iter().all(has);
        Ok(Self { pre, exports, pages, is_driven })
    }

    pub(crate) fn engine(&self) -> &Engine {
        self.pre.engine()
    }

    /// Whether its instances take pages.
    pub(crate) fn takes_pages(&self) -> bool {
        self.pages.is_some()
    }

    /// Whether its instances can be driven.
    pub(crate) fn is_driven(&self) -> bool {
        self.is_driven
    }

    pub(crate) fn instantiate(&self, store: &mut Store<HostState>) -> Result<Instantiated> {
        let instance = self.pre.instantiate(&mut *store)?;
        let guests = match &self.exports {
            Exports::V0_0(indices) => Guests::V0_0(indices.load(&mut *store, &instance)?),
            Exports::V0_1(indices) => Guests::V0_1(indices.load(&mut *store, &instance)?),
        };
        let pages = self.pages.as_ref().map(|indices| indices.load(&mut *store, &instance)).transpose()?;
        let driver = if self.is_driven { Some(Driver::of(store, &instance)?) } else { None };
        let pages = pages.map(|pages| pages.cryptobot_plugin_paged().clone());
        Ok(Instantiated { guests, pages, driver })
    }
}
