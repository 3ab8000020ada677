//! Memory that Python reads where it lies: Arrow takes these as its buffers, without a copy.

use std::ffi::c_int;

use pyo3::ffi;
use pyo3::prelude::*;

/// Numbers or bytes, handed to Python.
#[pyclass(frozen)]
pub enum Block {
    Bytes(Vec<u8>),
    Ints(Vec<i32>),
    Longs(Vec<i64>),
}

impl Block {
    fn memory(&self) -> &[u8] {
        fn bytes_of<T: Copy>(all: &[T]) -> &[u8] {
            // SAFETY: integers have no padding, any byte of theirs may be read, and the bytes live as long as they do.
            #[allow(unsafe_code)]
            unsafe {
                std::slice::from_raw_parts(all.as_ptr().cast(), size_of_val(all))
            }
        }
        match self {
            Block::Bytes(all) => all,
            Block::Ints(all) => bytes_of(all),
            Block::Longs(all) => bytes_of(all),
        }
    }
}

#[pymethods]
impl Block {
    /// Python's buffer protocol, read only.
    // SAFETY: the memory is that of a frozen object, so that it neither moves nor changes, and PyBuffer_FillInfo makes the
    // view hold a reference to the object until it is released.
    #[allow(unsafe_code)]
    unsafe fn __getbuffer__(slf: Bound<'_, Self>, view: *mut ffi::Py_buffer, flags: c_int) -> PyResult<()> {
        let memory = slf.get().memory();
        let (start, length) = (memory.as_ptr().cast_mut().cast(), memory.len().cast_signed());
        let failed = unsafe { ffi::PyBuffer_FillInfo(view, slf.as_ptr(), start, length, 1, flags) };
        if failed == 0 { Ok(()) } else { Err(PyErr::fetch(slf.py())) }
    }
}
