/tmp/h6-l/tl/debug/deps/libtest_mimic-4ff680652abc01b8.d: /root/.cargo/registry/src/index.crates.io-1949cf8c6b5b557f/libtest-mimic-0.8.2/src/lib.rs /root/.cargo/registry/src/index.crates.io-1949cf8c6b5b557f/libtest-mimic-0.8.2/src/args.rs /root/.cargo/registry/src/index.crates.io-1949cf8c6b5b557f/libtest-mimic-0.8.2/src/printer.rs

/tmp/h6-l/tl/debug/deps/liblibtest_mimic-4ff680652abc01b8.rmeta: /root/.cargo/registry/src/index.crates.io-1949cf8c6b5b557f/libtest-mimic-0.8.2/src/lib.rs /root/.cargo/registry/src/index.crates.io-1949cf8c6b5b557f/libtest-mimic-0.8.2/src/args.rs /root/.cargo/registry/src/index.crates.io-1949cf8c6b5b557f/libtest-mimic-0.8.2/src/printer.rs

/root/.cargo/registry/src/index.crates.io-1949cf8c6b5b557f/libtest-mimic-0.8.2/src/lib.rs:
/root/.cargo/registry/src/index.crates.io-1949cf8c6b5b557f/libtest-mimic-0.8.2/src/args.rs:
/root/.cargo/registry/src/index.crates.io-1949cf8c6b5b557f/libtest-mimic-0.8.2/src/printer.rs:

# env-dep:CARGO_PKG_NAME=libtest-mimic
