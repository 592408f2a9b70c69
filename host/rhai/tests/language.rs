//! What scripts say and what the host understands.
#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use std::path::Path;

use common::{Player, fault, logged, refused, refused_with, script};
use cryptobot_engine::{FaultKind, Intent, Strategy, TimerCommand};
use cryptobot_indicators::KINDS;
use cryptobot_model::{
    Callback, OrderId, OrderKind, OrderTerms, ParamType, ParamValue, SeriesId, Side, StrategyId, TimeInForce,
    Timestamp, TriggerSource,
};
use cryptobot_rhai::{Limits, Script};

/// The intents of a body of `on_bar` at a price of 100.
fn intents(body: &str) -> Vec<Intent> {
    Player::of(&format!("fn on_bar(bar) {{ {body} }}")).bar(100.0)
}

/// Side, quantity, kind and terms of the only order of a body.
fn order(body: &str) -> (Side, f64, OrderKind<f64>, OrderTerms) {
    match intents(body)[..] {
        [Intent::Order { side, quantity, kind, terms, .. }] => (side, quantity, kind, terms),
        ref other => panic!("{body}: {other:?}"),
    }
}

#[test]
fn orders_are_what_their_maps_say() {
    use OrderKind::{Limit, Market, StopLimit, StopMarket, TakeProfitLimit, TakeProfitMarket, TrailingStop};
    use Side::{Buy, Sell};

    let (mark, last, gtc) = (TriggerSource::Mark, TriggerSource::Last, TimeInForce::Gtc);
    let free = OrderTerms::FREE;
    for (body, side, quantity, kind, terms) in [
        ("buy(2);", Buy, 2.0, Market, free),
        ("sell(0.5, #{reduce_only: true});", Sell, 0.5, Market, OrderTerms::REDUCE_ONLY),
        ("buy(1, #{limit: 99});", Buy, 1.0, Limit { price: 99.0, tif: gtc }, free),
        (
            "buy(1, #{limit: 99.0, tif: \"post-only\"});",
            Buy,
            1.0,
            Limit { price: 99.0, tif: TimeInForce::Gtx },
            free,
        ),
        (
            "buy(1, #{limit: 99.0, good_until: now() + minutes(2)});",
            Buy,
            1.0,
            Limit { price: 99.0, tif: TimeInForce::Gtd(Timestamp(180_000_000_000)) },
            free,
        ),
        ("sell(1, #{stop: 95.0});", Sell, 1.0, StopMarket { trigger: 95.0, source: mark }, free),
        (
            "sell(1, #{stop: 95.0, limit: 94.0, watch: \"last\"});",
            Sell,
            1.0,
            StopLimit { trigger: 95.0, source: last, price: 94.0, tif: gtc },
            free,
        ),
        ("sell(1, #{take_profit: 110});", Sell, 1.0, TakeProfitMarket { trigger: 110.0, source: mark }, free),
        (
            "sell(1, #{take_profit: 110, limit: 109});",
            Sell,
            1.0,
            TakeProfitLimit { trigger: 110.0, source: mark, price: 109.0, tif: gtc },
            free,
        ),
        (
            "sell(1, #{trail_bps: 50, activation: 105});",
            Sell,
            1.0,
            TrailingStop { callback: Callback::Bps(50.0), activation: Some(105.0), source: mark },
            free,
        ),
        (
            "buy(1, #{trail: 2.5});",
            Buy,
            1.0,
            TrailingStop { callback: Callback::Distance(2.5), activation: None, source: mark },
            free,
        ),
        (
            "close_long(#{stop: 95.0});",
            Sell,
            0.0,
            StopMarket { trigger: 95.0, source: mark },
            OrderTerms { close_position: true, ..free },
        ),
        (
            "close_short(#{take_profit: 90, watch: \"last\"});",
            Buy,
            0.0,
            TakeProfitMarket { trigger: 90.0, source: last },
            OrderTerms { close_position: true, ..free },
        ),
    ] {
        assert_eq!(order(body), (side, quantity, kind, terms), "{body}");
    }
    assert_eq!(order("target_position(-3);").1, 3.0);
    assert_eq!(order("target_share(0.5);").1, 50.0);
    assert!(intents("info(target_position(0));").is_empty());
}

#[test]
fn orders_of_several_steps_have_consecutive_numbers() {
    let bracket =
        intents("let id = buy_bracket(1, #{stop: 95, target: 110}); cancel(id + 1); modify(id + 2, 1, 111);");
    let id = |sequence| OrderId::new(StrategyId(0), sequence);
    assert_eq!(bracket.len(), 5);
    assert!(matches!(bracket[1], Intent::Order { kind: OrderKind::StopMarket { trigger: 95.0, .. }, .. }));
    assert_eq!(bracket[3], Intent::Cancel { id: id(2) });
    assert_eq!(bracket[4], Intent::Modify { id: id(3), quantity: 1.0, price: 111.0 });
    let pair = intents("sell_pair(1, #{limit: 110}, #{stop: 95, reduce_only: true}); cancel_all();");
    assert!(matches!(pair[0], Intent::Order { terms, .. } if terms.reduce_only && terms.sibling == id(2)));
    assert_eq!(pair[2], Intent::CancelAll { series: SeriesId(0) });
    let signals = intents("signal(\"sell\", 0.8, #{stop: 105}); signal(\"buy\", 1);");
    assert!(matches!(signals[0], Intent::Signal(signal)
        if signal.side == Side::Sell && signal.confidence == 0.8 && signal.stop == Some(105.0) && signal.target.is_none()));
    assert!(matches!(signals[1], Intent::Signal(signal) if signal.id == id(4)));
}

#[test]
fn orders_that_make_no_sense_say_why() {
    for (body, words) in [
        ("buy(1, #{limti: 99});", "an order has no `limti`; it may have limit, stop,"),
        ("buy(1, #{stop: 1, take_profit: 2});", "an order has one of"),
        ("buy(1, #{tif: \"ioc\"});", "`tif` and `good_until` are for orders with a `limit`"),
        ("buy(1, #{limit: 1, tif: \"now\"});", "`tif` is \"gtc\""),
        ("buy(1, #{watch: \"last\"});", "`watch` is for orders with"),
        ("buy(1, #{limit: \"low\"});", "`limit` must be a number, not a text"),
        ("buy_bracket(1, #{target: 3});", "a bracket needs a stop"),
        ("close_long(#{limit: 3});", "a position is closed by"),
        ("signal(\"up\", 1);", "a side is \"buy\" or \"sell\", not \"up\""),
        ("set_timer(\"a\", 1);", "it is `set_timer(number, time)`, but was given a text, a whole number"),
        ("bar.clsoe;", "a bar has no `clsoe`"),
        ("let x = \"a\" * 2;", "`*` does not work on a text and a whole number"),
        ("set_timer(70_000, 1);", "a timer has a number from 0 to 65535"),
        ("close(-1);", "bars ago must be 0 or more"),
        ("window(\"price\", 3);", "a bar has \"time\""),
    ] {
        let fault = fault(body);
        assert_eq!(fault.kind, FaultKind::Trap, "{fault}");
        assert!(fault.message.contains(words), "expected `{words}` in: {fault}");
    }
}

#[test]
fn parameters_are_declared_and_given() {
    let script = script(
        "strategy(\"mine\", \"1.2.0\");\nlet a = param(\"a\", 10, 2..200, \"bars\", #{step: 2, tunable: true});\n\
         let b = param(\"b\", 0.5, [0, 1]);\nlet c = param(\"c\", true);\nlet d = param(\"d\", \"x\", \"a word\");\n\
         let line = ema(a);\nlet day = series(\"day\", \"1d\");\nlet slow = rsi(day);\n\
         fn on_bar(bar) { info(`${a} ${b} ${c} ${d}`); }\nfn on_timer(n) { }",
    );
    let info = script.describe(&Limits::default()).unwrap();
    assert_eq!((info.name.as_str(), info.version.as_str(), info.warmup_bars), ("mine", "1.2.0", 10));
    assert!(info.wants.bars && info.wants.timers && !info.wants.orders && !info.wants.outcomes);
    assert_eq!(info.series[1].role, "day");
    let a = &info.params[0];
    assert_eq!(
        (a.min, a.max, a.step, a.tunable, a.doc.as_str()),
        (Some(2.0), Some(200.0), Some(2.0), true, "bars")
    );
    let types: Vec<ParamType> = info.params.iter().map(|spec| spec.default.param_type()).collect();
    assert_eq!(types, [ParamType::Integer, ParamType::Number, ParamType::Flag, ParamType::Text]);
    let given = [("a", ParamValue::Integer(4)), ("d", ParamValue::Text("y".to_owned()))];
    let mut player = Player::start(&script, &["A"], &given, &Limits::default()).unwrap();
    player.bar(1.0);
    assert_eq!(player.log(), ["4 0.5 true y"]);
}

