//! Where plugins are compiled: in this process, or in a child with resource limits.
//!
//! A file that passes every check can still keep a compiler busy for hours or make it take all memory. The child is
//! this same program, started again: it limits its own memory and processor time, reads the component on standard
//! input and writes `SHA-256 || compiled code` to standard output. It has no environment and writes no files. What it
//! returns is trusted as far as this host's own compiler is: the child bounds resources, it is no wall against a bug
//! that lets a component take the compiler over.

use std::fmt::Write as _;
use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, Signal, setrlimit};
use sha2::{Digest, Sha256};
use wasmtime::Engine;
use wasmtime::component::Component;

use crate::cache;
use crate::contract::{LoadError, MAX_COMPONENT_BYTES, first_line};
use crate::drive;
use crate::relay;
use crate::runtime::engine_config;

/// Threads that the child compiles with: each reserves addresses, which its limit counts.
const THREADS: &str = "4";
/// Most bytes of compiled code that are taken from a child.
const MAX_CODE_BYTES: u64 = 1 << 30;
/// Exit code of a child whose component the compiler refused; the reason is what it wrote.
const REFUSED: i32 = 1;

/// Where components are compiled.
#[derive(Clone, Debug, Default)]
pub enum Compiler {
    /// In this process: for tests and for files of one's own.
    #[default]
    InProcess,
    /// In a child process with resource limits.
    Child(ChildCompiler),
}

/// How a child is started.
#[derive(Clone, Debug)]
pub struct ChildCompiler {
    /// The program; it must call [`compile_child`] with what follows its arguments.
    pub program: PathBuf,
    /// Its first arguments. `strict` or `plain`, the bytes of memory and the seconds follow.
    pub arguments: Vec<String>,
    /// What it may use.
    pub limits: CompileLimits,
}

/// What compiling one component may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CompileLimits {
    /// Address space of the child, bytes.
    pub memory_bytes: u64,
    /// Processor time of all threads together, s.
    pub cpu_s: u64,
    /// Wall time, s, after which the parent ends the child.
    pub wall_s: u64,
}

impl Default for CompileLimits {
    /// The largest components known, with a language runtime of 18 MB, take 4 s of wall time on four processors and less
    /// than 2 GiB.
    fn default() -> Self {
        Self { memory_bytes: 4 << 30, cpu_s: 120, wall_s: 300 }
    }
}

impl Compiler {
    /// Compiles a checked component.
    pub(crate) fn compile(
        &self,
        engine: &Engine,
        strict: bool,
        component: &[u8],
    ) -> Result<Component, LoadError> {
        let fits = |made: &Vec<u8>| made.len() as u64 <= MAX_COMPONENT_BYTES;
        // Where instructions are counted, only the plugin's own are.
        let driven = if strict { None } else { drive::driven(component).filter(fits) };
        let component = driven.as_deref().unwrap_or(component);
        let relayed = relay::relayed(component).filter(fits);
        let component = relayed.as_deref().unwrap_or(component);
        match self {
            Self::InProcess => Component::from_binary(engine, component)
                .map_err(|error| LoadError::Compile(first_line(&format!("{error:#}")))),
            Self::Child(child) => {
                let code = child.run(strict, component).map_err(LoadError::Compile)?;
                cache::load(engine, &code)
                    .ok_or_else(|| LoadError::Compile("its code is not for this host".to_owned()))
            }
        }
    }
}

impl ChildCompiler {
    /// A child of `program`, which takes `argument` for its first one, with the usual limits.
    pub fn new(program: PathBuf, argument: &str) -> Self {
        Self { program, arguments: vec![argument.to_owned()], limits: CompileLimits::default() }
    }

