//! The feed: threads that receive and ask, and one place where all of it meets.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, channel, sync_channel};
use std::thread;
use std::time::Duration;

use cryptobot_data::InstrumentTerms;
use cryptobot_download::{Client, SystemClock, Venue};
use cryptobot_feed::{Arrival, Event, Feed, FeedError, Input, Series};
use cryptobot_model::{FundingRate, Price, Rate, Timestamp};
use serde::Deserialize;

use super::ask::{Answer, Ask, Asker, What, price_places};
use super::book::Snapshot;
use super::market::{Market, Outbox};
use super::message::{Levels, Says, json, price, read, time_of};
use super::{VENUE, streams};
use crate::Channel;
use crate::connection::{Line, Times, Told, keep};
use crate::error::VenueError;
use crate::notice::{Counts, Notice, ended};
use crate::pause::Pauses;
use crate::socket::{proxy_for, stream_url};

/// Messages that wait to be taken at most: then the connections wait.
const MOST_WAITING: usize = 1 << 16;
/// How long it waits for what comes next.
const WAIT: Duration = Duration::from_millis(100);
/// Messages that cannot be read of which each one is said; then the next one when there are twice as many.
const UNREADABLE_SAID: u64 = 8;
/// How often the exchange is asked for its symbols.
const ATTEMPTS: u32 = 5;

/// What is followed, and where.
#[derive(Clone, Debug)]
pub struct Options {
    /// Symbols as the exchange writes them.
    pub symbols: Vec<String>,
    /// What of each.
    pub channels: Vec<Channel>,
    /// Where requests are answered, if elsewhere than usual.
    pub base_url: Option<String>,
    /// Where streams are served, if elsewhere than usual.
    pub stream_url: Option<String>,
    /// When connections are made again.
    pub times: Times,
    /// Seed of the pauses after failures.
    pub seed: u64,
}

/// What the threads tell.
#[derive(Debug)]
enum Signal {
    /// A connection, by its place.
    Line(usize, Told),
    Answer(Answer),
}

/// The market data of some symbols while the exchange trades.
pub struct LiveFeed {
    series: Vec<Series>,
    terms: Vec<InstrumentTerms>,
    lines: Vec<Line>,
    markets: Vec<Market>,
    places: BTreeMap<String, usize>,
    inbox: Receiver<Signal>,
    asks: Sender<Ask>,
    out: Outbox,
    stop: Arc<AtomicBool>,
}

impl LiveFeed {
    /// Asks the exchange for the symbols and begins to follow them. `interrupted` ends the asking.
    ///
    /// # Errors
    /// A kind is not streamed, the exchange does not trade a symbol, or an address cannot be used.
    pub fn open(options: &Options, interrupted: &AtomicBool) -> Result<Self, VenueError> {
        let mut channels = options.channels.clone();
        channels.sort_unstable();
        channels.dedup();
        channels.iter().try_for_each(|channel| streams::check(*channel))?;
        let mut symbols = options.symbols.clone();
        symbols.sort_unstable();
        symbols.dedup();
        let base = stream_url(options.stream_url.as_deref().unwrap_or(streams::STREAM_URL))?;
        proxy_for(&base)?;
        let venue = Venue::named(VENUE)?;
        let url = options.base_url.clone();
        let client =
            Client::new(venue, url.as_deref(), (&SystemClock, interrupted), (ATTEMPTS, options.seed))?;
        let terms = client.instruments(&symbols)?;
        let places = price_places(&client)?;
        let mut series = Vec::new();
        let market = |(place, symbol): (usize, &String)| {
            Market::new((symbol, place), grid(symbol, &terms, &places), &channels, &mut series)
        };
        let markets: Vec<Market> = symbols.iter().enumerate().map(market).collect();
        let lines = streams::lines(&base, &symbols, &channels);
        let (tell, inbox) = sync_channel(MOST_WAITING);
        let stop = Arc::new(AtomicBool::new(false));
        let (asks, to_ask) = channel();
        let feed = Self {
            series,
            terms,
            lines,
            markets,
            places: symbols.iter().cloned().zip(0..).collect(),
            inbox,
            asks,
            out: Outbox::default(),
            stop: Arc::clone(&stop),
        };
        for place in 0..feed.lines.len() {
            feed.follow(place, options, &tell)?;
        }
        let asker = Asker { venue, url, symbols, seed: options.seed, stop };
        start("requests", move || {
            // The address was checked with the symbols.
            let _ = asker.run(&to_ask, |answer| tell.send(Signal::Answer(answer)).is_ok());
        })?;
        Ok(feed)
    }

    /// What the exchange says of the symbols.
    pub fn terms(&self) -> &[InstrumentTerms] {
        &self.terms
    }

    /// The next thing that whoever watches should know.
    pub fn notice(&mut self) -> Option<Notice> {
        self.out.notices.pop_front()
    }

    /// Ends the connections. What has arrived is still delivered.
    pub fn close(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    /// What happened so far.
    pub const fn counts(&self) -> Counts {
        self.out.counts
    }

    /// Starts the thread of a connection.
    fn follow(&self, place: usize, options: &Options, tell: &SyncSender<Signal>) -> Result<(), VenueError> {
        let (line, times, stop) = (self.lines[place].clone(), options.times, Arc::clone(&self.stop));
        let (mut pauses, tell) = (Pauses::new(options.seed, place as u64 + 1), tell.clone());
        start(&line.name.clone(), move || {
            keep(&line, times, &mut pauses, &stop, |told| tell.send(Signal::Line(place, told)).is_ok());
        })
    }

    fn on_signal(&mut self, signal: Signal) -> Result<(), VenueError> {
        match signal {
            Signal::Line(place, told) => self.on_line(place, told)?,
            Signal::Answer(answer) => self.on_answer(answer),
        }
        for ask in self.out.asks.drain(..) {
            // Nobody answers any more when the feed ends.
            let _ = self.asks.send(ask);
        }
        Ok(())
    }

    fn on_line(&mut self, place: usize, told: Told) -> Result<(), VenueError> {
        let line = &self.lines[place];
        let connection = || line.name.clone();
        match told {
            Told::Up => {
                let notice = Notice::Up { connection: connection(), streams: line.streams.len() };
                self.out.notices.push_back(notice);
            }
            Told::Down(reason) => {
                self.out.counts.reconnects += 1;
                self.out.notices.push_back(Notice::Down { connection: connection(), reason });
                for market in &mut self.markets {
                    market.lose(&line.streams);
                }
            }
            Told::Never(reason) => return Err(VenueError::NeverUp { url: line.url.clone(), reason }),
            Told::Bytes(count) => {
                let reason = format!("{count} bytes that are no text");
                self.unreadable(connection(), reason);
            }
            Told::Text(arrived, text) => {
                self.out.counts.messages += 1;
                if let Err(reason) = self.on_text(arrived, &text) {
                    self.unreadable(self.lines[place].name.clone(), reason);
                }
            }
        }
        Ok(())
    }

    fn unreadable(&mut self, connection: String, reason: String) {
        self.out.counts.unreadable += 1;
        let count = self.out.counts.unreadable;
        // An exchange that writes otherwise from one day on would say nothing else any more.
        if count > UNREADABLE_SAID && !count.is_power_of_two() {
            return;
        }
        self.out.notices.push_back(Notice::Unreadable { connection, reason });
    }

    fn on_text(&mut self, arrived: Timestamp, text: &str) -> Result<(), String> {
        let message = read(text)?;
        if message.says == Says::Nothing {
            return Ok(());
        }
        let place = self.places.get(message.symbol);
        let place = *place.ok_or_else(|| format!("`{}` was not subscribed to", message.symbol))?;
        self.markets[place].take(&message, arrived, &mut self.out)
    }

    fn on_answer(&mut self, answer: Answer) {
        let Answer { symbol, what, at, body } = answer;
        let market = &mut self.markets[symbol];
        match what {
            What::Book { number } => match body.and_then(|body| snapshot(&body, market)) {
                Ok(snapshot) => market.take_snapshot(number, snapshot, at, &mut self.out),
                Err(reason) => market.snapshot_failed(number, reason, &mut self.out),
            },
            What::Funding { due_ms } => {
                match (body.and_then(|body| paid(&body, due_ms)), market.funding_series()) {
                    (Ok(funding), Some(series)) => {
                        let input = Input::Funding { series, funding };
                        self.out.arrivals.push_back(Arrival { ts_event: funding.ts, ts_init: at, input });
                    }
                    (Err(reason), _) => {
                        let symbol = market.symbol().to_owned();
                        self.out.notices.push_back(Notice::NoFunding { symbol, reason });
                    }
                    (Ok(_), None) => {}
                }
            }
        }
    }
}

impl Feed for LiveFeed {
    fn series(&self) -> &[Series] {
        &self.series
    }

