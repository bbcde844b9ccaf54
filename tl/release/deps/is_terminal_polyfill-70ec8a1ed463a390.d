/tmp/h6-l/tl/release/deps/is_terminal_polyfill-70ec8a1ed463a390.d: /root/.cargo/registry/src/index.crates.io-1949cf8c6b5b557f/is_terminal_polyfill-1.70.2/src/lib.rs

/tmp/h6-l/tl/release/deps/libis_terminal_polyfill-70ec8a1ed463a390.rlib: /root/.cargo/registry/src/index.crates.io-1949cf8c6b5b557f/is_terminal_polyfill-1.70.2/src/lib.rs

/tmp/h6-l/tl/release/deps/libis_terminal_polyfill-70ec8a1ed463a390.rmeta: /root/.cargo/registry/src/index.crates.io-1949cf8c6b5b557f/is_terminal_polyfill-1.70.2/src/lib.rs

/root/.cargo/registry/src/index.crates.io-1949cf8c6b5b557f/is_terminal_polyfill-1.70.2/src/lib.rs:
