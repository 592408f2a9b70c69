//! Dumps of exchanges and files of other programs, read as they come.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::fmt::Write as _;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use arrow_array::{ArrayRef, Float64Array, RecordBatch, TimestampMillisecondArray};
use arrow_ipc::CompressionType;
use arrow_ipc::writer::{FileWriter, IpcWriteOptions};
use cryptobot_data::Catalog;
use cryptobot_data::store::{
    CatalogWriter, Cell, ExportRequest, ImportOptions, Rows, SeriesId, export, import as import_file,
    read_foreign,
};
use flate2::write::{DeflateEncoder, GzEncoder};
use flate2::{Compression, Crc};

const OPEN_MS: i64 = 1_704_067_200_000;

fn options(kind: &str, map: &[(&str, &str)]) -> ImportOptions {
    let map = map.iter().map(|(to, from)| ((*to).to_owned(), (*from).to_owned())).collect();
    ImportOptions { kind: kind.parse().unwrap(), map, unit: None, entry: None }
}

fn import(name: &str, content: &[u8], options: &ImportOptions) -> Result<Rows, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, content).unwrap();
    read_foreign(&path, options).map_err(|error| error.to_string())
}

fn row(rows: &Rows, row: usize) -> Vec<Cell> {
    (0..rows.kind().columns().len()).map(|column| rows.cell(row, column)).collect()
}

fn number(value: f64) -> Cell {
    Cell::Number(value)
}

/// A zip archive of one file, as exchanges make them.
fn zip(name: &str, text: &[u8]) -> Vec<u8> {
    let mut packed = DeflateEncoder::new(Vec::new(), Compression::default());
    packed.write_all(text).unwrap();
    let packed = packed.finish().unwrap();
    let mut sum = Crc::new();
    sum.update(text);
    let mut sizes = sum.sum().to_le_bytes().to_vec();
    sizes.extend((packed.len() as u32).to_le_bytes());
    sizes.extend((text.len() as u32).to_le_bytes());
    sizes.extend((name.len() as u16).to_le_bytes());
    sizes.extend([0; 2]);
    let method = [20, 0, 0, 0, 8, 0, 0, 0, 0, 0];
    let mut file = [b"PK\x03\x04".as_slice(), &method, &sizes, name.as_bytes(), &packed].concat();
    let directory = file.len() as u32;
    let entry = [b"PK\x01\x02\x14\x00".as_slice(), &method, &sizes, &[0; 14], name.as_bytes()].concat();
    file.extend(&entry);
    file.extend(b"PK\x05\x06\0\0\0\0\x01\0\x01\0");
    file.extend((entry.len() as u32).to_le_bytes());
    file.extend(directory.to_le_bytes());
    file.extend([0; 2]);
    file
}

#[test]
fn archives_of_binance_with_and_without_names() {
    let kline = "1704067200000,1.5,2,1,1.75,10,1704067259999,17.5,42,6,10.5,0\n";
    let names = "open_time,open,high,low,close,volume,close_time,quote_volume,count,taker_buy_volume,\
                 taker_buy_quote_volume,ignore\n";
    let expected = vec![
        Cell::Integer(OPEN_MS),
        number(1.5),
        number(2.0),
        number(1.0),
        number(1.75),
        number(10.0),
        number(17.5),
        Cell::Integer(42),
        number(6.0),
    ];
    let micro = kline.replacen("1704067200000", "1704067200000000", 1);
    for text in [kline.to_owned(), format!("{names}{kline}"), micro] {
        let archive = zip("BTCUSDT-1m-2024-01.csv", text.as_bytes());
        let rows = import("a.zip", &archive, &options("1m", &[])).unwrap();
        assert_eq!((rows.len(), row(&rows, 0)), (1, expected.clone()));
        for damage in 0..archive.len() {
            let mut damaged = archive.clone();
            damaged[damage] ^= 0x10;
            // Wherever a bit is turned: the same rows, or an error, never others.
            if let Ok(rows) = import("a.zip", &damaged, &options("1m", &[])) {
                assert_eq!((rows.len(), row(&rows, 0)), (1, expected.clone()), "byte {damage}");
            }
        }
    }
    let trades = "100,1.5,2,7,8,1704067200123,true\n101,1.5,2,9,9,1704067200124,False,True\n";
    let rows = import("a.csv", trades.as_bytes(), &options("aggtrades", &[])).unwrap();
    let ids = [Cell::Integer(7), Cell::Integer(8)];
    let first = [Cell::Integer(OPEN_MS + 123), Cell::Integer(100), number(1.5), number(2.0), ids[0], ids[1]];
    assert_eq!(row(&rows, 0), [&first[..], &[Cell::Flag(true)]].concat());
    assert_eq!(rows.cell(1, 6), Cell::Flag(false));
    let funding = "calc_time,funding_interval_hours,last_funding_rate\n1704067200003,8,-0.0001\n";
    let rows = import("f.csv", funding.as_bytes(), &options("funding", &[])).unwrap();
    assert_eq!(row(&rows, 0), [Cell::Integer(OPEN_MS + 3), number(-0.0001), Cell::Empty]);
    let liquidations = "time,side,order_type,time_in_force,original_quantity,price,average_price,order_status,\
                        last_fill_quantity,accumulated_fill_quantity\n\
                        1704067200005,SELL,LIMIT,IOC,3,1.5,1.6,FILLED,1,2\n";
    let rows = import("l.csv", liquidations.as_bytes(), &options("liquidations", &[])).unwrap();
    let expected = [Cell::Flag(true), number(1.5), number(3.0), number(1.6), number(2.0)];
    assert_eq!(row(&rows, 0), [&[Cell::Integer(OPEN_MS + 5)], &expected[..]].concat());
    let metrics = "create_time,symbol,sum_open_interest,sum_open_interest_value,count_toptrader_long_short_ratio,\
                   sum_toptrader_long_short_ratio,count_long_short_ratio,sum_taker_long_short_vol_ratio\n\
                   2024-01-01 00:00:00,BTCUSDT,80000.5,3.4e9,1.1,1.2,1.3,1.4\n";
    let rows = import("m.csv", metrics.as_bytes(), &options("oi-5m", &[])).unwrap();
    assert_eq!(row(&rows, 0), [Cell::Integer(OPEN_MS), number(80_000.5), number(3.4e9)]);
    let rows = import("m.csv", metrics.as_bytes(), &options("long-short-5m", &[])).unwrap();
    assert_eq!([rows.cell(0, 1), rows.cell(0, 4), rows.cell(0, 5)], [number(1.3), number(1.1), number(1.2)]);
}

#[test]
fn dumps_of_kraken_coinbase_and_freqtrade() {
    let bar = [Cell::Integer(OPEN_MS), number(1.5), number(2.0), number(1.0), number(1.75), number(10.0)];
    let mut gzipped = GzEncoder::new(Vec::new(), Compression::default());
    gzipped.write_all(b"[[1704067200000,1.5,2,1,1.75,10]]").unwrap();
    let gzipped = gzipped.finish().unwrap();
    for (name, content) in [
        ("XBTUSD_1.csv", b"1704067200,1.5,2,1,1.75,10,42\n".as_slice()),
        ("coinbase.csv", b"time,low,high,open,close,volume\n1704067200,1,2,1.5,1.75,10\n"),
        ("site.csv", b"https://example.org\ndate;open;high;low;close;volume\n2024-01-01 00:00:00;1.5;2;1;1.75;10\n"),
        ("BTC_USDT-1m.json", b"[[1704067200000, 1.5, 2.0, 1.0, 1.75, 10.0]]"),
        ("answer.json", b"[{\"openTime\": 1704067200000, \"open\": \"1.5\", \"high\": \"2\", \"low\": \"1\", \"close\": \"1.75\", \"volume\": 10}]"),
        ("BTC_USDT-1m.json.gz", &gzipped),
    ] {
        let rows = import(name, content, &options("1m", &[])).unwrap();
        assert_eq!(row(&rows, 0)[..6], bar, "{name}");
    }
    let trades = import("XBTUSD.csv", b"1704067200,1.5,2\n", &options("aggtrades", &[])).unwrap_err();
    assert!(trades.contains("3 columns without names") && trades.contains("--kind 1m"), "{trades}");
}

#[test]
fn what_is_exported_is_imported_again() {
    let folder = tempfile::tempdir().unwrap();
    let series = SeriesId::new("v", "S", "funding".parse().unwrap()).unwrap();
    let mut rows = Rows::new(series.kind);
    for day in 0..800 {
        let mark = (day % 3 > 0).then_some(1.0 / f64::from(day + 3));
        let rate = 1e-4 / f64::from(day + 7);
        rows.push(&[(OPEN_MS + i64::from(day) * 86_400_000).into(), rate.into(), mark.into()]);
    }
    let writer = CatalogWriter::open(folder.path().join("one")).unwrap();
    writer.append(&series, &rows, "test").unwrap();
    let request = |columns: &[&str]| ExportRequest {
        series: series.clone(),
        from: None,
        to: None,
        columns: columns.iter().map(|name| (*name).to_owned()).collect(),
    };
    let catalog = Catalog::open(folder.path().join("one")).unwrap();
    let out = |name: &str| folder.path().join(name);
    for name in ["out.csv", "out.parquet"] {
        assert_eq!(export(&catalog, &request(&["rate", "ts", "mark_price"]), &out(name)).unwrap(), 800);
        assert_eq!(read_foreign(&out(name), &options("funding", &[])).unwrap(), rows, "{name}");
        let swapped = options("funding", &[("ts", "1"), ("rate", "rate")]);
        assert_eq!(read_foreign(&out(name), &swapped).unwrap(), rows, "{name}");
    }
    for (columns, name, reason) in
        [(&["price"][..], "a.csv", "--columns price"), (&[], "a.txt", "must end with .csv or .parquet")]
    {
        let refused = export(&catalog, &request(columns), &out(name)).unwrap_err().to_string();
        assert!(refused.contains(reason), "{refused}");
        assert!(!Path::new(&out(name)).exists());
    }
}

/// A zip archive whose sizes and places stand in the fields of zip64, and with another file before the wanted one.
fn large_zip(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let (mut file, mut directory) = (Vec::new(), Vec::new());
    for (name, text) in entries {
        let mut sum = Crc::new();
        sum.update(text);
        let (crc, place, size) = (sum.sum().to_le_bytes(), file.len() as u64, text.len() as u64);
        let name_length = (name.len() as u16).to_le_bytes();
        file.extend(
            [b"PK\x03\x04\x2d\0\0\0\0\0\0\0\0\0".as_slice(), &crc, &[0xFF; 8], &name_length].concat(),
        );
        file.extend([&20_u16.to_le_bytes(), name.as_bytes(), b"\x01\0\x10\0"].concat());
        file.extend([size.to_le_bytes(), size.to_le_bytes()].concat());
        file.extend(*text);
        directory.extend([b"PK\x01\x02\x2d\0\x2d\0\0\0\0\0\0\0\0\0".as_slice(), &crc, &[0xFF; 8]].concat());
        // A field of another kind comes first.
        directory.extend([name_length.as_slice(), &34_u16.to_le_bytes(), &[0; 10], &[0xFF; 4]].concat());
        directory.extend([name.as_bytes(), b"\x99\x99\x02\0ab\x01\0\x18\0"].concat());
        directory.extend([size.to_le_bytes(), size.to_le_bytes(), place.to_le_bytes()].concat());
    }
    let (begin, length, count) = (file.len() as u64, directory.len() as u64, entries.len() as u64);
    file.extend(directory);
    let end = file.len() as u64;
    file.extend([b"PK\x06\x06".as_slice(), &44_u64.to_le_bytes(), b"\x2d\0\x2d\0", &[0; 8]].concat());
    file.extend([count, count, length, begin].map(u64::to_le_bytes).concat());
    file.extend([b"PK\x06\x07\0\0\0\0".as_slice(), &end.to_le_bytes(), b"\x01\0\0\0"].concat());
    file.extend([b"PK\x05\x06\0\0\0\0".as_slice(), &[0xFF; 12], &[0; 2]].concat());
    file
}

#[test]
fn archives_above_four_gigabytes_and_one_file_of_several() {
    let kline = |open: u32| format!("1704067200,{open},9,1,2,10,42\n");
    let (first, second) = (kline(3), kline(4));
    let archive = large_zip(&[("a/ETHUSD_1.csv", first.as_bytes()), ("a/XBTUSD_1.csv", second.as_bytes())]);
    let of = |entry: &str| ImportOptions { entry: Some(entry.to_owned()), ..options("1m", &[]) };
    assert_eq!(import("a.zip", &archive, &options("1m", &[])).unwrap().len(), 2);
    for entry in ["XBTUSD_1.csv", "a/XBTUSD_1.csv"] {
        let rows = import("a.zip", &archive, &of(entry)).unwrap();
        assert_eq!((rows.len(), rows.cell(0, 1)), (1, number(4.0)));
    }
    let missing = import("a.zip", &archive, &of("XMRUSD_1.csv")).unwrap_err();
    assert!(missing.contains("--entry XMRUSD_1.csv") && missing.contains("a/ETHUSD_1.csv"), "{missing}");
    let plain = import("a.csv", first.as_bytes(), &of("a")).unwrap_err();
    assert!(plain.contains("no zip archive"), "{plain}");
    for damage in 0..archive.len() {
        let mut damaged = archive.clone();
        damaged[damage] ^= 0x10;
        if let Ok(rows) = import("a.zip", &damaged, &of("XBTUSD_1.csv")) {
            assert_eq!((rows.len(), rows.cell(0, 1)), (1, number(4.0)), "byte {damage}");
        }
    }
}

#[test]
fn trades_become_bars() {
    let text = "1704067200,100,2\n1704067200.5,102,1\n1704067259.9999,99.5,0.5\n1704067380,101,3\n";
    let rows = import("XBTUSD.csv", text.as_bytes(), &options("1m", &[])).unwrap();
    let bar = |minute: i64, prices: [f64; 4], volumes: [f64; 2], trades: i64| {
        let mut cells = vec![Cell::Integer(OPEN_MS + minute * 60_000)];
        cells.extend(prices.iter().chain(&volumes).map(|value| number(*value)));
        cells.extend([Cell::Integer(trades), Cell::Empty]);
        cells
    };
    assert_eq!(rows.len(), 2);
    assert_eq!(row(&rows, 0), bar(0, [100.0, 102.0, 99.5, 99.5], [3.5, 351.75], 3));
    assert_eq!(row(&rows, 1), bar(3, [101.0; 4], [3.0, 303.0], 1));
    let named = format!("time,volume,price\n{}", "1704067200,2,100\n");
    let rows = import("a.csv", named.as_bytes(), &options("1h", &[])).unwrap();
    assert_eq!(row(&rows, 0), bar(0, [100.0; 4], [2.0, 200.0], 1));
    let mapped = import(
        "a.csv",
        b"7,1704067200,2,100,8\n",
        &options("1m", &[("ts", "1"), ("qty", "2"), ("price", "3")]),
    );
    assert_eq!(row(&mapped.unwrap(), 0), bar(0, [100.0; 4], [2.0, 200.0], 1));

    let backwards = "1704067260,100,2\n1704067200,102,1\n";
    let refused = import("a.csv", backwards.as_bytes(), &options("1m", &[])).unwrap_err();
    assert!(refused.contains("line 2") && refused.contains("order of time"), "{refused}");
    for wrong in ["1704067200,0,2\n", "1704067200,nan,2\n", "1704067200,1,-2\n"] {
        assert!(
            import("a.csv", wrong.as_bytes(), &options("1m", &[])).unwrap_err().contains("line 1"),
            "{wrong}"
        );
    }
}

