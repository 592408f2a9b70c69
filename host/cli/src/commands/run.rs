//! `host run`.

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use cryptobot_analytics::FaultSummary;
use cryptobot_engine::Delivery;
use cryptobot_plugin::{Accepted, cache_folder, plugin_folders};
use cryptobot_run::permissions::Acceptance;
use cryptobot_run::{
    Environment, ExitCode, Finished, Origin, Overrides, RunConfig, RunError, Spelled, prepare,
};
use cryptobot_run::{config, recordings};

use crate::args::live::LiveArguments;
use crate::args::{Fills, Format, Mode, RunArguments};
use crate::commands::{CommandError, compiler, live};
use crate::output;
use crate::progress::Progress;

pub(super) fn run(arguments: RunArguments, started: Instant) -> Result<ExitCode, CommandError> {
    let format = arguments.format;
    let environment = environment(arguments.out.clone(), arguments.accept, started);
    let (live, file) = (arguments.live, arguments.config.clone());
    let (mut config, origin) = Origin::configure(file.as_deref(), overrides(arguments))?;
    let interrupted = interruption();
    let mut finished = execute(config.clone(), &environment, live, &interrupted);
    if let Err(RunError::InPage(fault)) = finished {
        // Where it happened is only known where bars are handed over one by one. With `event` that makes no difference but
        // in time; who asked for pages is told.
        if config.delivery.0 != Delivery::Event {
            output::complain(format_args!(
                "a plugin failed inside a page ({fault}); running again bar by bar"
            ));
        }
        config.delivery = Spelled(Delivery::Single);
        finished = execute(config, &environment, live, &interrupted);
    }
    let finished = finished.map_err(|error| origin.locate(error))?;
    let printed = match format {
        Format::Human => output::print(output::summary(&finished)),
        Format::Json => output::print(finished.summary.to_json()?.trim_end()),
    };
    say_what_happened(&finished, format);
    printed?;
    Ok(finished.exit_code)
}

fn execute(
    config: RunConfig,
    environment: &Environment,
    live: LiveArguments,
    interrupted: &Arc<AtomicBool>,
) -> Result<Finished, RunError> {
    live::check(live, config.mode)?;
    let mut prepared = prepare(config, environment)?;
    live::control(&mut prepared, live, interrupted);
    let mut progress = Progress::new(prepared.expected_bars());
    let finished = prepared.execute(&mut |at| {
        progress.show(&at);
        if interrupted.load(Ordering::Relaxed) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    progress.clear();
    finished
}

/// Where this user's plugins and caches are.
pub(super) fn environment(out: Option<PathBuf>, accept: bool, started: Instant) -> Environment {
    Environment {
        plugin_folders: plugin_folders(),
        cache_folder: cache_folder(),
        compiler: compiler::in_child(),
        acceptance: Acceptance { store: Accepted::of_user(), accept },
        out,
        started,
    }
}

fn overrides(arguments: RunArguments) -> Overrides {
    Overrides {
        mode: arguments.mode.map(|mode| match mode {
            Mode::Backtest => config::Mode::Backtest,
            Mode::Simulation => config::Mode::Simulation,
        }),
        plugin: arguments.plugin,
        data: arguments.market.data,
        venue: arguments.market.venue,
        symbols: arguments.market.symbols,
        timeframe: arguments.market.timeframe,
        fills: arguments.fills.map(|fills| match fills {
            Fills::Bars => recordings::Fills::Bars,
            Fills::Trades => recordings::Fills::Trades,
            Fills::Depth => recordings::Fills::Depth,
        }),
        recordings: arguments.recordings,
        from: arguments.market.from,
        to: arguments.market.to,
        delivery: arguments.delivery.map(Into::into),
        set: arguments.set,
        swaps: arguments.swap,
        set_at: arguments.set_at,
        balance: arguments.balance,
        leverage: arguments.leverage,
        seed: arguments.seed,
        allow_gaps: arguments.allow_gaps,
    }
}

/// A flag that Ctrl-C raises. A second Ctrl-C ends the process at once.
pub(super) fn interruption() -> Arc<AtomicBool> {
    let raised = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&raised);
    let installed = ctrlc::set_handler(move || {
        if flag.swap(true, Ordering::Relaxed) {
            std::process::exit(i32::from(ExitCode::Interrupted as u8));
        }
        output::complain("interrupted: saving what is finished (again to quit at once)");
    });
    if let Err(error) = installed {
        output::complain(format_args!("warning: Ctrl-C will not save results: {error}"));
    }
    raised
}

/// Warnings, which JSON holds already, and why plugins were stopped.
fn say_what_happened(finished: &Finished, format: Format) {
    if format == Format::Human {
        for warning in &finished.summary.warnings {
            output::complain(format_args!("warning: {warning}"));
        }
    }
    for (fault, excerpt) in finished.summary.faults.iter().zip(&finished.excerpts) {
        let call = fault.call.map(|call| format!(" in {call}")).unwrap_or_default();
        let function =
            fault.backtrace.first().map(|function| format!(" in `{function}`")).unwrap_or_default();
        let (name, message) = (&fault.strategy, &fault.message);
        if fault.kind == FaultSummary::NOT_LOADED {
            output::complain(format_args!("error: {name} was left out of the run: {message}"));
        } else {
            let FaultSummary { ts, kind, .. } = fault;
            output::complain(format_args!(
                "error: plugin {name} was stopped at {ts}{call}: {kind}: {message}{function}"
            ));
        }
        if let Some(excerpt) = excerpt {
            output::complain(excerpt);
        }
    }
    if finished.exit_code == ExitCode::Interrupted {
        output::complain(format_args!("interrupted: the results end at {}", finished.summary.period.to));
    }
}
