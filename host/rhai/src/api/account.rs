//! The account, and chance.

use rhai::INT;

use super::{Api, Function};
use crate::context::mistake;

pub(super) const FUNCTIONS: &[Function] = &[
    Function { call: "position()", doc: "Position in base units; negative = short, 0 = none." },
    Function { call: "average_price()", doc: "Average entry price of the position; 0 without one." },
    Function { call: "equity()", doc: "Cash and open positions of all symbols at the newest prices." },
    Function { call: "available_margin()", doc: "What new positions may still use." },
];

pub(super) const CHANCE: &[Function] = &[
    Function { call: "random()", doc: "A number from 0 to 1, 1 excluded. Equal runs draw equal numbers." },
    Function { call: "random_int(from, to)", doc: "A whole number, both ends included." },
];

pub(super) fn register(api: &mut Api<'_>) {
    api.add("position", |context| {
        let series = context.main()?;
        Ok(context.desk.position(series)?)
    });
    api.add("average_price", |context| {
        let series = context.main()?;
        Ok(context.desk.average_price(series)?)
    });
    api.add("equity", |context| {
        context.symbol()?;
        Ok(context.desk.account.equity())
    });
    api.add("available_margin", |context| {
        context.symbol()?;
        Ok(context.desk.account.available_margin())
    });
    api.add("random", |context| {
        context.symbol()?;
        // The 53 upper bits: every number is a multiple of 2^-53.
        Ok((context.desk.random() >> 11) as f64 / 9_007_199_254_740_992.0)
    });
    api.add2("random_int", |context, from: INT, to: INT| {
        context.symbol()?;
        if from > to {
            return mistake(format!("random_int({from}, {to}): the first must not be above the second"));
        }
        let count = (i128::from(to) - i128::from(from) + 1) as u128;
        // The product's upper half is below `count`; its bias is at most count / 2^64.
        let drawn = (u128::from(context.desk.random()) * count) >> 64;
        Ok((i128::from(from) + drawn as i128) as INT)
    });
}
