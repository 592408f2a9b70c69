//! What a plugin author depends on: the strategy trait, the host's functions and a test kit.
//!
//! A plugin is a type that implements [`Strategy`], its parameters declared with [`params!`], and one
//! [`export!`]. The same type runs inside the host as a WASM component and natively on a [`Tape`] in its tests.
//!
//! ```
//! use cryptobot_sdk::prelude::*;
//!
//! params! {
//!     pub struct Params {
//!         /// Bars in the average.
//!         period: u32 = 20, range = 2..=500, step = 1;
//!     }
//! }
//!
//! #[derive(Serialize, Deserialize)]
//! pub struct AboveAverage {
//!     average: Sma,
//! }
//!
//! impl Strategy for AboveAverage {
//!     type Params = Params;
//!
//!     fn new(params: &Params, _series: &[Series], _host: &mut Host) -> Result<Self, String> {
//!         Ok(Self { average: Sma::new(params.period)? })
//!     }
//!
//!     fn on_bar(&mut self, host: &mut Host, series: &Series, bar: &Bar) {
//!         if bar.close > self.average.update(bar.close) {
//!             host.target_position(series, 1.0);
//!         }
//!     }
//! }
//!
//! export!(AboveAverage);
//! ```

#[allow(missing_docs, unsafe_code, unused_qualifications, reason = "generated from the contract")]
#[allow(clippy::pedantic, reason = "generated from the contract")]
#[doc(hidden)]
pub mod bindings {
    wit_bindgen::generate!({
        path: "../../wit/v0.1",
        world: "paged-strategy",
        pub_export_macro: true,
        additional_derives: [PartialEq, serde::Serialize, serde::Deserialize],
        additional_derives_ignore: ["info"],
    });
}

pub mod advanced;
pub mod features;
#[cfg(target_arch = "wasm32")]
#[doc(hidden)]
pub mod guest;
pub mod host;
pub mod indicator;
pub mod order;
#[cfg(target_arch = "wasm32")]
mod page;
pub mod params;
#[doc(hidden)]
pub mod runtime;
pub mod stop_loss;
pub mod strategy;
#[cfg(not(target_arch = "wasm32"))]
pub mod testing;

/// The host's indicators as plain structs, for use inside a strategy.
pub use cryptobot_indicators as indicators;

#[doc(inline)]
pub use advanced::{Bracket, BracketIds, ClosePosition, Pair, Signal, Submit};
#[doc(inline)]
pub use bindings::cryptobot::plugin::advanced_orders::{Callback, Lifetime};
#[doc(inline)]
pub use bindings::cryptobot::plugin::types::{
    Bar, OrderEvent, OrderEventKind, OrderId, Param, ParamSpec, PositionClose, SeriesInfo as Series,
    SeriesSpec, Side, Tif, TriggerSource, Value, Wants,
};
pub use bindings::cryptobot::plugin::{log::Level, market::Column};
pub use features::{FeatureQuery, Features};
pub use host::Host;
pub use indicator::Indicator;
pub use order::{BasicKind, Order, OrderKind};
pub use stop_loss::StopLoss;
pub use strategy::{Scope, Strategy};
#[cfg(not(target_arch = "wasm32"))]
pub use testing::Tape;

#[doc(hidden)]
pub use serde as __serde;

/// Nanoseconds of a minute.
pub const MINUTE: i64 = 60_000_000_000;
/// Nanoseconds of an hour.
pub const HOUR: i64 = 60 * MINUTE;
/// Nanoseconds of a day.
pub const DAY: i64 = 24 * HOUR;

/// Everything a strategy usually needs.
pub mod prelude {
    pub use serde::{Deserialize, Serialize};

    pub use crate::indicators::{
        Atr, Bollinger, Donchian, Ema, Highest, Lowest, Macd, Roc, Rsi, Sma, StdDev, Wma,
    };
    #[cfg(not(target_arch = "wasm32"))]
    pub use crate::testing::Tape;
    pub use crate::{
        Bar, Bracket, BracketIds, Callback, DAY, FeatureQuery, Features, HOUR, Host, Indicator, Level,
        Lifetime, MINUTE, Order, OrderEvent, OrderEventKind, OrderId, OrderKind, PositionClose, Scope,
        Series, SeriesSpec, Side, Signal, StopLoss, Strategy, Tif, TriggerSource, Wants, export, params,
    };
}

/// Makes a [`Strategy`] the plugin of its crate. The plugin's name and version are those of the crate.
#[macro_export]
macro_rules! export {
    ($strategy:ty) => {
        #[cfg(target_arch = "wasm32")]
        #[allow(unsafe_code, reason = "the component's exports are foreign functions")]
        const _: () = {
            ::std::thread_local! {
                static RUNTIME: ::std::cell::RefCell<::std::option::Option<$crate::runtime::Runtime<$strategy>>> =
                    const { ::std::cell::RefCell::new(::std::option::Option::None) };
            }

            struct Plugin;

            impl $crate::guest::Plugin for Plugin {
                type Strategy = $strategy;
                const NAME: &'static str = ::std::env!("CARGO_PKG_NAME");
                const VERSION: &'static str = ::std::env!("CARGO_PKG_VERSION");

                #[inline(always)]
                fn with<R>(
                    act: impl FnOnce(&mut ::std::option::Option<$crate::runtime::Runtime<$strategy>>) -> R,
                ) -> R {
                    RUNTIME.with_borrow_mut(act)
                }
            }

            $crate::bindings::export!(Plugin with_types_in $crate::bindings);
        };
    };
}
