//! Random strategies on random markets with margin: whole runs, checked step by step against accounts of the test's own.
#![allow(clippy::unwrap_used, reason = "tests")]

mod margin_properties {
    pub mod witness;
}

use cryptobot_engine::{
    AccountKind, BarBlock, ExchangeConfig, Latency, MarginMode, MarginSettings, Outcome, Slippage,
};
use cryptobot_model::{
    Bracket, Brackets, ContractTerms, FundingRate, Instrument, Money, Price, Quantity, Rate, StrategyId,
    Timeframe, Timestamp,
};
use cryptobot_test_support::cases;
use cryptobot_test_support::market::{START_MS, wild_walk};
use cryptobot_test_support::noise::Noise;
use cryptobot_test_support::run::{HashOnly, MemoryRun, instrument};
use margin_properties::witness::Witness;
use proptest::prelude::*;

const BALANCE: &str = "1000";

/// Everything that makes a random run.
#[derive(Clone, Copy, Debug)]
struct Setup {
    seed: u64,
    bars: usize,
    symbols: usize,
    strategies: usize,
    kind: AccountKind,
    mode: MarginMode,
    leverage: u32,
    brackets: usize,
    latency_ms: i64,
    slippage: bool,
    has_marks: bool,
    has_funding: bool,
    /// Factor on the returns of the walk.
    wildness: usize,
}

fn setups() -> impl Strategy<Value = Setup> {
    let shape = (any::<u64>(), 60_usize..400, 1_usize..4, 1_usize..4);
    let margin = (
        prop::sample::select(vec![AccountKind::Shared, AccountKind::Separate]),
        prop::sample::select(vec![MarginMode::Isolated, MarginMode::Cross]),
        1_u32..=20,
        2_usize..=3,
    );
    let exchange =
        (prop::sample::select(vec![0, 50, 60_000]), any::<bool>(), any::<bool>(), any::<bool>(), 1_usize..30);
    (shape, margin, exchange).prop_map(|(shape, margin, exchange)| {
        let (seed, bars, symbols, strategies) = shape;
        let (kind, mode, leverage, brackets) = margin;
        let (latency_ms, slippage, has_marks, has_funding, wildness) = exchange;
        Setup {
            seed,
            bars,
            symbols,
            strategies,
            kind,
            mode,
            leverage,
            brackets,
            latency_ms,
            slippage,
            has_marks,
            has_funding,
            wildness,
        }
    })
}

impl Setup {
    /// Products of prices and quantities are exact on this grid; so are rates of whole percents.
    fn instrument(&self, index: usize) -> Instrument {
        let line = |floor: &str, cap: &str, max_leverage, rate: &str, cum: &str| Bracket {
            floor: floor.parse().unwrap(),
            cap: cap.parse().unwrap(),
            max_leverage,
            maintenance_rate: rate.parse().unwrap(),
            cum: cum.parse().unwrap(),
        };
        let lines = [
            line("0", "1500", 25, "0.02", "0"),
            line("1500", "4000", 20, "0.03", "15"),
            line("4000", "1000000000", 20, "0.045", "75"),
        ];
        let mut lines = lines[..self.brackets].to_vec();
        lines[self.brackets - 1].cap = "1000000000".parse().unwrap();
        let terms = ContractTerms {
            brackets: Brackets::new(lines).unwrap(),
            liquidation_fee: "0.01".parse::<Rate>().unwrap(),
            ..ContractTerms::default()
        };
        Instrument {
            tick: "0.01".parse().unwrap(),
            lot: "0.001".parse().unwrap(),
            terms,
            ..instrument(&format!("S{index}"))
        }
    }

    fn bars(&self, index: usize) -> BarBlock {
        wild_walk(self.bars, self.seed ^ index as u64, self.wildness)
    }

    /// Marks that stand off the last price, bar by bar.
    fn marks(&self, index: usize) -> BarBlock {
        let mut block = self.bars(index);
        if self.has_marks {
            let columns = [&mut block.open, &mut block.high, &mut block.low, &mut block.close];
            for price in columns.into_iter().flat_map(|column| column.iter_mut().step_by(3)) {
                *price += 0.5;
            }
        }
        block
    }

    fn funding(&self) -> Vec<FundingRate> {
        let rate = |index: usize| FundingRate {
            ts: Timestamp::from_millis(START_MS + index as i64 * 60_000),
            rate: ["0.01", "-0.02", "0.03"][index % 3].parse().unwrap(),
            mark: Price::from_f64(900.0 + (index % 7) as f64),
        };
        (10..self.bars).step_by(23).map(rate).collect()
    }

    fn margin(&self) -> MarginSettings {
        MarginSettings::new(self.mode, self.leverage).unwrap()
    }

    fn run(&self, block_rows: usize) -> MemoryRun {
        let markets = (0..self.symbols).map(|index| (self.instrument(index), self.bars(index)));
        let mut run = MemoryRun::new(markets.collect());
        for index in 0..self.symbols {
            if self.has_marks {
                run.marks.insert(index, self.marks(index));
            }
            if self.has_funding {
                run.funding.insert(index, self.funding());
            }
        }
        run.block_rows = block_rows;
        run.balance = BALANCE.parse().unwrap();
        run.leverage = f64::from(self.leverage);
        run.margin = Some((self.kind, self.margin()));
        run.exchange = ExchangeConfig {
            latency: Latency::constant(self.latency_ms * 1_000_000),
            slippage: if self.slippage { Slippage::fixed(10.0) } else { Slippage::NONE },
            ..ExchangeConfig::default()
        };
        let timeframes: [Timeframe; 2] = [Timeframe::MINUTE, "5m".parse().unwrap()];
        for _ in 0..self.strategies {
            run = run.with(Noise::default(), &timeframes, self.seed);
        }
        run
    }