/// What no call can answer is found when the script is loaded, wherever it stands and whether it is reached or not.
#[test]
fn calls_of_what_does_not_exist_are_found_before_the_run() {
    for (text, at, words) in [
        ("fn on_bar(bar) { if false { buyy(1) } }", None, ""),
        (
            "fn on_bar(bar) { if bar.close < 0 { buyy(1) } }",
            Some((1, 37)),
            "no function `buyy`; did you mean `buy`?",
        ),
        (
            "fn on_bar(bar) { }\nfn f(a) {\n  hlaf(a);\n}\nfn half(a) { f(a) }",
            Some((3, 3)),
            "did you mean `half`?",
        ),
        (
            "fn on_bar(bar) { try { timestamp() } catch { } }",
            Some((1, 24)),
            "there is no function `timestamp`",
        ),
        ("fn on_bar(bar) { buy(1).also() }", Some((1, 25)), "there is no function `also`"),
        ("let x = 1 + half(2);\nfn on_bar(bar) { }", Some((1, 13)), "there is no function `half`"),
        ("fn on_bar(bar) { `${ninfo(1)}` }", Some((1, 21)), "did you mean `info`?"),
        ("fn on_bar(bar) { late(1); early(1); }", Some((1, 18)), "there is no function `late`"),
        ("fn on_bar(bar) { let f = |x| x; f(1) }", Some((1, 33)), "there is no function `f`"),
        (
            "fn on_bar(bar) { buy(1, 2, 3) }",
            Some((1, 18)),
            "it is `buy(quantity, [how])`, but is given 3 values",
        ),
        ("fn on_bar(bar) { f(1) } fn f(a, b) { }", Some((1, 18)), "it is `f(a, b)`, but is given 1 value"),
        ("fn on_bar(bar) { f() } fn f(a) { }", Some((1, 18)), "it is `f(a)`, but is given no value"),
        ("fn on_bar(bar) { abs(1, 2) }", Some((1, 18)), "`abs` cannot be given 2 values"),
        ("fn on_bar(bar) { [1].push() }", Some((1, 22)), "`push` cannot be given no value"),
        // These are calls that something answers.
        ("fn on_bar(bar) { let m = #{f: |x| x}; m.f(1); m.anything(2) }", None, ""),
        ("fn on_bar(bar) { let f = |x| x; f.call(1); call(f, 1); [1].map(f); }", None, ""),
        ("fn on_bar(bar) { 3.times(); } fn times() { this * 2 }", None, ""),
        ("fn on_bar(bar) { 1 in [1]; 1 !in [2]; -abs(1) + !true; 0..3; [1].len(); \"a\".len(); }", None, ""),
        (
            "fn on_bar(bar) { print(1); debug(2); type_of(3); is_def_fn(\"f\", 1); #{}.keys(); buy(1); }",
            None,
            "",
        ),
    ] {
        let loaded = Script::load_bytes(Path::new("test.rhai"), text.as_bytes());
        match at {
            None => assert!(loaded.is_ok(), "{text}: {}", loaded.unwrap_err()),
            Some(at) => {
                let error = loaded.err().unwrap_or_else(|| panic!("it loads: {text}"));
                assert_eq!(error.at(), Some(at), "{text}: {error}");
                assert!(error.to_string().contains(words), "{text}: expected `{words}` in: {error}");
            }
        }
    }
}

#[test]
fn what_is_wrong_at_the_top_is_said_with_its_place() {
    for (text, words) in [
        ("let a = 1\nfn on_bar(bar) {}", "`;` is missing before this"),
        ("fn on_bar(bar) { wrong }", "contract: test.rhai:1:18: `wrong` is not known, in"),
        ("let many = 1; fn on_bar(b) { mony }", "`mony` is not known; did you mean `many`?"),
        ("fn on_bar(b) { for each in 0..3 { print(eahc) } }", "`eahc` is not known; did you mean `each`?"),
        ("fn f() { }", "the script has no function `on_bar(bar)`"),
        ("fn on_bar() { }", "test.rhai:1:1: the host calls this as `fn on_bar(bar)`"),
        ("fn on_bar(b) {}\nfn on_bars(bar) { }", "test.rhai:2:1: the host does not call `on_bars`"),
        ("let state = 1; fn on_bar(bar) { }", "test.rhai:1:1: `state` is a name of the host"),
        (
            "let p = param(\"p\", 1, 2..3); fn on_bar(bar) { }",
            "test.rhai:1:9: the default of `p` must lie in 2..3",
        ),
        ("param(\"p\", 1); param(\"p\", 1); fn on_bar(bar) { }", "parameter `p` is declared twice"),
        ("param(\"p q\", 1); fn on_bar(bar) { }", "the name of a parameter has letters"),
        ("param(\"p\", [1]); fn on_bar(bar) { }", "must be a number, a text, true or false, not a list"),
        ("let l = ema(0); fn on_bar(bar) { }", "`ema` takes period (whole, 1..=100000"),
        ("let l = ema(1, 2); fn on_bar(bar) { }", "`ema` takes period"),
        ("let l = indicator(\"x\"); fn on_bar(bar) { }", "there is no indicator `x`"),
        (
            "let l = bollinger(20); let m = l.signal; fn on_bar(bar) { }",
            "`bollinger` has no `signal`; it has upper",
        ),
        ("let s = series(\"day\", \"1x\"); fn on_bar(bar) { }", "1x"),
        ("position(); fn on_bar(bar) { }", "this works inside functions such as `on_bar`"),
        ("throw \"never\"; fn on_bar(bar) { }", "refused: test.rhai:1:1: never"),
        ("fn init() { throw \"not today\" } fn on_bar(bar) { }", "refused: test.rhai:1:13: not today"),
        ("let new = 1; fn on_bar(bar) { }", "`new` is a word of the language"),
    ] {
        let line = refused(text);
        assert!(line.contains(words), "{text}: expected `{words}` in: {line}");
    }
    let order = "let a = param(\"a\", 1); if a > 5 { throw `a is ${a}` } fn on_bar(bar) { }";
    assert!(refused_with(order, &[("a", ParamValue::Integer(9))]).contains("a is 9"));
}

#[test]
fn a_fixed_value_cannot_change() {
    for change in ["n += 1;", "n = 3;", "list.push(1);", "list[0] = 1;"] {
        let mut player = Player::of(&format!("let n = 0; let list = [1]; fn on_bar(bar) {{ {change} }}"));
        let fault = player.bar_of(0, 1.0).unwrap_err();
        assert!(fault.message.contains("fixed by the top of the script"), "{change}: {fault}");
    }
}

#[test]
fn state_is_kept_for_each_symbol() {
    let text = "state.n = 0; state.list = [];\n\
                fn count(by) { state.n += by; state.list.push(symbol()); }\n\
                fn on_bar(bar) { count(2); info(`${symbol()} ${state.n} ${state.list} ${symbols()}`); \
                if !(\"seen\" in state) { state.seen = bar; } }";
    let script = script(text);
    let mut player = Player::start(&script, &["A", "B"], &[], &Limits::default()).unwrap();
    for series in [0, 1, 0] {
        player.bar_of(series, 5.0).unwrap();
    }
    assert_eq!(player.log(), ["A 2 [\"A\"] 2", "B 2 [\"B\"] 2", "A 4 [\"A\", \"A\"] 2"]);
    let state = player.strategy.snapshot().unwrap();
    let mut second = Player::start(&script, &["A", "B"], &[], &Limits::default()).unwrap();
    second.strategy.restore(1, &state).unwrap();
    assert_eq!(second.strategy.snapshot().unwrap(), state);
    second.bar_of(1, 6.0).unwrap();
    assert_eq!(second.log(), ["B 4 [\"B\", \"B\"] 2"]);
}

#[test]
fn indicators_stand_for_their_values() {
    let text = "let fast = sma(2); let bands = bollinger(3, 1.5); let day = series(\"day\", \"1d\"); let daily = sma(day, 1);\n\
                fn on_bar(bar) { info(`${fast} ${fast.value} ${fast.previous} ${fast[1]} ${fast.ready} ${fast > 4} \
                ${5.0 > fast} ${fast + 1} ${bands.middle.value} ${daily.ready} ${crosses_above(fast, 4)}`); }\n\
                fn on_series_bar(series, bar) { info(`${series == day} ${daily.value} ${close(day)}`); }";
    let mut player = Player::of(text);
    for close in [1.0, 3.0, 6.0] {
        player.bar(close);
    }
    player.bar_of(1, 9.0).unwrap();
    let log = player.log();
    assert!(log[0].starts_with("NaN NaN NaN NaN false false false NaN NaN false"), "{}", log[0]);
    assert_eq!(log[2], "4.5 4.5 2.0 2.0 true true true 5.5 3.3333333333333335 false true");
    assert_eq!(log[3], "true 9.0 9.0");
}

