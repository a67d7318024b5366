//! What the envelope scanner costs.
fn main() {}
