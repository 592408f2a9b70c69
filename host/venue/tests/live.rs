//! The feed itself, over sockets of the loopback address.
#![allow(clippy::unwrap_used, clippy::disallowed_types, clippy::print_stdout, reason = "tests")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use cryptobot_feed::{Event, Feed, Input};
use cryptobot_test_support::exchange::{Exchange, Live, Rules, StreamFault, script};
use cryptobot_venue::{Channel, LiveFeed, Notice, Options, Times, VenueError};

const BEGIN_MS: i64 = 1_700_000_035_000;

fn exchange(live: Live) -> Exchange {
    let mut rules = Rules::calm(Arc::new(|| BEGIN_MS), 0);
    rules.live = live;
    Exchange::start(rules)
}

fn options(exchange: &Exchange, kinds: &[&str], times: Times) -> Options {
    // The loopback address is asked directly, whatever proxy there is.
    Options {
        symbols: vec!["BTCUSDT".to_owned()],
        channels: kinds.iter().map(|kind| kind.parse().unwrap()).collect(),
        base_url: Some(exchange.url()),
        stream_url: Some(exchange.stream_url()),
        times,
        seed: 7,
    }
}

/// Whether the environment sends requests to the loopback address elsewhere.
fn is_behind_a_proxy() -> bool {
    let has = |name: &str| std::env::var(name).is_ok_and(|value| !value.is_empty());
    let direct = ["NO_PROXY", "no_proxy"]
        .iter()
        .any(|name| std::env::var(name).is_ok_and(|of| of.contains("127.0.0.1")));
    let proxies = ["ALL_PROXY", "all_proxy", "HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"];
    let is = proxies.into_iter().any(has) && !direct;
    if is {
        println!("skipped: a direct way to 127.0.0.1 is not here; set NO_PROXY=127.0.0.1");
    }
    is
}

/// Numbers of trades, in the order of their arrival, and the notices, until `is_enough`.
fn follow(feed: &mut LiveFeed, is_enough: impl Fn(&[u64], &[Notice]) -> bool) -> (Vec<u64>, Vec<Notice>) {
    let (mut trades, mut notices) = (Vec::new(), Vec::new());
    let deadline = Instant::now() + Duration::from_mins(1);
    while !is_enough(&trades, &notices) {
        assert!(Instant::now() < deadline, "{} trades, {notices:?}", trades.len());
        if let Event::Arrival(arrival) = feed.next().unwrap()
            && let Input::Trade { ids: Some(ids), .. } = arrival.input
        {
            trades.push(ids.id);
        }
        while let Some(notice) = feed.notice() {
            notices.push(notice);
        }
    }
    (trades, notices)
}

#[test]
fn an_old_connection_is_replaced_before_the_exchange_ends_it() {
    if is_behind_a_proxy() {
        return;
    }
    let script = script(&["BTCUSDT"], BEGIN_MS, 60, 3);
    let of = script.iter().filter(|said| said.stream == "btcusdt@aggTrade").count();
    let exchange = exchange(Live { script, pace: Duration::from_millis(4), ..Live::default() });
    let times = Times { lifetime: Duration::from_millis(400), ..Times::default() };
    let mut feed =
        LiveFeed::open(&options(&exchange, &["aggtrades"], times), &AtomicBool::new(false)).unwrap();
    let old = |notice: &Notice| notice.to_string().contains("old enough to be replaced");
    let (trades, notices) = follow(&mut feed, |trades, notices| {
        trades.last() == Some(&(50 + of as u64 - 1)) && notices.iter().any(old)
    });
    // What the exchange had sent when the connection was given up may be lost, and is said then.
    let lost: u64 = notices
        .iter()
        .map(|notice| if let Notice::TradeGap { first, last, .. } = notice { last - first + 1 } else { 0 })
        .sum();
    assert_eq!(trades.len() as u64 + lost, of as u64);
    assert!(trades.is_sorted_by(|a, b| a < b));
    assert_eq!(feed.counts().missing_trades, lost);
}

#[test]
fn a_refused_subscription_is_tried_again_and_given_up_at_last() {
    if is_behind_a_proxy() {
        return;
    }
    let live = |refusals| Live { script: script(&["BTCUSDT"], BEGIN_MS, 2, 3), refusals, ..Live::default() };
    let some = exchange(live(2));
    let mut feed =
        LiveFeed::open(&options(&some, &["aggtrades"], Times::default()), &AtomicBool::new(false)).unwrap();
    let (_, notices) = follow(&mut feed, |trades, _| !trades.is_empty());
    let refused = notices.iter().filter(|notice| notice.to_string().contains("refused: Invalid request"));
    assert_eq!(refused.count(), 2);

    let all = exchange(live(usize::MAX));
    let mut feed =
        LiveFeed::open(&options(&all, &["aggtrades"], Times::default()), &AtomicBool::new(false)).unwrap();
    let error = loop {
        if let Err(error) = feed.next() {
            break error.downcast::<VenueError>().unwrap();
        }
    };
    assert!(error.to_string().contains("cannot subscribe at ws://127.0.0.1"), "{error}");
    assert!(!error.is_usage() && !error.is_data());
}

#[test]
fn a_feed_that_is_closed_gives_what_had_arrived_and_ends() {
    if is_behind_a_proxy() {
        return;
    }
    let faults = BTreeMap::from([(("public", 3), StreamFault::Drop)]);
    let exchange = exchange(Live { script: script(&["BTCUSDT"], BEGIN_MS, 5, 3), faults, ..Live::default() });
    let kinds = ["depth", "quotes", "mark-1m"];
    let mut feed =
        LiveFeed::open(&options(&exchange, &kinds, Times::default()), &AtomicBool::new(false)).unwrap();
    assert_eq!(feed.series().len(), 3);
    assert_eq!(feed.terms()[0].symbol, "BTCUSDT");
    let deadline = Instant::now() + Duration::from_mins(1);
    while !exchange.is_done() {
        assert!(Instant::now() < deadline, "{feed:?}");
        feed.next().unwrap();
    }
    feed.close();
    while feed.next().unwrap() != Event::End {
        assert!(Instant::now() < deadline, "it does not end");
    }
    assert_eq!(feed.counts().reconnects, 1);
}

#[test]
fn names_of_channels_are_read_as_they_are_written() {
    for name in ["aggtrades", "depth", "quotes", "liquidations", "funding", "1m", "mark-1h"] {
        assert_eq!(name.parse::<Channel>().unwrap().to_string(), name);
    }
}
