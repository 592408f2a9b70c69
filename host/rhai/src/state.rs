//! What a script keeps, and its canonical encoding.
//!
//! A snapshot is: format (1 byte), number of symbols, and for each its name and its state, a map. Numbers are little
//! endian, texts and lists have their length in front, maps are in the order of their keys: equal states have equal
//! bytes.

use cryptobot_model::{Bar, Timestamp};
use rhai::{Array, Dynamic, INT, Map};

use crate::context::{Answer, Symbol, described, mistake};

/// First byte of every snapshot.
const FORMAT: u8 = 1;
/// Largest value of a name, as it is encoded.
const VALUE_BYTES: usize = 64 << 10;
/// Lists in lists and maps in maps.
const DEPTH: usize = 16;

/// Refuses what no snapshot could hold.
pub(crate) fn check(name: &str, value: &Dynamic) -> Answer<()> {
    let mut bytes = Vec::new();
    if let Err(what) = write(&mut bytes, value, DEPTH) {
        return mistake(format!("`state.{name}` cannot be {what}: state is kept in snapshots"));
    }
    if bytes.len() > VALUE_BYTES {
        return mistake(format!(
            "`state.{name}` would take {} bytes; it may have {VALUE_BYTES}",
            bytes.len()
        ));
    }
    Ok(())
}

/// The states of all symbols.
pub(crate) fn snapshot(symbols: &[Symbol]) -> Result<Vec<u8>, String> {
    let mut bytes = vec![FORMAT];
    write_length(&mut bytes, symbols.len());
    for symbol in symbols {
        write_text(&mut bytes, &symbol.name);
        write_map(&mut bytes, &symbol.state, DEPTH)?;
    }
    Ok(bytes)
}

/// Lays a snapshot over the states of the symbols that are there: what the snapshot has replaces what the script began
/// with, what only the script has stays.
pub(crate) fn restore(symbols: &mut [Symbol], bytes: &[u8]) -> Result<(), String> {
    let mut reader = Reader(bytes);
    let found = reader.byte()?;
    if found != FORMAT {
        return Err(format!("a state of format {found}; this host reads {FORMAT}"));
    }
    let mut states = Vec::new();
    for _ in 0..reader.length()? {
        states.push((reader.text()?, reader.map(DEPTH)?));
    }
    if !reader.0.is_empty() {
        return Err("the state goes on behind its end".to_owned());
    }
    for (name, state) in states {
        if let Some(symbol) = symbols.iter_mut().find(|symbol| symbol.name == name) {
            symbol.state.extend(state);
        }
    }
    Ok(())
}

fn write_length(bytes: &mut Vec<u8>, length: usize) {
    bytes.extend((length as u32).to_le_bytes());
}

fn write_text(bytes: &mut Vec<u8>, text: &str) {
    write_length(bytes, text.len());
    bytes.extend(text.as_bytes());
}

fn write_map(bytes: &mut Vec<u8>, map: &Map, depth: usize) -> Result<(), String> {
    write_length(bytes, map.len());
    for (key, value) in map {
        write_text(bytes, key);
        write(bytes, value, depth)?;
    }
    Ok(())
}

/// Writes a value, or says what it is that cannot be written.
fn write(bytes: &mut Vec<u8>, value: &Dynamic, depth: usize) -> Result<(), String> {
    let deeper = || depth.checked_sub(1).ok_or_else(|| format!("nested deeper than {DEPTH} lists and maps"));
    if value.is_unit() {
        bytes.push(b'u');
    } else if let Ok(flag) = value.as_bool() {
        bytes.extend([b'b', u8::from(flag)]);
    } else if let Ok(whole) = value.as_int() {
        bytes.push(b'i');
        bytes.extend(whole.to_le_bytes());
    } else if let Ok(number) = value.as_float() {
        bytes.push(b'f');
        write_number(bytes, number);
    } else if let Ok(letter) = value.as_char() {
        bytes.push(b'c');
        bytes.extend(u32::from(letter).to_le_bytes());
    } else if let Some(text) = value.read_lock::<rhai::ImmutableString>() {
        bytes.push(b's');
        write_text(bytes, &text);
    } else if let Some(bar) = value.read_lock::<Bar>() {
        bytes.push(b'k');
        bytes.extend(bar.ts.0.to_le_bytes());
        for number in [bar.open, bar.high, bar.low, bar.close, bar.volume] {
            write_number(bytes, number);
        }
    } else if let Some(list) = value.read_lock::<Array>() {
        let depth = deeper()?;
        bytes.push(b'a');
        write_length(bytes, list.len());
        list.iter().try_for_each(|item| write(bytes, item, depth))?;
    } else if let Some(map) = value.read_lock::<Map>() {
        let depth = deeper()?;
        bytes.push(b'm');
        write_map(bytes, &map, depth)?;
    } else {
        return Err(described(value).to_owned());
    }
    Ok(())
}

fn write_number(bytes: &mut Vec<u8>, number: f64) {
    let number = if number.is_nan() { f64::NAN } else { number };
    bytes.extend(number.to_bits().to_le_bytes());
}

/// The bytes that are still to be read.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8], String> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or("the state ends too early")?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], String> {
        self.take(N)?.try_into().map_err(|_| "the state ends too early".to_owned())
    }

    fn byte(&mut self) -> Result<u8, String> {
        self.array::<1>().map(|[byte]| byte)
    }

    fn whole(&mut self) -> Result<INT, String> {
        self.array().map(INT::from_le_bytes)
    }

    fn number(&mut self) -> Result<f64, String> {
        self.array().map(|bytes| f64::from_bits(u64::from_le_bytes(bytes)))
    }

    /// A count of things that take at least a byte each.
    fn length(&mut self) -> Result<usize, String> {
        let length = u32::from_le_bytes(self.array()?) as usize;
        if length > self.0.len() { Err("the state ends too early".to_owned()) } else { Ok(length) }
    }

    fn text(&mut self) -> Result<String, String> {
        let length = self.length()?;
        String::from_utf8(self.take(length)?.to_vec()).map_err(|_| "a text of the state is none".to_owned())
    }

    fn map(&mut self, depth: usize) -> Result<Map, String> {
        let mut map = Map::new();
        for _ in 0..self.length()? {
            map.insert(self.text()?.into(), self.value(depth)?);
        }
        Ok(map)
    }

    fn value(&mut self, depth: usize) -> Result<Dynamic, String> {
        let deeper = || depth.checked_sub(1).ok_or_else(|| "the state is nested too deeply".to_owned());
        Ok(match self.byte()? {
            b'u' => Dynamic::UNIT,
            b'b' => (self.byte()? != 0).into(),
            b'i' => self.whole()?.into(),
            b'f' => self.number()?.into(),
            b'c' => {
                let letter = char::from_u32(u32::from_le_bytes(self.array()?));
                letter.ok_or("a letter of the state is none")?.into()
            }
            b's' => self.text()?.into(),
            b'k' => {
                let ts = Timestamp(self.whole()?);
                let [open, high, low, close, volume] =
                    [self.number()?, self.number()?, self.number()?, self.number()?, self.number()?];
                Dynamic::from(Bar { ts, open, high, low, close, volume })
            }
            b'a' => {
                let depth = deeper()?;
                let length = self.length()?;
                (0..length).map(|_| self.value(depth)).collect::<Result<Array, _>>()?.into()
            }
            b'm' => Dynamic::from(self.map(deeper()?)?),
            other => return Err(format!("the state has a value of unknown kind {other}")),
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rhai::Engine;

    use super::*;

    fn symbol(name: &str, state: &str) -> Symbol {
        let state = Engine::new_raw().eval_expression::<Map>(state).unwrap();
        Symbol { name: name.to_owned(), series: Vec::new(), handles: Vec::new(), features: Vec::new(), state }
    }

    fn shown(symbol: &Symbol) -> String {
        format!("{:?}", symbol.state)
    }

    const STATE: &str = "#{a: 1, b: [1.5, \"text\", 'c', true, ()], c: #{d: -2, e: []}}";

    #[test]
    fn a_state_survives_its_snapshot() {
        let full = [symbol("A", STATE), symbol("B", "#{}")];
        let bytes = snapshot(&full).unwrap();
        assert_eq!(snapshot(&full).unwrap(), bytes);
        let mut restored = [symbol("B", "#{}"), symbol("A", "#{a: 7, later: 3}"), symbol("C", "#{x: 1}")];
        restore(&mut restored, &bytes).unwrap();
        assert_eq!(shown(&restored[0]), "{}");
        let merged = symbol("A", &STATE.replace("#{a: 1,", "#{later: 3, a: 1,"));
        assert_eq!(shown(&restored[1]), shown(&merged));
        assert_eq!(shown(&restored[2]), shown(&symbol("C", "#{x: 1}")));
    }

    #[test]
    fn bars_and_every_nan_have_one_encoding() {
        let bar = Bar { ts: Timestamp(5), open: 1.0, high: 2.0, low: 0.5, close: f64::NAN, volume: 3.0 };
        let mut state = Map::new();
        state.insert("bar".into(), Dynamic::from(bar));
        state.insert("nan".into(), f64::from_bits(0xFFF8_0000_0000_0001).into());
        let symbols = [Symbol { state, ..symbol("A", "#{}") }];
        let mut restored = [symbol("A", "#{}")];
        restore(&mut restored, &snapshot(&symbols).unwrap()).unwrap();
        assert_eq!(restored[0].state["bar"].clone().cast::<Bar>().ts, bar.ts);
        assert_eq!(restored[0].state["nan"].as_float().unwrap().to_bits(), f64::NAN.to_bits());
    }

    #[test]
    fn what_cannot_be_kept_is_refused() {
        let refused = |value: &Dynamic| match check("x", value) {
            Err(crate::context::Stop::Mistake(message)) => message,
            other => panic!("{other:?}"),
        };
        let function = Dynamic::from(rhai::FnPtr::new("f").unwrap());
        assert_eq!(refused(&function), "`state.x` cannot be a function: state is kept in snapshots");
        let mut nest = Dynamic::from(Array::new());
        for _ in 0..20 {
            nest = Dynamic::from(vec![nest]);
        }
        assert!(refused(&nest).contains("nested deeper than 16"));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), keep in 0_usize..100) {
            let mut symbols = [symbol("A", "#{}")];
            let _ = restore(&mut symbols, &bytes);
            let whole = snapshot(&[symbol("A", STATE)]).unwrap();
            let cut = keep.min(whole.len() - 1);
            prop_assert!(restore(&mut symbols, &whole[..cut]).is_err());
            let mut damaged = whole;
            for (at, byte) in bytes.iter().enumerate().take(3) {
                let place = (usize::from(*byte) * 7 + at) % damaged.len();
                damaged[place] ^= byte;
            }
            let _ = restore(&mut symbols, &damaged);
        }
    }
}
