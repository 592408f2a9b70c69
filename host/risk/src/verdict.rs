//! What becomes of an order.

use cryptobot_model::{OrderRequest, Quantity, RefusalReason};

use crate::check::Approved;

/// The numbers a decision was made on, in the unit of the limit: an amount of money, a fraction, a count or seconds.
/// NaN where the reason has no number.
#[derive(Clone, Copy, Debug)]
pub struct Evidence {
    /// What is allowed.
    pub limit: f64,
    /// What it was, or would have been.
    pub value: f64,
}

impl Evidence {
    /// No numbers.
    pub const NONE: Self = Self { limit: f64::NAN, value: f64::NAN };
}

/// Bit by bit, so that absent numbers are equal.
impl PartialEq for Evidence {
    fn eq(&self, other: &Self) -> bool {
        self.limit.to_bits() == other.limit.to_bits() && self.value.to_bits() == other.value.to_bits()
    }
}

/// Why something may not be, and the numbers that this rests on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Refusal {
    /// Why.
    pub reason: RefusalReason,
    /// Its numbers.
    pub evidence: Evidence,
}

impl Refusal {
    /// A refusal with what is allowed and what it was; NaN for a number that there is not.
    pub const fn new(reason: RefusalReason, limit: f64, value: f64) -> Self {
        Self { reason, evidence: Evidence { limit, value } }
    }
}

/// A refusal without numbers.
impl From<RefusalReason> for Refusal {
    fn from(reason: RefusalReason) -> Self {
        Self { reason, evidence: Evidence::NONE }
    }
}

/// What the limits say about an order.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Verdict {
    /// As it is.
    Approved,
    /// Less of it.
    Reduced {
        /// The quantity that is allowed, on the lot.
        to: Quantity,
        /// The limit that allows the least.
        reason: RefusalReason,
        /// Its numbers.
        evidence: Evidence,
    },
    /// Nothing of it.
    Refused {
        /// The limit that forbids it.
        reason: RefusalReason,
        /// Its numbers.
        evidence: Evidence,
    },
}

/// The decision about an order: the verdict, and the order that may be sent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ruling {
    /// What was decided and why.
    pub verdict: Verdict,
    /// The order to send; `None` where it was refused.
    pub order: Option<Approved<OrderRequest>>,
}