#[test]
fn features_are_lines_by_the_names_of_their_columns() {
    let text = "let quick = features([\"technical_fast\", #{name: \"low\", indicator: \"bollinger\", params: #{period: 2}, output: \"lower\"}]);\n\
                let long = features(\"rsi_14\", \"5m\"); let hour = series(\"hour\", \"1h\"); let hourly = features(\"atr_14\", hour);\n\
                let same = rsi(14); let bands = bollinger(2);\n\
                fn on_bar(bar) { if bars() < 76 { return; }\n\
                info(`${quick.rsi_14.value == same.value} ${quick.low.value == bands.lower.value} ${quick.low[1] == bands.lower[1]} \
                ${long.rsi_14.ready} ${hourly.atr_14.ready} ${quick.rsi_14 > 1.0} ${feature_values(quick).rsi_14 == same.value}`); }";
    let mut player = Player::of(text);
    for bar in 0..76 {
        player.bar(100.0 + f64::from(bar * bar % 37));
    }
    assert_eq!(player.log(), ["true true true true false true true"]);
    for (top, words) in [
        ("features(\"fast\")", "there is no feature set `fast`; sets are technical_fast"),
        ("features(1)", "a feature is a name, or #{name"),
        (
            "features(#{name: \"x\", kind: \"rsi\"})",
            "a feature has name, indicator, params, output, not `kind`",
        ),
        ("features(#{name: \"x\", indicator: \"rsi\", params: 3})", "`params` of a feature is a map"),
        (
            "features(#{name: \"x\", indicator: \"bollinger\"})",
            "feature `x`: name one of the outputs of `bollinger`",
        ),
        ("features(\"rsi_14\", \"90s\")", "must be a multiple"),
        ("features(\"rsi_14\").macd", "these features have no `macd`; they have rsi_14"),
        ("features(\"rsi_14\").rsi_14.upper", "a feature is one column: it has no `upper`"),
        (
            "features(\"taker_ratio\")",
            "feature `taker_ratio` is not computed from bars; there are only bars here",
        ),
    ] {
        let line = refused(&format!("let f = {top}; fn on_bar(bar) {{ }}"));
        assert!(line.contains(words), "{top}: {line}");
    }
    assert!(fault("features(\"rsi_14\");").message.contains("ask for features at the top of the script"));
}

#[test]
fn every_kind_of_indicator_is_a_function() {
    for kind in KINDS {
        let settings: Vec<String> = kind.params.iter().map(|param| format!("{}", param.default)).collect();
        let outputs: Vec<String> = kind
            .outputs
            .iter()
            .filter(|output| **output != "value")
            .map(|output| output.replace('-', "_"))
            .collect();
        let reads: Vec<String> =
            outputs.iter().map(|output| format!("let x = line.{output}.value;")).collect();
        let text = format!(
            "let line = {name}({all}); let other = {name}({on_main}); let plain = {name}(); fn on_bar(bar) {{ {reads} }}",
            reads = reads.concat(),
            name = kind.name,
            all = settings.join(", "),
            on_main = [vec!["main".to_owned()], settings.clone()].concat().join(", ")
        );
        Player::of(&text).bar(1.0);
    }
}

#[test]
fn bars_and_time_are_as_the_host_has_them() {
    let text = "fn on_bar(bar) { info(`${bar.close} ${close()} ${close(1)} ${open()} ${high()} ${low()} ${volume()} \
                ${window(\"close\", 5)} ${bars()} ${bar(0).high} ${bar(9)}`); \
                info(`${date(now())} ${year(now())} ${month(now())} ${day(now())} ${weekday(now())} ${hour(now())} \
                ${minute(now())} ${bar.time == now()} ${timeframe() == minutes(1)} ${tick()} ${lot()} ${min_notional()} ${venue()}`); }";
    let mut player = Player::of(text);
    player.bar(10.0);
    player.bar(20.0);
    let log = player.log();
    assert_eq!(log[2], "20.0 20.0 10.0 19.0 22.0 17.0 10.0 [10.0, 20.0] 2 22.0 ");
    assert_eq!(log[1], "1970-01-01T00:01:00Z 1970 1 1 4 0 1 true true 0.01 0.001 5.0 test");
}

