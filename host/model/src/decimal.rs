//! Exact numbers: [`Price`], [`Quantity`] and [`Money`], and the only doors between them and `f64`.
//!
//! Each is a whole count of 10⁻⁸ units. Results are rounded half to even at the eighth place, as every balance, fee
//! and payment of the product is. The counts are plain integers rather than general decimals because a fill costs a
//! dozen operations on them: with integers they are a few instructions each.

use std::fmt;
use std::iter::Sum;
use std::num::NonZeroU32;
use std::ops::{Add, AddAssign, Neg, Sub, SubAssign};

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

/// Decimal places of every exact number.
pub const SCALE: u32 = 8;
/// The largest price and the largest quantity that are accepted from outside, so that no product of two exact numbers
/// can overflow.
pub const LARGEST: f64 = 1e11;

const ONE: i128 = 100_000_000;
/// Counts up to this, of either sign, are exact in an `f64`.
const EXACT_IN_F64: i128 = 1 << 53;

/// Units nearest to `value`; `None` unless `|value| <= LARGEST`.
///
/// Exact for every number of up to 15 significant digits that has at most eight decimal places: those are what
/// exchanges print, and what an `f64` holds faithfully.
fn units_from_f64(value: f64) -> Option<i128> {
    if value.is_nan() || value.abs() > LARGEST {
        return None;
    }
    let scaled = value * ONE as f64;
    // Inside i64 the conversion is one instruction.
    if scaled.abs() < 9e18 {
        Some(i128::from(libm::rint(scaled) as i64))
    } else {
        Some(libm::rint(scaled) as i128)
    }
}

fn units_to_f64(units: i128) -> f64 {
    // One comparison for both signs.
    if (units.wrapping_add(EXACT_IN_F64) as u128) <= 2 * EXACT_IN_F64 as u128 {
        // Both operands are exact, so that one correctly rounded division gives the nearest f64.
        return units as i64 as f64 / ONE as f64;
    }
    if let Ok(units) = i64::try_from(units) {
        const WORD: i64 = ONE as i64;
        return (units / WORD) as f64 + (units % WORD) as f64 / WORD as f64;
    }
    (units / ONE) as f64 + (units % ONE) as f64 / ONE as f64
}

fn units_from_decimal(value: Decimal) -> i128 {
    let value = if value.scale() > SCALE { value.round_dp(SCALE) } else { value };
    value.mantissa() * 10_i128.pow(SCALE - value.scale())
}

/// `value * numerator / denominator`, rounded half to even, without overflow while the result and
/// `denominator * numerator` fit.
fn mul_div(value: i128, numerator: i128, denominator: i128) -> i128 {
    if let Some(product) = value.checked_mul(numerator) {
        return div_half_even(product, denominator);
    }
    let (whole, rest) = (value / denominator, value % denominator);
    whole * numerator + div_half_even(rest * numerator, denominator)
}

/// `a * b` as a count of units, rounded half to even.
fn product(a: i128, b: i128) -> i128 {
    // Nearly all numbers fit machine words, and most products do.
    if let (Ok(a), Ok(b)) = (i64::try_from(a), i64::try_from(b)) {
        let product = i128::from(a) * i128::from(b);
        return match u64::try_from(product.unsigned_abs()) {
            Ok(size) => {
                let rounded = i128::from(div_word_half_even(size));
                if product < 0 { -rounded } else { rounded }
            }
            Err(_) => div_one_half_even(product),
        };
    }
    match a.checked_mul(b) {
        Some(product) => div_one_half_even(product),
        None => mul_div(a, b, ONE),
    }
}

/// `dividend / 10⁸`, rounded half to even.
fn div_word_half_even(dividend: u64) -> u64 {
    const DIVISOR: u64 = ONE as u64;
    let (quotient, twice) = (dividend / DIVISOR, dividend % DIVISOR * 2);
    quotient + u64::from(twice > DIVISOR || (twice == DIVISOR && quotient & 1 == 1))
}

/// `dividend / 10⁸`, rounded half to even: long division by a constant of less than 32 bits, which compiles to three
/// multiplications where a general division of 128 bits takes fifty times as long.
fn div_one_half_even(dividend: i128) -> i128 {
    const DIVISOR: u64 = ONE as u64;
    let size = dividend.unsigned_abs();
    let (high, low) = ((size >> 64) as u64, size as u64);
    let middle = ((high % DIVISOR) << 32) | (low >> 32);
    let last = ((middle % DIVISOR) << 32) | (low & 0xFFFF_FFFF);
    let lower = ((middle / DIVISOR) << 32) | (last / DIVISOR);
    let quotient = (u128::from(high / DIVISOR) << 64) | u128::from(lower);
    let twice = last % DIVISOR * 2;
    let up = twice > DIVISOR || (twice == DIVISOR && quotient & 1 == 1);
    let rounded = (quotient + u128::from(up)) as i128;
    if dividend < 0 { -rounded } else { rounded }
}

fn div_half_even(dividend: i128, divisor: i128) -> i128 {
    // Nearly all amounts fit machine words, whose division is ten times faster.
    if let (Ok(dividend), Ok(divisor)) = (i64::try_from(dividend), i64::try_from(divisor)) {
        let (quotient, rest) = (dividend / divisor, dividend % divisor);
        return i128::from(
            quotient
                + i64::from(rounds_away(rest.into(), divisor.into(), quotient & 1 != 0))
                    * step(dividend < 0, divisor < 0),
        );
    }
    let (quotient, rest) = (dividend / divisor, dividend % divisor);
    quotient
        + i128::from(rounds_away(rest, divisor, quotient & 1 != 0))
            * i128::from(step(dividend < 0, divisor < 0))
}

fn rounds_away(rest: i128, divisor: i128, odd: bool) -> bool {
    let twice = rest.unsigned_abs() * 2;
    let divisor = divisor.unsigned_abs();
    twice > divisor || (twice == divisor && odd)
}

const fn step(dividend_negative: bool, divisor_negative: bool) -> i64 {
    if dividend_negative == divisor_negative { 1 } else { -1 }
}

/// Writes a count of units without trailing zeros. Tables have millions of numbers: they are put together by hand, and
/// nothing is allocated.
fn write_units(units: i128, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let size = units.unsigned_abs();
    let (whole, rest) = match u64::try_from(size) {
        Ok(size) => (u128::from(size / ONE as u64), size % ONE as u64),
        Err(_) => (size / ONE as u128, (size % ONE as u128) as u64),
    };
    let mut digits = Digits::default();
    digits.fraction(rest);
    if let Ok(whole) = u64::try_from(whole) {
        digits.whole(whole);
    } else {
        // The lower part with its leading zeros.
        const PART: u128 = 10_u128.pow(19);
        digits.exactly(19, (whole % PART) as u64);
        digits.whole((whole / PART) as u64);
    }
    if f.width().is_some() {
        return f.pad_integral(units >= 0, "", digits.text()?);
    }
    if units < 0 {
        digits.push(b'-');
    }
    f.write_str(digits.text()?)
}

/// The text of a number, from its end.
struct Digits {
    room: [u8; 56],
    begin: usize,
}

impl Default for Digits {
    fn default() -> Self {
        Self { room: [0; 56], begin: 56 }
    }
}

impl Digits {
    fn push(&mut self, letter: u8) {
        self.begin -= 1;
        self.room[self.begin] = letter;
    }

    fn exactly(&mut self, count: u32, mut value: u64) {
        for _ in 0..count {
            self.push(b'0' + (value % 10) as u8);
            value /= 10;
        }
    }

    fn whole(&mut self, value: u64) {
        self.exactly(value.checked_ilog10().unwrap_or_default() + 1, value);
    }

    /// Eight places after the point, without the zeros at the end.
    fn fraction(&mut self, mut rest: u64) {
        if rest == 0 {
            return;
        }
        let mut places = SCALE;
        while rest.is_multiple_of(10) {
            rest /= 10;
            places -= 1;
        }
        self.exactly(places, rest);
        self.push(b'.');
    }

