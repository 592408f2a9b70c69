//! The command line of the trading host: arguments, progress, tables and exit codes; no logic of its own.
//!
//! Results go to standard output, everything else to standard error.
#![forbid(unsafe_code)]
#![allow(clippy::disallowed_types, reason = "the edge: it reads files and measures wall time")]

mod args;
mod commands;
mod output;
mod progress;

use std::panic;
use std::process;
use std::time::Instant;

use clap::Parser;

fn main() {
    let started = Instant::now();
    quiet_expected_panics();
    let arguments = args::Arguments::parse();
    process::exit(match commands::dispatch(arguments, started) {
        Ok(code) => i32::from(code as u8),
        Err(error) => {
            output::complain(format_args!("error: {error}"));
            i32::from(error.exit_code() as u8)
        }
    });
}

/// A panic is a bug of the host and is reported as one, unless it is a decoder's that becomes an error anyway.
fn quiet_expected_panics() {
    let report = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        if !cryptobot_data::panics_become_errors() {
            report(info);
        }
    }));
}