#[test]
fn numbers_are_those_of_libm() {
    let lines = logged(
        "info(sin(1) == sin(1.0)); info(exp(1.0)); info(pow(2, 0.5)); info(round(2.345, 2)); info(round(2.5)); \
         info(floor(-1.5)); info(to_int(2.9)); info(1 / 2); info(to_float(1) / 2); info(max(1, 2.5)); info(abs(-3)); \
         info(is_nan(close(50)));",
    );
    let exp = libm::exp(1.0).to_string();
    let root = libm::pow(2.0, 0.5).to_string();
    let expected = ["true", &exp, &root, "2.35", "3.0", "-2.0", "2", "0", "0.5", "2.5", "3", "true"];
    assert_eq!(lines, expected);
}

#[test]
fn chance_is_seeded() {
    let body = "for i in 0..200 { let r = random(); if r < 0.0 || r >= 1.0 { throw \"outside\" } \
                let n = random_int(-2, 2); if n < -2 || n > 2 { throw \"outside\" } info(`${r} ${n}`); }";
    let (first, second) = (logged(body), logged(body));
    assert_eq!(first, second);
    assert!((-2..=2).all(|n| first.iter().any(|line| line.ends_with(&format!(" {n}")))));
}

#[test]
fn timers_belong_to_their_symbol() {
    let text = "fn on_bar(bar) { set_timer(3, now() + hours(1)); cancel_timer(4); } fn on_timer(n) { info(`${symbol()} ${n}`); }";
    let mut player = Player::start(&script(text), &["A", "B"], &[], &Limits::default()).unwrap();
    player.bar_of(1, 5.0).unwrap();
    let mut timers = Vec::new();
    player.strategy.desk().take_timers(&mut timers);
    let id = 65_536 + 3;
    assert_eq!(
        timers,
        [TimerCommand::Set { id, at: Timestamp(3_660_000_000_000) }, TimerCommand::Cancel { id: id + 1 }]
    );
    player.strategy.on_timer(id, Timestamp(0)).unwrap();
    assert_eq!(player.log(), ["B 3"]);
}

#[test]
fn what_a_script_calls_is_known() {
    let script = script(
        "let f = features(\"rsi_14\"); let l = ema(3); fn on_bar(bar) { if l > close(1) { f() } } fn f() { buy(1, #{stop: 2}); info(\"x\"); }",
    );
    let used = script.interfaces();
    assert_eq!(
        used,
        [
            ("indicators", vec!["ema"]),
            ("features", vec!["features"]),
            ("market", vec!["close"]),
            ("orders", vec!["buy"]),
            ("log", vec!["info"])
        ]
    );
}

#[test]
fn tunable_parameters_change_on_the_way() {
    let text = "let a = param(\"a\", 1, 0..9, \"\", #{tunable: true}); let p = param(\"p\", 3, 1..9); let l = sma(p); \
                state.n = 0; fn on_bar(bar) { state.n += a; info(`${state.n} ${l.ready}`); }";
    let mut player = Player::of(text);
    player.bar(1.0);
    let of = |a, p| vec![("a".to_owned(), ParamValue::Integer(a)), ("p".to_owned(), ParamValue::Integer(p))];
    player.strategy.tune(&of(5, 3)).unwrap();
    player.bar(1.0);
    player.bar(1.0);
    let fault = player.strategy.tune(&of(5, 4)).unwrap_err();
    assert_eq!(fault.kind, FaultKind::Refused);
    assert!(fault.message.contains("that takes a swap"), "{fault}");
    player.bar(1.0);
    assert_eq!(player.log(), ["1 false", "6 false", "11 true", "16 true"]);
}

#[test]
fn a_fault_names_the_functions_that_were_running() {
    let mut player = Player::of("fn f() { g(1); } fn g(x) { throw \"deep\" } fn on_bar(bar) { f(); }");
    let fault = player.bar_of(0, 1.0).unwrap_err();
    assert_eq!(fault.detail.backtrace, ["g", "f"]);
    assert!(fault.message.starts_with("test.rhai:1:28: deep"), "{fault}");
}