    fn text(&self) -> Result<&str, fmt::Error> {
        std::str::from_utf8(&self.room[self.begin..]).map_err(|_| fmt::Error)
    }
}

macro_rules! exact {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(from = "Decimal", into = "Decimal")]
        // Orders and fills are copied more often than they are reckoned with: without the gaps of a 16-byte alignment they
        // are a fifth smaller.
        #[repr(Rust, packed(8))]
        pub struct $name(i128);

        impl $name {
            /// Zero.
            pub const ZERO: Self = Self(0);

            /// From a decimal, rounded half to even at the eighth place.
            pub fn new(value: Decimal) -> Self {
                Self(units_from_decimal(value))
            }

            /// From a count of 10⁻⁸ units.
            pub const fn from_units(units: i128) -> Self {
                Self(units)
            }

            /// The value as a count of 10⁻⁸ units: the canonical form that the journal hashes.
            pub const fn units(self) -> i128 {
                self.0
            }

            /// From an `f64`; `None` for what is not finite or beyond [`LARGEST`].
            pub fn from_f64(value: f64) -> Option<Self> {
                units_from_f64(value).map(Self)
            }

            /// The `f64` nearest to the value (beyond 15 digits: within one unit in the last place).
            pub fn to_f64(self) -> f64 {
                units_to_f64(self.0)
            }

            /// The value as a decimal without trailing zeros; values of more than 28 digits are cut to the largest one.
            pub fn decimal(self) -> Decimal {
                Decimal::try_from_i128_with_scale(self.0, SCALE).unwrap_or(Decimal::MAX).normalize()
            }

            /// Whether the value is zero.
            pub const fn is_zero(self) -> bool {
                self.0 == 0
            }
        }

        impl From<Decimal> for $name {
            fn from(value: Decimal) -> Self {
                Self::new(value)
            }
        }

        impl From<$name> for Decimal {
            fn from(value: $name) -> Self {
                value.decimal()
            }
        }

        /// The shortest exact decimal: no trailing zeros.
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write_units(self.0, f)
            }
        }

        impl std::str::FromStr for $name {
            type Err = rust_decimal::Error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Decimal::from_str_exact(text).map(Self::new)
            }
        }
    };
}

macro_rules! additive {
    ($name:ident) => {
        impl Add for $name {
            type Output = Self;
            fn add(self, other: Self) -> Self {
                Self(self.0 + other.0)
            }
        }
        impl Sub for $name {
            type Output = Self;
            fn sub(self, other: Self) -> Self {
                Self(self.0 - other.0)
            }
        }
        impl Neg for $name {
            type Output = Self;
            fn neg(self) -> Self {
                Self(-self.0)
            }
        }
        impl AddAssign for $name {
            fn add_assign(&mut self, other: Self) {
                self.0 += other.0;
            }
        }
        impl SubAssign for $name {
            fn sub_assign(&mut self, other: Self) {
                self.0 -= other.0;
            }
        }
        impl Sum for $name {
            fn sum<I: Iterator<Item = Self>>(values: I) -> Self {
                values.fold(Self::ZERO, Add::add)
            }
        }
    };
}

exact!(
    /// The price of one unit of an instrument in its quote currency.
    Price
);
exact!(
    /// An amount of an instrument in its base unit; signed where it is a position (negative = short).
    Quantity
);
exact!(
    /// An amount of the account's currency.
    Money
);
exact!(
    /// A share of an amount, such as a fee of 0.0004 or a funding rate of -0.0001.
    Rate
);
additive!(Quantity);
additive!(Money);

impl Quantity {
    /// The absolute amount.
    #[must_use]
    pub const fn abs(self) -> Self {
        Self(self.0.abs())
    }

    /// −1, 0 or 1.
    pub const fn signum(self) -> i32 {
        self.0.signum() as i32
    }

    /// Notional value at a price: `quantity * price`.
    pub fn at(self, price: Price) -> Money {
        Money(product(self.0, price.0))
    }
}

