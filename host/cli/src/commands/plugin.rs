//! `host plugin`.

use std::io;
use std::path::{Path, PathBuf};

use cryptobot_plugin::{
    Inspection, Language, cache_folder, check, inspect, plugin_folders, resolve, rollback,
};
use cryptobot_run::ExitCode;
use cryptobot_wasm::{Limits, Runtime, RuntimeConfig};

use crate::args::{self, Format, PluginCommand};
use crate::commands::CommandError;
use crate::output::{plain_table, print};

pub(super) fn run(command: PluginCommand) -> Result<ExitCode, CommandError> {
    match command {
        PluginCommand::New { dir, lang, sdk } => new(&dir, lang, sdk.as_deref()),
        PluginCommand::Build { dir, out } => build(&dir, &out),
        PluginCommand::Check { plugin } => check_plugin(&plugin),
        PluginCommand::Rollback { plugin } => roll_back(&plugin),
        PluginCommand::Inspect { plugin, format } => inspect_plugin(&plugin, format),
    }
}

fn new(dir: &Path, language: args::Language, sdk: Option<&Path>) -> Result<ExitCode, CommandError> {
    let args::Language::Rust = language;
    let project = cryptobot_plugin::new(dir, Language::Rust, sdk)?;
    print(format_args!("made {}:", project.dir.display()))?;
    for file in &project.files {
        print(format_args!("  {}", file.display()))?;
    }
    print(format_args!("next: cd {} && cargo test && host plugin build", project.dir.display()))?;
    Ok(ExitCode::Done)
}

fn build(dir: &Path, out: &Path) -> Result<ExitCode, CommandError> {
    let built = cryptobot_plugin::build(dir, out)?;
    print(format_args!("{}  {} bytes  sha256 {}", built.path.display(), built.size_bytes, built.sha256))?;
    Ok(ExitCode::Done)
}

fn roll_back(plugin: &str) -> Result<ExitCode, CommandError> {
    let back = rollback(&found(plugin)?)?;
    print(format_args!("{}  sha256 {}  was {}", back.path.display(), back.to, back.from))?;
    print(format_args!("{} earlier versions are kept", back.earlier))?;
    Ok(ExitCode::Done)
}

fn runtime() -> Result<Runtime, CommandError> {
    Ok(Runtime::new(&RuntimeConfig { cache_dir: cache_folder(), ..RuntimeConfig::default() })?)
}

fn found(plugin: &str) -> Result<PathBuf, CommandError> {
    Ok(resolve(plugin, &plugin_folders())?)
}

fn check_plugin(plugin: &str) -> Result<ExitCode, CommandError> {
    let path = found(plugin)?;
    let report = check(&runtime()?, &path, &Limits::default());
    for passed in &report.passed {
        print(format_args!("ok       {passed}"))?;
    }
    for problem in &report.problems {
        print(format_args!("problem  {problem}"))?;
    }
    Ok(if report.is_ok() { ExitCode::Done } else { ExitCode::Plugin })
}

fn inspect_plugin(plugin: &str, format: Format) -> Result<ExitCode, CommandError> {
    let path = found(plugin)?;
    let inspection = inspect(&runtime()?, &path, &Limits::default())
        .map_err(|source| CommandError::InspectPlugin { path, source })?;
    match format {
        Format::Json => print(serde_json::to_string_pretty(&inspection)?)?,
        Format::Human => show(&inspection)?,
    }
    Ok(ExitCode::Done)
}

fn show(inspection: &Inspection) -> io::Result<()> {
    print(format_args!("{} {}  contract {}", inspection.name, inspection.version, inspection.contract))?;
    print(format_args!("{} bytes  sha256 {}", inspection.size_bytes, inspection.sha256))?;
    print(format_args!("warm-up {} bars  wants {}", inspection.warmup_bars, inspection.wants.join(", ")))?;
    for series in &inspection.series {
        let timeframe = series.timeframe.as_deref().unwrap_or("base timeframe");
        print(format_args!("series {}  {timeframe}", series.role))?;
    }
    for import in &inspection.imports {
        print(format_args!("uses {}: {}", import.name, import.functions.join(", ")))?;
    }
    if inspection.params.is_empty() {
        return Ok(());
    }
    let mut table = plain_table();
    table.set_header(["Parameter", "Type", "Default", "Range", "Meaning"]);
    for param in &inspection.params {
        let spec = &param.spec;
        table.add_row([
            spec.name.clone(),
            param.param_type.to_string(),
            spec.default.to_string(),
            spec.range(),
            spec.doc.clone(),
        ]);
    }
    print(table)
}
