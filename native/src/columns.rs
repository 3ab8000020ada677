//! Columns that grow row by row, in Arrow's form.

use pyo3::prelude::*;

use crate::block::Block;

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

    /// Take back all rows but the first.
    pub fn truncate(&mut self, rows: usize) {
        self.valid.truncate(rows);
        self.nulls = rows - self.valid.bytes.iter().map(|byte| byte.count_ones() as usize).sum::<usize>();
        if let Some(bits) = &mut self.bits {
            bits.truncate(rows);
            return;
        }
        self.ends.truncate(rows + 1);
        self.texts.truncate(self.ends.last().map_or(0, |&end| end as usize));
    }

    pub fn into_buffers(self) -> Buffers {
        let values = self.bits.map_or(self.texts, |bits| bits.bytes);
        Buffers(Block::Bytes(self.valid.bytes), Block::Ints(self.ends), Block::Bytes(values), self.nulls)
    }
}
