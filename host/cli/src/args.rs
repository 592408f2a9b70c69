//! Commands and their options. `docs/src/reference/commands.md` is generated from here.

pub(crate) mod data;
pub(crate) mod features;
pub(crate) mod generate;
pub(crate) mod live;
pub(crate) mod record;
pub(crate) mod replay;
pub(crate) mod sql;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use cryptobot_model::{Money, Price, Quantity, Rate, Timeframe, Timestamp};

use self::live::LiveArguments;
use self::replay::ReplayArguments;

/// A trading host where strategies are plugins.
#[derive(Debug, Parser)]
#[command(name = "host", version, arg_required_else_help = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run strategies over stored market data and write a report.
    Run(Box<RunArguments>),
    /// Run one strategy with many sets of parameters, or join parts of such a sweep.
    Sweep(Box<SweepCommand>),
    /// Show why an order was filled as it was: market data, queue, latency and rule.
    Explain(ExplainArguments),
    /// Run a recorded run again, from its tape or its data, and say what came out differently.
    Replay(ReplayArguments),
    /// Make, build and examine plugins.
    #[command(subcommand)]
    Plugin(PluginCommand),
    /// Market data.
    #[command(subcommand)]
    Data(DataCommand),
    /// Write a table of features over stored market data.
    Features(Box<features::FeatureArguments>),
    /// Run files.
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Journals of runs.
    #[command(subcommand)]
    Journal(JournalCommand),
    /// Margin and liquidation price of a position.
    Margin(Box<MarginArguments>),
    /// Check what this machine has for building and running plugins, and say how to get what is missing.
    Doctor(DoctorArguments),
    /// Completions for a shell, to be sourced.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// The reference of all commands as Markdown.
    #[command(hide = true)]
    Reference,
    /// Compiles the component on standard input under resource limits; the host starts itself with it.
    #[command(hide = true)]
    PluginCompiler {
        /// The engine's settings.
        #[arg(value_enum)]
        engine: EngineSettings,
        /// Address space, bytes.
        memory_bytes: u64,
        /// Processor time, s.
        cpu_s: u64,
    },
}

/// Settings of the plugin runtime that compiled code depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum EngineSettings {
    /// The usual ones.
    Plain,
    /// Strict mode.
    Strict,
}

/// How a result is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    #[default]
    Human,
    /// Exactly one JSON document.
    Json,
}

/// How a run is driven.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Mode {
    /// Stored data against the simulated exchange.
    Backtest,
    /// The same data, which arrive when they happened.
    Simulation,
}

/// How bars are handed to plugins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Delivery {
    /// One call of the plugin per bar, many of them in one call of the host where it can be driven.
    Event,
    /// One call of the host per bar: the reference.
    Single,
    /// Pages of bars; refused where that is impossible.
    Paged,
    /// Pages of bars where that is possible.
    Auto,
}

impl From<Delivery> for cryptobot_engine::Delivery {
    fn from(delivery: Delivery) -> Self {
        match delivery {
            Delivery::Event => Self::Event,
            Delivery::Single => Self::Single,
            Delivery::Paged => Self::Paged,
            Delivery::Auto => Self::Auto,
        }
    }
}

/// What orders are matched with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Fills {
    /// Stored bars.
    Bars,
    /// Recorded trades.
    Trades,
    /// A recorded order book and its trades.
    Depth,
}

/// Where to look, and what to clean up.
#[derive(Debug, Args)]
pub(crate) struct DoctorArguments {
    /// Folder of market data.
    #[arg(long, value_name = "DIR", default_value = "data")]
    pub(crate) data: PathBuf,
    /// Remove compiled plugins: `stale`, which this host never reads, or `all`.
    #[arg(long, value_enum, value_name = "WHICH", num_args = 0..=1, default_missing_value = "stale")]
    pub(crate) clean: Option<Clean>,
    /// How the result is printed.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
}

/// Which compiled plugins are removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Clean {
    /// Those of other versions, settings or processors.
    Stale,
    /// All.
    All,
}

/// Flags override the run file.
#[derive(Debug, Args)]
pub(crate) struct RunArguments {
    /// Plugin: a .wasm or .rhai file, or a name in plugins/dist or your plugin folder.
    #[arg(long, value_name = "FILE|NAME", required_unless_present = "config")]
    pub(crate) plugin: Option<String>,
    /// Run file (YAML); `host config schema` prints its schema.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// How the run is driven [default: backtest].
    #[arg(long, value_enum)]
    pub(crate) mode: Option<Mode>,
    #[command(flatten)]
    pub(crate) live: LiveArguments,
    #[command(flatten)]
    pub(crate) market: MarketArguments,
    /// Parameter of the plugin; `bot.name=value` for one bot of several.
    #[arg(long, value_name = "NAME=VALUE")]
    pub(crate) set: Vec<String>,
    /// Another version of the plugin takes over at a time, or at `bar:N` once N bars have closed; `BOT.TIME=PLUGIN` for
    /// one bot of several. May be given several times.
    #[arg(long, value_name = "TIME=PLUGIN")]
    pub(crate) swap: Vec<String>,
    /// A tunable parameter gets another value at a time, or at `bar:N`; `BOT.TIME=NAME=VALUE` for one bot of several. May
    /// be given several times.
    #[arg(long, value_name = "TIME=NAME=VALUE")]
    pub(crate) set_at: Vec<String>,
    /// Balance of the account [default: 10000].
    #[arg(long, value_name = "AMOUNT", allow_negative_numbers = true)]
    pub(crate) balance: Option<Money>,
    /// Largest notional per unit of margin, 1 to 125 [default: 1].
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub(crate) leverage: Option<u32>,
    /// Seed of all randomness [default: 42].
    #[arg(long, allow_negative_numbers = true)]
    pub(crate) seed: Option<u64>,
    /// What orders are matched with [default: bars].
    #[arg(long, value_enum)]
    pub(crate) fills: Option<Fills>,
    /// File with a symbol's book and trades in place of the catalog, for --fills trades or depth.
    #[arg(long = "recording", value_name = "SYMBOL=FILE")]
    pub(crate) recordings: Vec<String>,
    /// Run although bars are missing; noted in the results.
    #[arg(long)]
    pub(crate) allow_gaps: bool,
    /// Folder for the results [default: below runs/]; an earlier run in it is replaced.
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// How the result is printed.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
    /// How bars are handed to plugins [default: event].
    #[arg(long, value_enum)]
    pub(crate) delivery: Option<Delivery>,
    /// Accept what the plugins of this run ask for, also where it is more than you accepted before.
    #[arg(long)]
    pub(crate) accept: bool,
}

/// The bars that runs are made on.
#[derive(Debug, Args)]
pub(crate) struct MarketArguments {
    /// Folder of market data.
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// Venue, for example binance-usdm; needed where the data have several.
    #[arg(long)]
    pub(crate) venue: Option<String>,
    /// Symbol, for example BTCUSDT; give it several times for several.
    #[arg(long = "symbol", value_name = "SYMBOL")]
    pub(crate) symbols: Vec<String>,
    /// Length of the bars that strategies decide on, for example 15m [default: 1h].
    #[arg(long)]
    pub(crate) timeframe: Option<Timeframe>,
    /// First bar by open time, UTC, inclusive: 2024-01-01 or 2024-01-01T12:00.
    #[arg(long, value_name = "TIME")]
    pub(crate) from: Option<Timestamp>,
    /// End by open time, UTC, exclusive.
    #[arg(long, value_name = "TIME")]
    pub(crate) to: Option<Timestamp>,
}

/// `host sweep` and what belongs to it.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct SweepCommand {
    #[command(subcommand)]
    pub(crate) command: Option<SweepPart>,
    #[command(flatten)]
    pub(crate) sweep: SweepArguments,
}

