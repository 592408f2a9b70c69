//! A trader who sends orders through a risk engine and keeps an account of his own.

use cryptobot_model::{
    Bar, ContractTerms, Fill, FillRule, Instrument, InstrumentId, Liquidity, Money, OrderEvent,
    OrderEventKind, OrderId, OrderKind, OrderRequest, OrderTerms, Price, Quantity, RefusalReason, SeriesId,
    Side, StrategyId, TimeInForce, Timestamp,
};
use cryptobot_risk::{
    Exposure, Grid, Limits, ProposedOrder, RiskEngine, RiskView, Ruling, Verdict, check_amendment,
};
use rust_decimal::Decimal;

pub const SECOND: i64 = 1_000_000_000;
pub const MINUTE: i64 = 60 * SECOND;

pub fn quantity(value: f64) -> Quantity {
    Quantity::from_f64(value).unwrap()
}

pub fn limit(price: f64) -> OrderKind<f64> {
    OrderKind::Limit { price, tif: TimeInForce::Gtc }
}

/// Equity is 10,000 for each strategy unless set otherwise; prices are 100.
pub struct Trader {
    pub engine: RiskEngine,
    pub prices: Vec<f64>,
    pub equity: f64,
    pub portfolio_equity: f64,
    pub leverage: f64,
    pub now: Timestamp,
    pub positions: Vec<Vec<Quantity>>,
    pub open: Vec<OrderRequest>,
    instrument: Instrument,
    grid: Grid,
    sequence: u64,
}

impl Trader {
    pub fn new(limits: Limits, strategies: usize, instruments: usize) -> Self {
        let instrument = Instrument {
            venue: "v".into(),
            symbol: "S".into(),
            tick: Price::new("0.01".parse().unwrap()),
            lot: Quantity::new("0.001".parse().unwrap()),
            min_notional: "5".parse().unwrap(),
            maker_fee: Decimal::ZERO,
            taker_fee: Decimal::ZERO,
            funding: false,
            terms: ContractTerms::default(),
        };
        Self {
            engine: RiskEngine::new(limits, strategies, instruments),
            prices: vec![100.0; instruments],
            equity: 10_000.0,
            portfolio_equity: 10_000.0 * strategies as f64,
            leverage: 1_000.0,
            now: "2024-01-31T12:00".parse().unwrap(),
            positions: vec![vec![Quantity::ZERO; instruments]; strategies],
            open: Vec::new(),
            grid: Grid::new(&instrument),
            instrument,
            sequence: 0,
        }
    }

    pub fn wait(&mut self, nanos: i64) {
        self.now = self.now.plus(nanos);
    }

    /// One order as `(strategy, instrument)`.
    pub fn send(
        &mut self,
        (strategy, instrument): (usize, usize),
        (side, amount): (Side, f64),
        kind: OrderKind<f64>,
        terms: OrderTerms,
        stop: Option<f64>,
    ) -> Ruling {
        self.sequence += 1;
        let owner = StrategyId::from(strategy);
        let proposed = ProposedOrder {
            id: OrderId::new(owner, self.sequence),
            strategy: owner,
            series: SeriesId(0),
            instrument: InstrumentId::from(instrument),
            side,
            quantity: amount,
            kind,
            terms,
            decided_at: self.now,
        };
        let exposure = self.exposure(strategy, instrument);
        let view = RiskView {
            exposure: &exposure,
            prices: &self.prices,
            mark: self.prices[instrument],
            portfolio_equity: self.portfolio_equity,
            stop,
        };
        let ruling = self.engine.decide(&proposed, &self.instrument, &self.grid, &view);
        self.open.extend(ruling.order.map(|order| *order.get()));
        ruling
    }

    fn exposure(&self, strategy: usize, instrument: usize) -> Exposure {
        Exposure {
            position: self.positions[strategy][instrument],
            open_buys: Quantity::ZERO,
            open_sells: Quantity::ZERO,
            price: self.prices[instrument],
            equity: self.equity,
            other_notional: 0.0,
            leverage: self.leverage,
            elsewhere: Quantity::ZERO,
            largest_notional: f64::INFINITY,
            open_orders: 0,
            max_open_orders: 1_000,
        }
    }

