//! What passive orders would have got, by queue model.

use std::collections::VecDeque;

use cryptobot_data::messages::Tape;
use cryptobot_model::{OrderEventKind, OrderId, Side, Timestamp};
use cryptobot_sim::Report;
use cryptobot_sim::depth::{Book, ConstantLatency, Contract, Gateway};

use super::maker::post_only;
use super::{MODELS, Told, Trader, drive};

const EVERY_NS: i64 = 1_000_000_000;
const LIFE_NS: i64 = 30_000_000_000;

/// Joins the best bid and the best ask once a second with a hundredth of a coin; each order is cancelled half a minute
/// later.
struct Passive {
    contract: Contract,
    lots: i64,
    next_at: Timestamp,
    sent: u64,
    open: VecDeque<(Timestamp, OrderId)>,
    /// By order number: when it was accepted.
    accepted: Vec<Option<Timestamp>>,
    filled_lots: i64,
    /// Times from acceptance to complete fill, s.
    times: Vec<f64>,
}

impl Passive {
    fn new(contract: Contract) -> Self {
        Self {
            contract,
            lots: (1_000_000 / contract.lot.units()) as i64,
            next_at: Timestamp(i64::MIN),
            sent: 0,
            open: VecDeque::new(),
            accepted: vec![None],
            filled_lots: 0,
            times: Vec::new(),
        }
    }

    fn print(mut self, model: &str) {
        let rested = self.accepted.iter().flatten().count();
        let share = self.filled_lots as f64 / (rested as i64 * self.lots).max(1) as f64;
        self.times.sort_by(f64::total_cmp);
        let median = self.times.get(self.times.len() / 2).copied().unwrap_or(f64::NAN);
        let mean = self.times.iter().sum::<f64>() / self.times.len() as f64;
        println!("{model:14} {rested:8} {share:12.3} {median:14.2} {mean:12.2}");
    }
}

impl Trader for Passive {
    fn on_report(&mut self, report: &Report) {
        let event = &report.event;
        let accepted = &mut self.accepted[event.id.sequence() as usize];
        if event.kind == OrderEventKind::Accepted {
            *accepted = Some(event.ts);
        }
        if let Some(fill) = report.fill {
            self.filled_lots += self.contract.lots(fill.quantity).unwrap_or(0);
            if let (OrderEventKind::Filled, Some(since)) = (event.kind, *accepted) {
                self.times.push((event.ts.0 - since.0) as f64 / 1e9);
            }
        }
    }

    fn on_market(&mut self, now: Timestamp, book: &Book, gateway: &mut Gateway<ConstantLatency>) {
        while let Some((_, id)) = self.open.pop_front_if(|(until, _)| *until <= now) {
            gateway.cancel(id, now);
        }
        if now < self.next_at {
            return;
        }
        self.next_at = now.plus(EVERY_NS);
        for side in [Side::Buy, Side::Sell] {
            let Some(best) = book.best(side) else { continue };
            self.sent += 1;
            let order = post_only(&self.contract, self.sent, side, (best.tick, self.lots), now);
            gateway.submit(order);
            self.open.push_back((now.plus(LIFE_NS), order.id));
            self.accepted.push(None);
        }
    }
}

/// Prints what became of the orders under every model.
pub(super) fn table(tape: &Tape, contract: Contract) {
    println!("passive orders of 0.01 at the best prices, one per side and second, for 30 s:");
    println!(
        "{:14} {:>8} {:>12} {:>14} {:>12}",
        "queue model", "orders", "filled share", "median s", "mean s"
    );
    for model in MODELS {
        let mut passive = Passive::new(contract);
        drive(tape, contract, model, Told::Messages, &mut passive);
        passive.print(&model.name());
    }
}
