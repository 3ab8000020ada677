//! The native kernel of `trailhouse.decode`: what its Python path does for objects of the one plain form, faster.
//!
//! Never of another opinion than that path: it is sure, or it leaves the object or the record to it. It is optional, and
//! Python knows it in one place (`trailhouse.decode.native`).

mod block;
mod columns;
mod hashes;
mod records;
mod scan;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use pyo3::prelude::*;

use records::{Fields, Given, Kind, Limits, Read, Taken};

/// What the Python side asks for: see `trailhouse.decode.native`. Another number there, and this module is not used.
const VERSION: u32 = 1;

/// A table's top-level fields, as `read` needs them.
#[pyclass(frozen)]
struct Table(Arc<Fields>);

#[pymethods]
impl Table {
    /// Of each field its name, its kind ("text", "boolean", "json"), and for JSON the first bytes that are known there.
    #[new]
    fn new(fields: Vec<(String, String, Vec<u8>)>) -> Self {
        let kind = |kind: &str, known: &[u8]| match kind {
            "boolean" => Kind::Boolean,
            "json" => Kind::Json(known.to_vec()),
            _ => Kind::Text,
        };
        Table(Arc::new(Fields {
            kinds: fields.iter().map(|(_, of, known)| kind(of, known)).collect(),
            numbers: fields.iter().enumerate().map(|(n, (name, ..))| (name.as_bytes().to_vec(), n)).collect(),
            names: fields.into_iter().map(|(name, ..)| name.into_bytes()).collect(),
        }))
    }
}

/// Reads inflated objects of one table, one after the other, into the same columns.
#[pyclass]
struct Reader(Read);

#[pymethods]
impl Reader {
    /// The limits are those on records of an object, bytes of a record, and brackets of a record.
    #[new]
    fn new(table: &Table, limits: (usize, usize, usize)) -> Self {
        let (records, record_bytes, depth) = limits;
        Reader(Read::new(Arc::clone(&table.0), Limits { records, record_bytes, depth }))
    }

    /// Take an object; what is to be known of it. None: it is the Python path's, and so is one that this code breaks over.
    fn take(&mut self, py: Python<'_>, number: usize, data: &[u8]) -> Option<Taken> {
        let read = &mut self.0;
        py.detach(|| {
            let rows = read.rows();
            let taken = catch_unwind(AssertUnwindSafe(|| read.take(number, data)));
            if let Ok(Ok(taken)) = taken {
                return Some(taken);
            }
            read.truncate(rows);
            None
        })
    }

    /// The columns of all that was taken; the next ones begin anew.
    fn give(&mut self) -> Given {
        self.0.give()
    }
}

#[pymodule]
fn trailhouse_native(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("VERSION", VERSION)?;
    module.add_class::<Table>()?;
    module.add_class::<Reader>()
}
