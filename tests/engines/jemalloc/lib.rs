//! jemalloc under the names of libc's allocator, so that a preloaded library replaces it.

use std::ffi::{c_int, c_void};

macro_rules! replace {
    ($($name:ident($($arg:ident: $type:ty),*) $(-> $result:ty)?;)*) => {$(
        /// jemalloc's function of that name.
        ///
        /// # Safety
        ///
        /// As for the function of libc.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $name($($arg: $type),*) $(-> $result)? {
            unsafe { tikv_jemalloc_sys::$name($($arg),*) }
        }
    )*};
}

replace! {
    malloc(size: usize) -> *mut c_void;
    calloc(number: usize, size: usize) -> *mut c_void;
    realloc(ptr: *mut c_void, size: usize) -> *mut c_void;
    free(ptr: *mut c_void);
    posix_memalign(ptr: *mut *mut c_void, alignment: usize, size: usize) -> c_int;
    aligned_alloc(alignment: usize, size: usize) -> *mut c_void;
    malloc_usable_size(ptr: *const c_void) -> usize;
}
