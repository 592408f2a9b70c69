//! What is written is what is read, and what was damaged says where.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use cryptobot_engine::{
    Cause, Decision, Entry, Evidence, Fault, FaultKind, GuestCall, Intent, Scope, Signal, StateChange,
    TradingState,
};
use cryptobot_journal::{
    ApprovedOrder, DecodeError, Entries, JournalDecision, JournalEntry, JournalWriter, VerifyError,
};
use cryptobot_model::{
    Callback, ClosedTrade, Fill, FillRule, FundingPayment, FundingPrice, InstrumentId, Liquidation,
    Liquidity, MarketMatch, Money, OrderEvent, OrderEventKind, OrderId, OrderKind, OrderRequest, OrderTerms,
    Price, Quantity, Rate, RefusalReason, SeriesId, Side, StrategyId, TimeInForce, Timestamp, TradeSeen,
    TriggerSource,
};
use proptest::prelude::*;
use proptest::sample::select;

fn ts() -> impl Strategy<Value = Timestamp> + Clone {
    any::<i64>().prop_map(Timestamp)
}

fn order_id() -> impl Strategy<Value = OrderId> + Clone {
    prop_oneof![Just(OrderId::NONE), any::<u64>().prop_map(OrderId)]
}

/// Amounts of every length, small ones more often.
fn units() -> impl Strategy<Value = i128> + Clone {
    (any::<i128>(), 0_u32..128).prop_map(|(value, shift)| value >> shift)
}

fn money() -> impl Strategy<Value = Money> + Clone {
    units().prop_map(Money::from_units)
}

fn price() -> impl Strategy<Value = Price> + Clone {
    units().prop_map(Price::from_units)
}

fn quantity() -> impl Strategy<Value = Quantity> + Clone {
    units().prop_map(Quantity::from_units)
}

/// Everything that equals itself; that there is one NaN is tested beside the encoder.
fn float() -> impl Strategy<Value = f64> + Clone {
    any::<u64>().prop_map(f64::from_bits).prop_map(|value| if value.is_nan() { -0.0 } else { value })
}

fn side() -> impl Strategy<Value = Side> + Clone {
    select(vec![Side::Buy, Side::Sell])
}

fn source() -> impl Strategy<Value = TriggerSource> + Clone {
    select(vec![TriggerSource::Mark, TriggerSource::Last])
}

fn tif() -> impl Strategy<Value = TimeInForce> + Clone {
    prop_oneof![
        select(vec![TimeInForce::Gtc, TimeInForce::Ioc, TimeInForce::Fok, TimeInForce::Gtx]),
        ts().prop_map(TimeInForce::Gtd)
    ]
}