/// What is done with sweeps that were run.
#[derive(Debug, Subcommand)]
pub(crate) enum SweepPart {
    /// Join the parts of a sweep that were run with --shard.
    Merge {
        /// Folders of all parts.
        #[arg(required = true, value_name = "DIR")]
        parts: Vec<PathBuf>,
        /// Folder for the whole.
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
        /// How the result is printed.
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
}

/// Flags override the run file.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "a switch of the command line each")]
pub(crate) struct SweepArguments {
    /// Plugin: a .wasm or .rhai file, or a name in plugins/dist or your plugin folder.
    #[arg(long, value_name = "FILE|NAME", required_unless_present = "config")]
    pub(crate) plugin: Option<String>,
    /// Run file (YAML), which may have a section `sweep`; `host config schema` prints its schema.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Values of a parameter: NAME=FIRST..LAST, NAME=FIRST..LAST:STEP or NAME=A,B,C; NAME alone takes what the plugin
    /// describes. Without any, all parameters that it describes a range and a step of.
    #[arg(long = "param", value_name = "NAME=RANGE")]
    pub(crate) params: Vec<String>,
    /// Try N combinations of the grid, drawn without replacement.
    #[arg(long, value_name = "N", group = "search")]
    pub(crate) random: Option<u64>,
    /// Try N combinations of a Latin hypercube.
    #[arg(long, value_name = "N", group = "search")]
    pub(crate) lhs: Option<u64>,
    /// Try N combinations, each where earlier ones did well (tree-structured Parzen estimator).
    #[arg(long, value_name = "N", group = "search")]
    pub(crate) tpe: Option<u64>,
    /// What the best is best in: a figure of summary.json, min:NAME where less is better [default: sharpe].
    #[arg(long, value_name = "NAME")]
    pub(crate) metric: Option<String>,
    /// What the best must fulfil, for example 'trades>=30'; all of them where there are several.
    #[arg(long = "constraint", value_name = "NAME>=NUMBER", allow_hyphen_values = true)]
    pub(crate) constraints: Vec<String>,
    /// Worker threads [default: one per core].
    #[arg(long, value_name = "N")]
    pub(crate) jobs: Option<usize>,
    /// Combinations that are listed, run again with one call per event, and reported in full [default: 20].
    #[arg(long, value_name = "N")]
    pub(crate) top: Option<usize>,
    /// Run each symbol on its own instead of all together.
    #[arg(long)]
    pub(crate) per_symbol: bool,
    /// Go on with the sweep in the folder.
    #[arg(long)]
    pub(crate) resume: bool,
    /// Run only part I of N of the combinations; `host sweep merge` joins them.
    #[arg(long, value_name = "I/N")]
    pub(crate) shard: Option<String>,
    /// Run more than 10 million combinations.
    #[arg(long)]
    pub(crate) yes: bool,
    #[command(flatten)]
    pub(crate) market: MarketArguments,
    /// Parameter of the plugin that has one value; `bot.name=value` for one bot of several.
    #[arg(long, value_name = "NAME=VALUE")]
    pub(crate) set: Vec<String>,
    /// Balance of the account [default: 10000].
    #[arg(long, value_name = "AMOUNT", allow_negative_numbers = true)]
    pub(crate) balance: Option<Money>,
    /// Largest notional per unit of margin, 1 to 125 [default: 1].
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub(crate) leverage: Option<u32>,
    /// Seed of all randomness, that of the search included [default: 42].
    #[arg(long, allow_negative_numbers = true)]
    pub(crate) seed: Option<u64>,
    /// Run although bars are missing; noted in the results.
    #[arg(long)]
    pub(crate) allow_gaps: bool,
    /// Folder for the results [default: below runs/]; an earlier, finished sweep in it is replaced.
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// How the result is printed.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
    /// How bars are handed to plugins [default: auto].
    #[arg(long, value_enum)]
    pub(crate) delivery: Option<Delivery>,
    /// Accept what the plugins of this sweep ask for, also where it is more than you accepted before.
    #[arg(long)]
    pub(crate) accept: bool,
}

/// Which fill to explain.
#[derive(Debug, Args)]
pub(crate) struct ExplainArguments {
    /// Folder of a run.
    pub(crate) run: PathBuf,
    /// Row of fills.csv, counted from 1, or the id of an order.
    pub(crate) fill: u64,
    /// Folder of market data, where it is another one now than in run.yaml.
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// How the result is printed.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
}

#[derive(Debug, Subcommand)]
pub(crate) enum PluginCommand {
    /// Start a new plugin project.
    New {
        /// Folder of the project; its last part is the plugin's name. In Rhai the file NAME.rhai.
        dir: PathBuf,
        /// Language.
        #[arg(long, value_enum, default_value_t)]
        lang: Language,
        /// Folder of an SDK to use instead of a copy of the one in this binary.
        #[arg(long, value_name = "DIR")]
        sdk: Option<PathBuf>,
    },
    /// Build a plugin project into a component.
    Build {
        /// Folder of the project.
        #[arg(default_value = ".")]
        dir: PathBuf,
        /// Folder for the .wasm file.
        #[arg(long, value_name = "DIR", default_value = "dist")]
        out: PathBuf,
    },
    /// Load a plugin, run it on a few bars and say what is wrong with it.
    Check {
        /// Plugin: a .wasm or .rhai file, or a name.
        plugin: String,
    },
    /// Accept what a plugin asks for, where it is more than you accepted before.
    Accept {
        /// Plugin: a .wasm file or a name.
        plugin: String,
    },
    /// Put the version of a plugin back that came before the present one.
    Rollback {
        /// Plugin: a .wasm file or a name.
        plugin: String,
    },
    /// Show what a plugin is, asks for, takes and wants.
    Inspect {
        /// Plugin: a .wasm or .rhai file, or a name.
        plugin: String,
        /// How the result is printed.
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
    /// Play tapes to a built plugin and compare what it does with what is expected.
    Test {
        /// Plugin: a .wasm file, a name, or the folder of a project that was built.
        #[arg(default_value = ".")]
        plugin: String,
        /// Folder of test cases [default: `tests` beside the plugin or its `dist` folder].
        #[arg(long, value_name = "DIR")]
        tests: Option<PathBuf>,
        /// Only the case of this name; give it several times for several.
        #[arg(long = "case", value_name = "NAME")]
        cases: Vec<String>,
        /// Write what the plugin does as what is expected.
        #[arg(long)]
        update: bool,
        /// How the result is printed.
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
    /// Measure what a plugin costs on this machine: compilation, start, each callback, memory.
    Bench(BenchArguments),
}

/// What to measure a plugin on.
#[derive(Debug, Args)]
pub(crate) struct BenchArguments {
    /// Plugin: a .wasm file, a name, or the folder of a project that was built.
    #[arg(default_value = ".")]
    pub(crate) plugin: String,
    /// Parameter of the plugin.
    #[arg(long, value_name = "NAME=VALUE")]
    pub(crate) set: Vec<String>,
    /// Most bars of a round.
    #[arg(long, default_value_t = 100_000)]
    pub(crate) bars: usize,
    /// Rounds, of which the median counts.
    #[arg(long, default_value_t = 5)]
    pub(crate) rounds: usize,
    /// Folder of market data to measure on [default: generated bars].
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// Venue of the market data; needed where there are several.
    #[arg(long, requires = "data")]
    pub(crate) venue: Option<String>,
    /// Symbol of the market data.
    #[arg(long, requires = "data", default_value = "BTCUSDT")]
    pub(crate) symbol: String,
    /// Length of the bars.
    #[arg(long, requires = "data", default_value_t = Timeframe::MINUTE)]
    pub(crate) timeframe: Timeframe,
    /// How the result is printed.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
}

/// Language of a plugin project.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Language {
    /// Rust: a project that is built into a component.
    #[default]
    Rust,
    /// Rhai: a script of one file, nothing to build.
    Rhai,
}

#[derive(Debug, Subcommand)]
pub(crate) enum DataCommand {
    /// Make the bundled sample, a year of synthetic one-minute bars of five pairs; a scenario; or stored data under stress.
    Generate(Box<generate::GenerateArguments>),
    /// Show what is stored: the months of every series.
    List(data::WhichSeries),
    /// Check stored rows: faults are errors (exit code 3), what looks odd is a notice.
    Check(data::CheckArguments),
    /// Bring files into their layout, or mark holes in which there is nothing to be had.
    Repair(data::RepairArguments),
    /// Import files of other programs and exchanges.
    Import(data::ImportArguments),
    /// Export a series as CSV or Parquet.
    Export(data::ExportArguments),
    /// Ask the catalog one question in SQL; nothing is changed. Its tables: SELECT * FROM series.
    Sql(sql::SqlArguments),
    /// Download market data from an exchange; what is stored already is not asked for again.
    Download(Box<data::DownloadArguments>),
    /// Record an exchange's market data while it trades: into the catalog, onto a tape, or both.
    Record(Box<record::RecordArguments>),
    /// Import an exchange's bracket tables (leverage and maintenance margin) into a venue's instruments.json.
    Brackets {
        /// The exchange's answer to leverageBracket, or a map from symbols to leverage tiers; JSON, also gzipped.
        file: PathBuf,
        /// The venue.
        #[arg(long, default_value = "binance-usdm")]
        venue: String,
        /// Folder of market data.
        #[arg(long, value_name = "DIR", default_value = "data")]
        data: PathBuf,
    },
}

/// Side of a position.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum PositionSide {
    /// Bought.
    Long,
    /// Sold.
    Short,
}

/// A position, and the terms that hold for it.
#[derive(Debug, Args)]
pub(crate) struct MarginArguments {
    /// Side of the position.
    #[arg(long, value_enum)]
    pub(crate) side: PositionSide,
    /// Size of the position in base units.
    #[arg(long, value_name = "AMOUNT", allow_negative_numbers = true)]
    pub(crate) size: Quantity,
    /// Average entry price.
    #[arg(long, value_name = "PRICE", allow_negative_numbers = true)]
    pub(crate) entry: Price,
    /// Isolated margin, or the wallet of a cross position [default: the initial margin at the entry price].
    #[arg(long, value_name = "AMOUNT", allow_negative_numbers = true)]
    pub(crate) wallet: Option<Money>,
    /// Leverage, 1 to 125.
    #[arg(long, default_value_t = 1, allow_negative_numbers = true)]
    pub(crate) leverage: u32,
    /// Maintenance margin rate, a fraction; without it the bracket table of --symbol is used.
    #[arg(
        long,
        value_name = "RATE",
        allow_negative_numbers = true,
        required_unless_present = "symbol",
        conflicts_with = "symbol"
    )]
    pub(crate) mmr: Option<Rate>,
    /// Maintenance amount of the bracket, subtracted from notional times rate.
    #[arg(long, value_name = "AMOUNT", allow_negative_numbers = true, default_value_t = Money::ZERO, conflicts_with = "symbol")]
    pub(crate) cum: Money,
    /// Maintenance margin of the other cross positions.
    #[arg(long, value_name = "AMOUNT", allow_negative_numbers = true, default_value_t = Money::ZERO)]
    pub(crate) other_maintenance: Money,
    /// Unrealised profit of the other cross positions.
    #[arg(long, value_name = "AMOUNT", allow_negative_numbers = true, default_value_t = Money::ZERO)]
    pub(crate) other_upnl: Money,
    /// Mark price [default: the entry price].
    #[arg(long, value_name = "PRICE", allow_negative_numbers = true)]
    pub(crate) mark: Option<Price>,
    /// Symbol whose bracket table holds, for example BTCUSDT.
    #[arg(long)]
    pub(crate) symbol: Option<String>,
    /// Venue of the symbol.
    #[arg(long, default_value = "binance-usdm")]
    pub(crate) venue: String,
    /// Folder of market data.
    #[arg(long, value_name = "DIR", default_value = "data")]
    pub(crate) data: PathBuf,
    /// How the result is printed.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Print the JSON Schema of run files.
    Schema,
    /// Check a run file without running it.
    Check {
        /// The run file.
        file: PathBuf,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum JournalCommand {
    /// Check every hash of a journal's chain.
    Verify {
        /// A journal.bin, or the folder of a run.
        path: PathBuf,
    },
    /// Print all entries of a journal, one per line.
    Show {
        /// A journal.bin, or the folder of a run.
        path: PathBuf,
        /// How the entries are printed.
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
}
