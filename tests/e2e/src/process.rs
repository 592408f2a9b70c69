//! Child processes: what they said, how they ended, what they used.

use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use wait4::Wait4;

/// Longest time that any command of these tests may take, on a busy machine in the dev profile.
const PATIENCE: Duration = Duration::from_mins(2);

/// A process that ended.
#[derive(Debug)]
pub struct Ran {
    /// Exit code; `None` = ended by a signal.
    pub code: Option<i32>,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
    /// Largest resident memory, bytes.
    pub peak_rss: u64,
    /// Wall time.
    pub took: Duration,
}

impl Ran {
    /// Checks the exit code; shows what was said where it is another.
    #[expect(clippy::return_self_not_must_use, reason = "many tests want the check alone")]
    pub fn expect(self, code: i32) -> Self {
        let Self { stdout, stderr, .. } = &self;
        assert_eq!(self.code, Some(code), "\nstdout: {stdout}\nstderr: {stderr}");
        assert!(!stderr.contains("thread 'main'") && !stderr.contains("RUST_BACKTRACE"), "a panic: {stderr}");
        self
    }

    /// Checks the exit code and that one line on standard error says all of `words`; returns that line.
    pub fn refused(self, code: i32, words: &[&str]) -> String {
        let ran = self.expect(code);
        let lines: Vec<&str> = ran.stderr.lines().filter(|line| line.starts_with("error: ")).collect();
        let [line] = lines.as_slice() else { panic!("not one line of error: {}", ran.stderr) };
        for word in words {
            assert!(line.contains(word), "expected `{word}` in: {line}");
        }
        assert!(!line.contains(char::is_control), "{line:?}");
        (*line).to_owned()
    }

    /// Standard output as one JSON document.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {}", self.stdout))
    }
}

/// Starts a command with its output caught.
pub fn start(command: &mut Command) -> Child {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"))
}

/// Waits for a process; ends it where it takes too long.
pub fn run_to_end(mut child: Child) -> Ran {
    let started = Instant::now();
    let (stdout, stderr) = (child.stdout.take().map(read), child.stderr.take().map(read));
    let pid = rustix::process::Pid::from_child(&child);
    let (ended, until) = mpsc::channel::<()>();
    let watchdog = thread::spawn(move || {
        // Nobody sends: the channel closes when the process has ended.
        if until.recv_timeout(PATIENCE) == Err(mpsc::RecvTimeoutError::Timeout) {
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
        }
    });
    let usage = child.wait4().expect("the process ends");
    drop(ended);
    watchdog.join().expect("the watchdog");
    let text =
        |reader: Option<thread::JoinHandle<String>>| reader.map(|reader| reader.join().expect("output"));
    Ran {
        code: usage.status.code(),
        stdout: text(stdout).unwrap_or_default(),
        stderr: text(stderr).unwrap_or_default(),
        peak_rss: usage.rusage.maxrss,
        took: started.elapsed(),
    }
}

fn read(mut pipe: impl Read + Send + 'static) -> thread::JoinHandle<String> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        pipe.read_to_end(&mut bytes).expect("output of the process");
        String::from_utf8_lossy(&bytes).into_owned()
    })
}
