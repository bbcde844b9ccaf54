/tmp/h6-l/tl/release/deps/libtest_mimic-f3e36910b646bd9a.d: /root/.cargo/registry/src/index.crates.io-1949cf8c6b5b557f/libtest-mimic-0.8.2/src/lib.rs /root/.cargo/registry/src/index.crates.io-1949cf8c6b5b557f/libtest-mimic-0.8.2/src/args.rs /root/.cargo/registry/src/index.crates.io-1949cf8c6b5b557f/libtest-mimic-0.8.2/src/printer.rs

/tmp/h6-l/tl/release/deps/liblibtest_mimic-f3e36910b646bd9a.rlib: /root/.cargo/registry/src/index.crates.io-1949cf8c6b5b557f/libtest-mimic-0.8.2/src/lib.rs /root/.cargo/registry/src/index.crates.io-1949cf8c6b5b557f/libtest-mimic-0.8.2/src/args.rs /root/.cargo/registry/src/index.crates.io-1949cf8c6b5b557f/libtest-mimic-0.8.2/src/printer.rs

/tmp/h6-l/tl/release/deps/liblibtest_mimic-f3e36910b646bd9a.rmeta: /root/.cargo/registry/src/index.crates.io-1949cf8c6b5b557f/libtest-mimic-0.8.2/src/lib.rs /root/.cargo/registry/src/index.crates.io-1949cf8c6b5b557f/libtest-mimic-0.8.2/src/args.rs /root/.cargo/registry/src/index.crates.io-1949cf8c6b5b557f/libtest-mimic-0.8.2/src/printer.rs

/root/.cargo/registry/src/index.crates.io-1949cf8c6b5b557f/libtest-mimic-0.8.2/src/lib.rs:
/root/.cargo/registry/src/index.crates.io-1949cf8c6b5b557f/libtest-mimic-0.8.2/src/args.rs:
/root/.cargo/registry/src/index.crates.io-1949cf8c6b5b557f/libtest-mimic-0.8.2/src/printer.rs:

# env-dep:CARGO_PKG_NAME=libtest-mimic
