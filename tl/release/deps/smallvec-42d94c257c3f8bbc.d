/tmp/h6-l/tl/release/deps/smallvec-42d94c257c3f8bbc.d: /root/.cargo/registry/src/index.crates.io-1949cf8c6b5b557f/smallvec-1.16.6/src/lib.rs

/tmp/h6-l/tl/release/deps/libsmallvec-42d94c257c3f8bbc.rlib: /root/.cargo/registry/src/index.crates.io-1949cf8c6b5b557f/smallvec-1.16.6/src/lib.rs

/tmp/h6-l/tl/release/deps/libsmallvec-42d94c257c3f8bbc.rmeta: /root/.cargo/registry/src/index.crates.io-1949cf8c6b5b557f/smallvec-1.16.6/src/lib.rs

/root/.cargo/registry/src/index.crates.io-1949cf8c6b5b557f/smallvec-1.16.6/src/lib.rs:
