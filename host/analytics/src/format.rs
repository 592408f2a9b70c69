//! Numbers as people read them; terminal and report use the same.

use cryptobot_model::Money;

/// What stands where a figure is undefined.
pub const UNDEFINED: &str = "–";

/// `1234567.891` as `1,234,567.89`.
pub fn grouped(value: f64, decimals: usize) -> String {
    let text = format!("{:.decimals$}", value.abs());
    let (whole, fraction) = text.split_at(text.find('.').unwrap_or(text.len()));
    let mut grouped = String::with_capacity(text.len() + whole.len() / 3 + 1);
    // A negative number that rounds to zero has no sign.
    if value < 0.0 && text.bytes().any(|byte| matches!(byte, b'1'..=b'9')) {
        grouped.push('-');
    }
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped + fraction
}

fn or_undefined(value: Option<f64>, text: impl Fn(f64) -> String) -> String {
    value.map_or_else(|| UNDEFINED.to_owned(), text)
}

/// A fraction as a percentage: `0.1234` as `12.34 %`.
pub fn percent(value: Option<f64>) -> String {
    or_undefined(value, |value| format!("{} %", grouped(value * 100.0, 2)))
}

/// A plain ratio with two decimals.
pub fn ratio(value: Option<f64>) -> String {
    or_undefined(value, |value| grouped(value, 2))
}

/// An amount with two decimals.
pub fn amount(value: Option<f64>) -> String {
    or_undefined(value, |value| grouped(value, 2))
}

/// An exact amount, shown with two decimals.
pub fn money(value: Money) -> String {
    amount(Some(value.to_f64()))
}

/// A whole number.
pub fn count(value: u64) -> String {
    grouped(value as f64, 0)
}

/// Seconds in their two largest units: `1d 4h`, `3h 20m`, `45s`.
pub fn duration(seconds: Option<f64>) -> String {
    or_undefined(seconds, |seconds| {
        let total = libm::rint(seconds) as u64;
        let units =
            [("d", total / 86_400), ("h", total / 3_600 % 24), ("m", total / 60 % 60), ("s", total % 60)];
        let first = units.iter().position(|(_, count)| *count > 0).unwrap_or(3);
        let shown = units[first..].iter().take(2).filter(|(_, count)| *count > 0);
        let text = shown.map(|(unit, count)| format!("{count}{unit}")).collect::<Vec<_>>().join(" ");
        if text.is_empty() { "0s".to_owned() } else { text }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_in_thousands() {
        assert_eq!(grouped(1_234_567.891, 2), "1,234,567.89");
        assert_eq!(grouped(-1_000.0, 0), "-1,000");
        assert_eq!(grouped(-0.001, 2), "0.00");
        assert_eq!(grouped(999.0, 0), "999");
        assert_eq!(percent(Some(-0.123_45)), "-12.35 %");
        assert_eq!(percent(None), "–");
    }

    #[test]
    fn durations_show_two_units() {
        assert_eq!(duration(Some(100_800.0)), "1d 4h");
        assert_eq!(duration(Some(3_600.0)), "1h");
        assert_eq!(duration(Some(59.6)), "1m");
        assert_eq!(duration(Some(0.0)), "0s");
        assert_eq!(duration(None), "–");
    }
}
