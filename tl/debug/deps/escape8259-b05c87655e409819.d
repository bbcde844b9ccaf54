/tmp/h6-l/tl/debug/deps/escape8259-b05c87655e409819.d: /root/.cargo/registry/src/index.crates.io-1949cf8c6b5b557f/escape8259-0.5.4/src/lib.rs

/tmp/h6-l/tl/debug/deps/libescape8259-b05c87655e409819.rmeta: /root/.cargo/registry/src/index.crates.io-1949cf8c6b5b557f/escape8259-0.5.4/src/lib.rs

/root/.cargo/registry/src/index.crates.io-1949cf8c6b5b557f/escape8259-0.5.4/src/lib.rs:
