//! Columns that grow row by row, in Arrow's form.

use pyo3::prelude::*;

use crate::block::Block;

/// Bytes that a column may keep of an object that was left.
const SPARE: usize = 1 << 20;

/// Which rows hold a value, a bit each.
#[derive(Default)]
pub struct Bits {
    bytes: Vec<u8>,
    length: usize,
}

impl Bits {
    #[inline(always)]
    pub fn push(&mut self, bit: bool) {
        match (self.length % 8, self.bytes.last_mut()) {
            (1.., Some(last)) => *last |= u8::from(bit) << (self.length % 8),
            _ => self.bytes.push(u8::from(bit)),
        }
        self.length += 1;
    }

    /// How many are off, from one on.
    fn off_from(&self, first: usize) -> usize {
        (first..self.length).filter(|n| self.bytes[n / 8] >> (n % 8) & 1 == 0).count()
    }

    fn truncate(&mut self, length: usize) {
        self.bytes.truncate(length.div_ceil(8));
        if let (1.., Some(last)) = (length % 8, self.bytes.last_mut()) {
            *last &= (1 << (length % 8)) - 1;
        }
        self.length = length;
    }
}

/// A column of texts, or of booleans, whose values are bits then.
pub struct Column {
    valid: Bits,
    nulls: usize,
    ends: Vec<i32>, // where each row's text ends, behind a zero
    texts: Vec<u8>,
    bits: Option<Bits>,
}

/// What Arrow makes an array of: validity, offsets, values, and how many are null.
#[derive(IntoPyObject)]
pub struct Buffers(Block, Block, Block, usize);

/// Give back most of what grew for an object that was left.
fn spare<T>(kept: &mut Vec<T>) {
    if kept.capacity() > 4 * kept.len() + SPARE / size_of::<T>() {
        kept.shrink_to_fit();
    }
}

impl Column {
    pub fn of_texts() -> Self {
        Column { valid: Bits::default(), nulls: 0, ends: vec![0], texts: Vec::new(), bits: None }
    }

    pub fn of_booleans() -> Self {
        Column { bits: Some(Bits::default()), ..Column::of_texts() }
    }

    /// Add a row. The texts of a column stay below 2^31 bytes: the caller sees to it.
    #[inline(always)]
    pub fn push(&mut self, value: Option<&[u8]>) {
        self.valid.push(value.is_some());
        self.nulls += usize::from(value.is_none());
        if let Some(bits) = &mut self.bits {
            bits.push(value == Some(b"true"));
            return;
        }
        self.texts.extend_from_slice(value.unwrap_or_default());
        self.ends.push(self.texts.len() as i32);
    }

    /// Take back all rows but the first. It costs what those rows did, not what stands before them.
    pub fn truncate(&mut self, rows: usize) {
        self.nulls = self.nulls.saturating_sub(self.valid.off_from(rows));
        self.valid.truncate(rows);
        if let Some(bits) = &mut self.bits {
            bits.truncate(rows);
            return;
        }
        self.ends.truncate(rows + 1);
        self.texts.truncate(self.ends.last().map_or(0, |&end| end as usize));
        // The Python path reads the object next, and needs the memory.
        spare(&mut self.texts);
        spare(&mut self.ends);
    }

    pub fn into_buffers(self) -> Buffers {
        let values = self.bits.map_or(self.texts, |bits| bits.bytes);
        Buffers(Block::Bytes(self.valid.bytes), Block::Ints(self.ends), Block::Bytes(values), self.nulls)
    }
}
