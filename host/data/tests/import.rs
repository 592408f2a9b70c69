//! Dumps of exchanges and files of other programs, read as they come.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::io::Write;
use std::path::Path;

use cryptobot_data::Catalog;
use cryptobot_data::store::{
    CatalogWriter, Cell, ExportRequest, ImportOptions, Rows, SeriesId, export, read_foreign,
};
use flate2::write::{DeflateEncoder, GzEncoder};
use flate2::{Compression, Crc};

const OPEN_MS: i64 = 1_704_067_200_000;

fn options(kind: &str, map: &[(&str, &str)]) -> ImportOptions {
    let map = map.iter().map(|(to, from)| ((*to).to_owned(), (*from).to_owned())).collect();
    ImportOptions { kind: kind.parse().unwrap(), map, unit: None }
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
    assert!(trades.contains("no column for `ts`") && trades.contains("3 columns without names"), "{trades}");
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
