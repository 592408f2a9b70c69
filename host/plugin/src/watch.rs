//! Plugin files that change while the host runs.
//!
//! The folder is watched, not the file: an editor or a build puts another file in its place. What the system tells only
//! wakes the watcher up; it also looks now and then by itself, so that nothing depends on the system telling everything.
//! A changed file is taken when it has stood still for a while and is fit; one that stands still and is not fit is
//! reported once.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use cryptobot_wasm::sha256;
use notify::{RecursiveMode, Watcher};
use thiserror::Error;

use crate::backend::PluginFile;
use crate::kept::keep;

/// How patient a watch is.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// A file is read when it has stood still for so long.
    pub settle: Duration,
    /// A file that is not fit is given so long to become complete.
    pub complete: Duration,
    /// The watch looks by itself so often.
    pub look: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            settle: Duration::from_millis(50),
            complete: Duration::from_secs(1),
            look: Duration::from_millis(500),
        }
    }
}

/// New contents of a watched file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewVersion {
    /// The file.
    pub path: PathBuf,
    /// Its contents.
    pub bytes: Vec<u8>,
    /// Their SHA-256 in hexadecimal.
    pub sha256: String,
}

/// A watched file that stands still and is no plugin.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{}: {reason}", path.display())]
pub struct Unfit {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub reason: String,
}

/// Tells whether contents are fit to be loaded, or what is wrong with them.
pub type Fit = dyn Fn(&[u8]) -> Result<(), String> + Send;

/// Watches one plugin file until it is dropped.
pub struct Watch {
    news: Receiver<Result<NewVersion, Unfit>>,
    /// Kept for its effect: without it the system tells nothing any more and the thread ends.
    _waker: Waker,
}

/// What wakes the thread up.
struct Waker {
    _watcher: Option<notify::RecommendedWatcher>,
    _wake: Sender<()>,
}

impl Watch {
    /// Watches a plugin file, a component or a script; what it is now is the version that runs.
    ///
    /// # Errors
    /// The file cannot be read, or no thread can be started.
    pub fn plugin(file: &Path) -> io::Result<Self> {
        let path = file.to_owned();
        let fit = move |bytes: &[u8]| PluginFile::check(&path, bytes).map_err(|error| error.to_string());
        Self::new(file, Box::new(fit), Patience::default())
    }

    /// Watches a file of any kind. Every version that it tells of is kept for [`rollback`](crate::rollback).
    ///
    /// # Errors
    /// The file cannot be read, or no thread can be started.
    pub fn new(file: &Path, fit: Box<Fit>, patience: Patience) -> io::Result<Self> {
        // Before it is read: what changes meanwhile is seen as a change.
        let seen = Stat::of(file);
        let running = fs::read(file)?;
        // Without the folder of versions there is no way back, and everything else works.
        let _ = keep(file, &running);
        let (wake, woken) = mpsc::channel();
        let (tell, news) = mpsc::channel();
        let watcher = watcher(file, wake.clone());
        let look =
            Look { file: file.to_owned(), fit, patience, seen, running: sha256(&running), unfit: None };
        thread::Builder::new().name("watch".to_owned()).spawn(move || look.on(&woken, &tell))?;
        Ok(Self { news, _waker: Waker { _watcher: watcher, _wake: wake } })
    }

    /// The next news, if there is any.
    pub fn try_next(&self) -> Option<Result<NewVersion, Unfit>> {
        self.news.try_recv().ok()
    }

    /// The next news within a time.
    pub fn next_within(&self, time: Duration) -> Option<Result<NewVersion, Unfit>> {
        self.news.recv_timeout(time).ok()
    }
}

/// The system's watcher of the file's folder; `None` where there is none, and the watch looks by itself only.
fn watcher(file: &Path, wake: Sender<()>) -> Option<notify::RecommendedWatcher> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let wake_up = move |_| {
        // Whatever happened, the thread looks for itself; one that is gone needs no waking.
        let _ = wake.send(());
    };
    let mut watcher = notify::recommended_watcher(wake_up).ok()?;
    watcher.watch(folder, RecursiveMode::NonRecursive).ok()?;
    Some(watcher)
}

/// What tells one state of a file from another without reading it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stat {
    length: u64,
    modified: Option<SystemTime>,
    identity: u64,
}

impl Stat {
    fn of(file: &Path) -> Option<Self> {
        use std::os::unix::fs::MetadataExt;
        let metadata = fs::metadata(file).ok().filter(fs::Metadata::is_file)?;
        Some(Self { length: metadata.len(), modified: metadata.modified().ok(), identity: metadata.ino() })
    }
}

/// The thread's side.
struct Look {
    file: PathBuf,
    fit: Box<Fit>,
    patience: Patience,
    /// The file when it was looked at last and settled.
    seen: Option<Stat>,
    /// Hash of the version that was told last.
    running: String,
    /// Hash of the contents that were reported as unfit last.
    unfit: Option<String>,
}

impl Look {
    /// Looks until nobody listens any more.
    fn on(mut self, woken: &Receiver<()>, tell: &Sender<Result<NewVersion, Unfit>>) {
        loop {
            match woken.recv_timeout(self.patience.look) {
                Ok(()) | Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            if Stat::of(&self.file) == self.seen {
                continue;
            }
            let Some(news) = self.settled(woken) else { continue };
            if tell.send(news).is_err() {
                return;
            }
        }
    }

    /// Waits for the changed file to be complete. `None` where there is nothing new after all.
    fn settled(&mut self, woken: &Receiver<()>) -> Option<Result<NewVersion, Unfit>> {
        let mut since = Instant::now();
        let mut last = Stat::of(&self.file);
        loop {
            match woken.recv_timeout(self.patience.settle) {
                // Each look waits its whole time, however often it is woken up.
                Ok(()) => thread::sleep(self.patience.settle),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return None,
            }
            while woken.try_recv().is_ok() {}
            let now = Stat::of(&self.file);
            if now != last {
                (last, since) = (now, Instant::now());
                continue;
            }
            // A file that is away comes back: an editor renames the old one first.
            let Some(bytes) = now.and_then(|_| fs::read(&self.file).ok()) else {
                if since.elapsed() < self.patience.complete {
                    continue;
                }
                self.seen = now;
                return None;
            };
            if Stat::of(&self.file) != now {
                continue;
            }
            match (self.fit)(&bytes) {
                Ok(()) => {
                    self.seen = now;
                    return self.take(bytes).map(Ok);
                }
                Err(reason) if since.elapsed() >= self.patience.complete => {
                    self.seen = now;
                    let sha256 = sha256(&bytes);
                    if self.unfit.as_ref() == Some(&sha256) {
                        return None;
                    }
                    self.unfit = Some(sha256);
                    return Some(Err(Unfit { path: self.file.clone(), reason }));
                }
                Err(_) => {}
            }
        }
    }

    fn take(&mut self, bytes: Vec<u8>) -> Option<NewVersion> {
        let sha256 = sha256(&bytes);
        self.unfit = None;
        if sha256 == self.running {
            return None;
        }
        self.running.clone_from(&sha256);
        // Without the folder of versions there is no way back, and everything else works.
        let _ = keep(&self.file, &bytes);
        Some(NewVersion { path: self.file.clone(), bytes, sha256 })
    }
}
