//! Why orders were refused, cut or ended: counted by reason.

use cryptobot_engine::Decision;
use cryptobot_model::{OrderEvent, OrderEventKind, OrderRequest, RefusalReason};
use serde::Serialize;

/// What the host made of an intent. Everything in this crate that depends on the kind of a decision asks here.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Verdict<'a> {
    /// The order as it was sent; `None` if it was refused.
    pub sent: Option<&'a OrderRequest>,
    /// Why it was refused or cut.
    pub reason: Option<RefusalReason>,
}

impl Verdict<'_> {
    /// Whether it is about the stop or target of an entry that was refused: the entry is what counts.
    pub fn follows_its_entry(&self) -> bool {
        self.sent.is_none() && self.reason == Some(RefusalReason::Parent)
    }
}

impl<'a> From<&'a Decision> for Verdict<'a> {
    fn from(decision: &'a Decision) -> Self {
        match decision {
            Decision::Approved(order) => Self { sent: Some(order), reason: None },
            Decision::Reduced { order, reason, .. } => Self { sent: Some(order), reason: Some(*reason) },
            Decision::Refused { reason, .. } => Self { sent: None, reason: Some(*reason) },
        }
    }
}

/// How often one reason was given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ReasonCount {
    /// The reason.
    pub reason: RefusalReason,
    /// Codes and names that the venues of these orders have for it.
    pub venue_errors: Vec<&'static str>,
    /// Orders, cancels and amendments that the host refused.
    pub refused: u64,
    /// Orders that the host let through with less.
    pub reduced: u64,
    /// Orders that the exchange rejected, or that ended there without being filled to the end.
    pub ended: u64,
}

impl ReasonCount {
    fn name(&mut self, error: Option<&'static str>) {
        if let Some(error) = error.filter(|error| !self.venue_errors.contains(error)) {
            self.venue_errors.push(error);
        }
    }
}

/// Counts per reason, those that are given most first.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reasons(Vec<ReasonCount>);

impl Reasons {
    fn of(&mut self, reason: RefusalReason) -> &mut ReasonCount {
        let index = self.0.iter().position(|count| count.reason == reason).unwrap_or_else(|| {
            self.0.push(ReasonCount { reason, venue_errors: Vec::new(), refused: 0, reduced: 0, ended: 0 });
            self.0.len() - 1
        });
        &mut self.0[index]
    }

    /// Counts a decision that let less through than was wanted. `error` is what the venue has for a refusal.
    pub fn decision(&mut self, verdict: Verdict<'_>, error: Option<&'static str>) {
        let Some(reason) = verdict.reason else { return };
        let count = self.of(reason);
        if verdict.sent.is_some() {
            count.reduced += 1;
        } else {
            count.refused += 1;
            count.name(error);
        }
    }

    /// Counts an event that gives a reason. `lived`: whether its order was with the exchange until then; what the host
    /// itself says about other orders are refusals of cancels and amendments. `error` is what the venue has for it.
    pub fn event(&mut self, event: &OrderEvent, lived: bool, error: Option<&'static str>) {
        let Some(reason) = event.reason else { return };
        let count = self.of(reason);
        count.name(error);
        if lived && event.kind != OrderEventKind::Modified {
            count.ended += 1;
        } else {
            count.refused += 1;
        }
    }

    /// The counts, the largest first, then by the reasons' numbers.
    pub fn counts(&self) -> Vec<ReasonCount> {
        let mut counts = self.0.clone();
        counts.sort_by_key(|count| {
            (std::cmp::Reverse(count.refused + count.reduced + count.ended), count.reason.code())
        });
        counts
    }
}
