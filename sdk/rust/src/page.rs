//! A page of bars inside a plugin: many bars that the host has handed over in one call.
//!
//! The host does not know at which row the strategy is. It is told before it is asked for anything that differs between
//! rows; what stands in the page itself is read without a call.

use std::cell::{Cell, RefCell};
use std::ops::Range;
use std::rc::Rc;

use crate::Bar;
use crate::bindings::cryptobot::plugin::paging;
use crate::bindings::exports::cryptobot::plugin::paged::Row;
use crate::runtime::{BAR_NUMBERS, Bars, bar};

/// Values that the host keeps per output of an indicator.
const INDICATOR_HISTORY: u32 = 256;

/// Where an output of an indicator stands in a step.
#[derive(Clone, Debug)]
struct Output {
    indicator: u32,
    number: u32,
    row: usize,
    at: usize,
}

/// What stands in a page.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sheet {
    /// The series of the rows of a step.
    series: Vec<u32>,
    /// Where the numbers of each row begin among those of the step.
    places: Vec<usize>,
    outputs: Vec<Output>,
    /// Numbers of a step.
    width: usize,
    /// The numbers of all steps.
    numbers: Vec<u64>,
}

impl Sheet {
    fn lay_out(step: &[Row]) -> Self {
        let mut sheet = Self::default();
        for (row, of_step) in step.iter().enumerate() {
            sheet.series.push(of_step.series);
            sheet.places.push(sheet.width);
            sheet.width += BAR_NUMBERS;
            for column in &of_step.columns {
                let (indicator, number) = (column.indicator, column.output);
                sheet.outputs.push(Output { indicator, number, row, at: sheet.width });
                sheet.width += 1;
            }
        }
        sheet
    }

    /// The series of the rows of a step.
    pub(crate) fn series(&self) -> &[u32] {
        &self.series
    }

    /// The bars of the row at a place of steps.
    pub(crate) fn bars(&self, place: usize, steps: Range<usize>) -> Bars<'_> {
        let numbers = &self.numbers[steps.start * self.width..steps.end * self.width];
        Bars { numbers, width: self.width, place: self.places[place] }
    }

    #[inline]
    fn bar(&self, step: usize, place: usize) -> Bar {
        bar(&self.numbers[step * self.width + self.places[place]..])
    }
}

/// What the host was told in a row. One number: it is looked at after every bar.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Told(u8);

impl Told {
    const NOTHING: Self = Self(0);
    /// That the strategy is there.
    const PLACE: u8 = 1;
    /// What the strategy asks for.
    const WISH: u8 = 2;
}

/// The newest page and the row at which the strategy is.
#[derive(Debug, Default)]
pub(crate) struct Page {
    sheet: Rc<Sheet>,
    /// Closed bars that the host shows per series.
    look_back: u32,
    /// Whether rows are being delivered.
    is_open: bool,
    /// The row, as step and row of the step.
    step: usize,
    place: usize,
    /// What the host was told in the row.
    told: Cell<Told>,
    /// Positions by series, as far as the strategy has looked: nothing changes them while rows are delivered.
    positions: RefCell<Vec<(u32, f64)>>,
}

impl Page {
    pub(crate) fn lay_out(&mut self, step: &[Row], look_back: u32) {
        (self.sheet, self.look_back) = (Rc::new(Sheet::lay_out(step)), look_back);
    }

    pub(crate) fn load(&mut self, numbers: Vec<u64>) {
        Rc::make_mut(&mut self.sheet).numbers = numbers;
    }

    /// Begins to deliver at a row.
    pub(crate) fn open(&mut self, row: u32) -> Rc<Sheet> {
        let rows = self.sheet.series.len().max(1);
        (self.step, self.place) = (row as usize / rows, row as usize % rows);
        self.is_open = true;
        self.told.set(Told::NOTHING);
        self.positions.get_mut().clear();
        Rc::clone(&self.sheet)
    }

    /// Ends the delivery.
    pub(crate) fn close(&mut self) {
        self.is_open = false;
    }

    /// The step at which the strategy is.
    pub(crate) fn step(&self) -> usize {
        self.step
    }

    /// Goes to a row.
    pub(crate) fn go_to(&mut self, step: usize, place: usize) {
        (self.step, self.place) = (step, place);
    }

    /// Goes on to the next step; tells whether the strategy asked for something in the one before.
    #[inline]
    pub(crate) fn pass(&mut self) -> bool {
        self.step += 1;
        // Only where the host was told of the row is there something to forget.
        self.told.get() != Told::NOTHING && self.told.take().0 & Told::WISH != 0
    }

    /// Tells the host the row before it answers.
    #[inline]
    pub(crate) fn tell(&self) {
        let told = self.told.get();
        if self.is_open && told.0 & Told::PLACE == 0 {
            paging::cursor((self.step * self.sheet.series.len() + self.place) as u32);
            self.told.set(Told(told.0 | Told::PLACE));
        }
    }

    /// The strategy asks for something: the host learns at which row, as none follows before it.
    #[inline]
    pub(crate) fn act(&mut self) {
        self.told.get_mut().0 |= Told::WISH;
    }

    pub(crate) fn now(&self) -> Option<i64> {
        self.is_open.then(|| self.sheet.bar(self.step, self.place).ts)
    }

    #[inline]
    pub(crate) fn position(&self, series: u32) -> Option<f64> {
        if !self.is_open {
            return None;
        }
        self.positions.borrow().iter().find(|(of, _)| *of == series).map(|(_, position)| *position)
    }

    pub(crate) fn keep_position(&self, series: u32, position: f64) {
        if self.is_open {
            self.positions.borrow_mut().push((series, position));
        }
    }

    /// The step in which a row has its `n`-th newest values, where that is in the page.
    #[inline]
    fn step_of(&self, row: usize, n: u32) -> Option<usize> {
        let newest = if row <= self.place { Some(self.step) } else { self.step.checked_sub(1) };
        newest?.checked_sub(n as usize).filter(|_| self.is_open)
    }

    /// The `n`-th newest closed bar of a series, where it stands in the page and the host shows it.
    pub(crate) fn closed_bar(&self, series: u32, n: u32) -> Option<Bar> {
        let row = self.sheet.series.iter().position(|of_row| *of_row == series)?;
        let step = self.step_of(row, n).filter(|_| n < self.look_back)?;
        Some(self.sheet.bar(step, row))
    }

    /// The value of an output `n` bars ago, where it stands in the page.
    #[inline]
    pub(crate) fn indicator_value(&self, indicator: u32, output: u32, n: u32) -> Option<f64> {
        let stands = |place: &&Output| place.indicator == indicator && place.number == output;
        let Output { row, at, .. } = *self.sheet.outputs.iter().find(stands)?;
        let step = self.step_of(row, n).filter(|_| n < INDICATOR_HISTORY)?;
        Some(f64::from_bits(self.sheet.numbers[step * self.sheet.width + at]))
    }
}
