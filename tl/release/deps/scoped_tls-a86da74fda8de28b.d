/tmp/h6-l/tl/release/deps/scoped_tls-a86da74fda8de28b.d: /root/.cargo/registry/src/index.crates.io-1949cf8c6b5b557f/scoped-tls-1.0.1/src/lib.rs

/tmp/h6-l/tl/release/deps/libscoped_tls-a86da74fda8de28b.rlib: /root/.cargo/registry/src/index.crates.io-1949cf8c6b5b557f/scoped-tls-1.0.1/src/lib.rs

/tmp/h6-l/tl/release/deps/libscoped_tls-a86da74fda8de28b.rmeta: /root/.cargo/registry/src/index.crates.io-1949cf8c6b5b557f/scoped-tls-1.0.1/src/lib.rs

/root/.cargo/registry/src/index.crates.io-1949cf8c6b5b557f/scoped-tls-1.0.1/src/lib.rs:
