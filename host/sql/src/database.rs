//! The catalog as a database that only answers.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use cryptobot_data::Catalog;
use cryptobot_data::store::SeriesId;
use rusqlite::config::DbConfig;
use rusqlite::fallible_iterator::FallibleIterator;
use rusqlite::hooks::{AuthAction, AuthContext, Authorization};
use rusqlite::vtab::read_only_module;
use rusqlite::{Batch, Connection, Statement};

pub use rusqlite::types::Value;

use crate::error::SqlError;
use crate::functions;
use crate::listing;
use crate::names::{Names, table};
use crate::stored::Stored;
use crate::table::Table;

/// How often a query that runs is asked whether it may go on.
const LOOK: Duration = Duration::from_millis(20);

/// A catalog that answers queries.
pub struct Database {
    connection: Connection,
    catalog: Catalog,
    series: Vec<SeriesId>,
    names: Names,
    stored: Rc<Stored>,
    access: Arc<Mutex<Access>>,
}

/// What a statement wants, as SQLite tells it while it reads the statement.
#[derive(Default)]
struct Access {
    /// Whether this crate itself is at work.
    own: bool,
    /// The first thing that was refused.
    refused: Option<String>,
    /// Tables that are read.
    read: BTreeSet<String>,
}

/// A query that can be run.
pub struct Query<'a> {
    statement: Statement<'a>,
    text: String,
    database: &'a Database,
}

impl Database {
    /// Opens a catalog. No file is read yet.
    pub fn open(catalog: &Catalog) -> Result<Self, SqlError> {
        let series = catalog.all_series()?;
        let names = Names::of(&series);
        let access = Arc::new(Mutex::new(Access { own: true, ..Access::default() }));
        let stored = Rc::new(Stored::new(catalog, series.clone()));
        let made = connect(&stored, &series, &names, &access);
        let connection = made.map_err(|error| SqlError::of(error, "", &names))?;
        let database = Self { connection, catalog: catalog.clone(), series, names, stored, access };
        database.access().own = false;
        Ok(database)
    }

    /// Reads a query: one statement that only reads.
    pub fn prepare(&self, text: &str) -> Result<Query<'_>, SqlError> {
        *self.access() = Access::default();
        let failed = |error| match self.access().refused.take() {
            Some(what) => SqlError::Refused(what),
            None => SqlError::of(error, text, &self.names),
        };
        let mut statements = Batch::new(&self.connection, text);
        let statement = statements.next().map_err(failed)?;
        let statement = statement.ok_or(SqlError::NotOne("the text holds no query"))?;
        if statement.parameter_count() > 0 {
            return Err(SqlError::Query(
                "a query has no parameters here: write the values into it".to_owned(),
            ));
        }
        if statement.column_count() == 0 || !statement.readonly() {
            return Err(SqlError::Refused("a statement that is no query".to_owned()));
        }
        // What follows may be anything; its faults are not looked for.
        if !matches!(statements.next(), Ok(None)) {
            return Err(SqlError::NotOne("the text holds more than one statement"));
        }
        self.fill()?;
        Ok(Query { statement, text: text.to_owned(), database: self })
    }

    /// Fills the tables that the last statement reads and that are not filled yet.
    fn fill(&self) -> Result<(), SqlError> {
        let read = std::mem::take(&mut self.access().read);
        let empty = |name: &str| {
            let sql = format!("SELECT count(*) FROM {name}");
            self.connection.query_row(&sql, [], |row| row.get::<_, i64>(0)).is_ok_and(|rows| rows == 0)
        };
        self.access().own = true;
        let mut done = Ok(());
        if read.contains("series") && empty("series") {
            done = listing::fill_series(&self.connection, &self.catalog, &self.series, &self.names);
        }
        if done.is_ok() && read.contains("instruments") && empty("instruments") {
            done = listing::fill_instruments(&self.connection, &self.catalog, &self.names);
        }
        self.access().own = false;
        done
    }

    fn access(&self) -> MutexGuard<'_, Access> {
        self.access.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Query<'_> {
    /// Names of the columns of its result.
    pub fn columns(&self) -> Vec<String> {
        self.statement.column_names().into_iter().map(str::to_owned).collect()
    }

    /// Runs it, from the beginning each time, and hands over the rows until `visit` breaks off. Raising `stop` ends it.
    pub fn run(
        &mut self,
        stop: &AtomicBool,
        mut visit: impl FnMut(&[Value]) -> Result<ControlFlow<()>, SqlError>,
    ) -> Result<(), SqlError> {
        let interrupt = self.database.connection.get_interrupt_handle();
        let done = AtomicBool::new(false);
        thread::scope(|scope| {
            let watch = scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    if stop.load(Ordering::Relaxed) {
                        interrupt.interrupt();
                    }
                    thread::park_timeout(LOOK);
                }
            });
            let outcome = self.visit(stop, &mut visit);
            done.store(true, Ordering::Relaxed);
            watch.thread().unpark();
            outcome
        })
    }

    fn visit(
        &mut self,
        stop: &AtomicBool,
        visit: &mut impl FnMut(&[Value]) -> Result<ControlFlow<()>, SqlError>,
    ) -> Result<(), SqlError> {
        let (database, text) = (self.database, &self.text);
        let failed = |error| match database.stored.take_fault() {
            Some(fault) => SqlError::Data(fault),
            None => SqlError::of(error, text, &database.names),
        };
        let width = self.statement.column_count();
        let mut rows = self.statement.query([]).map_err(failed)?;
        let mut cells = Vec::with_capacity(width);
        while let Some(row) = rows.next().map_err(failed)? {
            if stop.load(Ordering::Relaxed) {
                return Err(SqlError::Interrupted);
            }
            cells.clear();
            for column in 0..width {
                cells.push(row.get::<_, Value>(column).map_err(failed)?);
            }
            if visit(&cells)?.is_break() {
                break;
            }
        }
        Ok(())
    }
}

/// A connection with the tables of a catalog; from then on it only reads.
fn connect(
    stored: &Rc<Stored>,
    series: &[SeriesId],
    names: &Names,
    access: &Arc<Mutex<Access>>,
) -> rusqlite::Result<Connection> {
    let connection = Connection::open_in_memory()?;
    // A name in double quotes that there is not is a mistake, no text.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DML, false)?;
    functions::register(&connection)?;
    listing::create(&connection)?;
    connection.create_module("stored", read_only_module::<Table>(), Some(Rc::clone(stored)))?;
    let kinds: BTreeSet<_> = series.iter().map(|id| id.kind).collect();
    for kind in kinds {
        connection.execute_batch(&format!(
            "CREATE VIRTUAL TABLE {} USING stored('{kind}')",
            quoted(&table(kind))
        ))?;
    }
    for (name, id) in names.views() {
        let (venue, symbol) = (id.venue.replace('\'', "''"), id.symbol.replace('\'', "''"));
        connection.execute_batch(&format!(
            "CREATE VIEW {} AS SELECT * FROM {} WHERE venue = '{venue}' AND symbol = '{symbol}'",
            quoted(name),
            quoted(&table(id.kind))
        ))?;
    }
    let access = Arc::clone(access);
    connection.authorizer(Some(move |wants: AuthContext<'_>| {
        let mut access = access.lock().unwrap_or_else(PoisonError::into_inner);
        authorize(&mut access, wants.action)
    }));
    Ok(connection)
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Lets a statement read the catalog's tables and nothing else.
fn authorize(access: &mut Access, action: AuthAction<'_>) -> Authorization {
    let refused = match action {
        _ if access.own => return Authorization::Allow,
        AuthAction::Read { table_name, .. } => {
            access.read.insert(table_name.to_owned());
            return Authorization::Allow;
        }
        AuthAction::Function { function_name: "load_extension" } => "load_extension()".to_owned(),
        AuthAction::Select
        | AuthAction::Recursive
        | AuthAction::Function { .. }
        | AuthAction::Pragma { pragma_name: "table_info" | "table_xinfo" | "table_list", .. } => {
            return Authorization::Allow;
        }
        AuthAction::Pragma { pragma_name, .. } => format!("PRAGMA {pragma_name}"),
        AuthAction::Attach { .. } => "ATTACH".to_owned(),
        AuthAction::Detach { .. } => "DETACH".to_owned(),
        AuthAction::Insert { .. } | AuthAction::Update { .. } | AuthAction::Delete { .. } => {
            "writing".to_owned()
        }
        AuthAction::Transaction { .. } | AuthAction::Savepoint { .. } => "a transaction".to_owned(),
        _ => "changing the tables".to_owned(),
    };
    access.refused.get_or_insert(refused);
    Authorization::Deny
}
