/tmp/h6-l/tl/release/deps/escape8259-683acfc074b06b12.d: /root/.cargo/registry/src/index.crates.io-1949cf8c6b5b557f/escape8259-0.5.4/src/lib.rs

/tmp/h6-l/tl/release/deps/libescape8259-683acfc074b06b12.rlib: /root/.cargo/registry/src/index.crates.io-1949cf8c6b5b557f/escape8259-0.5.4/src/lib.rs

/tmp/h6-l/tl/release/deps/libescape8259-683acfc074b06b12.rmeta: /root/.cargo/registry/src/index.crates.io-1949cf8c6b5b557f/escape8259-0.5.4/src/lib.rs

/root/.cargo/registry/src/index.crates.io-1949cf8c6b5b557f/escape8259-0.5.4/src/lib.rs:
