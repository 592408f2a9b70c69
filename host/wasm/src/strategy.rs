//! An instance of a plugin behind the engine's trait.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use cryptobot_engine::{Ahead, Desk, Fault, FaultKind, GuestCall, Params, Resources, Strategy};
use cryptobot_model::{Bar, ClosedTrade, OrderEvent, ParamValue, SeriesId, Timestamp};
use wasmtime::{Store, UpdateDeadline};

use crate::bindings::exports::cryptobot::plugin::lifecycle::Info;
use crate::bindings::{Driver, Guest, Guests, Instantiated, Pages, Ready};
use crate::convert;
use crate::fault;
use crate::host::HostState;
use crate::limits::Limits;
use crate::ticker::Ticker;

/// What one call may take.
#[derive(Clone, Copy, Debug)]
struct Allowance {
    deadline: Duration,
    fuel: u64,
}

/// A store with one instance. After a fault it is dead: every further call answers with the same fault.
pub(crate) struct Instance {
    store: Store<HostState>,
    guest: Guests,
    /// The exports for pages, where the plugin has them.
    pages: Option<Pages>,
    /// The driver that it was compiled with.
    driver: Option<Driver>,
    callback: Allowance,
    lifecycle: Allowance,
    strict: bool,
    fault: Option<Fault>,
    /// Instructions of the call that failed, in strict mode.
    spent: Option<u64>,
    _ticker: Arc<Ticker>,
}

impl Instance {
    pub(crate) fn start(
        pre: &Ready,
        state: HostState,
        limits: Limits,
        strict: bool,
        ticker: Arc<Ticker>,
    ) -> Result<Self, Fault> {
        let allow = |ms, fuel| Allowance { deadline: Duration::from_millis(ms), fuel };
        let lifecycle = allow(limits.init_deadline_ms, limits.init_fuel);
        let mut store = Store::new(pre.engine(), state);
        store.limiter(|state| &mut state.guard);
        store.set_hostcall_fuel(limits.transfer_bytes);
        store.epoch_deadline_callback(|mut context| {
            context.data_mut().clock.tick()?;
            Ok(UpdateDeadline::Continue(1))
        });
        grant(&mut store, lifecycle, strict);
        let Instantiated { guests: guest, pages, driver } = pre.instantiate(&mut store).map_err(|error| {
            let fault = fault_of(&store, &error, lifecycle);
            Fault { call: Some(GuestCall::Instantiate), ..fault }
        })?;
        Ok(Self {
            store,
            guest,
            pages,
            driver,
            callback: allow(limits.callback_deadline_ms, limits.callback_fuel),
            lifecycle,
            strict,
            fault: None,
            spent: None,
            _ticker: ticker,
        })
    }

    pub(crate) fn describe(&mut self) -> Result<Info, Fault> {
        self.lifecycle(GuestCall::Describe, Guests::call_describe)
    }

    fn lifecycle<R>(
        &mut self,
        name: GuestCall,
        call: impl FnOnce(&Guests, &mut Store<HostState>) -> wasmtime::Result<R>,
    ) -> Result<R, Fault> {
        self.call(name, self.lifecycle, call)
    }

    fn event(
        &mut self,
        name: GuestCall,
        call: impl FnOnce(&Guests, &mut Store<HostState>) -> wasmtime::Result<()>,
    ) -> Result<(), Fault> {
        self.call(name, self.callback, call)
    }

    fn call<R>(
        &mut self,
        name: GuestCall,
        allowance: Allowance,
        call: impl FnOnce(&Guests, &mut Store<HostState>) -> wasmtime::Result<R>,
    ) -> Result<R, Fault> {
        if let Some(fault) = &self.fault {
            return Err(fault.clone());
        }
        grant(&mut self.store, allowance, self.strict);
        call(&self.guest, &mut self.store).map_err(|error| self.die(name, &error, allowance))
    }

    #[cold]
    fn die(&mut self, name: GuestCall, error: &wasmtime::Error, allowance: Allowance) -> Fault {
        let fault = Fault { call: Some(name), ..fault_of(&self.store, error, allowance) };
        self.spent = self.strict.then(|| allowance.fuel - self.store.get_fuel().unwrap_or_default());
        self.fault = Some(fault.clone());
        fault
    }

