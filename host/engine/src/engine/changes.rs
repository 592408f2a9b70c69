//! Changes of running strategies, between two events.

use std::sync::Arc;

use cryptobot_model::Timestamp;

use super::{Engine, Retire};
use crate::change::{Change, ChangeReport, ChangeRequest, Changed, When};
use crate::fault::{Fault, FaultKind, GuestCall};
use crate::recorder::Recorder;
use crate::succession::{snapshot, take_over};
use crate::venue::Venue;
use crate::version::{Origin, Params, Version};

impl<V: Venue> Engine<V> {
    /// Asks for a change of a strategy. In the journal there is nothing of it but what the strategy does differently; what
    /// became of it stands in [`Outcome::changes`](super::Outcome::changes).
    pub fn request_change(&mut self, request: ChangeRequest) {
        self.changes.add(request);
    }

    /// What became of the changes so far.
    pub fn changes(&self) -> &[ChangeReport] {
        &self.changes.reports
    }

    /// Hands instances that are not needed any more to `retire`: dropping them takes long and may happen on another
    /// thread. Without a call they are dropped in place.
    #[must_use]
    pub fn with_retirement(mut self, retire: Retire) -> Self {
        self.retire = Some(retire);
        self
    }

    /// Makes the changes that are due before the step at `next`.
    #[cold]
    #[inline(never)]
    pub(super) fn make_changes(&mut self, next: Timestamp, recorder: &mut dyn Recorder) {
        for request in self.changes.take_due(next, self.bars) {
            let before_all = self.now == Timestamp(i64::MIN);
            let ts = match request.when {
                _ if before_all => next,
                When::Time(at) => at.max(self.now),
                When::Bars(_) | When::Next => self.now,
            };
            let result = self.make_change(&request, ts, recorder);
            self.changes.reports.push(ChangeReport { request, ts: Some(ts), result });
        }
    }

    fn make_change(
        &mut self,
        request: &ChangeRequest,
        now: Timestamp,
        recorder: &mut dyn Recorder,
    ) -> Result<Changed, String> {
        let index = request.strategy.index();
        let Some(slot) = self.slots.get(index) else {
            return Err(format!("there is no strategy {}", request.strategy.0));
        };
        if let Some(fault) = &slot.fault {
            return Err(format!("the strategy was stopped before: {fault}"));
        }
        let Some(origin) = slot.origin.clone() else {
            return Err("what the strategy was made of is not known".to_owned());
        };
        match &request.change {
            Change::Swap { version, set } => {
                let version = version.as_ref().map_err(Clone::clone)?;
                self.swap(index, &origin, version, set, now, recorder)
            }
            Change::Tune { set } => self.tune(index, origin, set, now, recorder),
        }
    }

    fn swap(
        &mut self,
        index: usize,
        origin: &Origin,
        version: &Arc<Version>,
        set: &Params,
        now: Timestamp,
        recorder: &mut dyn Recorder,
    ) -> Result<Changed, String> {
        let slot = &mut self.slots[index];
        version.check_series(slot.strategy.desk().series())?;
        let (params, dropped) = version.params_after(&origin.params, set)?;
        let heir = (version.make)(&params).map_err(|fault| format!("it does not start: {fault}"))?;
        let heir = slot.heir(heir);
        let state = match snapshot(slot.strategy.as_mut(), origin.version.info.state_version, now) {
            Ok(state) => state,
            Err(fault) => {
                self.retire(index, heir);
                let call = GuestCall::Snapshot;
                return Err(self.take_amiss(
                    "the running version's snapshot",
                    call,
                    index,
                    fault,
                    now,
                    recorder,
                ));
            }
        };
        let (left, result) = take_over(&mut slot.strategy, heir, version, Some(&state), now);
        if result.is_ok() {
            slot.follow_version(Origin { version: Arc::clone(version), params });
            let asked = slot.asked();
            self.finish_callback(index, GuestCall::Restore, Ok(asked), recorder);
            self.slots[index].strategy.desk().accepting = true;
        }
        self.retire(index, left);
        result
            .map(|()| Changed { state_bytes: state.bytes.len(), dropped })
            .map_err(|fault| fault.to_string())
    }

    fn tune(
        &mut self,
        index: usize,
        origin: Origin,
        set: &Params,
        now: Timestamp,
        recorder: &mut dyn Recorder,
    ) -> Result<Changed, String> {
        let params = origin.version.tuned(&origin.params, set)?;
        let slot = &mut self.slots[index];
        let before = slot.strategy.desk().before();
        slot.strategy.desk().begin(now);
        match slot.strategy.tune(&params) {
            Ok(()) => {
                slot.origin = Some(Origin { params, ..origin });
                let asked = slot.asked();
                self.finish_callback(index, GuestCall::Tune, Ok(asked), recorder);
                Ok(Changed::default())
            }
            Err(fault) => {
                slot.strategy.desk().forget_since(&before);
                Err(self.take_amiss("it", GuestCall::Tune, index, fault, now, recorder))
            }
        }
    }

    /// A refusal changes nothing; any other fault of the running instance ends it, as in any other call.
    fn take_amiss(
        &mut self,
        who: &str,
        call: GuestCall,
        index: usize,
        fault: Fault,
        now: Timestamp,
        recorder: &mut dyn Recorder,
    ) -> String {
        let reason = format!("{who}: {fault}");
        if fault.kind != FaultKind::Refused {
            self.now = self.now.max(now);
            self.finish_callback(index, call, Err(fault), recorder);
        }
        reason
    }

    /// An instance of a strategy is not needed any more: what its calls took is kept.
    pub(super) fn retire(&mut self, index: usize, mut left: Box<dyn crate::Strategy>) {
        self.slots[index].count_calls(left.as_mut());
        if let (Some(remains), Some(retire)) = (left.into_remains(), &mut self.retire) {
            retire(remains);
        }
    }
}
