//! Inflated objects become columns: the records of one plain form, all that can be said of them for sure.
//!
//! What is sure here is exactly what the Python path proves on its own fast way (`parse` and `columns`). Three things may
//! happen to an object or a record: it is sure, and its values are appended; a record is odd, and left for a closer look;
//! an object is not of the one form, and left whole to the Python path.

use std::collections::HashMap;
use std::sync::Arc;

use memchr::memmem;
use pyo3::prelude::*;

use crate::block::Block;
use crate::columns::{Buffers, Column};
use crate::hashes;
use crate::scan::{Refused, Result, Scan, brackets};

const OPENING: &[u8] = b"{\"Records\":[";
const CLOSING: &[u8] = b"]}";
const MANY: usize = 2_000_000; // commas, as in `parse`

/// What a top-level field may hold.
pub enum Kind {
    Text,
    Boolean,
    Json(Vec<u8>), // the first bytes that are known
}

/// A table's top-level fields.
pub struct Fields {
    pub names: Vec<Vec<u8>>,
    pub kinds: Vec<Kind>,
    pub numbers: HashMap<Vec<u8>, usize>,
}

/// How much one object may hold, and one record.
#[derive(Clone, Copy)]
pub struct Limits {
    pub records: usize,
    pub record_bytes: usize,
    pub depth: usize,
}

/// A record that wants a closer look.
#[derive(IntoPyObject)]
pub struct Odd {
    index: usize,
    start: usize,
    end: usize,
}

/// An object whose records are columns now, but for the odd ones.
#[derive(IntoPyObject)]
pub struct Taken {
    records: usize,
    odd: Vec<Odd>,
    sha256: [u8; 32],
    omissions: bool,
}

/// What is read so far: the columns of all objects that were taken.
pub struct Read {
    fields: Arc<Fields>,
    limits: Limits,
    columns: Vec<Column>,
    objects: Vec<i32>,
    index: Vec<i32>,
    hashes: Vec<i64>,
    nulls: Vec<u64>,     // sets of JSON columns that hold null, a bit each
    null_set: Vec<i32>,  // of each row, which of these
    guesses: Vec<usize>, // the field that came behind a field the last time
    bytes: usize,
}

/// What Python gets of them: buffers of each column, number and index and hash of each row, sets of nulls.
#[derive(IntoPyObject)]
pub struct Given {
    columns: Vec<Buffers>,
    objects: Block,
    index: Block,
    hashes: Block,
    nulls: Vec<u64>,
    null_set: Block,
    rows: usize,
}

impl Read {
    pub fn new(fields: Arc<Fields>, limits: Limits) -> Self {
        let column = |kind: &Kind| if let Kind::Boolean = kind { Column::of_booleans() } else { Column::of_texts() };
        Read {
            limits,
            columns: fields.kinds.iter().map(column).collect(),
            objects: Vec::new(),
            index: Vec::new(),
            hashes: Vec::new(),
            nulls: Vec::new(),
            null_set: Vec::new(),
            guesses: vec![0; fields.names.len() + 1],
            bytes: 0,
            fields,
        }
    }

    /// How many rows there are.
    pub fn rows(&self) -> usize {
        self.objects.len()
    }

    /// Take an object, or leave it. Then there may be rows of it, for the caller to take back.
    pub fn take(&mut self, number: usize, data: &[u8]) -> Result<Taken> {
        // A column's offsets have 31 bits, and no column holds more than all objects do.
        if self.bytes + data.len() > i32::MAX as usize || !is_plain(data) {
            return Err(Refused);
        }
        let mut rows = Vec::new();
        let (records, odd) = self.records(number, data, &mut rows)?;
        let (sha256, hashes) = hashes::of(data, &rows);
        self.hashes.extend(hashes);
        self.bytes += data.len();
        let omissions = [&b"\"omitted\""[..], b"too large\""].iter().any(|word| memmem::find(data, word).is_some());
        Ok(Taken { records, odd, sha256, omissions })
    }

    /// Take back all rows but the first.
    pub fn truncate(&mut self, rows: usize) {
        self.columns.iter_mut().for_each(|column| column.truncate(rows));
        for numbers in [&mut self.objects, &mut self.index, &mut self.null_set] {
            numbers.truncate(rows);
        }
        self.hashes.truncate(rows);
    }

    /// How many records there are, and the odd ones; the others become rows.
    fn records<'a>(&mut self, number: usize, data: &'a [u8], rows: &mut Vec<&'a [u8]>) -> Result<(usize, Vec<Odd>)> {
        let mut scan = Scan::new(data, OPENING.len());
        let (mut count, mut odd) = (0, Vec::new());
        let mut found = vec![None; self.columns.len()];
        loop {
            scan.space();
            let start = scan.at;
            let is_odd = self.record(&mut scan, &mut found)?;
            let text = &data[start..scan.at];
            if is_odd || text.len() > self.limits.record_bytes || brackets(text) > self.limits.depth {
                odd.push(Odd { index: count, start, end: scan.at });
            } else {
                self.append((number, count), &found);
                rows.push(text);
            }
            count += 1;
            if count > self.limits.records {
                return Err(Refused);
            }
            scan.space();
            if scan.peek()? != b',' {
                break;
            }
            scan.at += 1;
        }
        if data[scan.at..].strip_prefix(CLOSING).is_some_and(|rest| rest.iter().all(|byte| b" \t\r\n".contains(byte))) {
            return Ok((count, odd));
        }
        Err(Refused)
    }

    /// Read one record's values, and say whether it is odd.
    #[inline(always)]
    fn record<'a>(&mut self, scan: &mut Scan<'a>, found: &mut [Option<&'a [u8]>]) -> Result<bool> {
        found.fill(None);
        if scan.peek()? != b'{' {
            scan.value()?;
            return Ok(true); // no record
        }
        scan.at += 1;
        let mut odd = scan.space();
        if scan.peek()? == b'}' {
            scan.at += 1;
            return Ok(true); // empty
        }
        let mut before = self.fields.names.len();
        loop {
            let (key, escapes) = scan.string()?;
            odd |= escapes | scan.space();
            scan.expect(b':')?;
            odd |= scan.space();
            match self.field(before, key) {
                Some(field) => {
                    before = field;
                    let (value, is_odd) = self.member(field, scan)?;
                    odd |= is_odd | found[field].replace(value).is_some();
                }
                None => {
                    scan.value()?;
                    odd = true;
                }
            }
            odd |= scan.space();
            match scan.peek()? {
                b',' => scan.at += 1,
                b'}' => break,
                _ => return Err(Refused),
            }
            odd |= scan.space();
        }
        scan.at += 1;
        Ok(odd)
    }

    /// Read a known field's value, and say whether that is odd.
    #[inline(always)]
    fn member<'a>(&self, field: usize, scan: &mut Scan<'a>) -> Result<(&'a [u8], bool)> {
        let first = scan.peek()?;
        Ok(match &self.fields.kinds[field] {
            Kind::Json(known) => (scan.value()?, first != b'n' && !known.contains(&first)),
            Kind::Text if first == b'"' => scan.string()?,
            Kind::Boolean if first == b't' || first == b'f' => (scan.value()?, false),
            _ => (scan.value()?, true), // null, or of another type
        })
    }

    /// The number of a field. Fields come in the same order in most records.
    #[inline(always)]
    fn field(&mut self, before: usize, key: &[u8]) -> Option<usize> {
        let guess = self.guesses[before];
        if self.fields.names[guess] == key {
            return Some(guess);
        }
        let field = *self.fields.numbers.get(key)?;
        self.guesses[before] = field;
        Some(field)
    }

    /// Append the record that was found, as a row.
    #[inline(always)]
    fn append(&mut self, place: (usize, usize), found: &[Option<&[u8]>]) {
        let mut nulls = 0;
        for (number, column) in self.columns.iter_mut().enumerate() {
            let value = match found[number] {
                Some(b"null") if matches!(self.fields.kinds[number], Kind::Json(_)) => {
                    nulls |= 1 << number;
                    None
                }
                value => value,
            };
            column.push(value);
        }
        let set = self.nulls.iter().position(|&known| known == nulls).unwrap_or_else(|| {
            self.nulls.push(nulls);
            self.nulls.len() - 1
        });
        self.null_set.push(set as i32);
        self.objects.push(place.0 as i32);
        self.index.push(place.1 as i32);
    }

    /// Give away what was read, and begin anew.
    pub fn give(&mut self) -> Given {
        let read = std::mem::replace(self, Read::new(Arc::clone(&self.fields), self.limits));
        Given {
            rows: read.rows(),
            columns: read.columns.into_iter().map(Column::into_buffers).collect(),
            objects: Block::Ints(read.objects),
            index: Block::Ints(read.index),
            hashes: Block::Longs(read.hashes),
            nulls: read.nulls,
            null_set: Block::Ints(read.null_set),
        }
    }
}

/// UTF-8 in the one envelope, and not so many commas that its elements could fill the memory.
fn is_plain(data: &[u8]) -> bool {
    data.starts_with(OPENING)
        && (data.len() <= 2 * MANY || memchr::memchr_iter(b',', data).count() <= MANY)
        && std::str::from_utf8(data).is_ok()
}
