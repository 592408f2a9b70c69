//! Threads that take the next combination whenever they are free, so that slow ones hold up nobody.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::thread;
use std::time::Duration;

use crate::error::SweepError;

/// Results that may wait for the writer, per worker.
const WAITING: usize = 64;
/// Between two looks at the clock where no result comes.
const TICK: Duration = Duration::from_millis(200);

/// Works through the tasks `0..count` on `jobs` threads and hands their results, as they come, to `take` on this one;
/// `None` is handed over from time to time where none comes. Tasks without a result are passed over.
///
/// Returns whether all tasks were taken: not where `stop` was raised. An error of a task or of `take` ends the work.
pub(crate) fn work<T: Send>(
    count: u64,
    jobs: usize,
    stop: &AtomicBool,
    task: impl Fn(u64, &(dyn Fn() -> bool + Sync)) -> Result<Option<T>, SweepError> + Sync,
    mut take: impl FnMut(Option<T>) -> Result<(), SweepError>,
) -> Result<bool, SweepError> {
    let (next, failed) = (AtomicU64::new(0), AtomicBool::new(false));
    let stopped = || stop.load(Ordering::Relaxed) || failed.load(Ordering::Relaxed);
    let mut outcome = Ok(());
    thread::scope(|scope| {
        let (send, results) = sync_channel(WAITING * jobs);
        for _ in 0..jobs {
            let send = send.clone();
            let (next, task, stopped) = (&next, &task, &stopped);
            scope.spawn(move || {
                while !stopped() {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    if index >= count {
                        break;
                    }
                    match task(index, stopped) {
                        Ok(None) => {}
                        // Nobody listens any more after an error.
                        Ok(Some(result)) => drop(send.send(Ok(result))),
                        Err(error) => drop(send.send(Err(error))),
                    }
                }
            });
        }
        drop(send);
        loop {
            let taken = match results.recv_timeout(TICK) {
                Ok(Ok(result)) => take(Some(result)),
                Ok(Err(error)) => Err(error),
                Err(RecvTimeoutError::Timeout) => take(None),
                Err(RecvTimeoutError::Disconnected) => break,
            };
            if let Err(error) = taken
                && outcome.is_ok()
            {
                failed.store(true, Ordering::Relaxed);
                outcome = Err(error);
            }
        }
    });
    outcome.map(|()| !stop.load(Ordering::Relaxed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_task_is_done_once_whatever_the_number_of_workers() {
        for jobs in [1, 3, 8] {
            let mut done = Vec::new();
            let task =
                |index: u64, _: &(dyn Fn() -> bool + Sync)| Ok((!index.is_multiple_of(3)).then_some(index));
            let whole = work(1_000, jobs, &AtomicBool::new(false), task, |result| {
                done.extend(result);
                Ok(())
            });
            assert!(whole.unwrap());
            done.sort_unstable();
            assert!(done.into_iter().eq((0..1_000).filter(|index| index % 3 != 0)));
        }
    }

    #[test]
    fn an_error_and_an_interruption_end_the_work() {
        let wrong = |index: u64, _: &(dyn Fn() -> bool + Sync)| {
            if index == 5 { Err(SweepError::usage("a", "b")) } else { Ok(Some(index)) }
        };
        let endless = u64::MAX;
        assert!(work(endless, 2, &AtomicBool::new(false), wrong, |_| Ok(())).is_err());
        let right = |index: u64, _: &(dyn Fn() -> bool + Sync)| Ok(Some(index));
        assert!(
            work(endless, 2, &AtomicBool::new(false), right, |_| Err(SweepError::usage("a", "b"))).is_err()
        );
        let stop = AtomicBool::new(false);
        let whole = work(endless, 2, &stop, right, |_| {
            stop.store(true, Ordering::Relaxed);
            Ok(())
        });
        assert!(!whole.unwrap());
    }
}