fn kind<P>(price: impl Strategy<Value = P> + Clone + 'static) -> impl Strategy<Value = OrderKind<P>>
where
    P: Copy + std::fmt::Debug + 'static,
{
    let callback = prop_oneof![float().prop_map(Callback::Bps), price.clone().prop_map(Callback::Distance)];
    (0..7, price.clone(), price.clone(), source(), tif(), callback, proptest::option::of(price)).prop_map(
        |(kind, trigger, price, source, tif, callback, activation)| match kind {
            0 => OrderKind::Market,
            1 => OrderKind::Limit { price, tif },
            2 => OrderKind::StopMarket { trigger, source },
            3 => OrderKind::StopLimit { trigger, source, price, tif },
            4 => OrderKind::TakeProfitMarket { trigger, source },
            5 => OrderKind::TakeProfitLimit { trigger, source, price, tif },
            _ => OrderKind::TrailingStop { callback, activation, source },
        },
    )
}

prop_compose! {
    fn terms()(
        reduce_only in any::<bool>(), close_position in any::<bool>(), parent in order_id(), sibling in order_id()
    ) -> OrderTerms {
        OrderTerms { reduce_only, close_position, parent, sibling }
    }
}

fn reason() -> impl Strategy<Value = RefusalReason> {
    use RefusalReason as R;
    select(vec![
        R::InvalidArgument,
        R::BelowMinimum,
        R::InsufficientMargin,
        R::NothingToReduce,
        R::TooManyOrders,
        R::WouldTake,
        R::NotFillable,
        R::NotAccepting,
        R::Quarantined,
        R::UnknownOrder,
        R::NoMarket,
        R::Sibling,
        R::Liquidated,
        R::PortfolioHeat,
        R::LowConfidence,
        R::NoSizer,
    ])
}

fn intent() -> impl Strategy<Value = Intent> {
    let order =
        (order_id(), any::<u32>(), side(), float(), kind(float()), terms(), proptest::option::of(float()));
    let signal = (
        order_id(),
        any::<u32>(),
        side(),
        float(),
        proptest::option::of(float()),
        proptest::option::of(float()),
    );
    prop_oneof![
        order.prop_map(|(id, series, side, quantity, kind, terms, target)| {
            Intent::Order { id, series: SeriesId(series), side, quantity, kind, terms, target }
        }),
        order_id().prop_map(|id| Intent::Cancel { id }),
        any::<u32>().prop_map(|series| Intent::CancelAll { series: SeriesId(series) }),
        (order_id(), float(), float()).prop_map(|(id, quantity, price)| Intent::Modify {
            id,
            quantity,
            price
        }),
        signal.prop_map(|(id, series, side, confidence, stop, target)| {
            Intent::Signal(Signal { id, series: SeriesId(series), side, confidence, stop, target })
        }),
    ]
}

fn evidence() -> impl Strategy<Value = Evidence> {
    prop_oneof![Just(Evidence::NONE), (float(), float()).prop_map(|(limit, value)| Evidence { limit, value })]
}

fn approved() -> impl Strategy<Value = ApprovedOrder> {
    (any::<u32>(), side(), quantity(), kind(price()), terms()).prop_map(
        |(instrument, side, quantity, kind, terms)| {
            let instrument = InstrumentId(instrument);
            ApprovedOrder { instrument, side, quantity, kind, terms }
        },
    )
}

fn decision() -> impl Strategy<Value = JournalDecision> {
    prop_oneof![
        approved().prop_map(JournalDecision::Approved),
        (reason(), evidence()).prop_map(|(reason, evidence)| JournalDecision::Refused { reason, evidence }),
        (approved(), reason(), evidence()).prop_map(|(order, reason, evidence)| JournalDecision::Reduced {
            order,
            reason,
            evidence
        }),
    ]
}

fn state() -> impl Strategy<Value = StateChange> {
    use Cause as C;
    let state = || select(vec![TradingState::Active, TradingState::Reducing, TradingState::Halted]);
    let scope = prop_oneof![
        Just(Scope::Portfolio),
        any::<u32>().prop_map(|strategy| Scope::Strategy(StrategyId(strategy))),
        any::<u32>().prop_map(|instrument| Scope::Instrument(InstrumentId(instrument))),
    ];
    let cause = select(vec![
        C::DailyLoss,
        C::WeeklyLoss,
        C::MonthlyLoss,
        C::Drawdown,
        C::CircuitBreaker,
        C::NewPeriod,
        C::BreakerOver,
        C::Operator,
        C::Kill,
    ]);
    (ts(), scope, state(), state(), cause, evidence()).prop_map(|(ts, scope, from, to, cause, evidence)| {
        StateChange { ts, scope, from, to, cause, evidence }
    })
}

fn event() -> impl Strategy<Value = OrderEvent> {
    use OrderEventKind as K;
    let kinds = vec![K::Accepted, K::Rejected, K::Triggered, K::Modified, K::Cancelled, K::Expired];
    let ids = (any::<u32>(), any::<u32>(), order_id());
    (ts(), ids, select(kinds), side(), quantity(), proptest::option::of(reason())).prop_map(
        |(ts, (strategy, series, id), kind, side, remaining, reason)| {
            let plain = OrderEvent::plain(StrategyId(strategy), SeriesId(series), id, side, ts, kind);
            OrderEvent { remaining, reason, ..plain }
        },
    )
}

fn fill() -> impl Strategy<Value = Fill> {
    use FillRule as F;
    let rules = vec![
        F::Open,
        F::OpenLate,
        F::LimitThrough,
        F::StopOnPath,
        F::StopGap,
        F::CloseAfterArrival,
        F::LimitGap,
        F::Liquidation,
        F::TakeProfitOnPath,
        F::TakeProfitGap,
        F::BookWalk,
        F::Queue,
        F::Trade,
    ];
    let liquidity = select(vec![Liquidity::Maker, Liquidity::Taker]);
    let ids = (any::<u32>(), any::<u32>(), order_id());
    (ts(), ids, side(), price(), quantity(), (money(), money()), liquidity, select(rules)).prop_map(
        |(ts, (strategy, instrument, order), side, price, quantity, (fee, slippage), liquidity, rule)| {
            let (strategy, instrument) = (StrategyId(strategy), InstrumentId(instrument));
            Fill { ts, strategy, instrument, order, side, price, quantity, fee, slippage, liquidity, rule }
        },
    )
}

fn funding() -> impl Strategy<Value = FundingPayment> {
    let sources = vec![FundingPrice::Recorded, FundingPrice::MarkOpen, FundingPrice::LastClose];
    (ts(), any::<u32>(), any::<u32>(), quantity(), price(), select(sources), units(), money()).prop_map(
        |(ts, strategy, instrument, position, mark, source, rate, paid)| {
            let (strategy, instrument) = (StrategyId(strategy), InstrumentId(instrument));
            let rate = Rate::from_units(rate);
            FundingPayment { ts, strategy, instrument, position, mark, source, rate, paid }
        },
    )
}

fn liquidation() -> impl Strategy<Value = Liquidation> {
    (ts(), any::<u32>(), any::<u32>(), side(), quantity(), price(), price(), money(), money()).prop_map(
        |(ts, strategy, instrument, side, quantity, mark, bankruptcy_price, fee, insurance)| {
            let (strategy, instrument) = (StrategyId(strategy), InstrumentId(instrument));
            Liquidation { ts, strategy, instrument, side, quantity, mark, bankruptcy_price, fee, insurance }
        },
    )
}

fn market() -> impl Strategy<Value = MarketMatch> {
    let trade = (side(), price(), quantity()).prop_map(|(aggressor, price, quantity)| TradeSeen {
        aggressor,
        price,
        quantity,
    });
    let ahead = || select(vec![0.0, 1.5, f64::INFINITY, f64::NAN]);
    (ts(), order_id(), quantity(), ahead(), ahead(), proptest::option::of(trade)).prop_map(
        |(ts, order, level, joined, ahead, trade)| MarketMatch { ts, order, level, joined, ahead, trade },
    )
}

/// Amounts that can be added up.
fn part() -> impl Strategy<Value = Money> + Clone {
    units().prop_map(|units| Money::from_units(units / 4))
}

prop_compose! {
    fn trade()(
        ids in (any::<u32>(), any::<u32>()), side in side(), times in (ts(), ts()), quantity in quantity(),
        prices in (price(), price()), amounts in (part(), part(), part(), part(), part()),
    ) -> ClosedTrade {
        let (gross_pnl, fees, funding, slippage, insurance) = amounts;
        ClosedTrade {
            strategy: StrategyId(ids.0), instrument: InstrumentId(ids.1), side, opened_at: times.0,
            closed_at: times.1, quantity, entry_price: prices.0, exit_price: prices.1, gross_pnl, fees, funding,
            slippage, insurance, net_pnl: gross_pnl - fees - funding + insurance,
        }
    }
}

fn fault_kind() -> impl Strategy<Value = FaultKind> {
    use FaultKind as F;
    select(vec![
        F::Trap,
        F::Deadline,
        F::Memory,
        F::OrderFlood,
        F::LogFlood,
        F::InvalidArgumentFlood,
        F::TimerFlood,
        F::Refused,
        F::Contract,
        F::Instructions,
        F::TotalTime,
    ])
}

fn guest_call() -> impl Strategy<Value = Option<GuestCall>> {
    use GuestCall as G;
    let calls = vec![
        G::Instantiate,
        G::Describe,
        G::Init,
        G::OnBar,
        G::OnOrder,
        G::OnPositionClose,
        G::OnTimer,
        G::Snapshot,
        G::Restore,
        G::Stop,
        G::Tune,
    ];
    proptest::option::of(select(calls))
}

/// Texts of every length up to the longest that a fault may have, not all of ASCII.
fn message() -> impl Strategy<Value = String> {
    proptest::collection::vec(any::<char>(), 0..100).prop_map(|letters| letters.into_iter().collect())
}

fn entry() -> impl Strategy<Value = JournalEntry> {
    let executions = vec![OrderEventKind::PartiallyFilled, OrderEventKind::Filled];
    let strategy = || any::<u32>().prop_map(StrategyId);
    prop_oneof![
        (ts(), strategy(), intent()).prop_map(|(ts, strategy, intent)| JournalEntry::Intent {
            ts,
            strategy,
            intent
        }),
        (ts(), order_id(), decision()).prop_map(|(ts, id, decision)| JournalEntry::Decision {
            ts,
            id,
            decision
        }),
        event().prop_map(JournalEntry::Order),
        (order_id(), select(executions), quantity())
            .prop_map(|(id, kind, remaining)| JournalEntry::Executed { id, kind, remaining }),
        fill().prop_map(JournalEntry::Fill),
        trade().prop_map(JournalEntry::Trade),
        (ts(), strategy(), money()).prop_map(|(ts, strategy, wallet)| JournalEntry::Wallet {
            ts,
            strategy,
            wallet
        }),
        funding().prop_map(JournalEntry::Funding),
        liquidation().prop_map(JournalEntry::Liquidation),
        market().prop_map(JournalEntry::Market),
        state().prop_map(JournalEntry::State),
        (ts(), strategy(), fault_kind(), guest_call(), message()).prop_map(
            |(ts, strategy, kind, call, message)| JournalEntry::Fault { ts, strategy, kind, call, message }
        ),
        (ts(), order_id()).prop_map(|(ts, id)| JournalEntry::Closing { ts, id }),
        (ts(), strategy()).prop_map(|(ts, strategy)| JournalEntry::Restart { ts, strategy }),
    ]
}

/// Writes an entry as the engine would tell it.
fn append(writer: &mut JournalWriter<impl cryptobot_journal::Blocks>, entry: &JournalEntry) {
    let (strategy, series) = (StrategyId(3), SeriesId(4));
    match entry {
        JournalEntry::Intent { ts, strategy, intent } => {
            writer.append(&Entry::Intent { ts: *ts, strategy: *strategy, intent });
        }
        JournalEntry::Decision { ts, id, decision } => {
            let sent = |order: ApprovedOrder| {
                let ApprovedOrder { instrument, side, quantity, kind, terms } = order;
                let (id, decided_at) = (*id, *ts);
                OrderRequest { id, strategy, series, instrument, side, quantity, kind, terms, decided_at }
            };
            let decision = match *decision {
                JournalDecision::Approved(order) => Decision::Approved(sent(order)),
                JournalDecision::Refused { reason, evidence } => Decision::Refused { reason, evidence },
                JournalDecision::Reduced { order, reason, evidence } => {
                    Decision::Reduced { order: sent(order), reason, evidence }
                }
            };
            writer.append(&Entry::Decision { ts: *ts, id: *id, decision: &decision });
            let side = Side::Buy;
            let submitted = OrderEvent::plain(strategy, series, *id, side, *ts, OrderEventKind::Submitted);
            writer.append(&Entry::Order(&submitted));
        }
        JournalEntry::Order(event) => writer.append(&Entry::Order(event)),
        JournalEntry::Executed { id, kind, remaining } => {
            let plain = OrderEvent::plain(strategy, series, *id, Side::Sell, Timestamp(1), *kind);
            let event = OrderEvent { remaining: *remaining, quantity: Quantity::from_units(1), ..plain };
            writer.append(&Entry::Order(&event));
        }
        JournalEntry::Fill(fill) => writer.append(&Entry::Fill(fill)),
        JournalEntry::Trade(trade) => writer.append(&Entry::Trade(trade)),
        JournalEntry::Wallet { ts, strategy, wallet } => {
            writer.append(&Entry::Wallet { ts: *ts, strategy: *strategy, wallet: *wallet });
        }
        JournalEntry::Funding(payment) => writer.append(&Entry::Funding(payment)),
        JournalEntry::Market(market) => writer.append(&Entry::Market(market)),
        JournalEntry::State(change) => writer.append(&Entry::State(change)),
        JournalEntry::Liquidation(liquidation) => writer.append(&Entry::Liquidation(liquidation)),
        JournalEntry::Fault { ts, strategy, kind, call, message } => {
            let backtrace = vec!["for people only".to_owned()];
            let mut fault = Fault { call: *call, ..Fault::new(*kind, message) };
            fault.detail.backtrace = backtrace;
            writer.append(&Entry::Fault { ts: *ts, strategy: *strategy, fault: &fault });
        }
        JournalEntry::Closing { ts, id } => writer.append(&Entry::Closing { ts: *ts, id: *id }),
        JournalEntry::Restart { ts, strategy } => {
            writer.append(&Entry::Restart { ts: *ts, strategy: *strategy });
        }
    }
}

fn journal(entries: &[JournalEntry]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut writer = JournalWriter::new(&mut bytes);
    for entry in entries {
        append(&mut writer, entry);
    }
    writer.finish().unwrap();
    bytes
}

fn wallet(ts: i64) -> JournalEntry {
    JournalEntry::Wallet { ts: Timestamp(ts), strategy: StrategyId(0), wallet: Money::from_units(ts.into()) }
}

proptest! {
    #[test]
    fn what_is_written_is_what_is_read(entries in prop::collection::vec(entry(), 0..40)) {
        let bytes = journal(&entries);
        let read: Vec<JournalEntry> = Entries::new(&bytes[..]).unwrap().collect::<Result<_, _>>().unwrap();
        prop_assert_eq!(read, entries);
    }

    /// A block whose hash fits and whose entries are anything: read or refused, never more than that.
    #[test]
    fn any_bytes_are_read_or_refused(block in prop::collection::vec(0_u8..12, 0..200)) {
        let bytes = forged(&block);
        let read: Vec<Result<JournalEntry, DecodeError>> = Entries::new(&bytes[..]).unwrap().collect();
        let errors = read.iter().filter(|entry| entry.is_err()).count();
        prop_assert!(errors == 0 || (errors == 1 && read.last().unwrap().is_err()));
    }
}

/// A journal of one block with a hash that fits.
fn forged(block: &[u8]) -> Vec<u8> {
    use sha2::{Digest, Sha256};
    let magic = cryptobot_journal::MAGIC;
    let hash = Sha256::new().chain_update(Sha256::digest(magic)).chain_update(block).finalize();
    [magic.as_slice(), &(block.len() as u32).to_le_bytes(), block, &hash].concat()
}

#[test]
fn amounts_of_a_trade_that_cannot_be_added_up_are_refused() {
    let most = Money::from_units(i128::MAX);
    let trade = ClosedTrade {
        strategy: StrategyId(0),
        instrument: InstrumentId(0),
        side: Side::Buy,
        opened_at: Timestamp(0),
        closed_at: Timestamp(1),
        quantity: Quantity::ZERO,
        entry_price: Price::ZERO,
        exit_price: Price::ZERO,
        gross_pnl: Money::ZERO,
        fees: most,
        funding: most,
        slippage: Money::ZERO,
        insurance: Money::ZERO,
        net_pnl: most,
    };
    let bytes = journal(&[JournalEntry::Trade(trade)]);
    let said = Entries::new(&bytes[..]).unwrap().find_map(Result::err).unwrap().to_string();
    assert!(said.contains("amounts of a trade that are too large"), "{said}");
}

#[test]
fn many_blocks_are_read_and_verified_on_the_way() {
    let entries: Vec<JournalEntry> = (0..20_000).map(wallet).collect();
    let bytes = journal(&entries);
    let mut reader = Entries::new(&bytes[..]).unwrap();
    assert!(reader.by_ref().map(Result::unwrap).eq(entries));
    assert_eq!(reader.verified(), cryptobot_journal::verify(&bytes[..]).unwrap());
    assert!(reader.verified().blocks > 3);
}

#[test]
fn damage_is_named_by_block_and_byte() {
    let error = |bytes: &[u8]| {
        let mut read = Entries::new(bytes).unwrap();
        let error = read.find_map(Result::err).expect("an error");
        assert!(read.next().is_none(), "nothing follows an error");
        error
    };
    let mut bytes = journal(&(0..20_000).map(wallet).collect::<Vec<_>>());
    let cut = &bytes[..bytes.len() - 1];
    assert!(matches!(error(cut), DecodeError::Chain(VerifyError::CutOff { block: 4 })), "{}", error(cut));
    bytes[70_000] ^= 1;
    assert!(matches!(error(&bytes), DecodeError::Chain(VerifyError::Changed { block: 2 })));

    for (block, offset, words) in [
        (&[99][..], 0, "of a kind that this version"),
        (&[6, 1, 2, 3], 1, "ends inside an entry"),
        (&[6, 0, 0, 0, 0, 0, 0, 0, 0, 9], 9, "impossible length"),
        (&[8, 0, 77], 2, "unknown step"),
        (&[2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 200], 11, "unknown reason"),
        (&[1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7], 10, "unknown intent"),
    ] {
        let said = error(&forged(block)).to_string();
        assert!(said.starts_with(&format!("block 1, byte {offset}: ")) && said.contains(words), "{said}");
    }
}