    fn resources(&self) -> Resources {
        let state = self.store.data();
        Resources {
            memory_bytes: Some(state.guard.memory_bytes() as u64),
            fuel: self.spent,
            called: Some(state.clock.total()),
            ..Resources::default()
        }
    }
}

fn fault_of(store: &Store<HostState>, error: &wasmtime::Error, allowance: Allowance) -> Fault {
    fault::of_error(error, store.data().error_line.as_deref(), allowance.deadline.as_millis() as u64)
}

/// Winds the clocks up for one call.
fn grant(store: &mut Store<HostState>, allowance: Allowance, strict: bool) {
    store.set_epoch_deadline(1);
    store.data_mut().clock.begin(allowance.deadline);
    if strict {
        // Fails only where fuel is switched off.
        let _ = store.set_fuel(allowance.fuel);
    }
    if store.data().error_line.is_some() {
        store.data_mut().error_line = None;
    }
}

/// Who goes through a page of bars.
enum Paging {
    /// The plugin itself.
    Plugin(Pages),
    /// A driver, which calls the plugin for each.
    Driver(Driver),
}

/// A plugin as a strategy of a run.
pub struct WasmStrategy {
    instance: Instance,
    params: Vec<(String, ParamValue)>,
    /// Where it gets several bars in a call of the host.
    paging: Option<Paging>,
}

impl fmt::Debug for WasmStrategy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WasmStrategy").field("fault", &self.instance.fault).finish_non_exhaustive()
    }
}

impl WasmStrategy {
    pub(crate) fn new(instance: Instance, params: Vec<(String, ParamValue)>) -> Self {
        Self { instance, params, paging: None }
    }

    /// Takes its bars in pages from now on, if it can.
    pub(crate) fn in_pages(mut self) -> Self {
        self.paging = self.instance.pages.take().map(Paging::Plugin);
        self
    }

    /// Gets its bars from a driver from now on, if it has one.
    pub(crate) fn driven(mut self) -> Self {
        self.paging = self.instance.driver.take().map(Paging::Driver);
        self
    }

    /// Goes through the steps ahead that the newest page has, at most, and loads another page where it has none of them.
    /// Returns how many bars were seen and whether the plugin asked for something at the last of them.
    fn go_through(&mut self, ahead: &Ahead<'_>) -> Result<(usize, bool), Fault> {
        let first = match self.instance.store.data().page.find(ahead.begins()) {
            Some(first) => first,
            None => self.load_page(ahead)?,
        };
        let HostState { page, desk, .. } = self.instance.store.data_mut();
        page.open(first, ahead, desk);
        let begin = page.open_rows().start;
        loop {
            let rows = self.instance.store.data().page.open_rows();
            let end = self.paged(|paging, store| match paging {
                Paging::Plugin(pages) => pages.call_run(store, rows.start, rows.end),
                Paging::Driver(driver) => driver.call_run(store, rows.start, rows.end),
            })?;
            let HostState { page, desk, .. } = self.instance.store.data_mut();
            if page.advance(end, desk)? {
                return Ok(((end - begin) as usize, desk.has_requests()));
            }
        }
    }

    /// Says what a step consists of, which stays.
    fn lay_out(&mut self, ahead: &Ahead<'_>) -> Result<(), Fault> {
        let Self { paging, instance, .. } = self;
        let HostState { page, desk, .. } = instance.store.data_mut();
        match paging {
            Some(Paging::Plugin(pages)) => {
                let (layout, look_back) = (page.lay_out(ahead, desk), desk.look_back() as u32);
                let call = |_: &Guests, store: &mut _| pages.call_layout(store, &layout, look_back);
                instance.call(GuestCall::OnBar, instance.callback, call)
            }
            Some(Paging::Driver(driver)) => {
                let series = page.lay_out_bars(ahead);
                let call = |_: &Guests, store: &mut _| driver.call_layout(store, &series);
                instance.call(GuestCall::OnBar, instance.callback, call)
            }
            None => Ok(()),
        }
    }

