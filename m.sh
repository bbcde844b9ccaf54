cd /tmp/h6-l
RUSTFLAGS="--cfg loom --cfg anteroom_models" timeout 500 cargo test --release --test loom --no-run --target-dir /tmp/h6-l/tl 2>&1 | grep -E "^error|Exec"
cp $(ls -t tl/release/deps/loom-* | grep -v '\.d' | head -1) /tmp/h6-l/loomb
(time ANTEROOM_COUNTS=1 RUST_BACKTRACE=0 timeout 300 ./loomb shared::models 2>&1 | grep -E "executions|FAIL|result|panicked") 2>&1
