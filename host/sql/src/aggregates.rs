//! Aggregates: moments (over windows too), quantiles, and the value at the first or last time.

use rusqlite::functions::{Aggregate, Context, WindowAggregate};
use rusqlite::types::Value;

use crate::functions::pair;

/// What is told of the moments of some rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Statistic {
    /// Standard deviation of a sample (divided by n − 1).
    Deviation,
    /// Standard deviation of all there is (divided by n).
    DeviationOfAll,
    /// Variance of a sample.
    Variance,
    /// Variance of all there is.
    VarianceOfAll,
    /// Correlation after Pearson.
    Correlation,
    /// Covariance of a sample.
    Covariance,
    /// Slope of the line of least squares through the first over the second.
    Slope,
}

/// Count, means and sums of products of the distances from them (Welford's algorithm, which also takes rows away).
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sums {
    count: f64,
    mean: (f64, f64),
    xx: f64,
    xy: f64,
    yy: f64,
}

impl Sums {
    fn add(&mut self, (x, y): (f64, f64)) {
        self.count += 1.0;
        let (dx, dy) = (x - self.mean.0, y - self.mean.1);
        self.mean.0 += dx / self.count;
        self.mean.1 += dy / self.count;
        self.xx += dx * (x - self.mean.0);
        self.xy += dx * (y - self.mean.1);
        self.yy += dy * (y - self.mean.1);
    }

    fn remove(&mut self, (x, y): (f64, f64)) {
        if self.count <= 1.0 {
            *self = Self::default();
            return;
        }
        let (dx, dy) = (x - self.mean.0, y - self.mean.1);
        self.count -= 1.0;
        self.mean.0 -= dx / self.count;
        self.mean.1 -= dy / self.count;
        self.xx = (self.xx - dx * (x - self.mean.0)).max(0.0);
        self.xy -= dx * (y - self.mean.1);
        self.yy = (self.yy - dy * (y - self.mean.1)).max(0.0);
    }

    /// `None` = there are too few rows, or they do not differ.
    fn tell(&self, statistic: Statistic) -> Option<f64> {
        let sample = (self.count > 1.0).then_some(self.count - 1.0);
        let all = (self.count > 0.0).then_some(self.count);
        let value = match statistic {
            Statistic::Variance => self.xx / sample?,
            Statistic::VarianceOfAll => self.xx / all?,
            Statistic::Deviation => (self.xx / sample?).sqrt(),
            Statistic::DeviationOfAll => (self.xx / all?).sqrt(),
            Statistic::Covariance => self.xy / sample?,
            Statistic::Correlation => self.xy / (self.xx * self.yy).sqrt(),
            Statistic::Slope => self.xy / self.yy,
        };
        value.is_finite().then_some(value)
    }
}

/// Statistics of one number.
pub(crate) struct Moments(pub Statistic);

/// Statistics of two numbers.
pub(crate) struct Pairs(pub Statistic);

/// What a row says; rows with NULL say nothing.
fn single(context: &Context<'_>) -> rusqlite::Result<Option<(f64, f64)>> {
    Ok(context.get::<Option<f64>>(0)?.map(|x| (x, 0.0)))
}

impl Aggregate<Sums, Option<f64>> for Moments {
    fn init(&self, _: &mut Context<'_>) -> rusqlite::Result<Sums> {
        Ok(Sums::default())
    }

    fn step(&self, context: &mut Context<'_>, sums: &mut Sums) -> rusqlite::Result<()> {
        single(context)?.into_iter().for_each(|row| sums.add(row));
        Ok(())
    }

    fn finalize(&self, _: &mut Context<'_>, sums: Option<Sums>) -> rusqlite::Result<Option<f64>> {
        Ok(sums.and_then(|sums| sums.tell(self.0)))
    }
}

impl WindowAggregate<Sums, Option<f64>> for Moments {
    fn value(&self, sums: Option<&mut Sums>) -> rusqlite::Result<Option<f64>> {
        Ok(sums.and_then(|sums| sums.tell(self.0)))
    }

    fn inverse(&self, context: &mut Context<'_>, sums: &mut Sums) -> rusqlite::Result<()> {
        single(context)?.into_iter().for_each(|row| sums.remove(row));
        Ok(())
    }
}

impl Aggregate<Sums, Option<f64>> for Pairs {
    fn init(&self, _: &mut Context<'_>) -> rusqlite::Result<Sums> {
        Ok(Sums::default())
    }

    fn step(&self, context: &mut Context<'_>, sums: &mut Sums) -> rusqlite::Result<()> {
        pair(context)?.into_iter().for_each(|row| sums.add(row));
        Ok(())
    }

    fn finalize(&self, _: &mut Context<'_>, sums: Option<Sums>) -> rusqlite::Result<Option<f64>> {
        Ok(sums.and_then(|sums| sums.tell(self.0)))
    }
}

impl WindowAggregate<Sums, Option<f64>> for Pairs {
    fn value(&self, sums: Option<&mut Sums>) -> rusqlite::Result<Option<f64>> {
        Ok(sums.and_then(|sums| sums.tell(self.0)))
    }

    fn inverse(&self, context: &mut Context<'_>, sums: &mut Sums) -> rusqlite::Result<()> {
        pair(context)?.into_iter().for_each(|row| sums.remove(row));
        Ok(())
    }
}

/// The value below which a share of the rows lies, between two rows on the line through them; without a share: half.
pub(crate) struct Quantile;

impl Aggregate<(Vec<f64>, f64), Option<f64>> for Quantile {
    fn init(&self, _: &mut Context<'_>) -> rusqlite::Result<(Vec<f64>, f64)> {
        Ok((Vec::new(), 0.5))
    }

    fn step(&self, context: &mut Context<'_>, (values, share): &mut (Vec<f64>, f64)) -> rusqlite::Result<()> {
        values.extend(context.get::<Option<f64>>(0)?);
        if context.len() > 1 {
            *share = context.get(1)?;
            if !(0.0..=1.0).contains(share) {
                let problem = "quantile(x, q): q must lie between 0 and 1";
                return Err(rusqlite::Error::UserFunctionError(problem.into()));
            }
        }
        Ok(())
    }

    fn finalize(&self, _: &mut Context<'_>, rows: Option<(Vec<f64>, f64)>) -> rusqlite::Result<Option<f64>> {
        let Some((mut values, share)) = rows else { return Ok(None) };
        let place = values.len().saturating_sub(1) as f64 * share;
        let (below, part) = (place as usize, place.fract());
        if values.is_empty() {
            return Ok(None);
        }
        let (_, low, above) = values.select_nth_unstable_by(below, f64::total_cmp);
        let low = *low;
        let high = above.iter().copied().min_by(f64::total_cmp).unwrap_or(low);
        Ok(Some(if part > 0.0 { low + (high - low) * part } else { low }))
    }
}

/// The first argument where the second is smallest, or largest; of equal ones the first row.
pub(crate) struct Pick {
    /// The largest.
    pub last: bool,
}

impl Aggregate<Option<(f64, Value)>, Value> for Pick {
    fn init(&self, _: &mut Context<'_>) -> rusqlite::Result<Option<(f64, Value)>> {
        Ok(None)
    }

    fn step(&self, context: &mut Context<'_>, best: &mut Option<(f64, Value)>) -> rusqlite::Result<()> {
        let Some(by) = context.get::<Option<f64>>(1)? else { return Ok(()) };
        let better = best.as_ref().is_none_or(|(known, _)| if self.last { by > *known } else { by < *known });
        if better {
            *best = Some((by, context.get(0)?));
        }
        Ok(())
    }

    fn finalize(&self, _: &mut Context<'_>, best: Option<Option<(f64, Value)>>) -> rusqlite::Result<Value> {
        Ok(best.flatten().map_or(Value::Null, |(_, value)| value))
    }
}
