//! Numbers in few bytes.

/// Why bytes are no number.
pub(super) type Problem = &'static str;

/// Decimal places that are tried for an `f64`.
const MOST_PLACES: u8 = 15;
/// In place of a number of decimal places: raw bits follow.
const RAW: u8 = 31;
/// Decimal places of exact numbers.
const EXACT_PLACES: u8 = 8;
/// Integers below this are exact in an `f64`.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// Powers of ten, all exact.
const TENS: [f64; MOST_PLACES as usize + 1] =
    [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15];

/// Appends a number without sign: seven bits per byte, the lowest first.
pub(super) fn put_uint(out: &mut Vec<u8>, mut value: u128) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Appends a number with sign.
pub(super) fn put_int(out: &mut Vec<u8>, value: i128) {
    put_uint(out, zigzag(value));
}

const fn zigzag(value: i128) -> u128 {
    ((value << 1) ^ (value >> 127)) as u128
}

const fn unzigzag(value: u128) -> i128 {
    (value >> 1) as i128 ^ -((value & 1) as i128)
}

/// Appends an `f64` as its difference from a reference, in decimals of `places` wherever that gives the same bits back.
pub(super) fn put_real(out: &mut Vec<u8>, value: f64, reference: f64, places: &mut u8) {
    if let Some(units) = units(value, *places) {
        put_uint(out, zigzag(i128::from(units - nearest(reference, *places))) << 1);
        return;
    }
    let fitting = (0..=MOST_PLACES).find_map(|places| Some((places, units(value, places)?)));
    if let Some((fitting, units)) = fitting {
        *places = fitting;
        put_uint(out, u128::from(fitting) << 1 | 1);
        put_int(out, i128::from(units));
    } else {
        put_uint(out, u128::from(RAW) << 1 | 1);
        out.extend_from_slice(&value.to_bits().to_le_bytes());
    }
}

/// Appends an exact number, a count of 10⁻⁸, as its difference from a reference in decimals of `places`, which grow as
/// they are needed.
pub(super) fn put_exact(out: &mut Vec<u8>, value: i128, reference: i128, places: &mut u8) {
    let unit = unit(*places);
    if value % unit == 0
        && let Some(twice) = difference(value / unit, reference / unit)
    {
        put_uint(out, twice);
        return;
    }
    *places = (*places..EXACT_PLACES).find(|places| value % self::unit(*places) == 0).unwrap_or(EXACT_PLACES);
    put_uint(out, u128::from(*places) << 1 | 1);
    put_int(out, value / self::unit(*places));
}

/// A difference in zigzag, doubled; `None` where it is too large.
fn difference(value: i128, reference: i128) -> Option<u128> {
    zigzag(value.checked_sub(reference)?).checked_mul(2)
}

/// The last of so many decimal places, counted in 10⁻⁸.
fn unit(places: u8) -> i128 {
    10_i128.pow(u32::from(EXACT_PLACES.saturating_sub(places)))
}

/// The number of units of the last decimal place that gives exactly this value.
fn units(value: f64, places: u8) -> Option<i64> {
    let ten = TENS[usize::from(places)];
    let scaled = (value * ten).round();
    let units = scaled as i64;
    // An integer of up to 53 bits by an exact power of ten: rounded once, as the text of the decimal is. A negative zero
    // is no integer.
    let same = scaled.abs() < EXACT && (units as f64 / ten).to_bits() == value.to_bits();
    same.then_some(units)
}

/// A reference in units; 0 where it is out of range.
fn nearest(reference: f64, places: u8) -> i64 {
    let units = (reference * TENS[usize::from(places)]).round();
    if units.abs() < EXACT { units as i64 } else { 0 }
}

/// Reads what the functions above wrote.
pub(super) struct Bytes<'a> {
    rest: &'a [u8],
}