    /// What becomes of new numbers for an order.
    pub fn amend(&self, order: &OrderRequest, amount: f64, price: f64) -> Verdict {
        let instrument = order.instrument.index();
        let exposure = self.exposure(order.strategy.index(), instrument);
        let view = RiskView {
            exposure: &exposure,
            prices: &self.prices,
            mark: self.prices[instrument],
            portfolio_equity: self.portfolio_equity,
            stop: None,
        };
        let amendment = check_amendment(order, amount, price, self.now, &self.grid, &exposure).unwrap();
        self.engine.check_amendment(order, amendment.get(), &self.grid, &view)
    }

    /// A market order of strategy 0.
    pub fn market(&mut self, instrument: usize, side: Side, amount: f64) -> Ruling {
        self.send((0, instrument), (side, amount), OrderKind::Market, OrderTerms::FREE, None)
    }

    /// A market order of strategy 0 with a stop.
    pub fn stopped(&mut self, instrument: usize, side: Side, amount: f64, stop: f64) -> Ruling {
        self.send((0, instrument), (side, amount), OrderKind::Market, OrderTerms::FREE, Some(stop))
    }

    /// Fills an open order in part or whole; what is reduce-only fills no more than it reduces.
    pub fn fill(&mut self, index: usize, part: Option<Quantity>) {
        let order = self.open[index];
        let held = &mut self.positions[order.strategy.index()][order.instrument.index()];
        let mut amount = part.unwrap_or(order.quantity).min(order.quantity);
        if order.terms.reduce_only {
            amount = amount.min((-order.side.signed(*held)).max(Quantity::ZERO));
        }
        if !amount.is_zero() {
            *held += order.side.signed(amount);
            self.engine.on_fill(&Fill {
                ts: self.now,
                strategy: order.strategy,
                instrument: order.instrument,
                order: order.id,
                side: order.side,
                price: Price::from_f64(self.prices[order.instrument.index()]).unwrap(),
                quantity: amount,
                fee: Money::ZERO,
                slippage: Money::ZERO,
                liquidity: Liquidity::Taker,
                rule: FillRule::Open,
            });
        }
        self.open[index].quantity = order.quantity - amount;
        if self.open[index].quantity.is_zero() {
            self.open.swap_remove(index);
        } else if order.terms.reduce_only {
            self.cancel(index);
        }
    }

    pub fn fill_all(&mut self) {
        while !self.open.is_empty() {
            self.fill(0, None);
        }
    }

    pub fn cancel(&mut self, index: usize) {
        let order = self.open.swap_remove(index);
        self.engine.on_order_event(&OrderEvent::plain(
            order.strategy,
            order.series,
            order.id,
            order.side,
            self.now,
            OrderEventKind::Cancelled,
        ));
    }

    pub fn bar(&mut self, instrument: usize, close: f64, volume: f64) {
        self.prices[instrument] = close;
        let bar = Bar { ts: self.now, open: close, high: close, low: close, close, volume };
        self.engine.on_bar(InstrumentId::from(instrument), self.now, &bar);
    }
}

/// Reason of a refusal.
pub fn refused(ruling: &Ruling) -> Option<RefusalReason> {
    match ruling.verdict {
        Verdict::Refused { reason, .. } => Some(reason),
        _ => None,
    }
}

/// Limit and value of a refusal.
pub fn evidence(ruling: &Ruling) -> Option<(f64, f64)> {
    match ruling.verdict {
        Verdict::Refused { evidence, .. } => Some((evidence.limit, evidence.value)),
        _ => None,
    }
}

/// Quantity and reason of a reduction.
pub fn reduced(ruling: &Ruling) -> Option<(f64, RefusalReason)> {
    match ruling.verdict {
        Verdict::Reduced { to, reason, .. } => {
            assert_eq!(ruling.order.unwrap().get().quantity, to, "what was decided is what is sent");
            Some((to.to_f64(), reason))
        }
        _ => None,
    }
}

pub fn approved(ruling: &Ruling) -> bool {
    ruling.verdict == Verdict::Approved && ruling.order.is_some()
}
