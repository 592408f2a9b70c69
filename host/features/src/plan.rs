//! What is wanted, as columns by what they are computed from.

use cryptobot_indicators::bank::input_of;
use cryptobot_indicators::feature::{named, unknown_name};
use cryptobot_indicators::{Book, ColumnSpec, CreateError, FeatureSet, FuturesData, Input, Ohlcv, Trade};
use cryptobot_model::Timeframe;

use crate::error::FeatureError;
use crate::schema::{Schema, SchemaColumn};

/// What a user asks for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Wanted {
    /// Names of sets, or of single features of them.
    pub names: Vec<String>,
    /// Longer timeframes at which all columns of bars are computed, too.
    pub higher: Vec<Timeframe>,
    /// Columns of one's own.
    pub own: Vec<WantedColumn>,
}

/// A column of one's own.
#[derive(Clone, Debug, PartialEq)]
pub struct WantedColumn {
    /// The column.
    pub spec: ColumnSpec,
    /// A longer timeframe that it is computed at.
    pub timeframe: Option<Timeframe>,
}

/// What columns are computed from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// Bars of the table's timeframe, or of a longer one.
    Bars(Timeframe),
    /// Trades.
    Trades,
    /// Order books at the close of each bar.
    Books,
    /// Mark and index prices, funding, open interest, long/short ratio, liquidations.
    Futures,
}

/// Columns that are computed from the same.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    /// From what.
    pub source: Source,
    /// The columns, named as in the table.
    pub columns: Vec<ColumnSpec>,
}

/// The columns of a table.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// Length of the bars that rows stand for.
    pub timeframe: Timeframe,
    /// The columns by what they are computed from: bars of the table, longer ones, trades, order books, futures data.
    pub groups: Vec<Group>,
    schema: Schema,
}

impl Wanted {
    /// Adds what else is wanted.
    pub fn extend(&mut self, other: Self) {
        self.names.extend(other.names);
        self.higher.extend(other.higher);
        self.own.extend(other.own);
    }
}

impl Plan {
    /// Finds the columns that are wanted for bars of a length. A name that is asked for twice is one column.
    pub fn new(wanted: &Wanted, timeframe: Timeframe) -> Result<Self, FeatureError> {
        let mut plan = Self { timeframe, groups: Vec::new(), schema: Schema::new(timeframe) };
        let mut higher = wanted.higher.clone();
        higher.sort_unstable();
        higher.dedup();
        for longer in &higher {
            check_longer("--higher", *longer, timeframe)?;
        }
        plan.named_columns(&wanted.names, &higher)?;
        for own in &wanted.own {
            plan.own_column(own, &higher)?;
        }
        if plan.groups.is_empty() {
            return Err(FeatureError::Usage {
                field: "--set",
                problem: unknown_name("").to_string().replacen("there is no feature set ``; ", "", 1),
            });
        }
        plan.groups.sort_by_key(|group| group.source.rank());
        plan.schema = plan.described()?;
        Ok(plan)
    }

    /// What is computed.
    pub fn schema(&self) -> &Schema {
        &self.schema
    }

