//! Microstructure from order books.

use crate::input::{Book, BookLevel};
use crate::kind::{Kind, kinds};
use crate::moving_average::Sma;
use crate::window::ratio;

pub(crate) const KINDS: &[Kind<Book>] = kinds! { Book:
    book_spread() -> ["value", "bps"], from 1;
        "best levels", "Best ask minus best bid, and the same in hundredths of a percent of the mid price", source "common", oracle "definition";
        () => |(), book| { let (spread, mid) = spread_and_mid(book); [spread, 1e4 * spread / mid] },
    mean_spread(period: u32 = 100 in 1..=100_000) -> ["value"], from period;
        "best levels", "Mean spread of the last `period` books, in hundredths of a percent of the mid price", source "common", oracle "definition";
        Sma::new(period)? => |i, book| { let (spread, mid) = spread_and_mid(book); i.update(1e4 * spread / mid) },
    book_imbalance(levels: u32 = 5 in 1..=10) -> ["value"], from 1;
        "levels", "Bids minus asks per both, of the best `levels`, -1 to 1", source "Cont et al. 2014", oracle "definition";
        levels as usize => |levels, book| {
            let [bids, asks] = [&book.bids, &book.asks].map(|side| depth(&side[..*levels]));
            ratio(bids - asks, bids + asks)
        },
    book_depth(levels: u32 = 10 in 1..=10) -> ["bids", "asks"], from 1;
        "levels", "Quantity of the best `levels` on each side", source "common", oracle "definition";
        levels as usize => |levels, book| [&book.bids, &book.asks].map(|side| depth(&side[..*levels])),
    weighted_mid() -> ["value", "deviation"], from 1;
        "best levels", "Mid price weighted with the quantity of the other side, and its distance from the mid as a fraction",
        source "Stoikov 2018", oracle "definition";
        () => |(), book| {
            let (bid, ask) = (book.bids[0], book.asks[0]);
            let weighted = (bid.price * ask.quantity + ask.price * bid.quantity) / (bid.quantity + ask.quantity);
            [weighted, weighted / spread_and_mid(book).1 - 1.0]
        },
    price_impact(quantity: f64 = 1.0 in 0.000_000_01..=1e12) -> ["buy", "sell"], from 1;
        "levels", "What a market order of `quantity` pays above or gets below the mid price, as a fraction; what the book does not hold costs its last level's price",
        source "common", oracle "definition";
        quantity => |quantity, book| {
            let mid = spread_and_mid(book).1;
            [average_price(&book.asks, *quantity) / mid - 1.0, 1.0 - average_price(&book.bids, *quantity) / mid]
        },
};

/// Best ask minus best bid, and the middle between them.
fn spread_and_mid(book: &Book) -> (f64, f64) {
    let (bid, ask) = (book.bids[0].price, book.asks[0].price);
    (ask - bid, f64::midpoint(bid, ask))
}

fn depth(levels: &[BookLevel]) -> f64 {
    levels.iter().map(|level| level.quantity).sum()
}

/// Average price of a market order against one side.
fn average_price(levels: &[BookLevel], quantity: f64) -> f64 {
    let (mut left, mut paid, mut last) = (quantity, 0.0, levels[0].price);
    for level in levels.iter().filter(|level| level.quantity > 0.0) {
        let taken = left.min(level.quantity);
        paid += taken * level.price;
        left -= taken;
        last = level.price;
    }
    (paid + left * last) / quantity
}
