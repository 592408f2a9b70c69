//! Journal entries as named values, for people and programs.

use std::fmt;

use cryptobot_engine::{Evidence, Intent, Scope, Signal, StateChange};
use cryptobot_journal::{ApprovedOrder, JournalDecision, JournalEntry};
use cryptobot_model::{
    Callback, Fill, FundingPayment, Liquidation, Liquidity, MarketMatch, OrderEvent, OrderKind, OrderTerms,
    Side, TimeInForce, TriggerSource,
};
use serde_json::{Map, Value};

/// An entry by the names of its kind and of its fields; fields without a value are left out.
#[derive(Clone, Debug, PartialEq)]
pub struct NamedEntry {
    /// Kind of the entry.
    pub entry: &'static str,
    /// When it happened; the execution of an order is told by the fill that follows.
    pub ts: Option<String>,
    /// Its fields in reading order. Exact numbers and times are texts.
    pub fields: Vec<(&'static str, Value)>,
}

impl NamedEntry {
    /// The entry as one JSON object.
    pub fn to_json(&self) -> Value {
        let mut object = Map::new();
        object.insert("entry".to_owned(), self.entry.into());
        object.insert("ts".to_owned(), self.ts.clone().into());
        object.extend(self.fields.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
        Value::Object(object)
    }
}

/// One line: time, kind, `name=value`.
impl fmt::Display for NamedEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:<24}  {:<11}", self.ts.as_deref().unwrap_or_default(), self.entry)?;
        self.fields.iter().try_for_each(|(name, value)| match value {
            Value::String(text) => write!(f, " {name}={text}"),
            value => write!(f, " {name}={value}"),
        })
    }
}

impl From<&JournalEntry> for NamedEntry {
    fn from(entry: &JournalEntry) -> Self {
        let mut fields = Fields::default();
        let name = match entry {
            JournalEntry::Intent { strategy, intent, .. } => {
                fields.add("strategy", strategy.0);
                fields.intent(intent);
                "intent"
            }
            JournalEntry::Decision { id, decision, .. } => {
                fields.add("order", id.0);
                fields.decision(decision);
                "decision"
            }
            JournalEntry::Order(event) => {
                fields.event(event);
                "order"
            }
            JournalEntry::Executed { id, kind, remaining } => {
                fields.add("order", id.0);
                fields.kebab("step", kind);
                fields.text("remaining", remaining);
                "executed"
            }
            JournalEntry::Fill(fill) => {
                fields.fill(fill);
                "fill"
            }
            JournalEntry::Trade(trade) => {
                fields.add("strategy", trade.strategy.0);
                fields.add("instrument", trade.instrument.0);
                fields.add("side", if trade.side == Side::Buy { "long" } else { "short" });
                fields.text("opened_at", trade.opened_at);
                fields.text("quantity", trade.quantity);
                fields.text("entry_price", trade.entry_price);
                fields.text("exit_price", trade.exit_price);
                for (name, amount) in [
                    ("gross_pnl", trade.gross_pnl),
                    ("fees", trade.fees),
                    ("funding", trade.funding),
                    ("slippage", trade.slippage),
                    ("insurance", trade.insurance),
                    ("net_pnl", trade.net_pnl),
                ] {
                    fields.text(name, amount);
                }
                "trade"
            }
            JournalEntry::Wallet { strategy, wallet, .. } => {
                fields.add("strategy", strategy.0);
                fields.text("wallet", wallet);
                "wallet"
            }
            JournalEntry::Funding(payment) => {
                fields.funding(payment);
                "funding"
            }
            JournalEntry::Liquidation(liquidation) => {
                fields.liquidation(liquidation);
                "liquidation"
            }
            JournalEntry::Market(market) => {
                fields.market(market);
                "market"
            }
            JournalEntry::State(change) => {
                fields.state(change);
                "state"
            }
            JournalEntry::Fault { strategy, kind, call, message, .. } => {
                fields.add("strategy", strategy.0);
                fields.add("kind", kind.name());
                if let Some(call) = call {
                    fields.add("call", call.name());
                }
                fields.add("message", message.as_str());
                "fault"
            }
            JournalEntry::Closing { id, .. } => {
                fields.add("order", id.0);
                "closing"
            }
            JournalEntry::Restart { strategy, .. } => {
                fields.add("strategy", strategy.0);
                "restart"
            }
        };
        Self { entry: name, ts: entry.ts().map(|ts| ts.to_string()), fields: fields.0 }
    }
}

