//! Plugin files that change while a run goes on: the new version takes over.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use cryptobot_engine::Version;
use cryptobot_model::StrategyId;
use cryptobot_plugin::{NewVersion, Watch};

use super::kept::kept_plugin;
use super::session::Digest;
use crate::error::RunError;
use crate::plan::Plan;
use crate::successor::Successors;

/// How often a thread looks whether it is still needed.
const LOOK: Duration = Duration::from_millis(200);

/// A version that takes over.
pub(super) type News = (StrategyId, Digest, Arc<Version>);

/// The watched plugin files of a run. Each has a thread, which also compiles what is new.
pub(super) struct Watches {
    news: Receiver<News>,
    /// What was wrong with files that did not take over.
    problems: Arc<Mutex<Vec<String>>>,
    ended: Arc<AtomicBool>,
}

impl Watches {
    /// Watches nothing.
    pub(super) fn none() -> Self {
        Self { news: channel().1, problems: Arc::default(), ended: Arc::default() }
    }

    /// Watches the plugin of every bot.
    pub(super) fn start(plan: &Plan, folder: &Path) -> Result<Self, RunError> {
        let (tell, news) = channel();
        let mut watches = Self::none();
        watches.news = news;
        for (slot, bot) in plan.bots.iter().enumerate() {
            let Some(entry) = plan.config.bots.get(&bot.name) else { continue };
            let file = PathBuf::from(&entry.plugin);
            let failed = |source| RunError::Watch { path: file.clone(), source };
            let looking = Watcher {
                watch: Watch::plugin(&file).map_err(failed)?,
                strategy: StrategyId::from(slot),
                bot: bot.name.clone(),
                folder: folder.to_owned(),
                successors: plan.successors(slot),
                tell: tell.clone(),
                problems: Arc::clone(&watches.problems),
                ended: Arc::clone(&watches.ended),
            };
            let thread = thread::Builder::new().name(format!("watch-{}", bot.name));
            thread.spawn(move || looking.run()).map_err(failed)?;
        }
        Ok(watches)
    }

    /// The versions that are ready.
    pub(super) fn news(&self) -> impl Iterator<Item = News> {
        self.news.try_iter()
    }

    /// What was wrong with files that did not take over.
    pub(super) fn problems(&self) -> Vec<String> {
        std::mem::take(&mut *self.problems.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for Watches {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
    }
}

/// The thread's side.
struct Watcher {
    watch: Watch,
    strategy: StrategyId,
    bot: String,
    folder: PathBuf,
    successors: Successors,
    tell: Sender<News>,
    problems: Arc<Mutex<Vec<String>>>,
    ended: Arc<AtomicBool>,
}

impl Watcher {
    fn run(self) {
        while !self.ended.load(Ordering::Relaxed) {
            let made = match self.watch.next_within(LOOK) {
                None => continue,
                Some(Ok(new)) => self.version(&new),
                Some(Err(unfit)) => Err(unfit.to_string()),
            };
            match made {
                // A run that is over needs no more versions.
                Ok(news) => drop(self.tell.send(news)),
                Err(problem) => {
                    let problem = format!("{}: the running version went on: {problem}", self.bot);
                    self.problems.lock().unwrap_or_else(PoisonError::into_inner).push(problem);
                }
            }
        }
    }

    /// Keeps the file, so that the run can be repeated, and makes a version of what was kept.
    fn version(&self, new: &NewVersion) -> Result<News, String> {
        let kept = kept_plugin(&self.folder, &new.sha256, &new.path);
        fs::write(&kept, &new.bytes).map_err(|error| format!("{}: {error}", kept.display()))?;
        let version = self.successors.load(&kept)?;
        let sha256 = digest(&new.sha256).ok_or("its hash is none")?;
        Ok((self.strategy, sha256, version))
    }
}

/// The bytes of a hash in hexadecimal.
fn digest(text: &str) -> Option<Digest> {
    let mut digest = Digest::default();
    for (index, byte) in digest.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(2 * index..2 * index + 2)?, 16).ok()?;
    }
    Some(digest)
}
