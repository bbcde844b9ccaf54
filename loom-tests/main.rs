#[cfg(not(loom))]
compile_error!("run the models with `cargo loom`: they need `--cfg loom`");
fn main() {}