    /// The compiled code, or in one line why there is none.
    fn run(&self, strict: bool, component: &[u8]) -> Result<Vec<u8>, String> {
        let CompileLimits { memory_bytes, cpu_s, wall_s } = self.limits;
        let mut child = Command::new(&self.program)
            .args(&self.arguments)
            .arg(if strict { "strict" } else { "plain" })
            .args([memory_bytes.to_string(), cpu_s.to_string()])
            .env_clear()
            .env("RAYON_NUM_THREADS", THREADS)
            .env("MALLOC_ARENA_MAX", THREADS)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| format!("the compiler cannot be started: {error}"))?;
        let output = self.exchange(&mut child, component);
        if output.is_none() {
            // Ends it; it may have ended by itself.
            let _ = child.kill();
        }
        let status = child.wait().map_err(|error| format!("the compiler cannot be waited for: {error}"))?;
        let Some(output) = output else {
            return Err(format!("it took more than {wall_s} s"));
        };
        if !status.success() {
            return Err(self.failure(status, &output));
        }
        let (digest, code) = output.split_at_checked(DIGEST_BYTES).unwrap_or_default();
        if Sha256::digest(code).as_slice() != digest {
            return Err("the compiler's answer is damaged".to_owned());
        }
        Ok(code.to_owned())
    }

    /// Writes the component and reads the answer. `None` where that takes too long.
    fn exchange(&self, child: &mut Child, component: &[u8]) -> Option<Vec<u8>> {
        let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
        let (done, answered) = mpsc::channel();
        let wall = Duration::from_secs(self.limits.wall_s);
        thread::scope(|scope| {
            scope.spawn(move || {
                // A child that ends early says why by its exit status.
                let _ = stdin.map(|mut stdin| stdin.write_all(component));
            });
            scope.spawn(move || {
                let mut output = Vec::new();
                let _ = stdout.map(|stdout| stdout.take(MAX_CODE_BYTES).read_to_end(&mut output));
                // Nobody waits any more where it took too long.
                let _ = done.send(output);
            });
            let output = answered.recv_timeout(wall).ok();
            if output.is_none() {
                // Closes both pipes, so that the threads end.
                let _ = child.kill();
            }
            output
        })
    }

    /// Why a child ended without code.
    fn failure(&self, status: ExitStatus, output: &[u8]) -> String {
        use std::os::unix::process::ExitStatusExt;
        let CompileLimits { memory_bytes, cpu_s, .. } = self.limits;
        match (status.code(), status.signal().and_then(Signal::from_named_raw)) {
            (Some(REFUSED), _) => first_line(&String::from_utf8_lossy(output)),
            (_, Some(Signal::XCPU)) => format!("it took more than {cpu_s} s of processor time"),
            (_, Some(Signal::KILL)) => "the compiler was killed; was there too little memory?".to_owned(),
            (_, Some(Signal::ABORT)) => {
                let mebibytes = memory_bytes >> 20;
                format!("the compiler gave up; it may use {mebibytes} MiB of addresses and {cpu_s} s")
            }
            _ => format!("the compiler failed ({status})"),
        }
    }
}

const DIGEST_BYTES: usize = 32;

/// The child's part: limits this process, reads a component from `input`, and writes its code or why there is none to
/// `output`. Returns the exit code.
pub fn compile_child(
    strict: bool,
    limits: CompileLimits,
    input: impl Read,
    mut output: impl Write,
) -> io::Result<i32> {
    limit_this_process(limits)?;
    let mut component = Vec::new();
    input.take(MAX_COMPONENT_BYTES + 1).read_to_end(&mut component)?;
    let compiled =
        Engine::new(&engine_config(strict)).and_then(|engine| engine.precompile_component(&component));
    let code = match compiled {
        Ok(code) => {
            output.write_all(&Sha256::digest(&code))?;
            output.write_all(&code)?;
            0
        }
        Err(error) => {
            let mut line = String::new();
            // Writing to a String cannot fail.
            let _ = write!(line, "{error:#}");
            output.write_all(first_line(&line).as_bytes())?;
            REFUSED
        }
    };
    output.flush()?;
    Ok(code)
}

fn limit_this_process(limits: CompileLimits) -> io::Result<()> {
    let set = |resource, most: u64| {
        setrlimit(resource, Rlimit { current: Some(most), maximum: Some(most) }).map_err(io::Error::from)
    };
    set(Resource::Core, 0)?;
    set(Resource::Fsize, 0)?;
    set(Resource::As, limits.memory_bytes)?;
    // The first signal ends the process; the hard limit is only there for one that ignores it.
    let cpu = Rlimit { current: Some(limits.cpu_s), maximum: Some(limits.cpu_s + 1) };
    setrlimit(Resource::Cpu, cpu).map_err(io::Error::from)
}
