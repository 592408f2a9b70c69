//! Messages of streams, read.

use cryptobot_feed::{Activity, Liquidation, Quote, TradeIds};
use cryptobot_model::{Bar, DepthUpdate, Price, Quantity, Side, Timestamp, TradeSeen, UpdateIds};
use serde::Deserialize;

/// A message of a stream.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Message<'a> {
    pub(crate) symbol: &'a str,
    /// When it happened.
    pub(crate) at: Timestamp,
    pub(crate) says: Says<'a>,
}

/// What it says.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Says<'a> {
    Trade(TradeSeen, TradeIds),
    /// Changes of a book.
    Book(UpdateIds, Levels<'a>),
    /// The best of a book after an update.
    Quote(u64, Quote),
    /// A bar that closed, of a length as the exchange writes it.
    Bar(&'a str, Bar, Activity),
    /// The mark price, and when funding is paid next, ms.
    Mark(Price, i64),
    Liquidation(Liquidation),
    /// Nothing that is recorded: a bar that is still open, another kind of contract.
    Nothing,
}

/// Levels of a book as texts: price and quantity.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct Levels<'a> {
    #[serde(borrow, alias = "b")]
    pub(crate) bids: Vec<(&'a str, &'a str)>,
    #[serde(borrow, alias = "a")]
    pub(crate) asks: Vec<(&'a str, &'a str)>,
}

/// What the exchange counts contracts of the other kind, margined in coins, by.
const COIN_MARGINED: u8 = 2;

/// Reads a message; the error says what is wrong with it.
pub(crate) fn read(text: &str) -> Result<Message<'_>, String> {
    #[derive(Deserialize)]
    struct Kind<'a> {
        #[serde(borrow)]
        e: &'a str,
        #[serde(default)]
        st: u8,
    }
    let Kind { e, st } = json(text)?;
    if st == COIN_MARGINED {
        return Ok(Message { symbol: "", at: Timestamp(0), says: Says::Nothing });
    }
    match e {
        "aggTrade" => trade(text),
        "depthUpdate" => depth(text),
        "bookTicker" => quote(text),
        "kline" => kline(text),
        "markPriceUpdate" => mark(text),
        "forceOrder" => liquidation(text),
        other => Err(format!("an unknown event `{}`", shown(other))),
    }
}

impl Levels<'_> {
    /// The levels in steps of a price and of 1e-8 of quantity, bids first.
    pub(crate) fn on_grid(&self, tick: Price) -> Result<Vec<DepthUpdate>, String> {
        let level = |side, (price, quantity): &(&str, &str)| {
            let (price, quantity) = (self::price(price)?.units(), self::quantity(quantity)?.units());
            let steps =
                (price % tick.units() == 0).then(|| i64::try_from(price / tick.units()).ok()).flatten();
            let tick = steps.ok_or_else(|| format!("a price that is no multiple of {tick}"))?;
            let lots = i64::try_from(quantity).map_err(|_| "a quantity is too large".to_owned())?;
            Ok(DepthUpdate { side, tick, lots })
        };
        let bids = self.bids.iter().map(|bid| level(Side::Buy, bid));
        bids.chain(self.asks.iter().map(|ask| level(Side::Sell, ask))).collect()
    }
}

fn trade(text: &str) -> Result<Message<'_>, String> {
    #[derive(Deserialize)]
    struct Trade<'a> {
        s: &'a str,
        a: u64,
        p: &'a str,
        q: &'a str,
        f: i64,
        l: i64,
        #[serde(rename = "T")]
        time: i64,
        m: bool,
    }
    let Trade { s, a, p, q, f, l, time, m } = json(text)?;
    let aggressor = if m { Side::Sell } else { Side::Buy };
    let trades = u64::try_from(f).ok().zip(u64::try_from(l).ok());
    let trade = TradeSeen { aggressor, price: price(p)?, quantity: quantity(q)? };
    Ok(Message { symbol: s, at: time_of(time)?, says: Says::Trade(trade, TradeIds { id: a, trades }) })
}

fn depth(text: &str) -> Result<Message<'_>, String> {
    #[derive(Deserialize)]
    struct Depth<'a> {
        s: &'a str,
        #[serde(rename = "T")]
        time: i64,
        #[serde(rename = "U")]
        first: u64,
        u: u64,
        pu: u64,
    }
    let Depth { s, time, first, u, pu } = json(text)?;
    let ids = UpdateIds { first, last: u, previous: Some(pu) };
    Ok(Message { symbol: s, at: time_of(time)?, says: Says::Book(ids, json(text)?) })
}

fn quote(text: &str) -> Result<Message<'_>, String> {
    #[derive(Deserialize)]
    struct Ticker<'a> {
        s: &'a str,
        u: u64,
        #[serde(rename = "T")]
        time: i64,
        b: &'a str,
        #[serde(rename = "B")]
        bid_quantity: &'a str,
        a: &'a str,
        #[serde(rename = "A")]
        ask_quantity: &'a str,
    }
    let Ticker { s, u, time, b, bid_quantity, a, ask_quantity } = json(text)?;
    let (bid_quantity, ask_quantity) = (quantity(bid_quantity)?, quantity(ask_quantity)?);
    let quote = Quote { bid: price(b)?, bid_quantity, ask: price(a)?, ask_quantity };
    Ok(Message { symbol: s, at: time_of(time)?, says: Says::Quote(u, quote) })
}

fn kline(text: &str) -> Result<Message<'_>, String> {
    #[derive(Deserialize)]
    struct Event<'a> {
        s: &'a str,
        #[serde(borrow)]
        k: Kline<'a>,
    }
    #[derive(Deserialize)]
    struct Kline<'a> {
        #[serde(rename = "T")]
        last_ms: i64,
        i: &'a str,
        o: &'a str,
        h: &'a str,
        l: &'a str,
        c: &'a str,
        v: &'a str,
        n: u64,
        x: bool,
        q: &'a str,
        #[serde(rename = "V")]
        taker_buy_volume: &'a str,
    }
    let Event { s, k } = json(text)?;
    // The last millisecond of the bar: it closes with the next one.
    let at = time_of(k.last_ms)?.plus(1_000_000);
    if !k.x {
        return Ok(Message { symbol: s, at, says: Says::Nothing });
    }
    let [open, high, low, close, volume] = [k.o, k.h, k.l, k.c, k.v].map(real);
    let bar = Bar { ts: at, open: open?, high: high?, low: low?, close: close?, volume: volume? };
    let (quote_volume, taker_buy_volume) = (real(k.q)?, real(k.taker_buy_volume)?);
    let activity = Activity { quote_volume, trades: k.n, taker_buy_volume };
    Ok(Message { symbol: s, at, says: Says::Bar(k.i, bar, activity) })
}

fn mark(text: &str) -> Result<Message<'_>, String> {
    #[derive(Deserialize)]
    struct Mark<'a> {
        s: &'a str,
        #[serde(rename = "E")]
        time: i64,
        p: &'a str,
        #[serde(rename = "T")]
        next_funding: i64,
    }
    let Mark { s, time, p, next_funding } = json(text)?;
    Ok(Message { symbol: s, at: time_of(time)?, says: Says::Mark(price(p)?, next_funding) })
}

fn liquidation(text: &str) -> Result<Message<'_>, String> {
    #[derive(Deserialize)]
    struct Event<'a> {
        #[serde(borrow)]
        o: Order<'a>,
    }
    #[derive(Deserialize)]
    struct Order<'a> {
        s: &'a str,
        #[serde(rename = "S")]
        side: &'a str,
        q: &'a str,
        p: &'a str,
        ap: &'a str,
        z: &'a str,
        #[serde(rename = "T")]
        time: i64,
    }
    let Event { o: Order { s, side, q, p, ap, z, time } } = json(text)?;
    let side = match side {
        "BUY" => Side::Buy,
        "SELL" => Side::Sell,
        other => return Err(format!("`{}` is no side", shown(other))),
    };
    let average = price(ap)?;
    let liquidation = Liquidation {
        side,
        price: price(p)?,
        quantity: quantity(q)?,
        average_price: (!average.is_zero()).then_some(average),
        filled: Some(quantity(z)?),
    };
    Ok(Message { symbol: s, at: time_of(time)?, says: Says::Liquidation(liquidation) })
}

pub(crate) fn json<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, String> {
    serde_json::from_str(text).map_err(|error| format!("{error}: {}", shown(text)))
}

pub(crate) fn price(text: &str) -> Result<Price, String> {
    text.parse().map_err(|_| format!("`{}` is no price", shown(text)))
}

fn quantity(text: &str) -> Result<Quantity, String> {
    let quantity = text.parse::<Quantity>().ok().filter(|quantity| *quantity >= Quantity::ZERO);
    quantity.ok_or_else(|| format!("`{}` is no quantity", shown(text)))
}

fn real(text: &str) -> Result<f64, String> {
    let number = text.parse::<f64>().ok().filter(|number| number.is_finite());
    number.ok_or_else(|| format!("`{}` is no number", shown(text)))
}

/// A time in ms; no message is of the years before 1970 or after 2262.
pub(crate) fn time_of(ms: i64) -> Result<Timestamp, String> {
    const LATEST_MS: i64 = i64::MAX / 1_000_000 - 1;
    if (0..=LATEST_MS).contains(&ms) {
        Ok(Timestamp::from_millis(ms))
    } else {
        Err(format!("{ms} is no time"))
    }
}

/// The beginning of a text, as one line.
fn shown(text: &str) -> String {
    const SHOWN: usize = 80;
    text.chars().take(SHOWN).map(|letter| if letter.is_control() { '?' } else { letter }).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_kind_of_message_is_read() {
        let trade = r#"{"e":"aggTrade","E":1700000000010,"a":7,"s":"BTCUSDT","p":"42000.10","q":"0.003","nq":"0.003",
            "f":100,"l":105,"T":1700000000001,"m":true,"st":1}"#;
        let Message { symbol, at, says } = read(trade).unwrap();
        assert_eq!((symbol, at.millis()), ("BTCUSDT", 1_700_000_000_001));
        let Says::Trade(seen, ids) = says else { panic!("{says:?}") };
        assert_eq!((seen.aggressor, seen.price.to_string().as_str()), (Side::Sell, "42000.1"));
        assert_eq!(ids, TradeIds { id: 7, trades: Some((100, 105)) });

        let depth = r#"{"e":"depthUpdate","E":123456789,"T":123456788,"s":"BTCUSDT","ps":"BTCUSDT","st":1,"U":157,
            "u":160,"pu":149,"b":[["0.0024","10"]],"a":[["0.0026","0"]]}"#;
        let Says::Book(ids, levels) = read(depth).unwrap().says else { panic!() };
        assert_eq!(ids, UpdateIds { first: 157, last: 160, previous: Some(149) });
        let tick = price("0.0001").unwrap();
        let levels = levels.on_grid(tick).unwrap();
        assert_eq!(levels[0], DepthUpdate { side: Side::Buy, tick: 24, lots: 1_000_000_000 });
        assert_eq!(levels[1], DepthUpdate { side: Side::Sell, tick: 26, lots: 0 });

        let ticker =
            r#"{"e":"bookTicker","u":4,"E":2,"T":1,"s":"BNBUSDT","b":"25.35","B":"31","a":"25.36","A":"40"}"#;
        assert!(
            matches!(read(ticker).unwrap().says, Says::Quote(4, quote) if quote.ask.to_string() == "25.36")
        );

        let mark = r#"{"e":"markPriceUpdate","E":1562305380000,"s":"BTCUSDT","p":"11794.15","i":"11784.6","P":"1",
            "r":"0.00038167","T":1562306400000}"#;
        let Message { at, says: Says::Mark(price, next), .. } = read(mark).unwrap() else { panic!() };
        assert_eq!(
            (at.millis(), price.to_string().as_str(), next),
            (1_562_305_380_000, "11794.15", 1_562_306_400_000)
        );

        let order = r#"{"e":"forceOrder","E":1568014460893,"o":{"s":"BTCUSDT","S":"SELL","o":"LIMIT","f":"IOC",
            "q":"0.014","p":"9910","ap":"0","X":"NEW","l":"0","z":"0","T":1568014460890}}"#;
        let Says::Liquidation(of) = read(order).unwrap().says else { panic!() };
        assert_eq!((of.side, of.average_price, of.filled), (Side::Sell, None, Some(Quantity::ZERO)));
    }

    #[test]
    fn bars_count_when_they_close() {
        let kline = |closed: bool| {
            format!(
                r#"{{"e":"kline","E":1638747660000,"s":"BTCUSDT","k":{{"t":1638747600000,"T":1638747659999,
                "s":"BTCUSDT","i":"1m","f":100,"L":200,"o":"0.0010","c":"0.0020","h":"0.0025","l":"0.0015","v":"1000",
                "n":100,"x":{closed},"q":"1.5","V":"500","Q":"0.500","B":"123456"}}}}"#
            )
        };
        assert_eq!(read(&kline(false)).unwrap().says, Says::Nothing);
        let text = kline(true);
        let Says::Bar(interval, bar, activity) = read(&text).unwrap().says else { panic!() };
        assert_eq!((interval, bar.ts.millis(), bar.high), ("1m", 1_638_747_660_000, 0.0025));
        assert_eq!(activity, Activity { quote_volume: 1.5, trades: 100, taker_buy_volume: 500.0 });
    }

    #[test]
    fn what_cannot_be_read_is_said_in_one_line() {
        for text in [
            "<html>",
            r#"{"e":"kline"}"#,
            r#"{"e":"new"}"#,
            r#"{"e":"aggTrade","E":1,"a":7,"s":"B","p":"x","q":"1","f":1,"l":1,"T":1,"m":true}"#,
            r#"{"e":"aggTrade","E":1,"a":7,"s":"B","p":"1","q":"-1","f":1,"l":1,"T":1,"m":true}"#,
            r#"{"e":"aggTrade","E":1,"a":7,"s":"B","p":"1","q":"1","f":1,"l":1,"T":-1,"m":true}"#,
        ] {
            let error = read(text).unwrap_err();
            assert!(!error.contains('\n') && error.len() < 300, "{error}");
        }
        let foreign = r#"{"e":"forceOrder","E":1,"st":2,"o":{}}"#;
        assert_eq!(read(foreign).unwrap().says, Says::Nothing);
        let levels = Levels { bids: vec![("1.05", "1")], asks: vec![] };
        assert!(levels.on_grid(price("0.1").unwrap()).unwrap_err().contains("no multiple of 0.1"));
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in ".{0,200}", at in any::<prop::sample::Index>()) {
            let _ = read(&text);
            let whole = r#"{"e":"depthUpdate","E":1,"T":1,"s":"B","U":1,"u":2,"pu":0,"b":[["1","2"]],"a":[]}"#;
            let cut = &whole[..at.index(whole.len())];
            prop_assert!(read(cut).is_err());
        }
    }
}
