//! The child process in which plugins are compiled.

use std::path::PathBuf;
use std::{env, io};

use cryptobot_run::ExitCode;
use cryptobot_wasm::{ChildCompiler, CompileLimits, Compiler, compile_child};

use crate::args::EngineSettings;
use crate::commands::CommandError;

/// The hidden command; `cryptobot_wasm` starts it.
const COMMAND: &str = "plugin-compiler";

/// The child's part.
pub(super) fn run(engine: EngineSettings, limits: CompileLimits) -> Result<ExitCode, CommandError> {
    let strict = engine == EngineSettings::Strict;
    let code = compile_child(strict, limits, io::stdin().lock(), io::stdout().lock())?;
    Ok(if code == 0 { ExitCode::Done } else { ExitCode::Failed })
}

/// This program as the compiler of its plugins.
pub(super) fn in_child() -> Compiler {
    // The running program itself, also where its file was replaced meanwhile; other systems have no such link.
    let running = PathBuf::from("/proc/self/exe");
    let program = if running.exists() { Ok(running) } else { env::current_exe() };
    // Without a path nothing can be started, and the message says so.
    Compiler::Child(ChildCompiler::new(program.unwrap_or_default(), COMMAND))
}
