//! What a made-up market says on its streams.

use std::fmt::Write as _;

use cryptobot_model::random::Random;

/// A message of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// The stream, as it is subscribed to.
    pub stream: String,
    /// The message.
    pub text: String,
}

/// Time between two changes of a book, ms.
const STEP_MS: i64 = 100;

/// One symbol.
struct Talker {
    symbol: &'static str,
    random: Random,
    update: u64,
    trade: u64,
    single: u64,
    /// Tenths.
    price: i64,
}

/// What some symbols say from a time on, ms, for so many seconds: changes of books and best prices ten times a second,
/// trades, bars of a minute (open ones, and those that close), a mark price every second, and some liquidations.
pub fn script(symbols: &[&'static str], from_ms: i64, seconds: i64, seed: u64) -> Vec<Said> {
    let mut talkers: Vec<Talker> = symbols
        .iter()
        .zip(0..)
        .map(|(symbol, place)| Talker {
            symbol,
            random: Random::new(seed, place),
            update: 1_000,
            trade: 50,
            single: 700,
            price: 420_000,
        })
        .collect();
    let mut said = Vec::new();
    for step in 0..seconds * (1_000 / STEP_MS) {
        let now = from_ms + step * STEP_MS;
        for talker in &mut talkers {
            talker.say(now, &mut said);
        }
    }
    said
}

impl Talker {
    fn say(&mut self, now: i64, said: &mut Vec<Said>) {
        self.price += self.draw(11) - 5;
        self.book(now, said);
        if self.draw(3) > 0 {
            self.trade(now, said);
        }
        if now % 1_000 == 0 {
            self.mark(now, said);
        }
        if now % 60_000 == 0 {
            self.kline(now - 60_000, true, said);
        } else if now % 5_000 == 0 {
            self.kline(now - now % 60_000, false, said);
        }
        if self.draw(40) == 0 {
            self.liquidation(now, said);
        }
    }

    fn draw(&mut self, below: i64) -> i64 {
        (self.random.uniform() * below as f64) as i64
    }

    fn push(&self, stream: &str, text: String, said: &mut Vec<Said>) {
        said.push(Said { stream: format!("{}@{stream}", self.symbol.to_lowercase()), text });
    }

    fn book(&mut self, now: i64, said: &mut Vec<Said>) {
        let previous = self.update;
        let first = previous + 1 + self.draw(5) as u64;
        self.update = first + self.draw(40) as u64;
        let mut sides = [String::new(), String::new()];
        for (side, text) in sides.iter_mut().enumerate() {
            for place in 0..self.draw(4) {
                // A message has each price once.
                let away = 1 + 10 * place + self.draw(10);
                let price = if side == 0 { self.price - away } else { self.price + away };
                let lots = self.draw(5) * self.draw(900);
                let comma = if text.is_empty() { "" } else { "," };
                let _ = write!(text, r#"{comma}["{}","{}"]"#, tenths(price), thousandths(lots));
            }
        }
        let (symbol, last, [bids, asks]) = (self.symbol, self.update, sides);
        let text = format!(
            r#"{{"e":"depthUpdate","E":{now},"T":{now},"s":"{symbol}","U":{first},"u":{last},"pu":{previous},"b":[{bids}],"a":[{asks}],"st":1,"ps":"{symbol}"}}"#
        );
        self.push("depth@100ms", text, said);
        let (bid, ask) = (tenths(self.price - 1), tenths(self.price + 1));
        let text = format!(
            r#"{{"e":"bookTicker","u":{last},"s":"{symbol}","b":"{bid}","B":"1.250","a":"{ask}","A":"0.004","T":{now},"E":{now},"st":1}}"#
        );
        self.push("bookTicker", text, said);
    }

    fn trade(&mut self, now: i64, said: &mut Vec<Said>) {
        let (symbol, price, lots) = (self.symbol, tenths(self.price), thousandths(1 + self.draw(3_000)));
        let (id, first, last) = (self.trade, self.single, self.single + self.draw(3) as u64);
        (self.trade, self.single) = (id + 1, last + 1);
        let maker = self.draw(2) == 0;
        let text = format!(
            r#"{{"e":"aggTrade","E":{now},"a":{id},"s":"{symbol}","p":"{price}","q":"{lots}","f":{first},"l":{last},"T":{},"m":{maker},"st":1}}"#,
            now - 3
        );
        self.push("aggTrade", text, said);
    }

    fn mark(&self, now: i64, said: &mut Vec<Said>) {
        const HOURS_8_MS: i64 = 8 * 3_600_000;
        let (symbol, price) = (self.symbol, tenths(self.price));
        let next = (now / HOURS_8_MS + 1) * HOURS_8_MS;
        let text = format!(
            r#"{{"e":"markPriceUpdate","E":{now},"s":"{symbol}","p":"{price}345678","i":"{price}","P":"{price}","r":"0.00010000","T":{next},"st":1}}"#
        );
        self.push("markPrice@1s", text, said);
    }

    fn kline(&mut self, opened: i64, closed: bool, said: &mut Vec<Said>) {
        let (symbol, close) = (self.symbol, opened + 59_999);
        let [open, high, low, last] = [0, 40, -40, 7].map(|off| tenths(self.price + off));
        let volume = thousandths(self.draw(100_000));
        let text = format!(
            r#"{{"e":"kline","E":{close},"s":"{symbol}","k":{{"t":{opened},"T":{close},"s":"{symbol}","i":"1m","f":1,"L":9,"o":"{open}","c":"{last}","h":"{high}","l":"{low}","v":"{volume}","n":9,"x":{closed},"q":"12345.6789","V":"0.125","Q":"1.5","B":"0"}},"st":1}}"#
        );
        self.push("kline_1m", text, said);
    }

    fn liquidation(&mut self, now: i64, said: &mut Vec<Said>) {
        let (symbol, price, lots) = (self.symbol, tenths(self.price), thousandths(1 + self.draw(900)));
        let side = ["BUY", "SELL"][self.draw(2) as usize];
        let (average, filled) = if self.draw(4) == 0 { ("0", "0") } else { (price.as_str(), lots.as_str()) };
        let text = format!(
            r#"{{"e":"forceOrder","E":{now},"o":{{"s":"{symbol}","S":"{side}","o":"LIMIT","f":"IOC","q":"{lots}","p":"{price}","ap":"{average}","X":"FILLED","l":"{filled}","z":"{filled}","T":{}}},"st":1}}"#,
            now - 1
        );
        self.push("forceOrder", text, said);
    }
}

fn tenths(value: i64) -> String {
    format!("{}.{}0", value / 10, value % 10)
}

fn thousandths(value: i64) -> String {
    format!("{}.{:03}", value / 1_000, value % 1_000)
}
