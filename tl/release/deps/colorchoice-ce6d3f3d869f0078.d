/tmp/h6-l/tl/release/deps/colorchoice-ce6d3f3d869f0078.d: /root/.cargo/registry/src/index.crates.io-1949cf8c6b5b557f/colorchoice-1.0.5/src/lib.rs

/tmp/h6-l/tl/release/deps/libcolorchoice-ce6d3f3d869f0078.rlib: /root/.cargo/registry/src/index.crates.io-1949cf8c6b5b557f/colorchoice-1.0.5/src/lib.rs

/tmp/h6-l/tl/release/deps/libcolorchoice-ce6d3f3d869f0078.rmeta: /root/.cargo/registry/src/index.crates.io-1949cf8c6b5b557f/colorchoice-1.0.5/src/lib.rs

/root/.cargo/registry/src/index.crates.io-1949cf8c6b5b557f/colorchoice-1.0.5/src/lib.rs:
