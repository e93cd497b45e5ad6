//! Stripe's side: the lists, requests and answers, windows, and the rules for when to ask again.

pub mod children;
pub mod entities;
pub mod events;
pub mod exchange;
pub mod expand;
pub mod facts;
pub mod registry;
pub mod retry;
pub mod scope;
pub mod window;