    #[inline(never)]
    fn load_page(&mut self, ahead: &Ahead<'_>) -> Result<usize, Fault> {
        if ahead.first_row() > 0 {
            return Err(Fault::new(FaultKind::Contract, "a page begins with a step"));
        }
        if self.instance.store.data().page.rows() == 0 {
            self.lay_out(ahead)?;
        }
        let HostState { page, desk, .. } = self.instance.store.data_mut();
        let bars = page.begin(ahead, desk);
        let numbers = std::mem::take(&mut page.numbers);
        let rows = bars.unwrap_or(&numbers);
        self.paged(|paging, store| match paging {
            Paging::Plugin(pages) => pages.call_load_page(store, rows),
            Paging::Driver(driver) => driver.call_load(store, rows),
        })?;
        let page = &mut self.instance.store.data_mut().page;
        page.numbers = numbers;
        page.begun(ahead);
        Ok(0)
    }

    fn paged<R>(
        &mut self,
        call: impl FnOnce(&Paging, &mut Store<HostState>) -> wasmtime::Result<R>,
    ) -> Result<R, Fault> {
        let Some(paging) = &self.paging else {
            return Err(Fault::new(FaultKind::Contract, "it takes no pages"));
        };
        self.instance.call(GuestCall::OnBar, self.instance.callback, |_, store| call(paging, store))
    }

    fn refuse(&mut self, call: GuestCall, reason: &str) -> Fault {
        let fault = Fault { call: Some(call), ..fault::refused(call.name(), reason) };
        self.instance.fault = Some(fault.clone());
        fault
    }
}

impl Strategy for WasmStrategy {
    fn desk(&mut self) -> &mut Desk {
        &mut self.instance.store.data_mut().desk
    }

    fn init(&mut self) -> Result<(), Fault> {
        let params = convert::params(&self.params);
        let series: Vec<_> = self.desk().series().iter().map(convert::series_info).collect();
        self.instance
            .lifecycle(GuestCall::Init, |guest, store| guest.call_init(store, &params, &series))?
            .map_err(|reason| self.refuse(GuestCall::Init, &reason))
    }

    #[inline]
    fn on_bar(&mut self, series: SeriesId, bar: &Bar) -> Result<(), Fault> {
        self.instance.event(GuestCall::OnBar, |guest, store| guest.call_on_bar(store, series.0, bar.into()))
    }

    fn takes_pages(&self) -> bool {
        self.paging.is_some()
    }

    fn take_page(&mut self, ahead: &Ahead<'_>) -> (usize, Result<bool, Fault>) {
        match self.go_through(ahead) {
            Ok((seen, asked)) => (seen, Ok(asked)),
            Err(fault) => (1, Err(fault)),
        }
    }

    fn on_order(&mut self, event: &OrderEvent) -> Result<(), Fault> {
        self.instance.event(GuestCall::OnOrder, |guest, store| guest.call_on_order(store, event.into()))
    }

    fn on_position_close(&mut self, series: SeriesId, trade: &ClosedTrade) -> Result<(), Fault> {
        let close = convert::position_close(series, trade);
        self.instance
            .event(GuestCall::OnPositionClose, |guest, store| guest.call_on_position_close(store, close))
    }

    fn on_timer(&mut self, id: u32, now: Timestamp) -> Result<(), Fault> {
        self.instance.event(GuestCall::OnTimer, |guest, store| guest.call_on_timer(store, id, now.0))
    }

    fn stop(&mut self) -> Result<(), Fault> {
        self.instance.call(GuestCall::Stop, self.instance.callback, Guests::call_stop)
    }

    fn resources(&mut self) -> Resources {
        self.instance.resources()
    }

    fn snapshot(&mut self) -> Result<Vec<u8>, Fault> {
        self.instance.lifecycle(GuestCall::Snapshot, Guests::call_snapshot)
    }

    fn restore(&mut self, state_version: u32, state: &[u8]) -> Result<(), Fault> {
        self.instance
            .lifecycle(GuestCall::Restore, |guest, store| guest.call_restore(store, state_version, state))?
            .map_err(|reason| self.refuse(GuestCall::Restore, &reason))
    }

    fn tune(&mut self, params: &Params) -> Result<(), Fault> {
        let given = convert::params(params);
        // A refusal is no fault: the instance goes on.
        self.instance
            .call(GuestCall::Tune, self.instance.callback, |guest, store| guest.call_tune(store, &given))?
            .map_err(|reason| fault::refused("tune", &reason))
    }

    fn into_remains(self: Box<Self>) -> Option<Box<dyn Send>> {
        Some(self)
    }
}
