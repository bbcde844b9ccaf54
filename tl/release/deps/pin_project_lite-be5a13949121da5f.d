/tmp/h6-l/tl/release/deps/pin_project_lite-be5a13949121da5f.d: /root/.cargo/registry/src/index.crates.io-1949cf8c6b5b557f/pin-project-lite-0.2.18/src/lib.rs

/tmp/h6-l/tl/release/deps/libpin_project_lite-be5a13949121da5f.rlib: /root/.cargo/registry/src/index.crates.io-1949cf8c6b5b557f/pin-project-lite-0.2.18/src/lib.rs

/tmp/h6-l/tl/release/deps/libpin_project_lite-be5a13949121da5f.rmeta: /root/.cargo/registry/src/index.crates.io-1949cf8c6b5b557f/pin-project-lite-0.2.18/src/lib.rs

/root/.cargo/registry/src/index.crates.io-1949cf8c6b5b557f/pin-project-lite-0.2.18/src/lib.rs:
