//! `host plugin`.

use std::io;
use std::path::{Path, PathBuf};

use cryptobot_plugin::{
    Accepted, Inspection, Language, Limits, Loader, PluginFile, Standing, cache_folder, check, inspect,
    plugin_folders, plugin_name, resolve, rollback,
};
use cryptobot_run::ExitCode;
use cryptobot_wasm::RuntimeConfig;

use crate::args::{self, Format, PluginCommand};
use crate::commands::{CommandError, compiler};
use crate::output::{complain, plain_table, print};

pub(super) fn run(command: PluginCommand) -> Result<ExitCode, CommandError> {
    match command {
        PluginCommand::New { dir, lang, sdk } => new(&dir, lang, sdk.as_deref()),
        PluginCommand::Build { dir, out } => build(&dir, &out),
        PluginCommand::Check { plugin } => check_plugin(&plugin),
        PluginCommand::Rollback { plugin } => roll_back(&plugin),
        PluginCommand::Accept { plugin } => accept(&plugin),
        PluginCommand::Inspect { plugin, format } => inspect_plugin(&plugin, format),
    }
}

fn new(dir: &Path, language: args::Language, sdk: Option<&Path>) -> Result<ExitCode, CommandError> {
    let language = match language {
        args::Language::Rust => Language::Rust,
        args::Language::Rhai => Language::Rhai,
    };
    let project = cryptobot_plugin::new(dir, language, sdk)?;
    if language == Language::Rhai {
        let script = project.files.iter().map(|file| project.dir.join(file)).collect::<PathBuf>();
        let script = script.strip_prefix(".").unwrap_or(&script).display();
        print(format_args!("made {script}"))?;
        print(format_args!("next: host plugin check {script} && host run --plugin {script}"))?;
        return Ok(ExitCode::Done);
    }
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
    for note in &built.notes {
        complain(format_args!("note: {note}"));
    }
    Ok(ExitCode::Done)
}

fn roll_back(plugin: &str) -> Result<ExitCode, CommandError> {
    let back = rollback(&found(plugin)?)?;
    print(format_args!("{}  sha256 {}  was {}", back.path.display(), back.to, back.from))?;
    print(format_args!("{} earlier versions are kept", back.earlier))?;
    Ok(ExitCode::Done)
}

fn loader() -> Loader {
    Loader::new(RuntimeConfig {
        cache_dir: cache_folder(),
        compiler: compiler::in_child(),
        ..RuntimeConfig::default()
    })
}

fn found(plugin: &str) -> Result<PathBuf, CommandError> {
    Ok(resolve(plugin, &plugin_folders())?)
}

fn check_plugin(plugin: &str) -> Result<ExitCode, CommandError> {
    let path = found(plugin)?;
    let report = check(&loader(), &path, &Limits::default());
    for passed in &report.passed {
        print(format_args!("ok       {passed}"))?;
    }
    for problem in &report.problems {
        print(format_args!("problem  {problem}"))?;
    }
    Ok(if report.is_ok() { ExitCode::Done } else { ExitCode::Plugin })
}

fn accept(plugin: &str) -> Result<ExitCode, CommandError> {
    let path = found(plugin)?;
    let file =
        PluginFile::read(&path).map_err(|source| CommandError::LoadPlugin { path: path.clone(), source })?;
    let (name, declaration) = (plugin_name(&file, &path), file.declaration());
    let store = Accepted::of_user().ok_or(CommandError::NoAcceptedFolder)?;
    let change = match store.standing(&name, &declaration) {
        Ok(Standing::New) => "for the first time".to_owned(),
        Ok(Standing::Within) => "which asks for no more than before".to_owned(),
        Ok(Standing::Beyond(more)) => format!("new: {}", more.join(", ")),
        // What is damaged is replaced.
        Err(_) => "in place of a damaged record".to_owned(),
    };
    store.accept(&name, &declaration)?;
    print(format_args!("accepted {name}, {change}"))?;
    Ok(ExitCode::Done)
}

fn inspect_plugin(plugin: &str, format: Format) -> Result<ExitCode, CommandError> {
    let path = found(plugin)?;
    let inspection = inspect(&loader(), &path, &Limits::default())
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
    show_manifest(inspection)?;
    for import in &inspection.imports {
        print(format_args!("uses {}: {}", import.name, import.functions.join(", ")))?;
    }
    show_params(inspection)?;
    show_limits(inspection)
}

fn show_params(inspection: &Inspection) -> io::Result<()> {
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

/// What the plugin asks for, and what it gets without a run file.
fn show_manifest(inspection: &Inspection) -> io::Result<()> {
    fn listed(items: impl IntoIterator<Item = impl ToString>) -> String {
        let items: Vec<String> = items.into_iter().map(|item| item.to_string()).collect();
        if items.is_empty() { "nothing but the base".to_owned() } else { items.join(", ") }
    }
    match &inspection.manifest {
        None => print("no manifest: it is taken to declare what it imports, and does not trade live")?,
        Some(manifest) => {
            let declared = &manifest.declares;
            print(format_args!("declares {}", listed(&declared.interfaces)))?;
            print(format_args!("for {} in {}", listed(&declared.instruments), listed(&declared.modes)))?;
        }
    }
    print(format_args!("imports {}", listed(&inspection.capabilities)))?;
    print(format_args!("granted by default in {}", listed(&inspection.default_modes)))
}

fn show_limits(inspection: &Inspection) -> io::Result<()> {
    let declared = inspection.manifest.as_ref().map(|manifest| manifest.declares.limits).unwrap_or_default();
    let mut table = plain_table();
    table.set_header(["Limit", "In force", "Declared"]);
    for ((name, limit), (_, declared)) in inspection.limits.by_name().zip(declared.by_name()) {
        let text = |limit: Option<u64>| limit.map(|limit| limit.to_string()).unwrap_or_default();
        table.add_row([name.to_owned(), text(limit), text(declared)]);
    }
    print(table)
}