    /// Names of the columns in their order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.groups.iter().flat_map(|group| &group.columns).map(|column| column.name.as_str())
    }

    fn named_columns(&mut self, names: &[String], higher: &[Timeframe]) -> Result<(), FeatureError> {
        let base = self.timeframe.nanos();
        for name in names {
            let others = [
                (Source::Trades, named::<Trade>(name, base)?),
                (Source::Books, named::<Book>(name, base)?),
                (Source::Futures, named::<FuturesData>(name, base)?),
            ];
            let mut found = false;
            for timeframe in std::iter::once(&self.timeframe.clone()).chain(higher) {
                let columns = named::<Ohlcv>(name, timeframe.nanos())?;
                found |= !columns.is_empty();
                self.add(Source::Bars(*timeframe), columns, *timeframe != self.timeframe)?;
            }
            for (source, columns) in others {
                found |= !columns.is_empty();
                self.add(source, columns, false)?;
            }
            if !found {
                return Err(unknown_name(name).into());
            }
        }
        Ok(())
    }

    fn own_column(&mut self, own: &WantedColumn, higher: &[Timeframe]) -> Result<(), FeatureError> {
        let column = || vec![own.spec.clone()];
        let source = match input_of(&own.spec.kind) {
            Some(Trade::NAME) => Source::Trades,
            Some(Book::NAME) => Source::Books,
            Some(FuturesData::NAME) => Source::Futures,
            _ => Source::Bars(own.timeframe.unwrap_or(self.timeframe)),
        };
        match (source, own.timeframe) {
            (Source::Bars(_), None) => {
                self.add(source, column(), false)?;
                higher.iter().try_for_each(|longer| self.add(Source::Bars(*longer), column(), true))
            }
            (Source::Bars(_), Some(longer)) if longer != self.timeframe => {
                check_longer("timeframe", longer, self.timeframe)?;
                self.add(source, column(), false)
            }
            (_, Some(_)) if !matches!(source, Source::Bars(_)) => Err(CreateError(format!(
                "feature `{}`: only columns of bars have a timeframe of their own",
                own.spec.name
            ))
            .into()),
            _ => self.add(source, column(), false),
        }
    }

    /// Adds columns; the same one twice is one. Those of longer bars that have a namesake get the timeframe behind their
    /// name.
    fn add(&mut self, source: Source, columns: Vec<ColumnSpec>, suffix: bool) -> Result<(), FeatureError> {
        for mut column in columns {
            if let Source::Bars(timeframe) = source
                && suffix
            {
                column.name = format!("{}_{timeframe}", column.name);
            }
            let namesake = self.groups.iter().find_map(|group| {
                let same = group.columns.iter().find(|other| other.name == column.name);
                same.map(|same| (group.source, same))
            });
            match namesake {
                Some((other, same)) if other == source && *same == column => continue,
                Some(_) => {
                    return Err(CreateError(format!("feature `{}` is there twice", column.name)).into());
                }
                None => {}
            }
            let place = self.groups.iter().position(|group| group.source == source).unwrap_or_else(|| {
                self.groups.push(Group { source, columns: Vec::new() });
                self.groups.len() - 1
            });
            self.groups[place].columns.push(column);
        }
        Ok(())
    }

    fn described(&self) -> Result<Schema, FeatureError> {
        let mut schema = Schema::new(self.timeframe);
        for Group { source, columns } in &self.groups {
            schema.columns.extend(match source {
                Source::Bars(timeframe) => SchemaColumn::of::<Ohlcv>(columns, *timeframe)?,
                Source::Trades => SchemaColumn::of::<Trade>(columns, self.timeframe)?,
                Source::Books => SchemaColumn::of::<Book>(columns, self.timeframe)?,
                Source::Futures => SchemaColumn::of::<FuturesData>(columns, self.timeframe)?,
            });
        }
        Ok(schema)
    }
}

impl SchemaColumn {
    fn of<I: Input>(columns: &[ColumnSpec], timeframe: Timeframe) -> Result<Vec<Self>, CreateError> {
        let set = FeatureSet::<I>::of(columns)?;
        Ok(set.columns().iter().map(|column| Self::new(column, I::NAME, timeframe)).collect())
    }
}

impl Source {
    /// Its place in the table.
    fn rank(self) -> (u8, i64) {
        match self {
            Self::Bars(timeframe) => (0, timeframe.nanos()),
            Self::Trades => (1, 0),
            Self::Books => (2, 0),
            Self::Futures => (3, 0),
        }
    }
}

/// A longer timeframe must consist of whole bars of the table and be at most a day.
fn check_longer(field: &'static str, longer: Timeframe, base: Timeframe) -> Result<(), FeatureError> {
    if longer > base && longer.divisible_by(base) && longer <= Timeframe::DAY {
        return Ok(());
    }
    let problem =
        format!("{longer} is no multiple of {base} up to 1d; give longer timeframes, for example 4h");
    Err(FeatureError::Usage { field, problem })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tf(text: &str) -> Timeframe {
        text.parse().unwrap()
    }

    fn own(name: &str, kind: &str, timeframe: Option<&str>) -> WantedColumn {
        let spec = ColumnSpec {
            name: name.to_owned(),
            kind: kind.to_owned(),
            params: Vec::new(),
            output: String::new(),
        };
        WantedColumn { spec, timeframe: timeframe.map(tf) }
    }

    fn names(wanted: &Wanted) -> Vec<String> {
        Plan::new(wanted, tf("15m")).unwrap().names().map(str::to_owned).collect()
    }

    fn error(wanted: &Wanted) -> String {
        Plan::new(wanted, tf("15m")).unwrap_err().to_string()
    }

    fn sets(names: &[&str]) -> Wanted {
        Wanted { names: names.iter().map(|name| (*name).to_owned()).collect(), ..Wanted::default() }
    }

    #[test]
    fn columns_stand_in_the_order_of_what_they_are_computed_from() {
        let mut wanted = sets(&["funding_rate", "taker_ratio", "rsi_14", "technical_fast", "spread_bps"]);
        wanted.higher = vec![tf("4h"), tf("1h"), tf("1h")];
        wanted.own = vec![own("mine", "rsi", Some("1h")), own("other", "rsi", None)];
        let bars = ["rsi_14", "sma_cross_5_20", "macd_fast", "bb_position"];
        let at = |suffix: &str| bars.map(|name| format!("{name}{suffix}")).to_vec();
        let mut expected = at("");
        expected.push("other".to_owned());
        expected.extend(at("_1h"));
        expected.extend(["mine".to_owned(), "other_1h".to_owned()]);
        expected.extend(at("_4h"));
        expected.extend(["other_4h", "taker_ratio", "spread_bps", "funding_rate"].map(str::to_owned));
        assert_eq!(names(&wanted), expected);
    }

    #[test]
    fn a_set_of_two_inputs_has_both() {
        let columns = names(&sets(&["microstructure"]));
        assert_eq!(
            (columns.len(), columns[0].as_str(), columns[4].as_str()),
            (13, "trade_intensity", "spread_bps")
        );
    }

    #[test]
    fn days_are_as_many_bars_as_their_timeframe_has() {
        let mut wanted = sets(&["realized_volatility_24h"]);
        wanted.higher = vec![tf("4h")];
        let plan = Plan::new(&wanted, tf("15m")).unwrap();
        let periods: Vec<f64> = plan.schema().columns.iter().map(|column| column.params["period"]).collect();
        assert_eq!(periods, [96.0, 6.0]);
    }

    #[test]
    fn errors_say_what_there_is() {
        assert!(
            error(&sets(&["technical"]))
                .starts_with("there is no feature set `technical`; sets are technical_fast,")
        );
        assert!(error(&Wanted::default()).starts_with("--set: sets are technical_fast,"));
        for wrong in ["15m", "20m", "1w"] {
            let wanted = Wanted { higher: vec![tf(wrong)], ..sets(&["rsi_14"]) };
            assert!(error(&wanted).contains(&format!("--higher: {wrong} is no multiple of 15m up to 1d")));
        }
        let with = |own: WantedColumn| Wanted { own: vec![own], ..sets(&["rsi_14"]) };
        assert_eq!(error(&with(own("rsi_14", "sma", None))), "feature `rsi_14` is there twice");
        assert!(error(&with(own("x", "rsj", None))).contains("did you mean `rsi`?"));
        assert!(error(&with(own("x", "funding", Some("1h")))).contains("only columns of bars"));
        assert!(
            error(&with(own("x", "funding", None)))
                .contains("name one of the outputs of `funding`: value, mean")
        );
        assert!(
            error(&with(own("x", "beta", None)))
                .contains("`beta` is computed from two series, not from bars")
        );
    }
}