    fn witness(&self) -> Witness {
        let instruments: Vec<Instrument> = (0..self.symbols).map(|index| self.instrument(index)).collect();
        let marks = (0..self.symbols).map(|index| self.marks(index)).collect();
        Witness::new(self.kind, self.margin(), &instruments, marks, self.strategies, BALANCE.parse().unwrap())
    }

    fn witnessed(&self) -> (Witness, Outcome) {
        let mut witness = self.witness();
        let outcome = self.run(64).run(&mut witness);
        (witness, outcome)
    }

    fn hash(&self, block_rows: usize) -> String {
        let mut recorder = HashOnly::default();
        self.run(block_rows).run(&mut recorder);
        recorder.finish().1.to_string()
    }
}

/// What a strategy is worth by its cash flows alone: what it paid and received, and what it holds.
fn worth(witness: &Witness, strategy: StrategyId) -> Money {
    let record = &witness.record;
    let mut cash: Money = BALANCE.parse().unwrap();
    let mut positions = vec![Quantity::ZERO; witness.marks.len()];
    for fill in record.fills.iter().filter(|fill| fill.strategy == strategy) {
        let signed = fill.side.signed(fill.quantity);
        cash -= signed.at(fill.price) + fill.fee;
        positions[fill.instrument.index()] += signed;
    }
    cash -= record.funding.iter().filter(|paid| paid.strategy == strategy).map(|paid| paid.paid).sum();
    // Liquidations tell of what the fund bore for them, other fills of what it bore for a wallet that was empty.
    cash += witness.insured[strategy.index()];
    cash + positions.iter().zip(&witness.marks).map(|(held, mark)| held.at(*mark)).sum()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases(24)))]

    /// Step by step: nobody's margin is gone and nobody's position still there, nobody was liquidated whose margin the
    /// worst mark left, and the exchange's accounts hold what the strategies hold, to the last unit. Whoever is flat has
    /// got what its trades say.
    #[test]
    fn every_step_leaves_sound_accounts(setup in setups()) {
        let (witness, _) = setup.witnessed();
        prop_assert!(witness.faults.is_empty(), "{}", witness.faults.join("\n"));
    }

    /// Equity = balance + Σ what was sold − bought − fees − funding + insurance + what is held at the mark, exact; the
    /// exchange has as much as its strategies together.
    #[test]
    fn money_is_conserved(setup in setups()) {
        let (witness, outcome) = setup.witnessed();
        for strategy in 0..setup.strategies {
            prop_assert_eq!(outcome.accounts[strategy].equity, worth(&witness, StrategyId::from(strategy)));
        }
        let turned: Money = witness.turned.iter().copied().sum();
        let all = outcome.accounts.iter().map(|account| account.equity).sum::<Money>() + turned;
        let exchange = &outcome.exchange_accounts;
        prop_assert_eq!(exchange.iter().map(|account| account.equity(&witness.marks)).sum::<Money>(), all);
        let insured: Money = witness.insured.iter().copied().sum();
        prop_assert_eq!(exchange.iter().map(cryptobot_engine::MarginAccount::insurance).sum::<Money>(), insured);
        prop_assert_eq!(exchange, &witness.accounts);
    }

    /// With liquidations and funding, too, the journal depends on nothing but the inputs.
    #[test]
    fn equal_inputs_give_equal_journals(setup in setups(), rows in 1_usize..200) {
        prop_assert_eq!(setup.hash(rows), setup.hash(64));
    }
}

/// The random runs are no idle ones: they have liquidations of both kinds of accounts and modes, partial ones, several of
/// one account at one time, and losses that the insurance fund bears.
#[test]
fn random_runs_have_liquidations() {
    let mut runs = Vec::new();
    for seed in 0..8 {
        for kind in [AccountKind::Shared, AccountKind::Separate] {
            for mode in [MarginMode::Isolated, MarginMode::Cross] {
                let setup = Setup {
                    seed,
                    bars: 400,
                    symbols: 2,
                    strategies: 3,
                    kind,
                    mode,
                    leverage: 20,
                    brackets: 3,
                    latency_ms: 0,
                    slippage: true,
                    has_marks: false,
                    has_funding: true,
                    wildness: 25,
                };
                let (witness, _) = setup.witnessed();
                assert!(witness.faults.is_empty(), "{setup:?}\n{}", witness.faults.join("\n"));
                runs.push((kind, mode, witness));
            }
        }
    }
    assert!(runs.iter().any(|run| run.2.insured.iter().any(|amount| !amount.is_zero())));
    for kind in [AccountKind::Shared, AccountKind::Separate] {
        for mode in [MarginMode::Isolated, MarginMode::Cross] {
            let of = runs.iter().filter(|run| (run.0, run.1) == (kind, mode));
            let count = of.clone().map(|run| run.2.record.liquidations.len()).sum::<usize>();
            let insured =
                of.clone().flat_map(|run| &run.2.insured).filter(|amount| !amount.is_zero()).count();
            let trades = of.clone().flat_map(|run| &run.2.record.trades);
            let insured_trades = trades.filter(|trade| !trade.insurance.is_zero()).count();
            let partial = of.map(|run| run.2.partial).sum::<usize>();
            println!(
                "{kind:?} {mode:?}: {count} liquidations, {partial} partial, {insured} accounts insured in \
                 {insured_trades} trades"
            );
            assert!(count > 20 && partial > 0 && insured_trades >= insured);
        }
    }
}
