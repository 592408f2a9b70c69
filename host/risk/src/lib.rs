//! Pre-trade checks between every strategy and every venue.
