//! The simulated exchange: matching, latency, fees and slippage.