#[derive(Default)]
struct Fields(Vec<(&'static str, Value)>);

impl Fields {
    fn add(&mut self, name: &'static str, value: impl Into<Value>) {
        self.0.push((name, value.into()));
    }

    fn text(&mut self, name: &'static str, value: impl fmt::Display) {
        self.add(name, value.to_string());
    }

    /// A number as a plugin gave it; text where JSON has no number for it.
    fn float(&mut self, name: &'static str, value: f64) {
        match serde_json::Number::from_f64(value) {
            Some(number) => self.add(name, number),
            None => self.text(name, value),
        }
    }

    /// A kind by the name that it has everywhere.
    fn kebab(&mut self, name: &'static str, kind: impl serde::Serialize) {
        self.add(name, serde_json::to_value(kind).unwrap_or_default());
    }

    fn side(&mut self, side: Side) {
        self.kebab("side", side);
    }

    fn intent(&mut self, intent: &Intent) {
        match *intent {
            Intent::Order { id, series, side, quantity, kind, terms, target } => {
                self.add("intent", "order");
                self.add("order", id.0);
                self.add("series", series.0);
                self.side(side);
                self.float("quantity", quantity);
                self.kind(&kind, Self::float);
                self.terms(terms);
                if let Some(target) = target {
                    self.float("target_position", target);
                }
            }
            Intent::Signal(Signal { id, series, side, confidence, stop, target }) => {
                self.add("intent", "signal");
                self.add("order", id.0);
                self.add("series", series.0);
                self.side(side);
                self.float("confidence", confidence);
                for (name, price) in [("stop", stop), ("target", target)] {
                    if let Some(price) = price {
                        self.float(name, price);
                    }
                }
            }
            Intent::Modify { id, quantity, price } => {
                self.add("intent", "modify");
                self.add("order", id.0);
                self.float("quantity", quantity);
                self.float("price", price);
            }
            Intent::Cancel { id } => {
                self.add("intent", "cancel");
                self.add("order", id.0);
            }
            Intent::CancelAll { series } => {
                self.add("intent", "cancel-all");
                self.add("series", series.0);
            }
        }
    }

    fn decision(&mut self, decision: &JournalDecision) {
        match decision {
            JournalDecision::Approved(order) => {
                self.add("decision", "approved");
                self.sent(order);
            }
            JournalDecision::Reduced { order, reason, evidence } => {
                self.add("decision", "reduced");
                self.add("reason", reason.name());
                self.evidence(*evidence);
                self.sent(order);
            }
            JournalDecision::Refused { reason, evidence } => {
                self.add("decision", "refused");
                self.add("reason", reason.name());
                self.evidence(*evidence);
            }
        }
    }

    fn sent(&mut self, order: &ApprovedOrder) {
        let ApprovedOrder { instrument, side, quantity, kind, terms } = order;
        self.add("instrument", instrument.0);
        self.side(*side);
        self.text("quantity", quantity);
        self.kind(kind, Self::text);
        self.terms(*terms);
    }

    /// Limit and value that a decision rests on, where there are any.
    fn evidence(&mut self, evidence: Evidence) {
        for (name, number) in [("limit", evidence.limit), ("value", evidence.value)] {
            if !number.is_nan() {
                self.float(name, number);
            }
        }
    }

    fn state(&mut self, change: &StateChange) {
        match change.scope {
            Scope::Portfolio => self.add("scope", "portfolio"),
            Scope::Strategy(strategy) => self.add("strategy", strategy.0),
            Scope::Instrument(instrument) => self.add("instrument", instrument.0),
        }
        self.add("from", change.from.name());
        self.add("to", change.to.name());
        self.add("cause", change.cause.name());
        self.evidence(change.evidence);
    }

    fn kind<P: Copy>(&mut self, kind: &OrderKind<P>, add: impl Fn(&mut Self, &'static str, P)) {
        self.add("type", kind.name());
        if let Some(trigger) = kind.trigger_price() {
            add(self, "trigger", trigger);
        }
        if let OrderKind::TrailingStop { callback, activation, .. } = *kind {
            match callback {
                Callback::Bps(bps) => self.float("callback_bps", bps),
                Callback::Distance(distance) => add(self, "callback", distance),
            }
            if let Some(activation) = activation {
                add(self, "activation", activation);
            }
        }
        if let Some((_, source)) = kind.trigger() {
            self.add("trigger_source", if source == TriggerSource::Mark { "mark" } else { "last" });
        }
        if let Some((price, tif)) = kind.limit() {
            add(self, "price", price);
            match tif {
                TimeInForce::Gtd(until) => self.text("good_till", until),
                tif => self.kebab("time_in_force", tif),
            }
        }
    }

    fn terms(&mut self, terms: OrderTerms) {
        let OrderTerms { reduce_only, close_position, parent, sibling } = terms;
        for (name, set) in [("reduce_only", reduce_only), ("close_position", close_position)] {
            if set {
                self.add(name, true);
            }
        }
        for (name, id) in [("parent", parent), ("sibling", sibling)] {
            if id.is_some() {
                self.add(name, id.0);
            }
        }
    }

    fn event(&mut self, event: &OrderEvent) {
        self.add("order", event.id.0);
        self.add("strategy", event.strategy.0);
        self.kebab("step", event.kind);
        self.text("remaining", event.remaining);
        if let Some(reason) = event.reason {
            self.add("reason", reason.name());
        }
    }

    fn fill(&mut self, fill: &Fill) {
        self.add("order", fill.order.0);
        self.add("strategy", fill.strategy.0);
        self.add("instrument", fill.instrument.0);
        self.side(fill.side);
        self.text("price", fill.price);
        self.text("quantity", fill.quantity);
        self.text("fee", fill.fee);
        self.text("slippage", fill.slippage);
        self.add("liquidity", if fill.liquidity == Liquidity::Maker { "maker" } else { "taker" });
        self.add("rule", fill.rule.name());
    }

    fn market(&mut self, market: &MarketMatch) {
        self.add("order", market.order.0);
        self.text("level", market.level);
        if !market.joined.is_nan() {
            self.float("joined_behind", market.joined);
            self.float("ahead", market.ahead);
        }
        if let Some(trade) = market.trade {
            self.add("trade", if trade.aggressor == Side::Buy { "buy" } else { "sell" });
            self.text("trade_price", trade.price);
            self.text("trade_quantity", trade.quantity);
        }
    }

    fn funding(&mut self, payment: &FundingPayment) {
        self.add("strategy", payment.strategy.0);
        self.add("instrument", payment.instrument.0);
        self.text("position", payment.position);
        self.text("mark", payment.mark);
        self.kebab("source", payment.source);
        self.text("rate", payment.rate);
        self.text("paid", payment.paid);
    }

    fn liquidation(&mut self, liquidation: &Liquidation) {
        self.add("strategy", liquidation.strategy.0);
        self.add("instrument", liquidation.instrument.0);
        self.side(liquidation.side);
        self.text("quantity", liquidation.quantity);
        self.text("mark", liquidation.mark);
        self.text("bankruptcy_price", liquidation.bankruptcy_price);
        self.text("fee", liquidation.fee);
        self.text("insurance", liquidation.insurance);
    }
}

#[cfg(test)]
mod tests {
    use cryptobot_model::{OrderId, StrategyId, Timestamp};

    use super::*;

    #[test]
    fn an_entry_is_one_line_and_one_object() {
        let intent = Intent::Cancel { id: OrderId(7) };
        let entry = JournalEntry::Intent { ts: Timestamp(0), strategy: StrategyId(1), intent };
        let named = NamedEntry::from(&entry);
        assert_eq!(
            named.to_string(),
            "1970-01-01T00:00:00Z      intent      strategy=1 intent=cancel order=7"
        );
        let json = serde_json::json!({
            "entry": "intent", "ts": "1970-01-01T00:00:00Z", "strategy": 1, "intent": "cancel", "order": 7
        });
        assert_eq!(named.to_json(), json);
    }

    #[test]
    fn numbers_that_json_does_not_have_are_texts() {
        let intent = Intent::Modify { id: OrderId(7), quantity: f64::NAN, price: 1.5 };
        let entry = JournalEntry::Intent { ts: Timestamp(0), strategy: StrategyId(1), intent };
        let json = NamedEntry::from(&entry).to_json();
        assert_eq!((&json["quantity"], &json["price"]), (&"NaN".into(), &1.5.into()));
    }
}