#[test]
fn feather_as_freqtrade_writes_it() {
    let dates: Vec<i64> = (0..3_000).map(|minute| OPEN_MS + minute * 60_000).collect();
    let price = |minute: usize| 100.0 + (minute % 11) as f64;
    let column = |add: f64| -> ArrayRef {
        Arc::new(Float64Array::from_iter_values((0..3_000).map(|m| price(m) + add)))
    };
    let times = TimestampMillisecondArray::from(dates.clone()).with_timezone("UTC");
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("date", Arc::new(times)),
        ("open", column(0.0)),
        ("high", column(2.0)),
        ("low", column(-1.0)),
        ("close", column(1.0)),
        ("volume", column(5.0)),
    ];
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    for compression in [None, Some(CompressionType::LZ4_FRAME), Some(CompressionType::ZSTD)] {
        let options_of = IpcWriteOptions::default().try_with_compression(compression).unwrap();
        let mut file = Vec::new();
        let mut writer = FileWriter::try_new_with_options(&mut file, &batch.schema(), options_of).unwrap();
        writer.write(&batch).unwrap();
        writer.write(&batch.slice(0, 1)).unwrap();
        writer.finish().unwrap();
        drop(writer);
        let rows = import("BTC_USDT-1m.feather", &file, &options("1m", &[])).unwrap();
        assert_eq!(rows.len(), 3_001);
        for minute in [0, 1, 2_999] {
            let bar = [0.0, 2.0, -1.0, 1.0, 5.0].map(|add| number(price(minute) + add));
            assert_eq!(row(&rows, minute)[..6], [&[Cell::Integer(dates[minute])], &bar[..]].concat());
        }
        // Damaged files are refused in one line; what a checksum would find is not: the format has none.
        for damage in (0..file.len()).step_by(97) {
            let mut damaged = file.clone();
            damaged[damage] ^= 0x55;
            if let Err(error) = import("a.feather", &damaged, &options("1m", &[])) {
                assert!(!error.contains('\n'), "{error}");
            }
        }
        let cut = import("a.feather", &file[..file.len() / 2], &options("1m", &[])).unwrap_err();
        assert!(cut.contains("feather"), "{cut}");
    }
}

#[test]
fn a_large_file_is_imported_in_parts_and_refused_as_a_whole() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.csv");
    let count = (1 << 19) + 5_000;
    let write = |last: &str| {
        let mut text = String::from("ts,rate\n");
        for row in 0..count {
            // Funding is stored by the minute.
            writeln!(text, "{},0.0001", OPEN_MS + row * 60_000).unwrap();
        }
        std::fs::write(&path, format!("{text}{},{last}\n", OPEN_MS + count * 60_000)).unwrap();
    };
    let series = SeriesId::new("v", "S", "funding".parse().unwrap()).unwrap();
    let writer = CatalogWriter::open(folder.path().join("data")).unwrap();
    let into = || import_file(&writer, &series, &path, &options("funding", &[]), "test");
    write("0.5");
    let refused = into().unwrap_err().to_string();
    assert!(refused.contains(&format!("row {count}")) && refused.contains("`rate`"), "{refused}");
    assert!(!folder.path().join("data/v").exists());
    write("-0.05");
    let done = into().unwrap();
    assert_eq!((done.added, done.restated, done.files.len()), (count as u64 + 1, 0, 2));
    let catalog = Catalog::open(folder.path().join("data")).unwrap();
    assert_eq!(catalog.coverage("v", "S", "funding").unwrap().rows, count as u64 + 1);
}

#[test]
fn a_dump_of_kraken_keeps_every_trade() {
    let folder =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/messages/kraken/trades_csv");
    for name in ["BCHEUR.csv", "incremental_q2/BCHEUR.csv"] {
        let Ok(text) = std::fs::read_to_string(folder.join(name)) else {
            println!("skipped: {} is not here", folder.join(name).display());
            return;
        };
        let trades = text.lines().filter(|line| !line.is_empty());
        let volume: f64 =
            trades.clone().map(|line| line.rsplit(',').next().unwrap().parse::<f64>().unwrap()).sum();
        let rows = read_foreign(&folder.join(name), &options("1h", &[])).unwrap();
        let value = |row: usize, column: usize| match rows.cell(row, column) {
            Cell::Number(value) => value,
            Cell::Integer(value) => value as f64,
            other => panic!("{other:?}"),
        };
        assert!((0..rows.len()).all(|row| rows.fault(row).is_none()));
        let sum = |column: usize| (0..rows.len()).map(|row| value(row, column)).sum::<f64>();
        assert_eq!(sum(7), trades.count() as f64);
        assert!((sum(5) - volume).abs() < 1e-9 * volume, "{} {volume}", sum(5));
    }
}