impl<'a> Bytes<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// Bytes that are left.
    pub(super) const fn len(&self) -> usize {
        self.rest.len()
    }

    pub(super) fn byte(&mut self) -> Result<u8, Problem> {
        self.array().map(|[byte]| byte)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], Problem> {
        let (taken, rest) = self.rest.split_first_chunk().ok_or("it ends inside a message")?;
        self.rest = rest;
        Ok(*taken)
    }

    pub(super) fn slice(&mut self, length: usize) -> Result<&'a [u8], Problem> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or("it ends inside a message")?;
        self.rest = rest;
        Ok(taken)
    }

    pub(super) fn uint(&mut self) -> Result<u128, Problem> {
        let mut value = 0;
        for shift in (0..128).step_by(7) {
            let byte = self.byte()?;
            let bits = u128::from(byte & 0x7f);
            if bits << shift >> shift != bits {
                break;
            }
            value |= bits << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err("a number is too long")
    }

    pub(super) fn uint_as<T: TryFrom<u128>>(&mut self) -> Result<T, Problem> {
        T::try_from(self.uint()?).map_err(|_| "a number is out of range")
    }

    pub(super) fn int(&mut self) -> Result<i128, Problem> {
        self.uint().map(unzigzag)
    }

    pub(super) fn exact(&mut self, reference: i128, places: &mut u8) -> Result<i128, Problem> {
        let first = self.uint()?;
        let units = if first & 1 == 0 {
            unzigzag(first >> 1).checked_add(reference / unit(*places))
        } else {
            *places = u8::try_from(first >> 1).unwrap_or(u8::MAX).min(EXACT_PLACES);
            Some(self.int()?)
        };
        units.and_then(|units| units.checked_mul(unit(*places))).ok_or("a number is out of range")
    }

    pub(super) fn real(&mut self, reference: f64, places: &mut u8) -> Result<f64, Problem> {
        let first = self.uint()?;
        if first & 1 == 0 {
            let difference = unzigzag(first >> 1);
            let units = difference.wrapping_add(i128::from(nearest(reference, *places)));
            return Ok(units as f64 / TENS[usize::from(*places)]);
        }
        let fitting = u8::try_from(first >> 1).unwrap_or(u8::MAX);
        if fitting == RAW {
            return self.array().map(|bits| f64::from_bits(u64::from_le_bytes(bits)));
        }
        let ten = TENS.get(usize::from(fitting)).ok_or("a price has too many places")?;
        *places = fitting;
        Ok(self.int()? as f64 / ten)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn there_and_back(values: &[(f64, f64)]) -> (usize, Vec<u64>) {
        let (mut out, mut places) = (Vec::new(), 0);
        for (value, reference) in values {
            put_real(&mut out, *value, *reference, &mut places);
        }
        let (mut bytes, mut places) = (Bytes::new(&out), 0);
        let read = values.iter().map(|(_, reference)| bytes.real(*reference, &mut places).unwrap().to_bits());
        let read = read.collect();
        assert_eq!(bytes.len(), 0);
        (out.len(), read)
    }

    #[test]
    fn prices_that_move_by_ticks_take_two_bytes() {
        let prices = [42_000.1, 42_000.2, 42_003.9, 41_999.0];
        let pairs: Vec<(f64, f64)> = prices.windows(2).map(|pair| (pair[1], pair[0])).collect();
        let first = there_and_back(&pairs[..1]).0;
        assert_eq!(there_and_back(&pairs).0 - first, 4);
    }

    proptest! {
        #[test]
        fn every_f64_comes_back(values in prop::collection::vec((any::<u64>(), any::<f64>()), 1..20)) {
            let values: Vec<(f64, f64)> =
                values.into_iter().map(|(bits, reference)| (f64::from_bits(bits), reference)).collect();
            let bits: Vec<u64> = values.iter().map(|(value, _)| value.to_bits()).collect();
            prop_assert_eq!(there_and_back(&values).1, bits);
        }

        #[test]
        fn every_decimal_comes_back(units in any::<i64>(), places in 0..12_i32, reference in -1e6..1e6_f64) {
            let value: f64 = format!("{units}e-{places}").parse().unwrap();
            prop_assert_eq!(there_and_back(&[(value, reference)]).1, [value.to_bits()]);
        }

        #[test]
        fn every_integer_comes_back(value in any::<i128>(), unsigned in any::<u128>()) {
            let mut out = Vec::new();
            put_int(&mut out, value);
            put_uint(&mut out, unsigned);
            let mut bytes = Bytes::new(&out);
            prop_assert_eq!((bytes.int(), bytes.uint()), (Ok(value), Ok(unsigned)));
        }
    }
}
