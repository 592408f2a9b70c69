//! Funding: what perpetual futures pay between longs and shorts at their own times.

use cryptobot_model::{FundingPayment, InstrumentId};

use super::Engine;
use crate::feed::NEVER;
use crate::recorder::{Entry, Recorder};
use crate::venue::Venue;

impl<V: Venue> Engine<V> {
    /// Pays the funding that is due, instrument by instrument, on the positions after this step's fills.
    #[inline(never)]
    pub(super) fn pay_funding(&mut self, recorder: &mut dyn Recorder) {
        self.next_funding = NEVER;
        for (index, market) in self.markets.iter_mut().enumerate() {
            let instrument = InstrumentId::from(index);
            while let Some(funding) = market.due_funding(self.now) {
                let (mark, source) = market.funding_price(&funding);
                if let Some(margin) = &mut self.margin {
                    margin.pay_funding(instrument, mark, funding.rate);
                }
                for slot in &mut self.slots {
                    let position = slot.account.position(instrument).quantity();
                    if position.is_zero() {
                        continue;
                    }
                    let paid = slot.pay_funding(instrument, mark, funding.rate);
                    recorder.entry(&Entry::Funding(&FundingPayment {
                        ts: funding.ts,
                        strategy: slot.id,
                        instrument,
                        position,
                        mark,
                        source,
                        rate: funding.rate,
                        paid,
                    }));
                    let (strategy, wallet) = (slot.id, slot.wallet());
                    recorder.entry(&Entry::Wallet { ts: funding.ts, strategy, wallet });
                }
            }
            self.next_funding = self.next_funding.min(market.next_funding());
        }
    }
}
