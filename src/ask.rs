//! Single questions to Stripe, outside of any walk: may the key read a list, about how many objects has it, and is it the
//! key of this lake's account?

pub mod estimate;
pub mod probe;
pub mod sample;
pub mod witness;
