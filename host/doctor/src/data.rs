//! Market data.

use std::path::Path;

use cryptobot_data::{Catalog, sample};

use crate::{Finding, State};

pub(crate) fn findings(root: &Path) -> Vec<Finding> {
    vec![folder(root), bundled(root)]
}

fn folder(root: &Path) -> Finding {
    const NAME: &str = "data";
    let fix = "make the sample with `host data generate`, or name another folder with --data";
    let missing = |found: String| Finding::but(NAME, State::Missing, found, fix);
    let catalog = match Catalog::open(root) {
        Ok(catalog) => catalog,
        Err(error) => return missing(error.to_string()),
    };
    let venues = match catalog.venues() {
        Ok(venues) if !venues.is_empty() => venues,
        Ok(_) => return missing(format!("{} holds no market data", root.display())),
        Err(error) => return missing(error.to_string()),
    };
    let of_venue = |venue: &String| {
        let symbols = catalog.symbols(venue).unwrap_or_default().len();
        format!("{venue} ({symbols} symbols)")
    };
    let listed = venues.iter().map(of_venue).collect::<Vec<_>>().join(", ");
    Finding::ok(NAME, format!("{}: {listed}", root.display()))
}

/// The bundled sample, which documentation and examples speak of.
fn bundled(root: &Path) -> Finding {
    const NAME: &str = "sample";
    let symbols = Catalog::open(root).and_then(|catalog| catalog.symbols(sample::VENUE)).unwrap_or_default();
    let whole = sample::symbols().iter().all(|symbol| symbols.iter().any(|there| there == symbol));
    if whole {
        return Finding::ok(NAME, format!("{} pairs of {}", symbols.len(), sample::VENUE));
    }
    let fix = "make it with `host data generate`";
    Finding::but(NAME, State::Optional, "not there; documentation and examples use it", fix)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_data_come_with_the_command_that_makes_them() {
        let empty = tempfile::tempdir().unwrap();
        for root in [empty.path().to_owned(), empty.path().join("none")] {
            let found = folder(&root);
            assert_eq!(found.state, State::Missing);
            assert!(found.fix.unwrap().contains("host data generate"), "{}", found.found);
            assert_eq!(bundled(&root).state, State::Optional);
        }
    }
}