    fn next(&mut self) -> Result<Event, FeedError> {
        loop {
            if let Some(arrival) = self.out.arrivals.pop_front() {
                return Ok(Event::Arrival(arrival));
            }
            match self.inbox.recv_timeout(WAIT) {
                Ok(signal) => self.on_signal(signal).map_err(ended)?,
                Err(RecvTimeoutError::Timeout) => return Ok(Event::Quiet(None)),
                Err(RecvTimeoutError::Disconnected) => return Ok(Event::End),
            }
            if self.out.arrivals.is_empty() && !self.out.notices.is_empty() {
                return Ok(Event::Quiet(None));
            }
        }
    }
}

impl fmt::Debug for LiveFeed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LiveFeed").field("series", &self.series).finish_non_exhaustive()
    }
}

impl Drop for LiveFeed {
    fn drop(&mut self) {
        self.close();
    }
}

fn start(name: &str, run: impl FnOnce() + Send + 'static) -> Result<(), VenueError> {
    let thread = thread::Builder::new().name(name.to_owned()).spawn(run);
    thread.map(drop).map_err(|error| VenueError::Thread(error.to_string()))
}

/// What all prices of a symbol are multiples of: the step of new orders, or finer where old ones may be.
fn grid(symbol: &str, terms: &[InstrumentTerms], places: &[(String, u32)]) -> Price {
    const PLACES: u32 = 8;
    let step = terms.iter().find(|terms| terms.symbol == symbol).map(|terms| Price::new(terms.tick));
    let written = places.iter().find(|(name, _)| name == symbol).map(|(_, places)| {
        let places = (*places).min(PLACES);
        Price::from_units(10_i128.pow(PLACES - places))
    });
    // Both are powers of ten or multiples of them, so that the finer one divides the other.
    step.into_iter().chain(written).min().unwrap_or(Price::from_units(1))
}

/// Reads a snapshot of a book.
fn snapshot(body: &str, market: &Market) -> Result<Snapshot, String> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Whole {
        last_update_id: u64,
        #[serde(rename = "T")]
        time: i64,
    }
    let Whole { last_update_id, time } = json(body)?;
    let levels: Levels<'_> = json(body)?;
    Ok(Snapshot { at: time_of(time)?, last: last_update_id, levels: market.on_grid(&levels)? })
}

/// Reads the funding that was paid at a time.
fn paid(body: &str, due_ms: i64) -> Result<FundingRate, String> {
    /// Exchanges stamp payments some milliseconds late.
    const LATE_MS: i64 = 60_000;
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Paid {
        funding_rate: String,
        funding_time: i64,
        #[serde(default)]
        mark_price: String,
    }
    let paid: Vec<Paid> = json(body)?;
    let found = paid.into_iter().find(|paid| (due_ms..due_ms + LATE_MS).contains(&paid.funding_time));
    let Some(Paid { funding_rate, funding_time, mark_price }) = found else {
        return Err(format!("nothing was published for {}", Timestamp::from_millis(due_ms)));
    };
    let rate: Rate = funding_rate.parse().map_err(|_| "the rate cannot be read".to_owned())?;
    let mark = if mark_price.is_empty() { None } else { Some(price(&mark_price)?) };
    Ok(FundingRate { ts: time_of(funding_time)?, rate, mark })
}
