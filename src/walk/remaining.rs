//! What a walk is opened with.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::coverage::Chain;
use super::{Newest, Place, Work};

/// The remaining parts of a window, and what is known of the part that was read.
#[derive(Debug, Default)]
pub struct Remaining {
    /// The parts to read.
    pub chains: Vec<Chain>,
    /// The objects whose lists were not begun, for a list that is not the account's own.
    pub parents: Vec<Arc<str>>,
    /// Those that were refused in the run before.
    pub refused_before: HashSet<Arc<str>>,
    /// Ids of rows that were read already, by their place.
    pub held: HashMap<Place, HashSet<String>>,
    /// The content of objects that earlier runs have landed: an object with the same content is not landed again.
    pub landed: Newest,
    /// The objects that have changed.
    pub work: Work,
    /// Whether objects that have changed according to events land again even if nothing of them has.
    pub lands_reported: bool,
    /// The newest second that was read.
    pub newest: Option<i64>,
    /// `Stripe-Version` that every request asks for.
    pub api_version: String,
    /// Members of the objects that every request asks for.
    pub expand: Vec<&'static str>,
}
