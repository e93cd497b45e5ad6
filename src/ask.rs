//! Single questions to Stripe, outside of any walk: may the key read a list, and is it the key of this lake's account?

pub mod probe;
pub mod witness;
