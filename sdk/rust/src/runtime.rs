//! Brings the host's events to the strategy: the same code in a plugin and on a tape.

use serde::{Deserialize, Serialize};

use crate::params::Parameters;
use crate::{Bar, Host, OrderEvent, PositionClose, Scope, Series, Strategy, indicator};

/// Numbers of a bar in a page: when it opened and when it closes, then the bits of `open, high, low, close, volume`.
pub(crate) const BAR_NUMBERS: usize = 7;

/// Bars of one series.
pub(crate) struct Bars<'a> {
    /// As many numbers for each step.
    pub(crate) numbers: &'a [u64],
    pub(crate) width: usize,
    /// Where among these the bar's begin.
    pub(crate) place: usize,
}

impl Bars<'_> {
    #[inline]
    fn iter(&self) -> impl Iterator<Item = Bar> {
        self.numbers.chunks_exact(self.width).map(|numbers| bar(&numbers[self.place..]))
    }
}

#[inline]
pub(crate) fn bar(numbers: &[u64]) -> Bar {
    let numbers = &numbers[..BAR_NUMBERS];
    let value = |at: usize| f64::from_bits(numbers[at]);
    let ts = numbers[1].cast_signed();
    Bar { ts, open: value(2), high: value(3), low: value(4), close: value(5), volume: value(6) }
}

/// A running strategy.
#[derive(Debug)]
pub struct Runtime<S: Strategy> {
    pub(crate) host: Host,
    series: Vec<Series>,
    /// Which value looks after a series.
    owners: Vec<u32>,
    values: Vec<S>,
    /// What each value looks after, `venue:SYMBOL` or `*`: a state finds its symbol again by it.
    keys: Vec<String>,
    /// The parameters as they are stored in snapshots.
    params: Vec<u8>,
}

/// What a snapshot holds.
#[derive(Serialize, Deserialize)]
struct Snapshot {
    params: Vec<u8>,
    states: Vec<(String, Vec<u8>)>,
}

impl<S: Strategy> Runtime<S> {
    /// Makes the strategy, one value per symbol or one for all.
    ///
    /// # Errors
    /// What [`Strategy::new`] says.
    pub fn new(mut host: Host, params: &S::Params, series: Vec<Series>) -> Result<Self, String> {
        indicator::forget_all();
        let mut keys: Vec<String> = Vec::new();
        let owners: Vec<u32> = series
            .iter()
            .map(|series| {
                let key = match S::SCOPE {
                    Scope::Symbol => format!("{}:{}", series.venue, series.symbol),
                    Scope::Portfolio => "*".to_owned(),
                };
                let owner = keys.iter().position(|known| *known == key).unwrap_or_else(|| {
                    keys.push(key);
                    keys.len() - 1
                });
                owner as u32
            })
            .collect();
        host.slots = keys.len() as u32;
        let mut values = Vec::with_capacity(keys.len());
        for slot in 0..host.slots {
            host.slot = slot;
            let owned = series.iter().zip(&owners).filter(|(_, owner)| **owner == slot);
            let owned: Vec<Series> = owned.map(|(series, _)| series.clone()).collect();
            values.push(S::new(params, &owned, &mut host)?);
        }
        let params = postcard::to_stdvec(params).map_err(|error| error.to_string())?;
        Ok(Self { host, series, owners, values, keys, params })
    }

    /// Delivers a bar.
    pub fn on_bar(&mut self, series: u32, bar: &Bar) {
        let Bar { ts, open, high, low, close, volume } = *bar;
        let [open, high, low, close, volume] = [open, high, low, close, volume].map(f64::to_bits);
        let numbers = [0, ts.cast_unsigned(), open, high, low, close, volume];
        self.go_through(series, &Bars { numbers: &numbers, width: BAR_NUMBERS, place: 0 });
    }

    /// Delivers rows of the page, from `at` on, before `until`, until the strategy asks for something. Returns the row
    /// that comes next.
    #[cfg(target_arch = "wasm32")]
    pub fn run(&mut self, at: u32, until: u32) -> u32 {
        let sheet = self.host.backend.page.open(at);
        let rows = sheet.series().len();
        let mut row = at as usize;
        if let [series] = sheet.series() {
            self.go_through(*series, &sheet.bars(0, row..until as usize));
            row = self.host.backend.page.step();
        } else {
            let mut asked = false;
            while row < until as usize && !asked {
                let (step, place) = (row / rows, row % rows);
                self.host.backend.page.go_to(step, place);
                asked = self.go_through(sheet.series()[place], &sheet.bars(place, step..step + 1));
                row += 1;
            }
        }
        self.host.backend.page.close();
        row as u32
    }

    /// Delivers bars of a series until the strategy asks for something; tells whether it did.
    ///
    /// All bars come this way: a strategy's function that has one caller becomes a part of this loop.
    #[inline(never)]
    fn go_through(&mut self, series: u32, bars: &Bars<'_>) -> bool {
        let Self { host, series: all, owners, values, .. } = self;
        let index = series as usize;
        let (Some(series), Some(owner)) = (all.get(index), owners.get(index)) else { return false };
        let Some(value) = values.get_mut(*owner as usize) else { return false };
        host.slot = *owner;
        bars.iter().any(|bar| {
            value.on_bar(host, series, &bar);
            host.backend.pass()
        })
    }

    /// Delivers an order event.
    pub fn on_order(&mut self, event: &OrderEvent) {
        self.deliver(event.series, |value, host, series| {
            value.on_order(host, series, event);
        });
    }

    /// Delivers a closed position.
    pub fn on_position_close(&mut self, close: &PositionClose) {
        self.deliver(close.series, |value, host, series| {
            value.on_position_close(host, series, close);
        });
    }

    #[inline]
    fn deliver(&mut self, series: u32, act: impl FnOnce(&mut S, &mut Host, &Series)) {
        let index = series as usize;
        let (Some(series), Some(owner)) = (self.series.get(index), self.owners.get(index)) else {
            return;
        };
        self.host.slot = *owner;
        if let Some(value) = self.values.get_mut(*owner as usize) {
            act(value, &mut self.host, series);
        }
    }

    /// Delivers a timer.
    pub fn on_timer(&mut self, id: u32) {
        let slots = self.host.slots.max(1);
        self.host.slot = id % slots;
        if let Some(value) = self.values.get_mut(self.host.slot as usize) {
            value.on_timer(&mut self.host, id / slots);
        }
    }

    /// The run is over.
    pub fn stop(&mut self) {
        for (slot, value) in self.values.iter_mut().enumerate() {
            self.host.slot = slot as u32;
            value.stop(&mut self.host);
        }
    }

    /// Stores the state.
    ///
    /// # Errors
    /// What serde says of a state that cannot be stored.
    pub fn snapshot(&self) -> Result<Vec<u8>, String> {
        let states = self.keys.iter().zip(&self.values).map(|(key, value)| {
            postcard::to_stdvec(value).map(|state| (key.clone(), state)).map_err(|error| error.to_string())
        });
        let snapshot = Snapshot { params: self.params.clone(), states: states.collect::<Result<_, _>>()? };
        postcard::to_stdvec(&snapshot).map_err(|error| error.to_string())
    }

    /// Brings a stored state back. A symbol that it does not know stays fresh.
    ///
    /// # Errors
    /// The state is of another version or of other parameters and the strategy cannot take it over, or it is
    /// damaged.
    pub fn restore(&mut self, version: u32, bytes: &[u8]) -> Result<(), String> {
        let damaged = |error: postcard::Error| format!("the stored state cannot be read: {error}");
        let snapshot: Snapshot = postcard::from_bytes(bytes).map_err(damaged)?;
        for (key, state) in &snapshot.states {
            let Some(slot) = self.keys.iter().position(|known| known == key) else {
                continue;
            };
            let value = &mut self.values[slot];
            self.host.slot = slot as u32;
            if version == S::STATE_VERSION {
                let stored: S = postcard::from_bytes(state).map_err(damaged)?;
                let missing = indicator::take_missing();
                if snapshot.params != self.params {
                    value.adopt(stored)?;
                } else if let Some(missing) = missing {
                    return Err(format!("the stored state uses `{missing}`, which `new` did not create"));
                } else {
                    *value = stored;
                }
            } else {
                value.migrate(version, state)?;
            }
            value.resume(&mut self.host);
        }
        Ok(())
    }

    /// Gives the strategy new values of its tunable parameters. Where one of its values refuses, all stay as they were.
    ///
    /// # Errors
    /// What [`Strategy::tune`] says, and what serde says of a state that cannot be stored.
    pub fn tune(&mut self, params: &S::Params) -> Result<(), String> {
        let text = |error: postcard::Error| error.to_string();
        let tuned = postcard::to_stdvec(params).map_err(text)?;
        let before =
            self.values.iter().map(postcard::to_stdvec).collect::<Result<Vec<_>, _>>().map_err(text)?;
        let refused = self.values.iter_mut().try_for_each(|value| value.tune(params));
        if refused.is_err() {
            for (value, before) in self.values.iter_mut().zip(&before) {
                *value = postcard::from_bytes(before).map_err(text)?;
            }
            return refused;
        }
        self.params = tuned;
        Ok(())
    }

    /// Reads the parameters as the host gives them.
    ///
    /// # Errors
    /// Names a value of the wrong type.
    pub fn parse(values: &[crate::Param]) -> Result<S::Params, String> {
        S::Params::from_values(values)
    }
}
