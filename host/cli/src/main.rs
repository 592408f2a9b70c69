//! The command line of the trading host.
fn main() {}
