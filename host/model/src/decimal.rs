//! Exact numbers: [`Price`], [`Quantity`] and [`Money`], and the only doors between them and `f64`.
//!
//! All three hold at most eight decimal places. Results are rounded half to even at the eighth place, as every
//! balance, fee and payment of the product is.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Neg, Sub, SubAssign};

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use serde::{Deserialize, Serialize};

/// Decimal places of every exact number.
pub const SCALE: u32 = 8;
/// The largest price and the largest quantity that are accepted from outside, so that no product of two
/// exact numbers can overflow.
pub const LARGEST: f64 = 1e12;

const SCALE_FACTOR: f64 = 1e8;

/// The decimal with eight places nearest to `value`; `None` unless `|value| <= LARGEST`.
///
/// Exact for every number of up to 15 significant digits that has at most eight decimal places: those are what
/// exchanges print, and what an `f64` holds faithfully.
pub fn from_f64(value: f64) -> Option<Decimal> {
    if value.is_nan() || value.abs() > LARGEST {
        return None;
    }
    let scaled = libm::rint(value * SCALE_FACTOR);
    Some(Decimal::from_i128_with_scale(scaled as i128, SCALE))
}

/// The `f64` nearest to `value`.
pub fn to_f64(value: Decimal) -> f64 {
    let mantissa = value.mantissa();
    let scale = value.scale() as usize;
    // Both operands are exact below 2^53 and 10^22, so that one correctly rounded division is the nearest f64.
    if mantissa.unsigned_abs() < 1 << 53 && scale < POWERS_OF_TEN.len() {
        return mantissa as f64 / POWERS_OF_TEN[scale];
    }
    value.to_f64().unwrap_or(f64::NAN)
}

const POWERS_OF_TEN: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18,
    1e19, 1e20, 1e21, 1e22,
];

/// `value` rounded half to even at the eighth place.
pub fn rounded(value: Decimal) -> Decimal {
    if value.scale() <= SCALE {
        value
    } else {
        value.round_dp(SCALE)
    }
}

macro_rules! exact {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Decimal);

        impl $name {
            /// Zero.
            pub const ZERO: Self = Self(Decimal::ZERO);

            /// From a decimal, rounded half to even at the eighth place.
            pub fn new(value: Decimal) -> Self {
                Self(rounded(value))
            }

            /// From an `f64`; `None` for what is not finite or beyond [`LARGEST`].
            pub fn from_f64(value: f64) -> Option<Self> {
                from_f64(value).map(Self)
            }

            /// The nearest `f64`.
            pub fn to_f64(self) -> f64 {
                to_f64(self.0)
            }

            /// The decimal itself.
            pub const fn decimal(self) -> Decimal {
                self.0
            }

            /// Whether the value is zero.
            pub fn is_zero(self) -> bool {
                self.0.is_zero()
            }

            /// The value as a count of 10⁻⁸ units: the canonical form that the journal hashes.
            pub fn units(self) -> i128 {
                self.0.mantissa() * 10_i128.pow(SCALE - self.0.scale())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0.normalize(), f)
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
additive!(Quantity);
additive!(Money);

impl Quantity {
    /// The absolute amount.
    #[must_use]
    pub fn abs(self) -> Self {
        Self(self.0.abs())
    }

    /// −1, 0 or 1.
    pub fn signum(self) -> i32 {
        if self.0.is_zero() {
            0
        } else if self.0.is_sign_negative() {
            -1
        } else {
            1
        }
    }

    /// Notional value at a price: `quantity * price`.
    pub fn at(self, price: Price) -> Money {
        Money::new(self.0 * price.0)
    }
}

impl Money {
    /// This amount times a plain number (a fee rate, a share of a position).
    #[must_use]
    pub fn times(self, factor: Decimal) -> Self {
        Self::new(self.0 * factor)
    }
}

impl std::str::FromStr for Money {
    type Err = rust_decimal::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Decimal::from_str_exact(text).map(Self::new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exchange_prices_survive_the_way_through_f64() {
        for text in [
            "42000.01",
            "0.00000123",
            "9999999.9999999",
            "0.1",
            "123456.78901234",
        ] {
            let exact: Decimal = text.parse().unwrap();
            let price = Price::from_f64(text.parse().unwrap()).unwrap();
            assert_eq!(price.decimal(), exact, "{text}");
            assert_eq!(price.to_f64(), text.parse::<f64>().unwrap());
        }
        assert_eq!(Price::from_f64(f64::NAN), None);
        assert_eq!(Price::from_f64(f64::INFINITY), None);
        assert_eq!(Price::from_f64(1e13), None);
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
    fn units_do_not_depend_on_trailing_zeros() {
        let (short, long) = (
            Money::new("1.5".parse().unwrap()),
            Money::new("1.50000000".parse().unwrap()),
        );
        assert_eq!(short.units(), long.units());
        assert_eq!(short.units(), 150_000_000);
    }

    #[test]
    fn the_largest_product_does_not_overflow() {
        let largest = Quantity::from_f64(LARGEST).unwrap();
        let price = Price::from_f64(LARGEST).unwrap();
        assert_eq!(largest.at(price).to_f64(), 1e24);
    }
}