impl Price {
    /// The mean price of `quantity` units that were worth `notional`; zero for no units.
    pub fn average(notional: Money, quantity: Quantity) -> Self {
        if quantity.is_zero() { Self::ZERO } else { Self(mul_div(notional.0, ONE, quantity.0)) }
    }

    /// The price at which `quantity * factor * price` is `amount`, rounded half to even; `None` where the factor or
    /// the quantity is zero.
    pub fn solving(amount: Money, quantity: Quantity, factor: Rate) -> Option<Self> {
        let divisor = quantity.0 * factor.0;
        if divisor == 0 {
            return None;
        }
        // The divisor counts 10⁻¹⁶.
        if amount.0.abs() < i128::MAX / (ONE * ONE) {
            return Some(Self(div_half_even(amount.0 * (ONE * ONE), divisor)));
        }
        // Long division in two steps of eight places keeps every product within range.
        let scaled = amount.0 * ONE;
        let (whole, rest) = (scaled / divisor, scaled % divisor);
        Some(Self(whole * ONE + div_half_even(rest * ONE, divisor)))
    }
}

impl Rate {
    /// One: all of an amount.
    pub const ONE: Self = Self(ONE);
}

impl Money {
    /// This amount times a rate, such as a fee.
    #[must_use]
    pub fn times(self, rate: Rate) -> Self {
        Self(product(self.0, rate.0))
    }

    /// This amount divided by a number above zero, such as a leverage.
    #[must_use]
    pub fn divided_by(self, divisor: NonZeroU32) -> Self {
        Self(div_half_even(self.0, i128::from(divisor.get())))
    }

    /// The absolute amount.
    #[must_use]
    pub const fn abs(self) -> Self {
        Self(self.0.abs())
    }

    /// The share `part / whole` of this amount; all of it where they are equal, and of nothing nothing.
    #[must_use]
    pub fn share(self, part: Quantity, whole: Quantity) -> Self {
        if part == whole || self.is_zero() { self } else { Self(mul_div(self.0, part.0, whole.0)) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn exchange_prices_survive_the_way_through_f64() {
        for text in ["42000.01", "0.00000123", "9999999.9999999", "0.1", "123456.78901234"] {
            let price = Price::from_f64(text.parse().unwrap()).unwrap();
            assert_eq!(price.to_string(), text);
            assert_eq!(price.to_f64(), text.parse::<f64>().unwrap());
        }
        assert_eq!(Price::from_f64(f64::NAN), None);
        assert_eq!(Price::from_f64(f64::INFINITY), None);
        assert_eq!(Price::from_f64(1e12), None);
    }

    #[test]
    fn money_is_rounded_half_to_even_at_the_eighth_place() {
        let half = |text: &str| Money::new(text.parse().unwrap()).to_string();
        assert_eq!(half("0.000000005"), "0");
        assert_eq!(half("0.000000015"), "0.00000002");
        assert_eq!(half("0.000000025"), "0.00000002");
        assert_eq!(half("-0.000000015"), "-0.00000002");
    }

    #[test]
    fn the_largest_product_does_not_overflow() {
        let quantity = Quantity::from_f64(LARGEST).unwrap();
        let price = Price::from_f64(LARGEST).unwrap();
        assert_eq!(quantity.at(price).to_f64(), 1e22);
        assert_eq!((-quantity).at(price).share(quantity, quantity + quantity).to_f64(), -5e21);
    }

    proptest! {
        /// One division gives what long division gives, on both sides of where the first is not possible any more.
        #[test]
        fn a_price_is_the_same_by_one_division_and_by_two(
            amount in prop_oneof![-10_i128.pow(23)..10_i128.pow(23), -10_i128.pow(12)..10_i128.pow(12)],
            quantity in 1_i128..10_i128.pow(14),
            factor in prop_oneof![-2 * ONE..2 * ONE, -3_i128..4],
        ) {
            let divisor = quantity * factor;
            prop_assume!(divisor != 0);
            let (whole, rest) = (amount * ONE / divisor, amount * ONE % divisor);
            let expected = whole * ONE + div_half_even(rest * ONE, divisor);
            let solved = Price::solving(Money(amount), Quantity(quantity), Rate(factor));
            prop_assert_eq!(solved.map(Price::units), Some(expected));
        }
    }

    #[test]
    fn prices_are_solved_for_to_the_last_place() {
        let solve = |amount: &str, quantity: &str, factor: &str| {
            let (amount, quantity) = (amount.parse().unwrap(), quantity.parse().unwrap());
            Price::solving(amount, quantity, factor.parse().unwrap()).map(|price| price.to_string())
        };
        assert_eq!(solve("10", "3", "1").as_deref(), Some("3.33333333"));
        assert_eq!(solve("-20", "3", "-1").as_deref(), Some("6.66666667"));
        assert_eq!(solve("99999999999999999999", "1000000000", "0.5").as_deref(), Some("200000000000"));
        assert_eq!(solve("1", "0", "1"), None);
        assert_eq!(
            "10".parse::<Money>().unwrap().divided_by(3.try_into().unwrap()).to_string(),
            "3.33333333"
        );
    }

    #[test]
    fn numbers_are_written_without_trailing_zeros() {
        for text in ["0", "-0.00000001", "100", "-1.5", "12345678901.00000009", "99999999999999999999.5"] {
            assert_eq!(text.parse::<Money>().unwrap().to_string(), text);
        }
        let money: Money = "-1.50".parse().unwrap();
        assert_eq!(format!("{money:>8}|{money:<6}|"), "    -1.5|-1.5  |");
    }

    #[test]
    fn numbers_are_stored_as_decimal_texts() {
        let json = serde_json::to_string(&"1.50".parse::<Money>().unwrap()).unwrap();
        assert_eq!(json, "\"1.5\"");
        assert_eq!(serde_json::from_str::<Money>("\"1.5\"").unwrap().units(), 150_000_000);
    }

    proptest! {
        #[test]
        fn division_by_one_agrees_with_general_division(dividend in any::<i128>()) {
            prop_assert_eq!(div_one_half_even(dividend), div_half_even(dividend, ONE));
            let short = dividend >> 40;
            prop_assert_eq!(div_one_half_even(short), div_half_even(short, ONE));
            let half = short / ONE * ONE + ONE / 2;
            prop_assert_eq!(div_one_half_even(half), div_half_even(half, ONE));
        }

        /// The text is that of the exact decimal, also beyond the words that nearly all numbers fit.
        #[test]
        fn texts_are_those_of_decimals(units in any::<i128>(), shift in 33_u32..127) {
            let amount = Money::from_units(units >> shift);
            prop_assert_eq!(amount.to_string(), amount.decimal().to_string());
            let million = Money::from_units((units >> shift) / 1_000_000 * 1_000_000);
            prop_assert_eq!(million.to_string(), million.decimal().to_string());
        }

        /// The integers do what exact decimals do, rounded once.
        #[test]
        fn products_and_shares_agree_with_decimals(
            quantity in -1_000_000_000_000_i64..1_000_000_000_000,
            price in 1_i64..10_000_000_000_000,
            part in 1_i64..1_000_000_000_000,
        ) {
            let (exact_quantity, exact_price) = (Decimal::new(quantity, 8), Decimal::new(price, 8));
            let notional = Quantity::new(exact_quantity).at(Price::new(exact_price));
            prop_assert_eq!(notional, Money::new(exact_quantity * exact_price));
            let rate = Decimal::new(part % 1_000_000, 8);
            prop_assert_eq!(notional.times(Rate::new(rate)), Money::new(notional.decimal() * rate));
            let whole = Quantity::new(Decimal::new(part + 12_345, 8));
            let share = notional.share(Quantity::new(Decimal::new(part, 8)), whole);
            let expected = notional.decimal() * Decimal::from(part) / Decimal::from(part + 12_345);
            prop_assert!((share.decimal() - expected).abs() <= Decimal::new(5, 9));
        }
    }
}
