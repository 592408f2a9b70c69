//! Funding with numbers computed by hand.
#![allow(clippy::unwrap_used, reason = "tests")]

use cryptobot_engine::{BarBlock, Desk, Fault};
use cryptobot_model::{
    Bar, FundingPrice, FundingRate, Money, OrderKind, OrderTerms, SeriesId, Side, Timeframe, Timestamp,
};
use cryptobot_test_support::market::START_MS;
use cryptobot_test_support::native::Logic;
use cryptobot_test_support::run::{MemoryRun, Record, instrument};

/// Minute bars that stand still at a price.
fn still(from: usize, bars: usize, price: f64) -> BarBlock {
    let mut block = BarBlock::default();
    for index in from..from + bars {
        block.open_ms.push(minute(index).millis());
        for column in [&mut block.open, &mut block.high, &mut block.low, &mut block.close] {
            column.push(price);
        }
        block.volume.push(1.0);
    }
    block
}

fn minute(index: usize) -> Timestamp {
    Timestamp::from_millis(START_MS + index as i64 * 60_000)
}

fn rate(at: usize, rate: &str, mark: Option<&str>) -> FundingRate {
    FundingRate { ts: minute(at), rate: rate.parse().unwrap(), mark: mark.map(|mark| mark.parse().unwrap()) }
}

/// Takes two units at the second bar's open and gives them back at the eighteenth's.
struct Hold(Side, usize);

impl Logic for Hold {
    fn on_bar(&mut self, desk: &mut Desk, series: SeriesId, _bar: &Bar) -> Result<(), Fault> {
        self.1 += 1;
        let side = match self.1 {
            1 => self.0,
            17 => self.0.opposite(),
            _ => return Ok(()),
        };
        desk.submit(series, side, 2.0, OrderKind::Market, OrderTerms::FREE).map(|_| ())
    }
}

fn held(side: Side) -> (Record, Money) {
    let mut run = MemoryRun::new(vec![(instrument("S"), still(0, 20, 100.0))]).with(
        Hold(side, 0),
        &[Timeframe::MINUTE],
        1,
    );
    run.balance = "1000".parse().unwrap();
    // Mark prices of minutes 8 to 11 only.
    run.marks.insert(0, still(8, 4, 99.0));
    let rates = [
        rate(1, "0.5", None),
        rate(5, "0.0001", Some("101")),
        rate(10, "-0.0002", None),
        rate(15, "0.0001", None),
        rate(18, "0.5", None),
    ];
    run.funding.insert(0, rates.to_vec());
    let mut record = Record::default();
    let outcome = run.run(&mut record);
    (record, outcome.accounts[0].wallet)
}

#[test]
fn longs_pay_a_positive_rate_and_receive_a_negative_one() {
    let (record, wallet) = held(Side::Buy);
    let paid: Vec<_> =
        record.funding.iter().map(|payment| (payment.ts, payment.paid.to_string(), payment.source)).collect();
    // 2 × 101 × 0.0001; 2 × 99 × −0.0002 at the open of the mark bar that begins then; 2 × 100 × 0.0001. Nothing is
    // due at minute 1, before the fill at that bar's open is known, nor at minute 18, when the position is gone.
    let expected = [
        (minute(5), "0.0202".to_owned(), FundingPrice::Recorded),
        (minute(10), "-0.0396".to_owned(), FundingPrice::MarkOpen),
        (minute(15), "0.02".to_owned(), FundingPrice::LastClose),
    ];
    assert_eq!(paid, expected);
    let trade = &record.trades[0];
    assert_eq!(trade.funding.to_string(), "0.0006");
    // Two fees of 2 × 100 × 0.0004.
    assert_eq!(trade.net_pnl.to_string(), "-0.1606");
    assert_eq!(wallet.to_string(), "999.8394");
}

#[test]
fn shorts_receive_what_longs_pay() {
    let (long, _) = held(Side::Buy);
    let (short, wallet) = held(Side::Sell);
    for (paid, received) in long.funding.iter().zip(&short.funding) {
        assert_eq!(paid.paid, -received.paid);
    }
    assert_eq!(wallet.to_string(), "999.8406");
}
